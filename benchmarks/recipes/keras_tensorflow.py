"""The recipes in Keras on TensorFlow, as their sources write them in Keras's words of today."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # read when keras is first imported

from typing import Any

import keras

from benchmarks.recipes.clock import Clock
from benchmarks.recipes.task import Images, Run, Task, main, unit


class Ticking(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the clock."""

    def __init__(self, clock: Clock, images: Images) -> None:
        super().__init__()
        self.clock = clock
        self.X, self.y = unit(images.X_test), images.y_test

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score by the test rows, the clock standing still."""
        self.clock.tick(self._accuracy)

    def _accuracy(self) -> float:
        scores = self.model.predict(self.X, batch_size=1000, verbose=0)
        return float((scores.argmax(axis=1) == self.y).mean())


def network(task: Task, seed: int) -> keras.Sequential:
    """Return the recipe's network, compiled."""
    keras.utils.set_random_seed(seed)
    hidden = [_dense(task, width, "relu") for width in task.hidden]
    model = keras.Sequential([keras.Input((784,)), *hidden, _dense(task, 10, "softmax")])
    rate: Any = task.rate
    if task.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(task.rate, 1, task.decay)
    optimizer = keras.optimizers.SGD(rate, momentum=task.momentum)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def _dense(task: Task, units: int, activation: str) -> keras.layers.Dense:
    weights: Any = {
        "normal": lambda: keras.initializers.RandomNormal(stddev=task.spread),
        "uniform": lambda: keras.initializers.RandomUniform(-task.spread, task.spread),
        "glorot_uniform": lambda: "glorot_uniform",
    }[task.weights]()
    penalty = keras.regularizers.L2(task.l2 / 2) if task.l2 else None
    return keras.layers.Dense(
        units, activation=activation, kernel_initializer=weights, kernel_regularizer=penalty
    )


def fit(task: Task, images: Images, epochs: int, seed: int) -> Run:
    """Train so many epochs, or to where the recipe ends."""
    train = unit(images.X), keras.utils.to_categorical(images.y, 10)
    validate = unit(images.X_val), keras.utils.to_categorical(images.y_val, 10)
    if not task.validation:  # CS109B chooses nothing by its validation
        validate = unit(images.X_test), keras.utils.to_categorical(images.y_test, 10)
    model = network(task, seed)
    clock = Clock()
    callbacks: list[Any] = [Ticking(clock, images)]
    if task.stop:
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=0))
    model.fit(
        *train,
        batch_size=task.batch_size,
        epochs=epochs,
        verbose=0,
        validation_data=validate,
        callbacks=callbacks,
    )
    done = len(clock.run.seconds)
    clock.run.complete = done == task.epochs or done < epochs
    return clock.run


if __name__ == "__main__":
    main(fit)
