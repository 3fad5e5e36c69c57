"""The documentation as its readers have it: pages, links, anchors, blocks of code."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "bench/README.md", ROOT / "CHANGELOG.md"]
)

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>```+)(?P<info>[^`\n]*)\n(?P<code>.*?)^(?P=indent)(?P=marks) *$", re.M | re.S
)
_HEADING = re.compile(r"^#+ +(.+?) *#*$", re.M)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its title if it has one, and the line it begins at."""

    page: Path
    line: int
    language: str
    title: str
    code: str

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """A page's fenced blocks, in order."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        language, _, rest = found["info"].strip().partition(" ")
        title = re.search(r'title="([^"]*)"', rest)
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=language,
            title=title[1] if title else "",
            code=textwrap.dedent(found["code"]),
        )


def prose(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """What a page links to and shows."""
    text = _INLINE.sub("", prose(page))
    return [link or picture for link, picture in _LINK.findall(text)]


def inline_code(page: Path) -> list[str]:
    """What stands between single backticks."""
    return _INLINE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """What links may name behind `#`, as GitHub and MkDocs both make it of headings."""
    return {_slug(heading) for heading in _HEADING.findall(prose(page))}


def _slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())
