"""scikit-learn's MLPClassifier."""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.harness import Array, Trained, main
from benchmarks.workloads import Workload


class TimedMLP(MLPClassifier):  # type: ignore[misc]
    """MLPClassifier, noting the time where it ends an epoch: it has no public hook there."""

    def _update_no_improvement_count(self, *args: Any, **kwargs: Any) -> None:
        super()._update_no_improvement_count(*args, **kwargs)
        self.ends_ = [*getattr(self, "ends_", []), perf_counter()]


def fit(workload: Workload, X: Array, y: Array, epochs: int) -> Trained:
    model = TimedMLP(
        workload.hidden,
        activation="relu",
        solver=workload.optimizer,
        alpha=workload.l2 * workload.batch_size,  # it divides alpha by the rows of a batch
        batch_size=workload.batch_size,
        learning_rate_init=workload.learning_rate,
        momentum=workload.momentum,
        nesterovs_momentum=False,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,  # never stop early
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return Trained(model.ends_, model.loss_curve_, model.predict_proba)


if __name__ == "__main__":
    main(fit)
