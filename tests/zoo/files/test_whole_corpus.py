"""The whole corpus, where it lies beside the checkout: `./check -m slow tests/zoo/files/test_whole_corpus.py`."""

from pathlib import Path

import pytest

from tests.zoo.files.corpus import cases
from tests.zoo.files.table import Table

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
KNOWN = {
    "tf26/normalization_rescaling": "its weights were set after the layer had taken its averages",
    "k231/opt_adamax": "its step was counted in no order",
}
"""What cannot agree, and why; docs/files.md tells more."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the checkout")
def test_everything_agrees_but_what_is_known() -> None:
    table = Table()
    for case in cases(CORPUS):
        table.add(case)
    assert [line for line in table.lines if not line.startswith(tuple(KNOWN))] == []
