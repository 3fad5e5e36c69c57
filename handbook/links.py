"""Links between pages of the repository, as links of the site."""

import posixpath
import re

REPOSITORY = "https://github.com/horngate/horngate/blob/main/"
PAGES = {"README.md": "index.md", "bench/README.md": "benchmarks.md", "CHANGELOG.md": "changelog.md"}
"""What is a page of the site and lies elsewhere in the repository."""

_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def within_site(markdown: str, page: str) -> str:
    """The text of a page, with each link as it has to be on the site."""
    source = next((file for file, name in PAGES.items() if name == page), f"docs/{page}")

    def moved(found: re.Match[str]) -> str:
        before, target, anchor, after = found.groups(default="")
        return before + _target(target, source, page) + anchor + after

    return _LINK.sub(moved, markdown)


def _target(target: str, source: str, page: str) -> str:
    if "://" in target or target.startswith(("mailto:", "/")):
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    there = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
    if not there:
        return REPOSITORY + path
    return posixpath.relpath(there, posixpath.dirname(page) or ".")
