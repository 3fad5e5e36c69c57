"""The settings as flags of a command."""

import argparse
from pathlib import Path
from typing import Any

from horngate.server.config.declared import GROUPS, SETTINGS
from horngate.server.config.effective import FILE_FLAG, FILE_VARIABLE, Effective, read_effective
from horngate.server.config.setting import Setting


def add_setting_flags(parser: argparse.ArgumentParser) -> None:
    """A flag for each setting, and one for the file. A flag that is not given leaves no trace."""
    parser.add_argument(
        FILE_FLAG,
        type=Path,
        metavar="FILE",
        help=f"TOML file of settings, named as the flags are (default: {FILE_VARIABLE}); variables of the "
        "environment count before it, flags before both",
    )
    for group in GROUPS:
        flags = parser.add_argument_group(group.title)
        for setting in group.settings:
            _add(flags, setting)


def effective(args: argparse.Namespace, environment: dict[str, str]) -> Effective:
    """What the parsed flags, the environment and the file say."""
    given = {key: value for key, value in vars(args).items() if key in SETTINGS}
    return read_effective(given, environment, args.config)


def _add(flags: "argparse._ArgumentGroup", setting: Setting) -> None:
    names = (setting.key,) if setting.place else (setting.flag, *filter(None, [setting.alias]))
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": explained(setting).replace("%", "%%")}
    if not setting.place:
        options |= {"dest": setting.key}
    if setting.kind.switch:
        flags.add_argument(*names, **options, action=argparse.BooleanOptionalAction)
        return
    options |= {"metavar": setting.kind.metavar}
    if setting.place:
        options |= {"nargs": "?", "metavar": setting.flag}
    elif setting.kind.many:
        options |= {"action": "append"}
    flags.add_argument(*names, **options)


def explained(setting: Setting) -> str:
    """What a setting is for, and its default, if it has one."""
    default = default_text(setting)
    return f"{setting.about} (default: {default})" if default else setting.about


def default_text(setting: Setting) -> str:
    """The default as it is written in a file, or what happens without one."""
    if isinstance(setting.default, bool):
        return str(setting.default).lower()
    return setting.without if setting.default is None else str(setting.default)
