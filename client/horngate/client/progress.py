"""How far something long has come: a bar on standard error, or whatever its caller makes of two numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from horngate.contract.errors import Unsupported

if TYPE_CHECKING:
    from rich.progress import Progress

Told: TypeAlias = Callable[[int, int | None], object]
"""Takes how much is done, and of how much; None where nobody knows."""


@contextmanager
def following(progress: bool | Told, title: str) -> Iterator[Told]:
    """Whom to tell while something runs: a bar for True, nobody for False."""
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield lambda done, total: None
    else:
        with new_bar() as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def new_bar() -> "Progress":
    """A bar with how many, how fast and how long still. Unsupported: rich is not installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ModuleNotFoundError:
        raise Unsupported("a progress bar needs rich: pip install 'horngate[bulk]'") from None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
