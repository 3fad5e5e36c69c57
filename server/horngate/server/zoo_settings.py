"""Which networks of the zoo a server has beside its folder, and with which weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.registry import OPTION_TYPES, Choice, options_of, read_choice
from horngate.zoo.weights import Supply

ZOO = "zoo:"
"""What a source begins with that is a network's line, as `read_choice` reads it."""

PUBLISHED = ("imagenet", "none")
"""Weights that are no file of the operator's."""


@dataclass(frozen=True, kw_only=True)
class ZooSettings:
    """`networks` are lines as `read_choice` reads them, by the name under which each is served.

    `weights` is theirs: `"imagenet"`, `"none"` (random) or a file. `supply` says where published ones come from,
    for networks of the folder as well.
    """

    networks: Mapping[str, str] = field(default_factory=dict)
    weights: str = "imagenet"
    supply: Supply = field(default_factory=Supply)


def read_networks(text: str) -> dict[str, str]:
    """`NAME,…`, each optionally with options behind it and `SERVED=` before. LoadError: unknown, or twice."""
    networks: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        head, colon, options = item.partition(":")
        served, _, name = head.rpartition("=")
        served = served or name
        if served in networks:
            raise LoadError(
                f"two networks are to be served as '{served}'; give one another name, as in {served}-2={name}"
            )
        read_choice(line := name + colon + options)
        networks[served] = line
    return networks


def with_options(table: dict[str, Any]) -> dict[str, Any]:
    """The table of a `model.toml` with a network's options put into its source. LoadError: they belong to none."""
    given = {key: value for key, value in table.items() if key in OPTION_TYPES}
    source = table.get("source", "")
    if not source.startswith(ZOO):
        if given:
            raise LoadError(
                f'{", ".join(given)} is set; that is for a network of the zoo, source = "zoo:NAME"'
            )
        return table
    choice = read_choice(source.removeprefix(ZOO))
    if not given:
        return table
    options = options_of(dict(choice.options.set_ones()) | given)
    rest = {key: value for key, value in table.items() if key not in given}
    return rest | {"source": f"{ZOO}{Choice(network=choice.network, options=options)}"}
