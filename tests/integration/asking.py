"""Requests of every kind that a mix of callers sends: alike but for their contents, unlike, and wrong ones.

Each has contents of its own, so that an answer that went to another caller does not pass for the right one.
Everything follows from a seed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np

from horngate.oip.messages import ModelInferRequest
from tests.integration.models import input_names, inputs_for

SLOT_BYTES = 4096
REGION = "mixed"
ALIKE = 24
"""So many of each kind that is alike."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, as it is sent. `slot` is its own part of the shared memory, 0 for one that has none."""

    message: bytes
    model: str
    rows: int
    slot: int = 0


class Asking:
    """Makes requests of the models that are served."""

    def __init__(self, models: dict[str, Any], seed: int) -> None:
        self._models = models
        self._random = Random(seed)

    def all(self, region: memoryview | None = None) -> list[Ask]:
        """Some of each kind. With a `region`, those that lie there, too, and some in the training phase."""
        asks = [self._plain("dense", 1) for _ in range(ALIKE)]
        asks += [self._plain("dense", 2, id=str(number)) for number in range(ALIKE)]
        asks += [self._plain("several", 1) for _ in range(ALIKE)]
        # Together these are too large for a frame, each by itself is not; the next are each too large.
        asks += [self._plain("convolutional", 3) for _ in range(ALIKE)]
        asks += [self._plain("dense", 450) for _ in range(ALIKE // 2)]
        asks += [self._plain("convolutional", 40) for _ in range(ALIKE // 2)]
        asks += [make() for make in self._unlike() for _ in range(2)]
        asks += [make() for make in self._wrong()]
        if region is not None:
            asks += self._shared(region)
            asks += [self._plain("noisy", 4, parameters={"seed": seed}, training=True) for seed in range(3)]
        return asks

    def _unlike(self) -> Iterator[Callable[[], Ask]]:
        for rows in (1, 3, 7, 33, 451):
            yield partial(self._plain, "dense", rows)
        for rows in (1, 8):
            yield partial(self._plain, "convolutional", rows)
            yield partial(self._plain, "recurrent", rows)
            yield partial(self._plain, "part", rows)
        for length in (1, 4, 17):
            yield partial(self._plain, "recurrent", 2, length=length)
        for outputs in (["hidden"], ["probabilities", "hidden"], ["hidden", "probabilities"]):
            yield partial(self._plain, "dense", 1, outputs=outputs)
            yield partial(self._plain, "dense", 1, outputs=outputs, id="é" * 20)
        yield partial(self._plain, "several", 2, outputs=["parts"])
        yield partial(self._plain, "nested", 1, version="2")
        yield partial(self._plain, "nested", 1, outputs=["inner/in_one"])
        yield partial(self._plain, "dense", 1, parameters={"priority": 1})
        yield partial(self._plain, "dense", 2, parameters={"priority": 9, "timeout": 600_000_000})
        yield partial(self._plain, "dense", 2, outputs=["probabilities"], classes=2)
        yield partial(self._plain, "dense", 2, typed=True)
        yield partial(self._plain, "several", 2, typed=True)

    def _wrong(self) -> Iterator[Callable[[], Ask]]:
        yield partial(self._plain, "dense", 1, wide=11)
        yield partial(self._plain, "dense", 1, cut=4)
        yield partial(self._plain, "dense", 1, datatype="FP64")
        yield partial(self._plain, "dense", 1, outputs=["nobody"])
        yield partial(self._plain, "dense", 1, outputs=["hidden", "hidden"])
        yield partial(self._plain, "dense", 1, version="7")
        yield partial(self._plain, "dense", 1, name="nobody")
        yield partial(self._plain, "dense", 1, parameters={"priority": -1})
        yield partial(self._plain, "several", 1, inputs=1)
        yield partial(self._plain, "recurrent", 1, length=0)

    def _shared(self, region: memoryview) -> list[Ask]:
        """Some whose input lies in the region, some whose answer goes there, some both, and one beyond its end."""
        asks = []
        for slot in range(1, len(region) // SLOT_BYTES):
            rows, where = 1 + slot % 3, ("input", "output", "both")[slot % 3]
            asks.append(self._in_region(region, slot, rows, where))
        asks.append(self._in_region(region, len(region) // SLOT_BYTES, 1, "beyond"))
        return asks

    def _in_region(self, region: memoryview, slot: int, rows: int, where: str) -> Ask:
        request = self._request("dense", rows, outputs=["probabilities"])
        if where in ("input", "both", "beyond"):
            [raw] = request.raw_input_contents
            if where != "beyond":
                region[slot * SLOT_BYTES : slot * SLOT_BYTES + len(raw)] = raw
            del request.raw_input_contents[:]
            _lies(request.inputs[0], slot * SLOT_BYTES, len(raw))
        if where in ("output", "both"):
            _lies(request.outputs[0], slot * SLOT_BYTES + SLOT_BYTES // 2, SLOT_BYTES // 2)
        writes = slot if where in ("output", "both") else 0
        return Ask(message=request.SerializeToString(), model="dense", rows=rows, slot=writes)

    def _plain(self, model: str, rows: int, *, name: str = "", **how: Any) -> Ask:
        request = self._request(model, rows, **how)
        request.model_name = name or model
        return Ask(message=request.SerializeToString(), model=model, rows=rows)

    def _request(
        self,
        model: str,
        rows: int,
        *,
        id: str = "",
        version: str = "",
        length: int | None = None,
        outputs: Sequence[str] = (),
        parameters: dict[str, int] | None = None,
        training: bool = False,
        classes: int = 0,
        typed: bool = False,
        datatype: str = "",
        wide: int = 0,
        cut: int = 0,
        inputs: int | None = None,
    ) -> ModelInferRequest:
        request = ModelInferRequest(model_name=model, model_version=version, id=id)
        for key, value in (parameters or {}).items():
            request.parameters[key].int64_param = value
        if training:
            request.parameters["training"].bool_param = True
        for output in outputs:
            asked = request.outputs.add(name=output)
            if classes:
                asked.parameters["classification"].int64_param = classes
        for name, array in self._arrays(model, rows, length)[:inputs]:
            array = array[:, :wide] if wide else array
            kind = datatype or ("INT32" if array.dtype == np.int32 else "FP32")
            sent = request.inputs.add(name=name, datatype=kind, shape=array.shape)
            if typed:
                sent.contents.fp32_contents.extend(array.ravel().tolist())
            else:
                request.raw_input_contents.append(array.tobytes()[cut:])
        return request

    def _arrays(self, model: str, rows: int, length: int | None) -> list[tuple[str, Array]]:
        made = self._models["nested" if model == "part" else model]
        arrays = inputs_for(made, rows=rows, seed=self._random.randrange(1 << 30))
        if length is not None:
            arrays = [np.resize(array, (rows, length)) for array in arrays]
        return list(zip(input_names(made), arrays, strict=True))


def _lies(tensor: Any, offset: int, size: int) -> None:
    tensor.parameters["shared_memory_region"].string_param = REGION
    tensor.parameters["shared_memory_offset"].int64_param = offset
    tensor.parameters["shared_memory_byte_size"].int64_param = size
