"""The Indaba recipe by scikit-learn's MLPClassifier, which knows Glorot's first weights alone."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from benchmarks.recipes.clock import Clock
from benchmarks.recipes.task import Images, Run, Task, main, unit


def fit(task: Task, images: Images, epochs: int, seed: int) -> Run:
    """Train so many epochs, or to where the validation loss first rises."""
    X, X_val, X_test = unit(images.X), unit(images.X_val), unit(images.X_test)
    model = MLPClassifier(
        task.hidden,
        solver="sgd",
        alpha=task.l2 * task.batch_size,  # it divides alpha by the rows of a batch
        batch_size=task.batch_size,
        learning_rate_init=task.rate,
        momentum=task.momentum,
        nesterovs_momentum=False,
        random_state=seed,
    )
    clock, before = Clock(), np.inf
    for _ in range(epochs):
        model.partial_fit(X, images.y, classes=np.arange(10))  # one epoch, momentum kept
        loss = log_loss(images.y_val, model.predict_proba(X_val)) + _penalty(task, model)
        clock.tick(lambda: float(model.score(X_test, images.y_test)))
        if loss >= before:
            break
        before = loss
    done = len(clock.run.seconds)
    clock.run.complete = done == task.epochs or done < epochs
    return clock.run


def _penalty(task: Task, model: MLPClassifier) -> float:
    return task.l2 / 2 * sum(float((weights**2).sum()) for weights in model.coefs_)


if __name__ == "__main__":
    main(fit)
