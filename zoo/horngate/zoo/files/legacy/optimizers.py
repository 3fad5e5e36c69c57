"""The formulas of Adagrad, RMSprop and Nadam before Keras 2.11, so that training goes on where it stopped."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="horngate")
class OldAdagrad(keras.optimizers.Adagrad):  # type: ignore[misc]
    """`lr * g / (sqrt(a) + epsilon)`; today's has epsilon below the root."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one weight."""
        rate, gradient = (ops.cast(one, variable.dtype) for one in (learning_rate, gradient))
        sums = self._accumulators[self._get_variable_index(variable)]
        self.assign_add(sums, ops.square(gradient))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(sums) + self.epsilon))


@keras.saving.register_keras_serializable(package="horngate")
class OldRMSprop(keras.optimizers.RMSprop):  # type: ignore[misc]
    """`lr * g / (sqrt(a) + epsilon)` without momentum; with it, epsilon was below the root as it is."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one weight."""
        if self.momentum > 0:
            super().update_step(gradient, variable, learning_rate)
            return
        rate, gradient = (ops.cast(one, variable.dtype) for one in (learning_rate, gradient))
        index = self._get_variable_index(variable)
        squares = self._velocities[index]
        self.assign(squares, self.rho * squares + (1 - self.rho) * ops.square(gradient))
        spread = squares
        if self.centered:
            mean = self._average_gradients[index]
            self.assign(mean, self.rho * mean + (1 - self.rho) * gradient)
            spread = squares - ops.square(mean)
        self.assign_sub(variable, rate * gradient / (ops.sqrt(spread) + self.epsilon))


@keras.saving.register_keras_serializable(package="horngate")
class OldNadam(keras.optimizers.Nadam):  # type: ignore[misc]
    """Nadam whose momentum warms up by `0.96 ** (schedule_decay * step)`; today's leaves the factor out."""

    def __init__(self, learning_rate: Any = 0.001, schedule_decay: float = 0.004, **settings: Any) -> None:
        super().__init__(learning_rate=learning_rate, **settings)
        self.schedule_decay = schedule_decay

    def momentum_at(self, step: Any) -> Any:
        """The momentum's weight at a step, counted from 1."""
        return self.beta_1 * (1.0 - 0.5 * 0.96 ** (step * self.schedule_decay))

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        """The product is that of the steps before, for every weight alike; it is moved on once a step."""
        step = ops.cast(self.iterations + 1, self._u_product.dtype)
        self.assign(self._u_product, self._u_product * self.momentum_at(step))
        super(keras.optimizers.Nadam, self)._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one weight."""
        rate, gradient = (ops.cast(one, variable.dtype) for one in (learning_rate, gradient))
        step = ops.cast(self.iterations + 1, variable.dtype)
        now, following = self.momentum_at(step), self.momentum_at(step + 1)
        product = ops.cast(self._u_product, variable.dtype)
        index = self._get_variable_index(variable)
        mean, squares = self._momentums[index], self._velocities[index]
        self.assign(mean, self.beta_1 * mean + (1 - self.beta_1) * gradient)
        self.assign(squares, self.beta_2 * squares + (1 - self.beta_2) * ops.square(gradient))
        ahead = following * mean / (1 - product * following)
        bar = (1 - now) * gradient / (1 - product) + ahead
        spread = ops.sqrt(squares / (1 - ops.power(ops.cast(self.beta_2, variable.dtype), step)))
        self.assign_sub(variable, rate * bar / (spread + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """See Keras."""
        return {**super().get_config(), "schedule_decay": self.schedule_decay}


OLD_OPTIMIZERS = {one.__name__: one for one in (OldAdagrad, OldRMSprop, OldNadam)}
