"""What to do next, decided purely: the wanted sources and the instances there are, in; actions out.

An instance is one build of one source on its way through the server. A version whose file changes gets a
second instance; the first serves until the second is ready, so a swap has no gap and a bad file no effect.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from horngate.server.supervisor.repository import Key, Source


class State(Enum):
    """An instance's life. TRANSITIONS holds every legal step.

    BUILDING  a builder is making the artifact, or looks for it in the cache
    BUILT     the artifact is there; no worker has it yet
    LOADING   a worker is loading it; what is no longer wanted is retired when it is ready
    READY     requests are answered by it, or wait while a new worker loads it again
    RETIRING  no longer routed to; what it had accepted is being answered
    FAILED    the reason says why; kept while its source is wanted
    GONE      unloaded
    """

    BUILDING = "building"
    BUILT = "built"
    LOADING = "loading"
    READY = "ready"
    RETIRING = "retiring"
    FAILED = "failed"
    GONE = "gone"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.BUILDING: frozenset({State.BUILT, State.FAILED, State.GONE}),
    State.BUILT: frozenset({State.LOADING, State.GONE}),
    State.LOADING: frozenset({State.READY, State.FAILED, State.BUILT}),
    State.READY: frozenset({State.RETIRING, State.FAILED}),
    State.RETIRING: frozenset({State.GONE}),
    State.FAILED: frozenset({State.GONE}),
    State.GONE: frozenset(),
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An instance as the plan sees it. `trains` is the handle of the one whose training phase it runs, if any."""

    handle: str
    source: Source
    state: State
    trains: str = ""


@dataclass(frozen=True)
class Build:
    """Make an instance of a source and start its builder."""

    source: Source


@dataclass(frozen=True)
class Load:
    """Have a worker load a built instance."""

    handle: str


@dataclass(frozen=True)
class Retire:
    """Stop routing to an instance, let it finish, unload it."""

    handle: str


@dataclass(frozen=True)
class Forget:
    """Drop an instance that holds nothing any more."""

    handle: str


Action = Build | Load | Retire | Forget


def plan(sources: Mapping[Key, Source], instances: Collection[Seen]) -> list[Action]:
    """The actions that bring the instances nearer to the sources; none when there is nothing to do.

    What runs a training phase goes with the instance that it is of.
    """
    trainers = [seen for seen in instances if seen.trains]
    instances = [seen for seen in instances if not seen.trains]
    identities = {source.identity for source in sources.values()}
    present = {seen.source.identity for seen in instances if seen.state is not State.RETIRING}
    actions: list[Action] = [Build(source) for source in sources.values() if source.identity not in present]
    for seen in instances:
        keep = seen.source.identity in identities
        if keep and seen.state is State.BUILT:
            actions.append(Load(seen.handle))
        elif not keep:
            actions.extend(_leave(seen, sources, instances))
    there = {seen.handle for seen in instances if seen.state in (State.READY, State.LOADING, State.BUILT)}
    return actions + [action for seen in trainers for action in _follow(seen, there)]


def _follow(trainer: Seen, there: Collection[str]) -> list[Action]:
    if trainer.trains in there:
        return [Load(trainer.handle)] if trainer.state is State.BUILT else []
    if trainer.state in (State.BUILT, State.FAILED):
        return [Forget(trainer.handle)]
    return [Retire(trainer.handle)] if trainer.state is State.READY else []


def _leave(seen: Seen, sources: Mapping[Key, Source], instances: Collection[Seen]) -> list[Action]:
    if seen.state in (State.BUILDING, State.BUILT, State.FAILED):
        return [Forget(seen.handle)]
    if seen.state is State.READY and _replaced(seen, sources, instances):
        return [Retire(seen.handle)]
    return []


def _replaced(seen: Seen, sources: Mapping[Key, Source], instances: Collection[Seen]) -> bool:
    """Whether every wanted version of the model is ready, so that nothing rests on this one."""
    ready = {other.source.identity for other in instances if other.state is State.READY}
    return all(source.identity in ready for source in sources.values() if source.name == seen.source.name)
