"""`horngate zoo`: which networks there are, and their published weights in Keras's cache."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.registry import Choice, Network, Options, WeightFile, all_networks, read_choice
from horngate.zoo.weights import Supply, Verdict, cached, fetch, verify
from horngate.zoo.weights.supply import read_pins
from horngate.zoo.zoo_screen import print_files, print_network, print_networks, print_verdicts

HELP = """networks of the zoo, and their published weights in Keras's cache

examples:
  horngate zoo list                                what there is
  horngate zoo show resnet50                       what is known of a network
  horngate zoo fetch resnet50 mobilenet:alpha=0.5  weights into ~/.keras/models (KERAS_HOME/models)
  horngate zoo fetch --all                         those of every network, for a server without a network
  horngate zoo fetch vgg16 --mirror /media/usb     from a folder, or from a mirror by its URL
  horngate zoo verify                              the cache held against the published hashes

exit status: 0 all is well; 1 something could not be done; 3 `verify` found a file that is not what was published
"""
FAILED, WRONG = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="every network: size of images, parameters, accuracy, licence")
    shown = actions.add_parser("show", help="one network, and each of its files of weights")
    shown.add_argument("network", metavar="NAME")
    fetched = actions.add_parser("fetch", help="bring published weights into Keras's cache")
    verified = actions.add_parser("verify", help="read what is in the cache, hold it against the published")
    for one in (listed, shown, verified):
        one.add_argument("--json", action="store_true", help="print it as JSON")
    for one in (fetched, verified):
        one.add_argument("networks", nargs="*", metavar="NAME[:OPTION=VALUE…]")
        one.add_argument(
            "--checksums",
            type=Path,
            metavar="FILE",
            help="your own checksums, as sha256sum writes them; they count before the published",
        )
    fetched.add_argument("--all", action="store_true", help="every file of every network")
    fetched.add_argument("--no-top", action="store_true", help="the weights without the head as well")
    fetched.add_argument("--mirror", metavar="PLACE", help="a URL or a folder that has the files")


def run(args: argparse.Namespace) -> int:
    """Do what is asked for; the exit status that HELP tells."""
    actions = {"list": _list, "show": _show, "fetch": _fetch, "verify": _verify}
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    networks = all_networks()
    if args.json:
        print(json.dumps([_plain(network) for network in networks], indent=2))
    else:
        print_networks(networks)
    return 0


def _show(args: argparse.Namespace) -> int:
    network = read_choice(args.network).network
    if args.json:
        print(json.dumps(_plain(network), indent=2))
    else:
        print_network(network)
        print_files(network)
    return 0


def _plain(network: Network) -> dict[str, Any]:
    plain = asdict(network)
    for file in plain["weights"]:
        file["cached"] = cached(file["name"]) is not None
    return plain


def _fetch(args: argparse.Namespace) -> int:
    """Each file by itself: one that fails does not keep the others away."""
    from horngate.zoo.fetch_screen import FetchScreen

    wanted = _wanted(args)
    supply = _supply(args)
    failed = 0
    with FetchScreen(len(wanted)) as screen:
        for network, file in wanted:
            try:
                screen.fetched(file.name, fetch(network, file, supply, screen.hear))
            except LoadError as error:
                failed += 1
                screen.failed(file.name, str(error))
    return FAILED if failed else 0


def _wanted(args: argparse.Namespace) -> list[tuple[Network, WeightFile]]:
    if args.all:
        return [(network, file) for network in all_networks() for file in network.weights]
    if not args.networks:
        raise LoadError("nothing to fetch is named; try `horngate zoo fetch resnet50`, or --all")
    choices = [choice for name in args.networks for choice in _with_features(args, read_choice(name))]
    return [(choice.network, choice.published) for choice in choices]


def _with_features(args: argparse.Namespace, choice: Choice) -> Iterator[Choice]:
    yield choice
    if args.no_top and choice.options.include_top:
        options = dict(choice.options.set_ones()) | {"include_top": False}
        yield replace(choice, options=Options(**options))


def _verify(args: argparse.Namespace) -> int:
    supply = _supply(args)
    if args.networks:
        files: Sequence[WeightFile] = [read_choice(name).published for name in args.networks]
    else:
        files = [file for network in all_networks() for file in network.weights if cached(file.name)]
    verdicts = [_verdict(file, supply) for file in files]
    if args.json:
        print(json.dumps([asdict(one) | {"path": str(one.path or "")} for one in verdicts], indent=2))
    else:
        print_verdicts(verdicts)
    states = {one.state for one in verdicts}
    return WRONG if "wrong" in states else FAILED if "absent" in states else 0


def _verdict(file: WeightFile, supply: Supply) -> Verdict:
    try:
        return verify(file, supply)
    except OSError as error:
        raise LoadError(f"{file.name} cannot be read: {error}") from error


def _supply(args: argparse.Namespace) -> Supply:
    supply = Supply.from_environment()
    if getattr(args, "mirror", None):
        supply = replace(supply, mirror=args.mirror)
    if args.checksums is not None:
        supply = replace(supply, pins={**supply.pins, **read_pins(args.checksums)})
    if supply.offline and args.action == "fetch":
        print("horngate zoo: HORNGATE_ZOO_OFFLINE is set; only what is there is looked at", file=sys.stderr)
    return supply
