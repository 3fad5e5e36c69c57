"""What the operator allows, and how it is dealt out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from horngate.contract.errors import LoadError
from horngate.server.budget import MemorySetting, shares, size_text

GIB = 1 << 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6GiB", 6 * GIB),
        ("1.5 GiB", 3 * GIB // 2),
        ("500MB", 500_000_000),
        ("4096", 4096),
        ("60%", int(0.6 * 10 * GIB)),
        ("auto", 3 * GIB),
    ],
)
def test_the_budget_is_what_was_set(text: str, expected: int) -> None:
    setting = MemorySetting.parse(text)
    assert setting.budget_bytes(limit_bytes=10 * GIB, available_bytes=4 * GIB) == expected


@pytest.mark.parametrize("text", ["6 Gigs", "-1", "0", "101%", "GiB", "1e9"])
def test_what_is_no_size_is_refused_at_the_edge(text: str) -> None:
    with pytest.raises(LoadError, match="memory is"):
        MemorySetting.parse(text)


held = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 1 << 36), max_size=6)


@given(st.integers(0, 1 << 40), held)
def test_parts_cover_what_is_held_and_never_exceed_the_budget(budget: int, held: dict[str, int]) -> None:
    parts = shares(budget, held)
    assert parts.keys() == held.keys()
    assert all(parts[worker] >= held[worker] for worker in held)
    assert sum(parts.values()) <= max(budget, sum(held.values()))
    for_batches = {parts[worker] - held[worker] for worker in held}
    assert len(for_batches) <= 1, "what is left is dealt out evenly"


def test_sizes_for_people() -> None:
    assert [size_text(size) for size in (17, 2048, 3 << 20, 5 * GIB // 2)] == [
        "17 B",
        "2.0 KiB",
        "3.0 MiB",
        "2.50 GiB",
    ]
