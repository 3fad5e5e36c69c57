"""How many bytes the workers of a device may hold, all in all; decided purely, from what was set and measured."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from horngate.contract.errors import LoadError

RESERVE_BYTES = 128 << 20
RESERVE_SHARE = 0.2
MOST_RESERVE_BYTES = 1 << 30
"""What gateways hold of requests under way: their arenas alone may take half of this."""

_UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MemorySetting:
    """What an operator allows: `amount_bytes`, or a `share` of all there is; with neither, what is available."""

    amount_bytes: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> "MemorySetting":
        """Read `"6GiB"`, `"60%"`, a number of bytes, or `"auto"`. LoadError if it is none of these."""
        if text in ("", "auto"):
            return cls()
        try:
            number = float(text.removesuffix("%")) if text.endswith("%") else size_bytes(text)
        except ValueError:
            number = 0
        if not number > 0:
            raise LoadError(f'memory is {text!r}; expected one like "6GiB", "60%", or a number of bytes')
        if not text.endswith("%"):
            return cls(amount_bytes=int(number))
        if number > 100:
            raise LoadError(f"memory is {text!r}; expected at most 100%")
        return cls(share=number / 100)

    def budget_bytes(self, *, limit_bytes: int, available_bytes: int) -> int:
        """What the workers may hold. Without a setting a reserve is left for the other processes."""
        if self.amount_bytes is not None:
            return self.amount_bytes
        if self.share is not None:
            return int(limit_bytes * self.share)
        return max(0, available_bytes - reserve_bytes(limit_bytes))


def size_bytes(text: str) -> int:
    """Bytes of `"64MiB"`, `"1.5GB"` or a plain number. ValueError if it is no such text."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]i?B|B|)", text.strip())
    if found is None:
        raise ValueError(text)
    return int(float(found[1]) * _UNITS[found[2]])


def reserve_bytes(limit_bytes: int) -> int:
    """What is left to the gateways, the supervisor and the kernel, of so much memory."""
    return min(MOST_RESERVE_BYTES, RESERVE_BYTES + int(limit_bytes * RESERVE_SHARE))


def shares(budget_bytes: int, held_bytes: Mapping[str, int]) -> dict[str, int]:
    """Each worker's part of one device's budget, by the bytes that each holds in models and libraries.

    What no worker holds is for batches, and is dealt out evenly; the parts never add up to more than the budget,
    unless more is held than there is.
    """
    if not held_bytes:
        return {}
    left = max(0, budget_bytes - sum(held_bytes.values()))
    return {worker: held + left // len(held_bytes) for worker, held in held_bytes.items()}


def size_text(size_bytes: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if abs(size_bytes) < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.2f} GiB"
