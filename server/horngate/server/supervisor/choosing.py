"""Which of the repository's versions are served, and which of them answers requests that name none."""

from collections.abc import Collection, Iterable, Mapping

from horngate.server.supervisor.repository import Key, Scan, Source


def wanted(found: Scan, failed: Iterable[str] = ()) -> dict[Key, Source]:
    """The versions to serve: by policy, and under `latest` passing over sources that are known to fail.

    A failed source stays wanted when nothing older can stand in for it, so that its reason is still shown.
    """
    bad = frozenset(failed)
    chosen: dict[Key, Source] = {}
    labels, pinned = found.version_labels(), found.pinned()
    for name, versions in found.versions.items():
        labelled = {int(version) for version in labels.get(name, {}).values()}
        for version in _chosen_versions(versions, bad, pinned.get(name), labelled):
            chosen[versions[version].key] = versions[version]
    return chosen


def _chosen_versions(
    versions: Mapping[int, Source], bad: frozenset[str], default: int | None, labelled: set[int]
) -> list[int]:
    policy = next(iter(versions.values())).config.versions
    if policy == "all":
        return sorted(versions)
    if isinstance(policy, tuple):
        return sorted(set(policy) & set(versions))
    if default is not None and default in versions:
        return sorted({default, *labelled} & set(versions))
    newest = max(versions)
    good = [version for version, source in versions.items() if source.identity not in bad]
    return sorted({newest, max(good, default=newest), *labelled} & set(versions))


def default_versions(
    pinned: Mapping[str, int], ready: Collection[Key], before: Mapping[str, int]
) -> dict[str, int]:
    """By model, what answers requests that name no version: the one it is pinned to, or the newest that is ready.

    What answered `before` goes on until a pinned version is ready. A model with none of both is left out.
    """
    newest = {name: version for name, version in sorted(ready)}
    waiting = {name: version for name, version in pinned.items() if (name, version) not in ready}
    still = {name: before[name] for name in waiting if (name, before.get(name, 0)) in ready}
    return {**newest, **pinned, **still}
