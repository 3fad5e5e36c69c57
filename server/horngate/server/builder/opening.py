"""From an order to the Keras model that is to be served: the file checked, opened, and cut as the order says."""

from pathlib import Path
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.builder.order import BuildOrder
from horngate.server.builder.report import progress, tell


def examine(source: Path, order: BuildOrder) -> None:
    """Refuse what could act or take too much before Keras sees it; LoadError says what and where."""
    from horngate.zoo.files.custom import object_names
    from horngate.zoo.inspection.history import history_of
    from horngate.zoo.inspection.large_rows import ROW_BYTES, large_rows
    from horngate.zoo.safety import Findings, Limits, Permission, check

    progress("examining the file")
    limits = Limits(declared_bytes=order.memory_bytes) if order.memory_bytes else Limits()
    names = frozenset(object_names(order.custom_objects))
    permission = Permission(allow_code=order.allow_code, custom_objects=names)
    for note in check(source, permission=permission, limits=limits).notes:
        tell(note=str(note))
    allowed = min(ROW_BYTES, order.memory_bytes or ROW_BYTES)
    large = Findings.of(large_rows(history_of(source).inferred.shapes, allowed))
    if large.all:
        raise large.error(source.name)


def load(order: BuildOrder, source: Path | None, drawn: Path | None) -> tuple[Any, dict[str, Any]]:
    """The model that is to be served, and how its file was brought up to today's form."""
    model, history = _whole(order, source, drawn)
    if not order.output and not order.pop:
        return model, history
    from horngate.zoo.surgery import named_ends, pop

    progress("taking layers off")
    if order.output:
        return named_ends(model, *order.output), history
    return pop(model, order.pop if isinstance(order.pop, int) else dict(order.pop)), history


def _whole(order: BuildOrder, source: Path | None, drawn: Path | None) -> tuple[Any, dict[str, Any]]:
    from horngate.zoo.files import open_model
    from horngate.zoo.files.custom import resolve
    from horngate.zoo.traced import traced

    if order.zoo:
        return _network(order, source)
    if source is None:
        raise LoadError(
            f"nothing to build was named for '{order.name}'; expected a file or a network of the zoo"
        )
    progress("loading the file")
    opened = open_model(
        source,
        custom_objects=resolve(order.custom_objects, Path(order.modules) if order.modules else None),
        allow_code=order.allow_code,
        architecture=drawn,
        by_name=order.load == "by_name",
    )
    found = traced(opened.model)
    for note in found.to_json().values():
        tell(note=note)
    return found.model, _noted(opened) | {"traced": found.to_json()}


def _network(order: BuildOrder, source: Path | None) -> tuple[Any, dict[str, Any]]:
    """A network of the zoo with the weights in a file; random ones without."""
    from horngate.zoo.architectures import build_choice
    from horngate.zoo.files import Opened, load_weights
    from horngate.zoo.registry import read_choice

    progress(f"building {order.zoo}")
    choice = read_choice(order.zoo)
    if source is None or order.load != "by_name":
        return build_choice(choice, source, published=order.weights == "imagenet"), {}
    model = build_choice(choice, None)
    report = load_weights(model, source, by_name=True)
    return model, _noted(Opened(model=model, weights=report))


def _noted(opened: Any) -> dict[str, Any]:
    """How the file became the model: told to the operator, and kept with the artifact."""
    for line in opened.told():
        tell(note=line)
    history: dict[str, Any] = opened.to_json()
    return history
