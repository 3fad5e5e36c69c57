"""The tree of an HDF5 file: hard links alone, every object once, nothing outside the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from horngate.zoo.safety.attributes import examine_attributes
from horngate.zoo.safety.datasets import Declared, examine_dataset
from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits

_DEEPEST = 100


@dataclass
class Walk:
    """One walk over one open file; `declared` adds up what its datasets hold."""

    file: Any
    limits: Limits
    declared: Declared
    seen: set[bytes] = field(default_factory=set)


def examine_hdf5(file: Any, limits: Limits, stored_bytes: int) -> tuple[list[Finding], Declared]:
    """What is unsafe in an open h5py File, and what its datasets declare. Nothing in it is followed or read."""
    walk = Walk(file=file, limits=limits, declared=Declared(stored_bytes=stored_bytes))
    found = []
    for finding in _walk(walk):
        found.append(finding)
        if len(walk.seen) > limits.objects or len(found) > limits.objects:
            break
    return [*found, *walk.declared.findings(limits)], walk.declared


def _walk(walk: Walk) -> Iterator[Finding]:
    import h5py

    waiting = [(walk.file.id, "/", 0)]
    walk.seen.add(_identity(walk.file.id))
    while waiting:
        group, path, depth = waiting.pop()
        yield from examine_attributes(group, f"group '{path}'", walk.limits)
        for name in _names(group):
            place = f"{path.rstrip('/')}/{name.decode('utf-8', 'backslashreplace')}"
            finding = _link(group, name, place)
            if finding is not None:
                yield finding
                continue
            item = h5py.h5o.open(group, name)
            finding = _position(walk, item, place, depth)
            if finding is not None:
                yield finding
                if finding.danger is Danger.SIZE:
                    return
            elif isinstance(item, h5py.h5g.GroupID):
                waiting.append((item, place, depth + 1))
            elif isinstance(item, h5py.h5d.DatasetID):
                yield from examine_dataset(item, f"dataset '{place}'", walk.limits, walk.declared)
            else:
                yield Finding(
                    danger=Danger.TYPE,
                    where=f"object '{place}'",
                    what="is neither a group nor a dataset",
                    remedy="save the model again with Keras, which writes those two alone",
                )


def _names(group: Any) -> Iterator[bytes]:
    names: list[bytes] = []
    group.links.iterate(names.append)
    return iter(names)


def _link(group: Any, name: bytes, place: str) -> Finding | None:
    """Why a link is not followed; None for a hard one."""
    import h5py

    kind = group.links.get_info(name).type
    if kind == h5py.h5l.TYPE_HARD:
        return None
    if kind == h5py.h5l.TYPE_EXTERNAL:
        file, inside = group.links.get_val(name)
        what = f"is an external link, to {_text(inside)!r} in the file {_text(file)!r}"
    elif kind == h5py.h5l.TYPE_SOFT:
        what = f"is a soft link to {_text(group.links.get_val(name))!r}, {_leads(group, name)}"
    else:
        what = "is a link of a kind that only its writer's program understands"
    return Finding(
        danger=Danger.LINK,
        where=f"link '{place}'",
        what=what,
        remedy="Keras stores every weight in the file itself: save the model again with Keras",
    )


def _leads(group: Any, name: bytes) -> str:
    """Where a soft link leads, told without opening anything but this file's own tree."""
    seen: set[bytes] = set()
    here, target = group, name
    for _ in range(_DEEPEST):
        if _has_external(here, target):
            return "which leads out of the file"
        if not here.links.exists(target):
            return "which is not there"
        if here.links.get_info(target).type != 1:
            return "which Keras never writes"
        value = here.links.get_val(target)
        if value in seen:
            return "which leads back to itself"
        seen.add(value)
        if b"/" in value.strip(b"/") or b".." in value:
            return _path_leads(here, value)
        target = value.strip(b"/")
    return "which leads on without end"


def _path_leads(group: Any, path: bytes) -> str:
    """A path of several names is followed by its hard links alone."""
    import h5py

    here = h5py.h5i.get_file_id(group) if path.startswith(b"/") else group
    here = h5py.h5g.open(here, b"/") if path.startswith(b"/") else here
    for part in path.strip(b"/").split(b"/"):
        if not isinstance(here, h5py.h5g.GroupID) or not here.links.exists(part):
            return "which is not there"
        kind = here.links.get_info(part).type
        if kind == h5py.h5l.TYPE_EXTERNAL:
            return "which leads out of the file"
        if kind != h5py.h5l.TYPE_HARD:
            return "which leads to another link"
        here = h5py.h5o.open(here, part)
    return "which Keras never writes"


def _has_external(group: Any, name: bytes) -> bool:
    import h5py

    return bool(group.links.exists(name)) and group.links.get_info(name).type == h5py.h5l.TYPE_EXTERNAL


def _position(walk: Walk, item: Any, place: str, depth: int) -> Finding | None:
    identity = _identity(item)
    if identity in walk.seen:
        return Finding(
            danger=Danger.LINK,
            where=f"link '{place}'",
            what="leads to an object that another link holds already, so that the tree has a loop or a double",
            remedy="save the model again with Keras, which links each object once",
        )
    walk.seen.add(identity)
    if depth >= _DEEPEST:
        return Finding(
            danger=Danger.NESTING,
            where=f"group '{place}'",
            what=f"lies {depth} groups deep; expected at most {_DEEPEST}",
            remedy="save the model with fewer models inside one another",
        )
    if len(walk.seen) > walk.limits.objects:
        return Finding(
            danger=Danger.SIZE,
            where="the file",
            what=f"holds more than {walk.limits.objects} groups and datasets",
            remedy="save the model in several files",
        )
    return None


def _identity(item: Any) -> bytes:
    import h5py

    info = h5py.h5o.get_info(item)
    return f"{info.fileno}:{info.addr}".encode()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
