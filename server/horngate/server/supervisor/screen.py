"""What `horngate serve` shows a person: progress while models are made ready, then what is served and where."""

import json
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from horngate.server.artifact import write_whole
from horngate.server.supervisor.instances import Instance
from horngate.server.supervisor.reconcile import State
from horngate.server.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

_MARKS = {State.READY: "[green]ready[/]", State.FAILED: "[red]failed[/]"}
PLAIN_WIDTH = 120


class Screen:
    """Follows a supervisor: one live line a model on a terminal until all are ready, then the table, once.

    Elsewhere than on a terminal the logs tell the progress. The ready file is written with the table.
    """

    def __init__(self, metrics: str, ready_file: Path | None) -> None:
        self._metrics = metrics
        self._ready_file = ready_file
        self._live: Live | None = None
        self._announced = False
        self._prepared = False

    def show(self, supervisor: Supervisor) -> None:
        """Redraw, or announce what is served when the first moment to do so has come."""
        if self._announced:
            return
        if supervisor.ready:
            self.close()
            self._announce(supervisor)
        elif sys.stdout.isatty():
            self._redraw(supervisor.instances.values())
        elif not self._prepared:
            # Rich is slow to import; the server's processes are on their way meanwhile.
            self._prepared = True
            Thread(target=import_module, args=("rich.table",), daemon=True).start()

    def close(self) -> None:
        """Take the live lines away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, soft_wrap=False)

    def _redraw(self, instances: Iterable[Instance]) -> None:
        from rich.live import Live
        from rich.markup import escape
        from rich.table import Table

        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        table = Table.grid(padding=(0, 2))
        for instance in instances:
            mark = _MARKS.get(instance.state, "[yellow]…[/]")
            cells = (instance.source.name, str(instance.source.version), instance.stage)
            table.add_row(mark, *map(escape, cells))
        self._live.update(table)

    def _announce(self, supervisor: Supervisor) -> None:
        self._announced = True
        if supervisor.instances:
            print_table(self._console, supervisor.instances.values(), self._addresses(supervisor))
        else:
            self._console.print(nothing_to_serve(supervisor.settings.models), markup=False)
        self._console.file.flush()
        if self._ready_file is not None:
            write_whole(self._ready_file, json.dumps(self._addresses(supervisor)).encode())

    def _addresses(self, supervisor: Supervisor) -> dict[str, str]:
        return {
            "grpc": supervisor.grpc_address,
            "http": supervisor.http_address,
            "metrics": self._metrics,
        }


def print_table(console: "Console", instances: Iterable[Instance], addresses: Mapping[str, str]) -> None:
    """What is served, on which engine and device, the cap, and how long it took to be ready."""
    from rich.markup import escape
    from rich.table import Table

    http = f"HTTP on {addresses['http']}, " if addresses["http"] else ""
    table = Table(
        title=f"Horngate serves gRPC on {addresses['grpc']}, {http}metrics on http://{addresses['metrics']}/metrics"
    )
    for heading in ("model", "version", "source", "engine", "device"):
        table.add_column(heading)
    for heading in ("cap (rows)", "best batch", "ready in"):
        table.add_column(heading, justify="right")
    failed = []
    for instance in instances:
        if instance.state is State.FAILED:
            failed.append(instance)
            continue
        report = instance.report
        table.add_row(
            escape(instance.source.name),
            str(instance.source.version),
            escape(instance.source.what),
            str(report.get("engine", "")),
            str(report.get("device", "")),
            f"{report.get('cap', 0):,}",
            f"{report.get('dispatch_rows', 0):,}",
            f"{instance.took_s:.2f} s",
        )
    console.print(table)
    for instance in failed:
        # Names and reasons are the files' own words, brackets and all.
        what = f"{instance.source.name} version {instance.source.version} ({instance.source.what})"
        console.print(f"[red]not served:[/] {escape(f'{what}: {instance.reason}')}", highlight=False)


def nothing_to_serve(folder: Path | None) -> str:
    """What to say when the repository is empty."""
    where = f"{folder} holds" if folder is not None else "there are"
    return f"{where} no models yet; put NAME.h5 or NAME/1/model.h5 there and it is served when it is whole"
