"""`horngate` and its commands, from their parsers."""

import argparse
import re
from collections.abc import Iterator

from horngate.cli.main import COMMANDS, command_parser

HEAD = """# Command line

Made from the commands' own parsers, as `horngate COMMAND --help` shows them.
"""


def page() -> str:
    """A section for each command, and for each action of those that have some."""
    return "\n".join([HEAD, *(line for name in COMMANDS for line in _command(name))])


def _command(name: str) -> Iterator[str]:
    yield f"## horngate {name}\n"
    yield from _parser(command_parser(name))


def _parser(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from _described(parser.description or "")
    yield f"```text\n{_usage(parser)}\n```\n"
    for group in parser._action_groups:
        shown = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        plain = [action for action in shown if not isinstance(action, argparse._SubParsersAction)]
        if [action for action in plain if not isinstance(action, argparse._HelpAction)]:
            yield from _table(group.title or "", plain)
        for action in shown:
            if isinstance(action, argparse._SubParsersAction):
                yield from _actions(parser, action)


def _actions(
    parser: argparse.ArgumentParser, actions: "argparse._SubParsersAction[argparse.ArgumentParser]"
) -> Iterator[str]:
    helps = {choice.dest: choice.help for choice in actions._choices_actions}
    for name, inner in actions.choices.items():
        yield f"### {parser.prog} {name}\n"
        if not inner.description and helps.get(name):
            yield f"{_sentence(helps[name] or '')}\n"
        yield from _parser(inner)


def _described(text: str) -> Iterator[str]:
    """The description, and its examples as a block."""
    told, _, examples = text.partition("examples:\n")
    if told.strip():
        yield f"{_sentence(told.strip())}\n"
    if examples:
        lines = (line.removeprefix("  ") for line in examples.rstrip().splitlines())
        yield "```text\n" + "\n".join(lines) + "\n```\n"


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "`")) else f"{text}."


def _usage(parser: argparse.ArgumentParser) -> str:
    usage = re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).strip()
    return usage if len(usage) <= 100 else f"{parser.prog} [OPTIONS]" + _places(parser)


def _places(parser: argparse.ArgumentParser) -> str:
    places = [action for action in parser._get_positional_actions()]
    return "".join(f" {_metavar(action)}" for action in places)


def _table(title: str, actions: list[argparse.Action]) -> Iterator[str]:
    yield f"| {title} | |\n|---|---|"
    for action in actions:
        yield f"| {_names(action)} | {_help(action)} |"
    yield ""


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{_metavar(action)}`"
    value = "" if action.nargs == 0 else f" {_metavar(action)}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def _metavar(action: argparse.Action) -> str:
    if action.metavar is not None:
        return action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _help(action: argparse.Action) -> str:
    values = vars(action) | {"prog": ""}
    return ((action.help or "") % values).replace("|", "\\|").replace("<", "&lt;")
