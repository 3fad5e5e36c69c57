"""The table in docs/onnx.md is about all of Keras, fresh, and has nothing that only Keras's exporter can."""

import keras
import numpy as np
import pytest

from tests.zoo.convert.coverage import YES, feeds_of, names, read_table, verdict
from tests.zoo.convert.specimens import SPECIMENS, WITHOUT, public_activations, public_layers


def test_every_public_layer_and_activation_has_a_specimen():
    assert SPECIMENS.keys() | WITHOUT == public_layers() | public_activations()
    assert not SPECIMENS.keys() & WITHOUT


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_the_table_is_fresh():
    """`python bench/coverage.py` makes it anew."""
    committed = {name: ours for name, (ours, _) in read_table().items()}
    assert committed == {name: verdict(name) for name in names()}


def test_nothing_that_keras_exports_fails_here():
    worse = {name for name, (ours, theirs) in read_table().items() if theirs == YES and ours != YES}
    assert not worse


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_what_converts_agrees(name):
    from horngate.zoo.convert import Refused
    from tests.zoo.convert.conftest import assert_close, case_of, on_onnxruntime

    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)
    try:
        case = case_of(SPECIMENS[name]())
    except Refused:
        return
    feeds = feeds_of(case.model)
    got = on_onnxruntime(case.cut(case.spec.outputs))(feeds)
    for left, right in zip(got, case.keras(feeds), strict=True):
        if right.dtype.kind in "OSU":
            assert np.array_equal(left.astype(str), right.astype(str))
        else:
            assert_close(left, right, name)
