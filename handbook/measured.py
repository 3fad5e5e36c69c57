"""Every metric, from where it is declared."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DECLARED = ROOT / "server/horngate/server/metrics.py"
KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram"}
HEAD = """# Metrics

`http://HOST:8002/metrics` for Prometheus. Made from where the metrics are declared. A counter ends in `_total`; a
histogram has `_bucket`, `_sum` and `_count`.

| metric | kind | labels | |
|---|---|---|---|"""


def page() -> str:
    """A row for each metric, by name."""
    tree = ast.parse(DECLARED.read_text())
    return "\n".join([HEAD, *sorted(_rows(tree)), ""])


def _rows(tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        names = _constants(function)
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KINDS:
                yield _row(call, KINDS[call.func.id], names)


def _row(call: ast.Call, kind: str, names: dict[str, tuple[str, ...]]) -> str:
    name, about, *rest = call.args
    suffix = "_total" if kind == "counter" else ""
    labels = _labels(rest[0], names) if rest else ()
    told = ", ".join(f"`{label}`" for label in labels)
    return f"| `{ast.literal_eval(name)}{suffix}` | {kind} | {told} | {ast.literal_eval(about)} |"


def _constants(function: ast.FunctionDef) -> dict[str, tuple[str, ...]]:
    """The tuples that the function gives names to."""
    found = {}
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Tuple)
        ):
            found[node.targets[0].id] = _labels(node.value, found)
    return found


def _labels(node: ast.expr, names: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return names.get(node.id, ())
    if isinstance(node, ast.Starred):
        return _labels(node.value, names)
    if isinstance(node, ast.Tuple):
        return tuple(label for element in node.elts for label in _labels(element, names))
    return (str(ast.literal_eval(node)),)
