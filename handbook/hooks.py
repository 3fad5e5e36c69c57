"""What MkDocs calls: pages that are made of something else, links that leave `docs/`, pages that nobody listed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import command_line
import links
import measured
import protocols
import python_api
from mkdocs.structure.files import File, Files

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[1]

GENERATED: dict[str, Callable[[], str]] = {
    "index.md": lambda: (ROOT / "README.md").read_text(),
    "benchmarks.md": lambda: (ROOT / "bench/README.md").read_text(),
    "changelog.md": lambda: (ROOT / "CHANGELOG.md").read_text(),
    "reference/command-line.md": command_line.page,
    "reference/client.md": lambda: python_api.page("horngate.client", "Python: the client"),
    "reference/training.md": lambda: python_api.page("horngate.training", "Python: training"),
    "reference/protocols.md": protocols.page,
    "reference/metrics.md": measured.page,
}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    for name, make in GENERATED.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Send links that leave `docs/` to the page of the site that has it, or to the repository."""
    return links.within_site(markdown, page.file.src_uri)


def on_config(config: Any) -> Any:
    """Pages that nobody listed in mkdocs.yml come last, under a heading of their own."""
    listed = set(_pages(config.nav))
    docs = Path(config.docs_dir)
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} | GENERATED.keys()
    if others := sorted(pages - listed):
        config.nav.append({"More": others})
    return config


def _pages(items: Any) -> Iterator[str]:
    for item in items:
        for value in item.values() if isinstance(item, dict) else [item]:
            if isinstance(value, str):
                yield value
            else:
                yield from _pages(value)
