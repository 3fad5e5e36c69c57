"""Which files of a repository rest, so that they may be opened."""

from collections.abc import Iterable

from horngate.server.supervisor.repository import Scan, Source

SETTLE_S = 1.0


def settle(found: Scan, looked: Scan, kept: Scan, now_s: float) -> Scan:
    """`found` without the files that somebody seems to be writing; what was kept of those before stays.

    A file rests when it is as it was at the last look (`looked`), or has been for SETTLE_S seconds. A model
    whose configuration cannot be read stays as it was, and so does one whose default version does not rest yet.
    """
    resting: dict[str, dict[int, Source]] = {
        name: dict(kept.versions[name]) for name in found.problems if name in kept.versions
    }
    for name, versions in found.versions.items():
        for version, source in versions.items():
            rests = _rests(source, looked, now_s)
            chosen = source if rests else kept.versions.get(name, {}).get(version)
            if chosen is not None:
                resting.setdefault(name, {})[version] = chosen
    for name, version in found.pinned().items():
        if version not in resting.get(name, {}):
            resting.pop(name, None)
            resting |= {name: dict(kept.versions[name])} if name in kept.versions else {}
    return Scan(versions=resting, problems=found.problems)


def taken(kept: Scan, found: Scan, names: Iterable[str]) -> Scan:
    """`kept`, but some models as they are found, whether their files rest or not."""
    versions, problems = dict(kept.versions), dict(kept.problems)
    for name in names:
        versions.pop(name, None)
        problems.pop(name, None)
        versions |= {name: found.versions[name]} if name in found.versions else {}
        problems |= {name: found.problems[name]} if name in found.problems else {}
    return Scan(versions=versions, problems=problems)


def _rests(source: Source, looked: Scan, now_s: float) -> bool:
    if source.path is None or now_s - source.stamp[1] / 1e9 > SETTLE_S:
        return True
    before = looked.versions.get(source.name, {}).get(source.version)
    return before is not None and before.stamp == source.stamp
