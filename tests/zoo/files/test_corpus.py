"""Files written by Keras 1.2.2 to TensorFlow 2.6 answer as those answered, on Keras and on ONNX Runtime."""

import pytest

from horngate.contract.errors import LoadError
from horngate.zoo.convert import convert
from horngate.zoo.files import open_model
from tests.zoo.files.corpus import CHOSEN, Case, cases, on_onnx_runtime, predicted, worst
from tests.zoo.safety.hostile import old_lambda

LOADABLE = cases(CHOSEN)
"""All of them: even their Lambdas are formulas, which are computed without running the code."""


@pytest.mark.parametrize("case", LOADABLE, ids=str)
def test_answers_as_it_did(case: Case) -> None:
    model = open_model(case.file, custom_objects=case.custom).model
    assert worst(predicted(model, case), case.arrays("y")) <= case.tolerance
    assert worst(on_onnx_runtime(convert(model), case), case.arrays("y")) <= case.tolerance


@pytest.mark.parametrize(
    "name", ["k213/locally_connected", "tf115/upsampling_bilinear", "tf26/tf_op_slicing"]
)
def test_what_was_upgraded_is_saved_and_loaded_again(name, tmp_path) -> None:
    case = next(case for case in LOADABLE if str(case) == name)
    open_model(case.file).model.save(tmp_path / "model.keras")
    assert (
        worst(predicted(open_model(tmp_path / "model.keras").model, case), case.arrays("y")) <= case.tolerance
    )


def test_code_in_an_old_file_is_not_run(tmp_path) -> None:
    with pytest.raises(
        LoadError, match=r"'file.h5': layer 'trap' is a Lambda that holds .*allow_code = true"
    ):
        open_model(old_lambda(tmp_path))
