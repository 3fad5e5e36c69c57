"""The training itself: Keras's compiled step, in a loop that can be left and entered between any two steps."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from horngate.contract.errors import RecipeError
from horngate.training.best import Best
from horngate.training.checkpoints import Place, RunState, Writer
from horngate.training.checkpoints.state import global_generator, restore, take
from horngate.training.compiling import compile_model, recompile
from horngate.training.data.feeding import Feeding, Rows
from horngate.training.devices import Steps
from horngate.training.evaluating import Evaluation, result
from horngate.training.models import freeze
from horngate.training.recipe.sections import Phase, Recipe
from horngate.training.stopping import Stopped, StopRequest

_CALM_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is trained on what. `validation` is None where nothing is measured at an epoch's end."""

    recipe: Recipe
    model: Any
    rows: Rows
    feeding: Feeding
    devices: Steps
    validation: Evaluation | None = None
    callbacks: Sequence[Any] = ()


class Training:
    """One run of a workload, from its begin or from a state. Used by one thread.

    After each step the state is complete: `_place` says what comes next, everything else is in the model, the
    callbacks and `_best`. With `ends_with_state` one is written after the last epoch too, always.
    """

    def __init__(
        self,
        work: Workload,
        writer: Writer,
        stop: StopRequest,
        clock: Callable[[], float] = time.monotonic,
        *,
        ends_with_state: bool = False,
    ) -> None:
        self._work = work
        self._writer = writer
        self._stop = stop
        self._clock = clock
        self._ends_with_state = ends_with_state
        self.best = Best(work.recipe.fit.monitor)
        self._keeps_best = work.recipe.fit.keep == "best"
        self._steps = work.rows.steps(work.feeding)
        self._history = keras.callbacks.History()
        self._callbacks = keras.callbacks.CallbackList(
            [*work.callbacks, self._history],
            model=work.model,
            verbose=0,
            epochs=work.recipe.epochs,
            steps=self._steps,
        )
        self._place = Place()
        # When the last state was taken, and after how many steps.
        self._written_s, self._written_steps = clock(), 0

    @property
    def history(self) -> dict[str, list[float]]:
        """Each metric after every epoch."""
        history: dict[str, list[float]] = self._history.history
        return history

    def run(self, state: RunState | None = None) -> None:
        """Train to the end of the last phase. Stopped when asked to, after the state is written."""
        first = 0 if state is None else state.place.phase
        plan = self._work.recipe.plan
        for number, phase in enumerate(plan):
            freeze(self._work.model, phase)
            if number < first:
                continue
            self._enter(number, phase, state if number == first else None)
            self._train(number, sum(one.epochs for one in plan[: number + 1]))
        if self._keeps_best and self.best.weights is not None:
            self._work.model.set_weights(self.best.weights)
        self._writer.finish()

    def _enter(self, number: int, phase: Phase, state: RunState | None) -> None:
        model, compiled = self._work.model, compile_model if number == 0 else recompile
        compiled(model, self._work.recipe.compile, phase)
        epochs = range(self._place.epoch, self._place.epoch + phase.epochs)
        build_all(model, self._work.rows.batches(self._work.feeding, epochs).element_spec)
        global_generator()
        model.stop_training = False
        model.make_train_function(force=True)
        model.make_test_function(force=True)
        self._callbacks.on_train_begin()
        self._place = replace(self._place, phase=number)
        if state is not None:
            restore(state, model, self._callbacks.callbacks)
            self._place = state.place
            self._written_steps = state.place.steps
            self.best.recall(state.record, state.best)

    def _train(self, number: int, last_epoch: int) -> None:
        model = self._work.model
        if self._place.epoch < last_epoch and not model.stop_training:
            epochs = range(self._place.epoch, last_epoch)
            batches = self._work.rows.batches(self._work.feeding, epochs, self._place.step)
            iterator = self._work.devices.iterator(batches)
            while self._place.epoch < last_epoch and not model.stop_training:
                self._epoch(iterator)
        if model.optimizer is not None:
            model.optimizer.finalize_variable_values(model.trainable_weights)
        self._callbacks.on_train_end(self._last_logs())
        self._place = replace(self._place, epoch=last_epoch)

    def _last_logs(self) -> dict[str, float]:
        return {name: values[-1] for name, values in self.history.items()}

    def _epoch(self, iterator: Any) -> None:
        model, epoch = self._work.model, self._place.epoch
        if self._place.step == 0:
            model.reset_metrics()
            self._callbacks.on_epoch_begin(epoch)
        logs = self._steps_of_epoch(iterator)
        self._work.devices.settle(model)
        found = result(model, logs)
        if self._work.validation is not None:
            measured = self._work.validation.measure(model, self._callbacks)
            found |= {f"val_{name}": value for name, value in measured.items()}
        if self._keeps_best:
            self.best.observe(model, epoch, found)
        self._callbacks.on_epoch_end(epoch, found)
        due = self._due(self._steps - 1) or self._calm() or (self._ends_with_state and self._at_end(epoch))
        self._stand(self._steps)
        self._place = replace(self._place, epoch=epoch + 1, step=0)
        if self._stop or due:
            self._checkpoint(wait=bool(self._stop))

    def _steps_of_epoch(self, iterator: Any) -> Any:
        model, callbacks, logs = self._work.model, self._callbacks, {}
        stop, steps = self._stop, self._steps
        for step in range(self._place.step, steps):
            callbacks.on_train_batch_begin(step)
            logs = self._stepped(iterator, step)
            callbacks.on_train_batch_end(step, logs)
            if model.stop_training:
                break
            # After the last step comes the epoch's end, which has a state of its own.
            if step + 1 < steps and (stop or self._due(step)):
                self._stand(step + 1)
                self._checkpoint(wait=bool(stop))
        return logs

    def _stand(self, step: int) -> None:
        self._place = replace(self._place, step=step, steps=self._place.steps + step - self._place.step)

    def _stepped(self, iterator: Any, step: int) -> Any:
        work = self._work
        try:
            return work.devices.train(work.model, iterator, work.feeding.rows_in(step, work.rows))
        except StopIteration:
            raise RecipeError(
                f"data ran out at step {step + 1} of {self._steps} in epoch {self._place.epoch + 1}; give more "
                "batches, or fewer fit.steps_per_epoch"
            ) from None

    def _due(self, step: int) -> bool:
        """Whether a state is to be written after this step. While one is being written none is, but soon after."""
        rules = self._work.recipe.checkpoints
        done = self._place.steps + step + 1 - self._place.step
        by_steps = rules.every_steps and done - self._written_steps >= rules.every_steps
        by_time = rules.every_s and self._clock() - self._written_s >= rules.every_s
        return bool(by_steps or by_time) and self._writer.free

    def _at_end(self, epoch: int) -> bool:
        """Whether no other epoch comes after this one."""
        recipe = self._work.recipe
        last_phase = self._place.phase == len(recipe.plan) - 1
        return epoch + 1 == recipe.epochs or (last_phase and bool(self._work.model.stop_training))

    def _calm(self) -> bool:
        """Whether an epoch's end is worth a state: not where epochs are shorter than writing one takes."""
        return self._writer.free and self._clock() - self._written_s >= _CALM_S

    def _checkpoint(self, *, wait: bool) -> None:
        self._work.devices.settle(self._work.model)
        state = take(
            self._work.model, self._callbacks.callbacks, self._place, self.best.record(), self.best.weights
        )
        self._written_s, self._written_steps = self._clock(), self._place.steps
        self._writer.begin(state)
        if wait:
            self._writer.finish()
            raise Stopped(f"stopped in epoch {self._place.epoch + 1} after {self._place.steps} steps")


def build_all(model: Any, spec: Any) -> None:
    """Make all variables, the metrics' and the optimizer's too, before a state is put into them."""

    def symbolic(leaf: Any) -> Any:
        return keras.KerasTensor(tuple(leaf.shape), leaf.dtype.name)

    batch = keras.tree.map_structure(symbolic, spec)
    model._symbolic_build(data_batch=batch)
