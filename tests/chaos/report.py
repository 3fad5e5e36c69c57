"""What was done, what was lost, how long it took: the table of a bad day."""

import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One bad thing. `lost` are the SDK's callers' errors, `seen` those of callers that never ask again."""

    what: str
    how: str
    requests: int
    lost: list[str]
    seen: list[str]
    recovery_s: float
    longest_s: float


@dataclass
class Report:
    """The rows so far."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take a row in."""
        self.rows.append(row)

    def text(self) -> str:
        """The table, as Markdown."""
        head = (
            "| what was done | requests | lost | told to callers that never ask again | over after | "
            "longest answer |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: |"
        )
        return "\n".join([head, *map(_line, self.rows)]) + "\n"

    def keep(self, path: Path) -> None:
        """Put it into a page, between the marks there."""
        page = path.read_text()
        start, rest = page.split(BEGIN)
        _, end = rest.split(END)
        about = (
            f"\nFrom {time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}.\n"
        )
        path.write_text(f"{start}{BEGIN}{self.text()}{about}{END}{end}")


def _line(row: Row) -> str:
    what = f"{row.what} ({row.how})" if row.how else row.what
    figures = (f"{row.recovery_s:.1f} s", f"{row.longest_s:.1f} s")
    return f"| {what} | {row.requests:,} | {len(row.lost)} | {len(row.seen)} | {' | '.join(figures)} |"
