"""Every file of a corpus, opened and compared: a table for the docs, and what does not agree with the reason.

python -m tests.zoo.files.table FOLDER
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from horngate.contract.errors import HorngateError
from horngate.zoo.convert import Refused, convert
from horngate.zoo.files import open_model
from horngate.zoo.files.resuming import load_for_training
from tests.zoo.files.corpus import Case, cases, on_onnx_runtime, predicted, worst

COLUMNS = (
    "models",
    "load",
    "agree",
    "agree on ONNX Runtime",
    "parts",
    "parts agree",
    "resumes",
    "resumes agree",
)


@dataclass
class Table:
    """Counts by writer and column, and a line for each thing that is not as it should be."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, case: Case) -> None:
        """Try one case in every way that its files allow."""
        count = self.counts.setdefault(case.folder.name, Counter())
        count["models"] += 1
        try:
            model = open_model(case.file, custom_objects=case.custom).model
            count["load"] += 1
            off = worst(predicted(model, case), case.arrays("y"))
            count["agree"] += self._agrees(case, "on Keras", off)
            off = worst(on_onnx_runtime(convert(model), case), case.arrays("y"))
            count["agree on ONNX Runtime"] += self._agrees(case, "on ONNX Runtime", off)
        except (HorngateError, Refused) as reason:
            self.lines.append(f"{case}: {reason}")
        self._parts(case, count)
        self._resume(case, count)

    def _parts(self, case: Case, count: Counter[str]) -> None:
        weights = case.folder / f"{case.name}.weights.h5"
        for drawn in (case.folder / f"{case.name}{suffix}" for suffix in (".json", ".yaml")):
            if drawn.exists() and weights.exists():
                count["parts"] += 1
                model = open_model(weights, architecture=drawn, custom_objects=case.custom).model
                off = worst(predicted(model, case), case.arrays("y"))
                count["parts agree"] += self._agrees(case, f"from {drawn.suffix}", off)

    def _resume(self, case: Case, count: Counter[str]) -> None:
        more = case.folder / f"{case.name}.resume.npz"
        if not more.exists():
            return
        count["resumes"] += 1
        model = load_for_training(case.file, custom_objects=case.custom).model
        model.jit_compile = False
        with np.load(more) as step:
            model.train_on_batch(step["x"], step["y"])
            answers = np.asarray(model(case.arrays("x")[0], training=False))
            count["resumes agree"] += self._agrees(case, "one step on", worst([answers], [step["after0"]]))

    def _agrees(self, case: Case, where: str, off: float) -> bool:
        if off <= case.tolerance:
            return True
        self.lines.append(f"{case}, {where}: off by {off:.1e} of the output's scale")
        return False

    def __str__(self) -> str:
        return "\n".join(self._rows())

    def _rows(self) -> Iterator[str]:
        yield f"| writer | {' | '.join(COLUMNS)} |"
        yield "|---" * (len(COLUMNS) + 1) + "|"
        for writer, count in self.counts.items():
            yield f"| `{writer}` | {' | '.join(str(count[column] or '') for column in COLUMNS)} |"


def main() -> None:
    """Print the table and the lines."""
    table = Table()
    for case in cases(Path(sys.argv[1])):
        table.add(case)
    print(table, *table.lines, sep="\n")


if __name__ == "__main__":
    main()
