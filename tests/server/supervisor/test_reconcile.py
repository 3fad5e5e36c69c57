"""The plan's decisions, and that carrying them out always ends where it should."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from horngate.server.settings import ModelConfig
from horngate.server.supervisor.reconcile import TRANSITIONS, Build, Forget, Load, Retire, Seen, State, plan
from horngate.server.supervisor.repository import Source


def source(name: str = "m", version: int = 1, size: int = 1) -> Source:
    return Source(
        name=name, version=version, path=Path(f"{name}.h5"), config=ModelConfig(), stamp=(size, 0, 0)
    )


def seen(of: Source, state: State, handle: str = "h") -> Seen:
    return Seen(handle=handle, source=of, state=state)


def test_what_is_wanted_is_built_then_loaded() -> None:
    wanted = source()
    assert plan({wanted.key: wanted}, []) == [Build(wanted)]
    assert plan({wanted.key: wanted}, [seen(wanted, State.BUILDING)]) == []
    assert plan({wanted.key: wanted}, [seen(wanted, State.BUILT)]) == [Load("h")]
    assert plan({wanted.key: wanted}, [seen(wanted, State.READY)]) == []
    assert plan({wanted.key: wanted}, [seen(wanted, State.FAILED)]) == []


def test_the_old_serves_until_the_new_is_ready() -> None:
    old, new = source(size=1), source(size=2)
    serving = seen(old, State.READY, "old")
    for state in (State.BUILDING, State.LOADING, State.FAILED):
        assert plan({new.key: new}, [serving, seen(new, state, "new")]) == []
    assert plan({new.key: new}, [serving, seen(new, State.READY, "new")]) == [Retire("old")]


def test_what_is_gone_is_retired_and_what_never_served_is_forgotten() -> None:
    old = source()
    assert plan({}, [seen(old, State.READY)]) == [Retire("h")]
    assert plan({}, [seen(old, State.FAILED)]) == [Forget("h")]
    assert plan({}, [seen(old, State.BUILDING)]) == [Forget("h")]
    assert plan({}, [seen(old, State.LOADING)]) == []


def test_a_training_phase_is_loaded_beside_its_instance_and_goes_with_it() -> None:
    old, new = source(size=1), source(size=2)

    def trainer(state: State) -> Seen:
        return Seen(handle="h/training", source=old, state=state, trains="h")

    serving, wanted = seen(old, State.READY), {old.key: old}
    assert plan(wanted, [serving, trainer(State.BUILT)]) == [Load("h/training")]
    for state in (State.LOADING, State.READY, State.FAILED):
        assert plan(wanted, [serving, trainer(state)]) == []
    assert plan(wanted, [trainer(State.READY)]) == [Build(old), Retire("h/training")]
    retiring = seen(old, State.RETIRING)
    for state in (State.BUILT, State.FAILED):
        assert plan({}, [retiring, trainer(state)]) == [Forget("h/training")]
    assert plan({}, [retiring, trainer(State.LOADING)]) == []
    replaced = [serving, trainer(State.READY), seen(new, State.READY, "new")]
    assert plan({new.key: new}, replaced) == [Retire("h")]


sources = st.builds(source, st.sampled_from("ab"), st.integers(1, 2), st.integers(1, 3))
steps = st.lists(
    st.dictionaries(st.sampled_from([("a", 1), ("a", 2), ("b", 1)]), st.integers(1, 3)), max_size=6
)


@given(steps, st.sets(st.integers(1, 3)))
def test_any_history_of_wishes_ends_with_what_is_wanted(
    wishes: list[dict[tuple[str, int], int]], bad_sizes: set[int]
) -> None:
    """Sources come, change and go; builds of some sizes fail. In between, whatever served goes on serving."""
    instances: dict[str, Seen] = {}
    for number, wish in enumerate(wishes):
        wanted = {key: source(*key, size=size) for key, size in wish.items()}
        for turn in range(12):
            actions = plan(wanted, list(instances.values()))
            if not actions and not _advance(instances, bad_sizes):
                break
            for index, action in enumerate(actions):
                _perform(action, instances, f"{number}.{turn}.{index}")
        else:
            raise AssertionError("it never rests")
        for key, of in wanted.items():
            states = {each.state for each in instances.values() if each.source == of}
            assert states == ({State.FAILED} if of.stamp[0] in bad_sizes else {State.READY}), key
        models = {key[0] for key in wanted}
        assert {each.source.name for each in instances.values()} <= models


def _perform(action: object, instances: dict[str, Seen], handle: str) -> None:
    if isinstance(action, Build):
        instances[handle] = seen(action.source, State.BUILDING, handle)
    elif isinstance(action, Load):
        _move(instances, action.handle, State.LOADING)
    elif isinstance(action, Retire):
        _move(instances, action.handle, State.RETIRING)
    elif isinstance(action, Forget):
        _move(instances, action.handle, State.GONE)


def _advance(instances: dict[str, Seen], bad_sizes: set[int]) -> bool:
    """Builders, workers and gateways do their part; whether anything moved."""
    moved = False
    after = {State.BUILDING: State.BUILT, State.LOADING: State.READY, State.RETIRING: State.GONE}
    for handle, each in list(instances.items()):
        if each.state is State.BUILDING and each.source.stamp[0] in bad_sizes:
            _move(instances, handle, State.FAILED)
            moved = True
        elif each.state in after:
            _move(instances, handle, after[each.state])
            moved = True
    return moved


def _move(instances: dict[str, Seen], handle: str, state: State) -> None:
    each = instances[handle]
    assert state in TRANSITIONS[each.state]
    if state is State.GONE:
        del instances[handle]
    else:
        instances[handle] = seen(each.source, state, handle)
