"""skorch's NeuralNetClassifier around a PyTorch module."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from benchmarks.peers.harness import Array, Trained, main
from benchmarks.peers.torch_loop import make_network
from benchmarks.workloads import Workload


class Clock(Callback):  # type: ignore[misc]
    def __init__(self, ends: list[float]) -> None:
        self.ends = ends

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(perf_counter())


def fit(workload: Workload, X: Array, y: Array, epochs: int) -> Trained:
    torch.manual_seed(0)
    ends: list[float] = []
    sgd = {"optimizer__momentum": workload.momentum} if workload.optimizer == "sgd" else {}
    model = NeuralNetClassifier(
        make_network(workload),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam if workload.optimizer == "adam" else torch.optim.SGD,
        optimizer__weight_decay=workload.l2,
        lr=workload.learning_rate,
        max_epochs=epochs,
        batch_size=workload.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[Clock(ends)],
        verbose=0,
        **sgd,
    )
    model.fit(X, y)
    return Trained(ends, model.history[:, "train_loss"], model.predict_proba)


if __name__ == "__main__":
    main(fit)
