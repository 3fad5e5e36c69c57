"""What becomes ONNX, as a table: the specimens' verdicts, and the table's place in docs/onnx.md.

`python bench/coverage.py` writes the table; `test_coverage.py` proves that it is fresh.
"""

from pathlib import Path
from typing import Any

import keras

from horngate.contract.tensors import numpy_dtype
from horngate.zoo.convert import Refused, convert
from tests.zoo.convert.specimens import SPECIMENS, WITHOUT, public_activations

PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"
BEGIN, END = "<!-- coverage: python bench/coverage.py -->", "<!-- coverage ends -->"
YES = "yes"
_LONGEST = 110


def names() -> list[str]:
    """Layers, then activations, each in alphabetical order."""
    activations = public_activations()
    return sorted((SPECIMENS.keys() | WITHOUT) - activations) + sorted(activations)


def verdict(name: str) -> str:
    """`yes`, or `no: ` and why the conversion of this specimen is refused."""
    if name in WITHOUT:
        return f"no: {WITHOUT[name]}"
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)
    try:
        convert(SPECIMENS[name]())
    except Refused as reason:
        return f"no: {shortened(str(reason).partition(': ')[2])}"
    return YES


def shortened(reason: str) -> str:
    """A reason that fits a cell of a table, in one line and without what would end the cell."""
    line = " ".join(reason.split()).replace("|", "/")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def feeds_of(model: Any, rows: int = 2) -> dict[str, Any]:
    """Random rows for a specimen, by input name."""
    import numpy as np

    from horngate.zoo.describe import describe

    random = np.random.default_rng(0)
    made = {}
    for one in describe(model).inputs:
        shape, dtype = (rows, *one.shape[1:]), numpy_dtype(one.datatype)
        if one.datatype == "BYTES":
            made[one.name] = random.choice(np.asarray(["a", "b", "c"], dtype=object), size=shape)
        elif dtype.kind == "f":
            made[one.name] = random.normal(size=shape).astype(dtype)
        else:
            made[one.name] = random.integers(0, 5, size=shape).astype(dtype)
    return made


def read_table() -> dict[str, tuple[str, str]]:
    """The committed table: by name, what Horngate does and what Keras's exporter does."""
    text = PAGE.read_text()
    lines = text[text.index(BEGIN) : text.index(END)].splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    return {name.strip("`"): (ours, theirs) for name, ours, theirs in cells}


def write_table(table: str) -> None:
    """Put another table between the marks of the page."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}\n\n{table}\n\n{after}")
