"""Where `predict_many` puts the outputs: arrays and datasets, rows in their places."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from horngate.client.row_sources import Batch
from horngate.client.tensors import Array
from horngate.contract.errors import InvalidRequest


class Target:
    """What takes the outputs' rows: one array or dataset for a single output, a mapping of them by output's name,
    or an HDF5 group (or file), in which a dataset for each output is made.

    Datasets that may grow are made as long as is needed, and never shorter. One thread or task owns it.
    InvalidRequest: outputs that do not fit.
    """

    def __init__(self, model: str, out: Any, total: int | None) -> None:
        self._model = model
        self._out = out
        self._total = total
        self._made: dict[str, Any] = {}
        if total is not None and not self._is_group():
            for place in out.values() if isinstance(out, Mapping) else [out]:
                _make_room(model, place, total)

    def write(self, batch: Batch, outputs: Mapping[str, Array]) -> None:
        """Put a batch's outputs to where its rows are."""
        for name, array in outputs.items():
            if len(array) != batch.rows:
                raise InvalidRequest(
                    f"{batch}: model '{self._model}': output '{name}' has {len(array)} rows; expected {batch.rows}"
                )
            place = self._place(name, outputs)
            self._check(batch, name, array, place)
            _make_room(self._model, place, batch.first + batch.rows)
            place[batch.first : batch.first + batch.rows] = array

    def _is_group(self) -> bool:
        return hasattr(self._out, "create_dataset")

    def _place(self, name: str, outputs: Mapping[str, Array]) -> Any:
        if self._is_group():
            if name not in self._made:
                self._made[name] = self._create(name, outputs[name])
            return self._made[name]
        if not isinstance(self._out, Mapping) and len(outputs) == 1:
            return self._out
        if isinstance(self._out, Mapping) and self._out.keys() == outputs.keys():
            return self._out[name]
        given = ", ".join(map(repr, self._out)) if isinstance(self._out, Mapping) else "one"
        raise InvalidRequest(
            f"model '{self._model}': received out for {given}; expected one for each output: {', '.join(outputs)}"
        )

    def _create(self, name: str, first: Array) -> Any:
        if name in self._out:
            raise InvalidRequest(f"out already has '{name}'; expected none: pass that dataset, or remove it")
        import h5py

        dtype = h5py.string_dtype() if first.dtype == object else first.dtype
        shape = (self._total or len(first), *first.shape[1:])
        return self._out.create_dataset(name, shape, dtype, maxshape=(None, *first.shape[1:]), chunks=True)

    def _check(self, batch: Batch, name: str, array: Array, place: Any) -> None:
        is_text = array.dtype == object
        if array.shape[1:] == tuple(place.shape)[1:] and (
            is_text or np.can_cast(array.dtype, place.dtype, "same_kind")
        ):
            return
        raise InvalidRequest(
            f"{batch}: model '{self._model}': output '{name}' has rows of {array.dtype} {array.shape[1:]}; "
            f"out takes {place.dtype} {tuple(place.shape)[1:]}"
        )


def _make_room(model: str, place: Any, rows: int) -> None:
    length = place.shape[0]
    if rows <= length:
        return
    longest = getattr(place, "maxshape", (length,))[0]
    if not hasattr(place, "maxshape") or (longest is not None and longest < rows):
        raise InvalidRequest(
            f"model '{model}': out takes {longest} rows; expected {rows}, or a dataset with maxshape=(None, …)"
        )
    place.resize(rows, axis=0)
