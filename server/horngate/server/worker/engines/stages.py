"""A Keras model whose layers compute on several devices: cut into stages, each on one.

A layer that no pattern names computes where the first of its inputs comes from; a model's own inputs come from the
backend's first device. Stages run in order. Where a backend only enqueues work, as all do on GPUs, those that do
not wait for one another overlap.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from horngate.contract.errors import LoadError
from horngate.server.placement import Placement
from horngate.server.worker.engines import Array
from horngate.server.worker.engines.backend_devices import backend_devices
from horngate.server.worker.engines.compiled import Compiled, compiled_call
from horngate.zoo.wiring import Call, Wiring, wiring_of

Devices = Mapping[int, str]
"""By `id` of a layer, the device that a pattern names for it."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Calls that follow one another on one device, with the tensors that they take from others and give them."""

    device: str
    calls: tuple[Call, ...]
    reads: tuple[Any, ...]
    gives: tuple[Any, ...]

    def __str__(self) -> str:
        layers = [call.operation.name for call in self.calls]
        names = layers if len(layers) <= 3 else [layers[0], f"{len(layers) - 2} more", layers[-1]]
        return f"{self.device}: {', '.join(names)}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage made ready to run: its call, compiled, and its weights, which are on its device."""

    stage: Stage
    compiled: Compiled
    weights: tuple[Any, ...]


def placed(whole: Any, part: Any, placement: Placement) -> Compiled:
    """The call of `part`, a sub-model of `whole`, in stages. LoadError: see `steps_of`."""
    import keras

    wiring = wiring_of(part)
    steps = steps_of(whole, wiring, placement)

    def call(arrays: list[Array]) -> list[Any]:
        values: dict[int, Any] = dict(zip(map(id, wiring.inputs), arrays, strict=True))
        for step in steps:
            with keras.device(step.stage.device):
                results = step.compiled.call([values[id(tensor)] for tensor in step.stage.reads])
            values.update(zip(map(id, step.stage.gives), results, strict=True))
        return [values[id(tensor)] for tensor in wiring.outputs]

    fixed = any(step.compiled.fixed for step in steps)
    return Compiled(call=call, fixed=fixed, stages=tuple(str(step.stage) for step in steps))


def steps_of(whole: Any, part: Wiring, placement: Placement) -> list[Step]:
    """What runs, in order, for `part`, the wiring of a sub-model of `whole`.

    LoadError for a device that there is not, and for a pattern that none of the layers of `whole` matches.
    """
    there = backend_devices()
    devices = layer_devices(wiring_of(whole), placement, there)
    copies: dict[tuple[str, int], Any] = {}
    return [_step(stage, copies) for stage in cut(part, devices, there[0])]


def layer_devices(wiring: Wiring, placement: Placement, there: Sequence[str]) -> Devices:
    """What each layer's first matching pattern says. The layers of a nested model go where that goes."""
    calls = [call for call in wiring.calls if not _is_input(call, wiring)]
    names = list(dict.fromkeys(call.operation.name for call in calls))
    for device, patterns in placement:
        if device not in there:
            raise LoadError(f"placement: there is no device {device}; expected one of {', '.join(there)}")
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise LoadError(
                    f"placement: no layer matches {pattern!r}; expected a pattern of {', '.join(names)} "
                    "(a nested model is placed as one layer)"
                )
    return {
        id(inner.operation): device
        for call in calls
        for device in _named(call.operation.name, placement)
        for inner in _with_inner(call)
    }


def cut(wiring: Wiring, devices: Devices, first: str) -> list[Stage]:
    """The calls as stages: each is all that can run on one device without waiting for another device once more."""
    calls = [call for call in wiring.calls if not _is_input(call, wiring)]
    where = {id(tensor): first for tensor in wiring.inputs}
    for call in calls:
        where |= dict.fromkeys(map(id, call.outputs), _device(call, devices, where, first))
    made = {id(tensor): -1 for tensor in wiring.inputs}
    waited: defaultdict[str, dict[str, int]] = defaultdict(dict)
    groups: list[list[Call]] = []
    while calls:
        device = where[id(calls[0].outputs[0])]
        there = [call for call in calls if where[id(call.outputs[0])] == device]
        group = _runnable(there, len(groups), made, where, waited[device])
        calls = [call for call in calls if not any(call is each for each in group)]
        groups.append(group)
    return [
        _stage(where[id(group[0].outputs[0])], group, wiring, groups[number + 1 :])
        for number, group in enumerate(groups)
    ]


def _runnable(
    calls: Sequence[Call],
    number: int,
    made: dict[int, int],
    where: Mapping[int, str],
    waited: dict[str, int],
) -> list[Call]:
    """Stage `number`, from one device's calls in running order: the first, and whatever can run after it.

    `made` is the stage that each tensor comes from, `waited` the last stage of each other device that this one has
    waited for. A call that waits for more than the first does would keep those before it waiting too.
    """
    group: list[Call] = []
    for call in calls:
        reads = [id(tensor) for tensor in _reads(call)]
        if not all(key in made for key in reads):
            continue
        here = where[id(call.outputs[0])]
        foreign = [(where[key], made[key]) for key in reads if where[key] != here]
        if group and any(stage > waited.get(device, -1) for device, stage in foreign):
            continue
        for device, stage in foreign:
            waited[device] = max(stage, waited.get(device, -1))
        group.append(call)
        made |= dict.fromkeys(map(id, call.outputs), number)
    return group


def _stage(device: str, group: Sequence[Call], wiring: Wiring, later: Sequence[Sequence[Call]]) -> Stage:
    own = {id(tensor): tensor for call in group for tensor in call.outputs}
    reads = {id(tensor): tensor for call in group for tensor in _reads(call) if id(tensor) not in own}
    wanted = {id(tensor) for tensor in wiring.outputs}
    wanted |= {id(tensor) for calls in later for call in calls for tensor in _reads(call)}
    gives = tuple(tensor for key, tensor in own.items() if key in wanted)
    return Stage(device=device, calls=tuple(group), reads=tuple(reads.values()), gives=gives)


def _step(stage: Stage, copies: dict[tuple[str, int], Any]) -> Step:
    """The stage made ready; `copies` holds the weights that are on a device already."""
    import keras

    model = keras.Model(list(stage.reads), list(stage.gives))

    def copied(variable: Any) -> Any:
        key = (stage.device, id(variable))
        if key not in copies:
            value = keras.ops.convert_to_numpy(variable)
            copies[key] = keras.ops.convert_to_tensor(value, dtype=variable.dtype)
        return copies[key]

    with keras.device(stage.device):
        trained = [copied(variable) for variable in model.trainable_variables]
        others = [copied(variable) for variable in model.non_trainable_variables]

        def forward(arrays: list[Any]) -> list[Any]:
            fed = arrays if len(arrays) > 1 else arrays[0]
            outputs, _ = model.stateless_call(trained, others, fed, training=False)
            return list(keras.tree.flatten(outputs))

        made = compiled_call(forward, [(tensor.shape, tensor.dtype) for tensor in stage.reads])
    return Step(stage=stage, compiled=made, weights=(*trained, *others))


def _device(call: Call, devices: Devices, where: Mapping[int, str], first: str) -> str:
    named = [devices[id(inner.operation)] for inner in _with_inner(call) if id(inner.operation) in devices]
    fed = [where[id(tensor)] for tensor in _reads(call)]
    return [*named, *fed, first][0]


def _named(name: str, placement: Placement) -> list[str]:
    """The device of the first pattern that matches; none if none does."""
    matching = [
        device for device, patterns in placement if any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
    return matching[:1]


def _with_inner(call: Call) -> Iterator[Call]:
    yield call
    if call.inner is not None:
        yield from call.inner.every_call()


def _reads(call: Call) -> list[Any]:
    import keras

    fed = keras.tree.flatten((call.arguments, call.keywords))
    return [tensor for tensor in fed if keras.utils.is_keras_tensor(tensor)]


def _is_input(call: Call, wiring: Wiring) -> bool:
    return all(any(tensor is each for each in wiring.inputs) for tensor in call.outputs)
