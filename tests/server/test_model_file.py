"""The tables `[queue]` and `[placement]` of model.toml."""

from pathlib import Path

import pytest

from horngate.contract.errors import LoadError
from horngate.server.model_file import read_model_config
from horngate.server.placement import read_placement, written
from horngate.server.precision import Precision
from horngate.server.settings import QueueSettings


def read(tmp_path: Path, text: str) -> QueueSettings | None:
    path = tmp_path / "model.toml"
    path.write_text(text)
    return read_model_config(path).queue


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(LoadError) as error:
        read(tmp_path, text)
    return str(error.value)


def test_a_queue_is_read_with_its_units(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None
    text = '[queue]\nmax_delay = "5ms"\nrows = 64\nbytes = 1000\nweight = 2'
    assert read(tmp_path, text) == QueueSettings(max_delay_s=0.005, rows=64, bytes=1000, weight=2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('max_delay = "5"', """received the duration '5'; expected one like "5ms" or "0.5s\""""),
        ("max_delay = 5", "max_delay is 5, which is a int"),
        ("rows = 0", "queue: rows is 0"),
        ("weight = 0", "queue: weight is 0; expected a number above 0"),
        ("row = 1", "unknown key 'row'; did you mean 'rows'?"),
    ],
)
def test_a_queue_that_makes_no_sense_is_explained(tmp_path: Path, text: str, said: str) -> None:
    told = refusal(tmp_path, f"[queue]\n{text}")
    assert told.startswith("model.toml, line 2: queue: ")
    assert said in told


def test_a_placement_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text('[placement]\n"gpu:1" = ["block5_*", "head"]\n"gpu:0" = ["*"]')
    placement = read_model_config(path).placement
    assert placement == (("gpu:1", ("block5_*", "head")), ("gpu:0", ("*",)))
    assert read_placement(written(placement)) == placement


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[placement]", "placement is empty; expected patterns by device"),
        ('placement = "gpu:1"', "placement is 'gpu:1', which is a str"),
        (
            '[placement]\ngpu = ["head"]',
            "placement: received the device 'gpu'; expected one like cpu:0 or gpu:1",
        ),
        ('[placement]\n"gpu:1" = []', "placement: gpu:1 has []; expected at least one pattern"),
        ('[placement]\n"gpu:1" = "head"', "placement: gpu:1 has 'head'; expected at least one pattern"),
        ('[placement]\n"gpu:1" = [5]', "placement: gpu:1 has [5]; expected at least one pattern"),
        (
            'engine = "openvino"\n[placement]\n"gpu:1" = ["head"]',
            "placement is set and engine is 'openvino'; only keras places layers on devices",
        ),
    ],
)
def test_a_placement_that_makes_no_sense_is_explained(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_a_precision_is_read_with_its_rows_and_bound(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text('precision = "int8"\ncalibration = "rows.npz"\nmax_error = 0.1')
    assert read_model_config(path).precision == Precision(name="int8", calibration="rows.npz", max_error=0.1)
    path.write_text("")
    assert read_model_config(path).precision is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('precision = "float16"', "precision is 'float16'; expected one of float32, bfloat16, int8"),
        ('precision = "int8"', "calibration is not set; expected a file of rows"),
        ('calibration = "rows.npz"', 'expected precision = "bfloat16" or "int8"'),
        ('precision = "bfloat16"\nmax_error = 2', "max_error is 2; expected a part of an output's scale"),
        ('precision = "bfloat16"\nengine = "onnxruntime"', "expected one of auto, openvino, keras"),
        (
            'precision = "int8"\ncalibration = "x.npy"\nengine = "keras"',
            "expected one of auto, onnxruntime, openvino",
        ),
    ],
)
def test_a_precision_that_nothing_has_is_explained(tmp_path: Path, text: str, said: str) -> None:
    told = refusal(tmp_path, text)
    assert told.startswith("model.toml, line ")
    assert said in told
