"""A recipe is checked when it is made."""

import pytest

from horngate.training import Recipe


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "at least 1, not 0"),
        ({"epochs": 1, "batch_size": 0}, "at least 1, not 1, 0"),
        ({"epochs": 1, "validation_split": 1.0}, r"in \[0, 1\), not 1.0"),
        ({"epochs": 1, "keep": "best"}, "set validation_split above 0"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_remedy(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**settings)
