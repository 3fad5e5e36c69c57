"""Which stored weights went where."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One layer of the model: `matched` if all of its weights came from the file, else `why` not."""

    layer: str
    matched: bool
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What became of a file's weights: the model's layers, and the file's layers that found no place."""

    layers: tuple[Placed, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def matched(self) -> tuple[str, ...]:
        """The layers whose weights are the file's."""
        return tuple(one.layer for one in self.layers if one.matched)

    @property
    def unmatched(self) -> dict[str, str]:
        """The layers that kept the weights they were made with, and why."""
        return {one.layer: one.why for one in self.layers if not one.matched}
