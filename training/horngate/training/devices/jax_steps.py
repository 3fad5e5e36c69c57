"""Steps on JAX's devices, in this process or in all of a cluster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import keras
from jax.sharding import NamedSharding, PartitionSpec

from horngate.contract.errors import RecipeError

_TRAINED = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
_MEASURED = ("trainable_variables", "non_trainable_variables", "metrics_variables")


class JaxSteps:
    """See Steps. Keras's steps are pure functions here: from a state and a batch to the next state.

    Between steps the model's variables are empty, and `model._jax_state` is where Keras fills them from when a
    callback looks at the model, as in its own `fit`.
    """

    def __init__(self, count: int) -> None:
        self.count = count * jax.process_count()
        # The model's state after its last step, until the model is settled.
        self._state: tuple[Any, ...] = ()
        self._distribution = _data_parallel(count) if self.count > 1 else None

    def scope(self) -> AbstractContextManager[Any]:
        """See Steps."""
        scope: AbstractContextManager[Any] = (
            self._distribution.scope() if self._distribution is not None else nullcontext()
        )
        return scope

    def iterator(self, batches: Any) -> Iterator[Any]:
        """See Steps. Every process of a cluster reads all rows, and gives its devices their part."""
        return (keras.tree.map_structure(self._placed, batch) for batch in batches.as_numpy_iterator())

    def _placed(self, leaf: Any) -> Any:
        if self._distribution is None:
            return jax.device_put(leaf)
        even = len(leaf) % self.count == 0
        mesh = self._distribution.device_mesh.backend_mesh
        spec = PartitionSpec(mesh.axis_names[0] if even else None)  # type: ignore[no-untyped-call]
        sharding = NamedSharding(mesh, spec)
        return jax.make_array_from_callback(leaf.shape, sharding, lambda place: leaf[place])

    def train(self, model: Any, iterator: Iterator[Any], rows: int | None) -> Mapping[str, Any]:
        """See Steps."""
        return self._step(model, model.train_function, iterator, _TRAINED)

    def test(self, model: Any, iterator: Iterator[Any], rows: int | None) -> Mapping[str, Any]:
        """See Steps."""
        return self._step(model, model.test_function, iterator, _MEASURED)

    def _step(
        self, model: Any, step: Any, iterator: Iterator[Any], names: Sequence[str]
    ) -> Mapping[str, Any]:
        if model._jax_state_synced:  # at the begin, or a callback has looked at the model
            self._state = model._get_jax_state(**dict.fromkeys(names, True), purge_model_variables=True)
            model._jax_state_synced = False
        logs, self._state = step(self._state, iterator)
        model._jax_state = dict(zip(names, self._state, strict=True))
        found: Mapping[str, Any] = logs
        return found

    def settle(self, model: Any) -> None:
        """See Steps."""
        model.jax_state_sync()


def _data_parallel(count: int) -> Any:
    """Over the first `count` devices of each process."""
    here = [str(device) for device in jax.local_devices()]
    if len(here) < count:
        raise RecipeError(f"devices is {count}; JAX sees {len(here)} ({', '.join(here)})")
    each = [
        [device for device in jax.devices() if device.process_index == process][:count]
        for process in range(jax.process_count())
    ]
    devices = [device for chosen in each for device in chosen]
    return keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
