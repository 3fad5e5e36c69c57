"""`horngate bench`: what can be measured or foretold of a server."""

import argparse

from horngate.server.simulate import command as simulate

HELP = "foretell how a load would fare"
_COMMANDS = {"simulate": simulate}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands of `horngate bench`."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        subparser = commands.add_parser(
            name, help=module.HELP, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; its exit status."""
    status: int = args.run(args)
    return status
