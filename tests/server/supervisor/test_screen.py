"""What a person is shown, whatever models and their faults are called."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from horngate.server.settings import ModelConfig
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.reconcile import State
from horngate.server.supervisor.repository import Source
from horngate.server.supervisor.screen import print_table


def test_brackets_in_names_and_reasons_are_shown_as_they_are() -> None:
    path = Path("a[bold]b.h5")
    source = Source(name="a[bold]b", version=1, path=path, config=ModelConfig())
    good = Instance(handle="good", source=source)
    bad = Instance(handle="bad", source=source)
    bad.move(State.FAILED, "layer '[/x]' is not known; expected (2, 3)[0]")
    console = Console(width=200, file=StringIO(), record=True)
    print_table(console, [good, bad], {"grpc": "here", "http": "", "metrics": "there"})
    shown = console.export_text()
    assert "a[bold]b " in shown
    assert (
        "not served: a[bold]b version 1 (a[bold]b.h5): layer '[/x]' is not known; expected (2, 3)[0]" in shown
    )
