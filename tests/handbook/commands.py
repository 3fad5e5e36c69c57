"""Commands that the documentation tells its readers to type."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator

from horngate.cli.main import COMMANDS, command_parser
from tests.handbook.pages import Block

SHELLS = ("", "bash", "console", "sh", "text")
_ASSIGNMENT = re.compile(r"[A-Z][A-Z_0-9]*=")


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a block: lines that begin with `$ `, or with `horngate ` where none does."""
    if block.language not in SHELLS:
        return
    lines = re.sub(r"\\\n\s*", " ", block.code).splitlines()
    typed = [line[2:] for line in lines if line.startswith("$ ")]
    if not typed:
        typed = [line for line in lines if line.startswith("horngate ") and not _is_told(line)]
    for line in typed:
        for part in re.split(r"&&|\|\|?|;", line):
            words = _words(part)
            if words:
                yield words


def _is_told(line: str) -> bool:
    """An error of the command's is printed with its name and a colon in front."""
    return line.startswith("horngate: ")


def _words(part: str) -> list[str]:
    try:
        words = shlex.split(part, comments=True)
    except ValueError:
        return []  # A text over several lines.
    end = next((place for place, word in enumerate(words) if word[0:1] in "<>&"), len(words))
    words = words[:end]
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    return words


def refusal(words: list[str]) -> str:
    """Why `horngate` would not take these words; "" if it does."""
    name = next((word for word in words if not word.startswith("-")), "")
    if not name:
        return "" if set(words) <= {"--help", "--version", "-h"} else f"horngate has no {words}"
    if name not in COMMANDS:
        return f"horngate has no command {name!r}"
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
        try:
            command_parser(name).parse_args(words[words.index(name) + 1 :])
        except SystemExit as ended:
            return errors.getvalue().splitlines()[-1] if ended.code else ""
    return ""


def unknown_flags(words: list[str]) -> list[str]:
    """The flags among the words that the command, or an action of it, does not have."""
    name = next((word for word in words if word in COMMANDS), "")
    if not name:
        return []
    known = set(_flags(command_parser(name)))
    return [word for word in words if word.startswith("--") and word.split("=")[0] not in known]


def _flags(parser: object) -> Iterator[str]:
    for action in parser._actions:  # type: ignore[attr-defined]
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from _flags(inner)
