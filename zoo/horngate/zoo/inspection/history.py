"""Where a file comes from, and what would be done to it before today's Keras loads it. Nothing of it is run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.origin import Origin
from horngate.zoo.files.source import read
from horngate.zoo.files.upgrade import Taken, upgrade
from horngate.zoo.inspection.shapes import Inferred, inferred
from horngate.zoo.inspection.todays_wires import with_calls

_UNLOADABLE = (LoadError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class History:
    """`steps` are those that the upgrade would take, `obstacle` why it could not; `inferred` what layers make."""

    origin: Origin | None = None
    steps: tuple[Taken, ...] = ()
    obstacle: str = ""
    inferred: Inferred = field(default_factory=Inferred)

    def to_json(self) -> dict[str, Any]:
        """A plain form for `json`, its keys beside a report's."""
        origin = self.origin
        return {
            "writer": _writer(origin) if origin is not None else "unknown",
            "upgraded": [
                {"step": taken.step, "says": taken.says, "layers": list(taken.layers)} for taken in self.steps
            ],
            "obstacle": self.obstacle,
        }


def history_of(path: Path) -> History:
    """The history of a file in which nothing unsafe was found."""
    try:
        with read(path) as source:
            origin, architecture = source.origin, source.architecture
    except _UNLOADABLE as error:
        return History(obstacle=str(error))
    if architecture is None:
        return History(origin=origin)
    try:
        if origin.generation == 3:
            return History(origin=origin, inferred=inferred(with_calls(architecture)))
        upgraded = upgrade(architecture, origin)
        return History(origin=origin, steps=upgraded.steps, inferred=inferred(upgraded.config))
    except _UNLOADABLE as error:
        return History(origin=origin, obstacle=str(error))


def _writer(origin: Origin) -> str:
    """Who wrote it, and on which backend; guessed from the content where the file does not say."""
    name = "tf.keras" if origin.is_tf_keras else "Keras"
    if origin.told:
        return f"{name} {origin.version} (backend: {origin.backend or 'not told'})"
    return f"{name} {origin.generation}, by its content (backend: {origin.backend or 'not told'}, likewise)"
