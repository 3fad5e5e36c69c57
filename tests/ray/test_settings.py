"""What may be said to an application on Ray. Needs no Ray."""

from pathlib import Path

import pytest

from horngate.contract.errors import LoadError
from horngate.ray.settings import read_settings


def test_texts_of_a_command_line_become_settings(tmp_path: Path) -> None:
    settings = read_settings(
        {"models": str(tmp_path), "port": "9001", "least": "2", "requests": "4.5", "gpus": "1"}
    )
    assert (settings.front.port, settings.scale.least, settings.scale.requests) == (9001, 2, 4.5)
    assert (settings.replica.models, settings.replica.gpus) == (str(tmp_path), 1.0)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, "name a folder, as in models=/models"),
        ({"models": "/nowhere"}, "models is '/nowhere'; expected a folder that every node has"),
        ({"models": ".", "replicas": "2"}, "received the argument 'replicas'; expected some of "),
        ({"models": ".", "least": "two"}, "least is 'two'; expected int"),
        ({"models": ".", "least": "4", "most": "2"}, "least is 4 and most is 2; expected 1 <= least <= most"),
        ({"models": ".", "fronts": "0"}, "fronts is 0; expected 1 or more"),
    ],
)
def test_what_is_wrong_is_said(args: dict[str, str], expected: str) -> None:
    with pytest.raises(LoadError) as refused:
        read_settings(args)
    assert expected in str(refused.value)
