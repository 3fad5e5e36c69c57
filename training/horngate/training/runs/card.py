"""A run told to people: what was trained, on what, how well, and what it takes to have the same bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

from horngate.training.runs.folder import RunFolder
from horngate.training.runs.status import Status


def card(folder: RunFolder, labels: Sequence[str]) -> str:
    """The model card as Markdown, from the files that are in the run's folder."""
    status = Status(**folder.read("status"))
    recipe, facts, data = (folder.read(name) or {} for name in ("recipe", "environment", "data"))
    lines = [
        f"# {folder.path.name}",
        "",
        f"Trained by Horngate from `{recipe['model']['source']}`, begun {status.started}.",
        "",
        "## Results",
        "",
        "![curves](curves.png)",
        "",
        *_metrics(status, folder.read("history") or {}),
        "",
        "## Data",
        "",
        *(_rows(name, rows) for name, rows in data.items()),
        *([f"- classes: {', '.join(labels)}"] if labels else []),
        "",
        "## The same bytes again",
        "",
        f"- seed {recipe['seed']}, deterministic operations: {'yes' if recipe['deterministic'] else 'no'}",
        f"- {', '.join(f'{name} {number}' for name, number in facts['versions'].items())}",
        f"- Python {facts['python']} on {facts['machine']['processor']} with {facts['machine']['cores']} cores",
        "- the recipe is `recipe.json`, the rows' hashes are in `data.json`",
    ]
    return "\n".join(lines) + "\n"


def _metrics(status: Status, history: Mapping[str, Sequence[float]]) -> list[str]:
    best = (
        f" (best {status.monitor} {status.best:.4g} in epoch {status.best_epoch})"
        if status.best is not None
        else ""
    )
    rows = [f"| {name} | {values[0]:.4g} | {values[-1]:.4g} |" for name, values in history.items() if values]
    return [
        f"{status.epoch} of {status.epochs} epochs{best}.",
        "",
        "| | first epoch | last epoch |",
        "|---|---|---|",
        *rows,
    ]


def _rows(name: str, rows: Mapping[str, Any]) -> str:
    if "rows" not in rows:
        return f"- {name}: {rows.get('function', 'unknown')}"
    arrays = ", ".join(f"{one['dtype']} {tuple(one['shape'])}" for one in rows["arrays"])
    return f"- {name}: {rows['rows']} rows ({arrays})"
