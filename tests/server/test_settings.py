"""The `[queue]` table of model.toml."""

from pathlib import Path

import pytest

from horngate.contract.errors import LoadError
from horngate.server.settings import QueueSettings, read_model_config


def read(tmp_path: Path, text: str) -> QueueSettings | None:
    path = tmp_path / "model.toml"
    path.write_text(text)
    return read_model_config(path).queue


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
        ("row = 1", "unknown key 'row'; expected one of max_delay, rows, bytes, weight"),
    ],
)
def test_a_queue_that_makes_no_sense_is_explained(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LoadError) as error:
        read(tmp_path, f"[queue]\n{text}")
    assert str(error.value).startswith("model.toml: ")
    assert said in str(error.value)
