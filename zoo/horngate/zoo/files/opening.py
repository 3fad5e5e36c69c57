"""A Keras file as the model that it is.

Only the builder's process calls this: files are untrusted, and opening one runs Keras over it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.zoo.files.rebuild.report import WeightsReport
from horngate.zoo.files.source import Source, read
from horngate.zoo.files.stored import arrays_of
from horngate.zoo.files.upgrade import Taken, upgrade
from horngate.zoo.files.upgrade.inferred_input import needs_input, with_inferred_input
from horngate.zoo.files.upgrade.vocabularies import with_vocabularies


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A model, how its file was upgraded for it, and where its weights came from.

    `dropped` has, by layer, the settings that today's class does not take. `weights` is None where Keras's
    own loader read them, which loads all or nothing.
    """

    model: Any
    steps: tuple[Taken, ...] = ()
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weights: WeightsReport | None = None

    def told(self) -> Iterator[str]:
        """Lines for people: each step taken, and what of the file's weights found no place."""
        yield from map(str, self.steps)
        if self.weights is not None:
            for layer, why in self.weights.unmatched.items():
                yield f"layer '{layer}' keeps untrained weights: {why}"
            if self.weights.unused:
                yield f"the file's weights of {', '.join(self.weights.unused)} are not used"

    def to_json(self) -> dict[str, Any]:
        """How the file became the model, in a plain form."""
        return {
            "steps": [asdict(taken) for taken in self.steps],
            "dropped": {layer: list(keys) for layer, keys in self.dropped.items()},
            "unmatched": self.weights.unmatched if self.weights else {},
        }


def load(path: Path, **options: Any) -> Any:
    """The model alone; see `open_model`."""
    return open_model(path, **options).model


def open_model(
    path: Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    allow_code: bool = False,
    architecture: Path | None = None,
    by_name: bool = False,
) -> Opened:
    """The Keras model in an `.h5`, `.hdf5` or `.keras` file of any age, uncompiled. LoadError says what is wrong.

    The file's content decides which format it is, not its name. Code inside the file is not run unless
    `allow_code`. A file of weights alone needs an `architecture`: a JSON or YAML file, or another model's;
    its weights are put in by topology or, `by_name`, into the layers of the same names.
    """
    custom = dict(custom_objects or {})
    with read(path) as source:
        try:
            if architecture is not None and (by_name or source.architecture is None):
                with read(architecture) as drawn:
                    return _opened(drawn, source, architecture, custom, allow_code, by_name)
            return _opened(source, source, path, custom, allow_code, by_name)
        except LoadError as error:
            raise LoadError(f"'{path.name}': {error}") from error
        except Exception as error:  # what a damaged configuration makes of the code that reads it
            raise LoadError(
                f"'{path.name}' has a configuration that no Keras wrote ({type(error).__name__}: {error}); is it "
                "damaged?"
            ) from error


def _opened(
    drawn: Source, stored: Source, path: Path, custom: dict[str, Any], allow_code: bool, by_name: bool
) -> Opened:
    if drawn.architecture is None:
        raise LoadError(
            "it holds weights without an architecture; save the whole model (model.save), or put the weights "
            "beside the architecture that they belong to"
        )
    if stored.weights is None:
        raise LoadError("it holds an architecture without weights; put a weights file beside it")
    if drawn.origin.generation < 3:
        return _rebuilt(drawn, stored, custom, allow_code, by_name)
    from horngate.zoo.files.rebuild.todays import drawn_today, open_todays

    if drawn is stored:
        try:
            return Opened(model=open_todays(drawn.kind, path, custom, allow_code=allow_code))
        except LoadError as reason:
            if drawn.kind != "hdf5":
                raise
            return _rebuilt_after_all(drawn, custom, allow_code, reason)
    model = drawn_today(drawn.architecture, custom, allow_code=allow_code)
    return Opened(model=model, weights=_placed(model, stored, by_name))


def _rebuilt_after_all(source: Source, custom: dict[str, Any], allow_code: bool, reason: LoadError) -> Opened:
    """Keras 3 writes HDF5 that it cannot load: operations of `keras.ops`, layers over several axes.

    The LoadError of Keras's own loader where Horngate's fails, too.
    """
    try:
        return _rebuilt(source, source, custom, allow_code, False)
    except Exception as error:
        raise reason from error


def _rebuilt(
    drawn: Source, stored: Source, custom: dict[str, Any], allow_code: bool, by_name: bool
) -> Opened:
    opened = _old(drawn, custom, allow_code, [array.shape for array in arrays_of(stored.weights)])
    return replace(opened, weights=_placed(opened.model, stored, by_name))


def _old(
    drawn: Source, custom: dict[str, Any], allow_code: bool, shapes: Sequence[tuple[int, ...]] = ()
) -> Opened:
    """The architecture of a former Keras, untrained. `shapes` are its stored weights', if any are."""
    from horngate.zoo.files.rebuild.layers import Construction
    from horngate.zoo.files.rebuild.models import model_or_layer
    from horngate.zoo.files.rebuild.unknown import refuse_unknown

    upgraded = upgrade(with_vocabularies(drawn.architecture or {}, drawn.vocabularies), drawn.origin)
    config = upgraded.config
    refuse_unknown(config, custom)
    if needs_input(config):
        config = with_inferred_input(config, shapes)
    construction = Construction(custom=custom, allow_code=allow_code, operations=drawn.origin.generation == 3)
    model = model_or_layer(config, construction)
    dropped = {layer: tuple(keys) for layer, keys in construction.dropped.items() if keys}
    return Opened(model=model, steps=upgraded.steps, dropped=dropped)


def _placed(model: Any, stored: Source, by_name: bool) -> WeightsReport:
    from horngate.zoo.files.rebuild.weights import place_by_name, place_in_order

    place = place_by_name if by_name else place_in_order
    return place(model, stored.weights or (), stored.origin)


def open_architecture(
    path: Path, *, custom_objects: Mapping[str, Any] | None = None, allow_code: bool = False
) -> Opened:
    """The model of an architecture alone, JSON or YAML or another model's file, untrained and uncompiled.

    LoadError says what is wrong.
    """
    custom = dict(custom_objects or {})
    with read(path) as source:
        if source.architecture is None:
            raise LoadError(f"'{path.name}' holds no architecture")
        try:
            if source.origin.generation < 3:
                return _old(source, custom, allow_code)
            from horngate.zoo.files.rebuild.todays import drawn_today

            return Opened(model=drawn_today(source.architecture, custom, allow_code=allow_code))
        except LoadError as error:
            raise LoadError(f"'{path.name}': {error}") from error


def load_weights(model: Any, path: Path, *, by_name: bool = False) -> WeightsReport:
    """Put a file's weights into a model that there is, by topology or, `by_name`, where the layers' names agree.

    The file is of any age and may be a whole model. LoadError says what does not fit; nothing is changed then.
    """
    with read(path) as source:
        if source.weights is None:
            raise LoadError(f"'{path.name}' holds no weights")
        try:
            return _placed(model, source, by_name)
        except LoadError as error:
            raise LoadError(f"'{path.name}': {error}") from error
