"""What is wrong with a recipe is told with its file, line and key, before anything is read."""

import re
from pathlib import Path

import pytest

from horngate.contract.errors import RecipeError
from horngate.training import Named, Phase, check, read_recipe
from horngate.training.recipe.reading import errors_by_line

RIGHT = """\
seed = 3

[model]
source = "net.json"

[data]
source = "rows.npz"
inputs = "a"
targets = ["b", "c"]

[compile]
optimizer = { name = "adam", learning_rate = 0.01 }
loss = "mse"
metrics = ["mae", { name = "RootMeanSquaredError" }]

[fit]
batch_size = "auto"
class_weights = { 0 = 1, 1 = 2.5 }

[[phases]]
epochs = 2
freeze = ["*"]

[[phases]]
epochs = 3
learning_rate = 1e-3

[[callbacks]]
name = "EarlyStopping"
monitor = "loss"

[[callbacks]]
name = "csv_logger"
filename = "log.csv"
"""


@pytest.fixture
def read(tmp_path: Path):
    """Read the right recipe with a line replaced, as the command does."""
    (tmp_path / "net.json").write_text("{}")
    (tmp_path / "rows.npz").write_bytes(b"")
    path = tmp_path / "churn.toml"

    def read_changed(line: str = "", other: str = ""):
        assert line in RIGHT
        path.write_text(RIGHT.replace(line, other, 1))
        with errors_by_line(path):
            found = read_recipe(path)
            check(found)
        return found

    return read_changed


def test_every_table_is_read(read, tmp_path):
    recipe = read()
    assert recipe.model.source == str(tmp_path / "net.json")
    assert (recipe.data.inputs, recipe.data.targets) == (("a",), ("b", "c"))
    assert recipe.compile.optimizer == Named(name="adam", settings={"learning_rate": 0.01})
    assert recipe.compile.metrics[1].name == "RootMeanSquaredError"
    assert recipe.fit.class_weights == {"0": 1.0, "1": 2.5}
    assert recipe.phases == (Phase(epochs=2, freeze=("*",)), Phase(epochs=3, learning_rate=1e-3))
    assert [one.name for one in recipe.callbacks] == ["EarlyStopping", "csv_logger"]
    assert recipe.epochs == 5


@pytest.mark.parametrize(
    ("line", "other", "message"),
    [
        ("seed = 3", 'seed = "x"', "line 1: seed is 'x', a string; expected a whole number"),
        ("seed = 3", "sed = 3", "line 1: sed is no key; expected one of model, data"),
        ('source = "net.json"', "", "line 3: model.source is missing"),
        ('source = "net.json"', "source = 1", "line 4: model.source is 1, a whole number; expected a string"),
        ('source = "net.json"', 'source = "no.h5"', "line 4: model.source '.*no.h5' does not exist"),
        ('source = "net.json"', 'source = "no_such:f"', "line 4: model.source names .* No module named"),
        ('source = "rows.npz"', 'source = "no.npz"', "line 7: data.source '.*no.npz' does not exist"),
        (
            '"adam", learning',
            '"adm", learning',
            'line 12: compile.optimizer names "adm".*near matches: .*Adam',
        ),
        ("learning_rate = 0.01", "rate = 1", "line 12: compile.optimizer: adam refuses .*not recognized"),
        ("learning_rate = 0.01", "epsilon = true", "line 12: compile.optimizer.epsilon is True"),
        ('loss = "mse"', "", "line 11: compile needs both"),
        ('loss = "mse"', 'loss = "mess"', 'line 13: compile.loss names "mess"'),
        ('["mae"', '["mea"', 'line 14: compile.metrics names "mea"'),
        (
            '"auto"',
            '"huge"',
            r"line 17: fit.batch_size is 'huge', a string; expected a whole number or 'auto'",
        ),
        ("0 = 1, 1", "a = 1, 1", "line 18: fit.class_weights names class 'a'"),
        ("epochs = 3", "epochs = 0", "line 25: phases.epochs must be at least 1, not 0"),
        ("learning_rate = 1e-3", "learning_rate = -1", "line 26: phases.learning_rate is -1"),
        (
            'monitor = "loss"',
            "patience = 'x'",
            "line 30: callbacks.patience is 'x', a string; EarlyStopping expects",
        ),
        ('monitor = "loss"', "wait = 1", "line 30: callbacks.wait is no setting of EarlyStopping"),
        (
            '"csv_logger"',
            '"BackupAndRestore"',
            "line 32: callbacks.name 'BackupAndRestore' is not for recipes",
        ),
        ('filename = "log.csv"', "", "line 32: callbacks has no filename, which csv_logger needs"),
        ("seed = 3", "seed = ", r"churn.toml: Invalid value \(at line 1"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_key(read, line, other, message):
    with pytest.raises(RecipeError, match=message) as caught:
        read(line, other)
    assert re.match(r"churn\.toml[:,]", str(caught.value))
