"""wellfit's MLPClassifier."""

from __future__ import annotations

from time import perf_counter

from benchmarks.peers.harness import Array, Trained, main
from benchmarks.workloads import Workload
from wellfit import MLPClassifier
from wellfit.optim import SGD, Adam


def fit(workload: Workload, X: Array, y: Array, epochs: int) -> Trained:
    optimizer = (
        Adam(learning_rate=workload.learning_rate)
        if workload.optimizer == "adam"
        else SGD(learning_rate=workload.learning_rate, momentum=workload.momentum)
    )
    model = MLPClassifier(
        workload.hidden,
        activation="relu",
        batch_norm=False,
        dropout=0.0,
        ema_decay=0.0,
        l2=workload.l2,
        optimizer=optimizer,
        lr_schedule="constant",
        batch_size=workload.batch_size,
        epochs=epochs,
        early_stopping=False,
        validation_fraction=None,
        preprocess=None,
        random_state=0,
        verbose=0,
    )
    start = perf_counter()
    model.fit(X, y)
    ends = [start + seconds for seconds in model.history_["seconds"]]
    return Trained(ends, list(model.history_["loss"]), model.predict_proba)


if __name__ == "__main__":
    main(fit)
