"""The settings as tables for docs/configuration.md: `python -m tests.server.config.reference` writes them anew."""

from collections.abc import Iterator
from pathlib import Path

from horngate.server.config.declared import GROUPS
from horngate.server.config.flags import default_text
from horngate.server.config.setting import Group, Setting

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: python -m tests.server.config.reference -->", "<!-- settings end -->"


def tables() -> str:
    """A table for each group."""
    return "\n\n".join("\n".join(_table(group)) for group in GROUPS)


def _table(group: Group) -> Iterator[str]:
    yield f"### {group.title[0].upper()}{group.title[1:]}\n"
    yield "| in the file | flag | variable | default | |\n|---|---|---|---|---|"
    for setting in group.settings:
        default = default_text(setting)
        cells = (_code(setting.key), _flags(setting), _code(setting.variable), _code(default), setting.about)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _flags(setting: Setting) -> str:
    flag = f"{setting.flag}, --no-{setting.flag[2:]}" if setting.kind.switch else setting.flag
    value = "" if setting.place else setting.kind.metavar
    return _code(f"{flag} {value}".strip()) + (f", `{setting.alias}`" if setting.alias else "")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def read_tables() -> str:
    """The tables as they are committed."""
    text = PAGE.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def write_tables() -> None:
    """Put the tables between the marks of the page."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    PAGE.write_text(f"{before}\n\n{tables()}\n\n{after}")


if __name__ == "__main__":
    write_tables()
