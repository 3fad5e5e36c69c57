"""A recipe is checked when it is made."""

from dataclasses import replace

import pytest

from horngate.contract.errors import RecipeError
from horngate.training import DataFrom, Fit, Head, ModelFrom, PublishTo


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda recipe: Fit(epochs=0), "epochs must be at least 1, not 0"),
        (lambda recipe: Fit(batch_size=0), "batch_size must be at least 1, not 0"),
        (lambda recipe: Fit(validation_split=1.0), r"in \[0, 1\), not 1.0"),
        (lambda recipe: DataFrom(source="x.h5", start=5, end=5), "start is 5, end is 5"),
        (
            lambda recipe: ModelFrom(source="zoo:VGG16", head=Head(classes=2, pop=1)),
            "pop is for other models",
        ),
        (lambda recipe: replace(recipe, fit=Fit(keep="best")), "set fit.validation_split above 0"),
        (lambda recipe: replace(recipe, validation=DataFrom(source="x.h5")), "are both given"),
        (
            lambda recipe: replace(
                recipe, fit=Fit(), publish=PublishTo(repository="m", name="n", gate="loss")
            ),
            "publish.gate compares on the validation rows",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_remedy(recipe, make, message):
    with pytest.raises(RecipeError, match=message):
        make(recipe)
