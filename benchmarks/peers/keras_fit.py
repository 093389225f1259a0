"""Keras: ``compile`` and ``fit`` on numpy arrays; the backend is the environment's.

Everything is at its default, so JAX and TensorFlow compile the step (``jit_compile="auto"``).
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import keras

from benchmarks.peers.harness import Array, Trained
from benchmarks.workloads import Workload


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []
        self.losses: list[float] = []

    def on_epoch_end(self, _: int, logs: dict[str, Any] | None = None) -> None:
        self.losses.append(float((logs or {})["loss"]))  # waits for the last step's result
        self.ends.append(perf_counter())


def make_network(workload: Workload) -> keras.Sequential:
    def dense(width: int, activation: str | None) -> keras.layers.Dense:
        penalty = keras.regularizers.L2(workload.l2 / 2) if workload.l2 else None
        return keras.layers.Dense(width, activation=activation, kernel_regularizer=penalty)

    hidden = [dense(width, "relu") for width in workload.hidden]
    return keras.Sequential(
        [keras.Input((workload.inputs,)), *hidden, dense(workload.classes, None)]
    )


def fit(workload: Workload, X: Array, y: Array, epochs: int) -> Trained:
    keras.utils.set_random_seed(0)
    optimizer = (
        keras.optimizers.Adam(workload.learning_rate)
        if workload.optimizer == "adam"
        else keras.optimizers.SGD(workload.learning_rate, momentum=workload.momentum)
    )
    model = make_network(workload)
    model.compile(optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    clock = Clock()
    model.fit(X, y, batch_size=workload.batch_size, epochs=epochs, verbose=0, callbacks=[clock])
    return Trained(clock.ends, clock.losses, lambda rows: model.predict(rows, verbose=0))
