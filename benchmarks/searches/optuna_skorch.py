"""Optuna's random sampler over cross-validated skorch networks, two folds at a time."""

from __future__ import annotations

import numpy as np
import optuna
import pandas as pd
import torch
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.searches.task import (
    BATCH,
    DROPOUT,
    EPOCHS,
    FOLDS,
    HIDDEN,
    L2,
    MOMENTUM,
    RATES,
    columns,
    main,
)


class Network(nn.Module):  # type: ignore[misc]
    """Two hidden layers with dropout; skorch gives the number of inputs as it is here."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        first, second = HIDDEN
        self.layers = nn.Sequential(
            *(nn.LazyLinear(first), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(first, second), nn.ReLU(), nn.Dropout(dropout), nn.Linear(second, 2)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        return self.layers(x.float())


def search(X: pd.DataFrame, y: pd.Series, candidates: int) -> float:
    """Return the best mean accuracy of a random search."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    targets = LabelEncoder().fit_transform(y).astype(np.int64)

    def mean_accuracy(trial: optuna.Trial) -> float:
        network = NeuralNetClassifier(
            Network,
            module__dropout=trial.suggest_float("dropout", *DROPOUT),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.SGD,
            optimizer__momentum=trial.suggest_float("momentum", *MOMENTUM),
            optimizer__weight_decay=trial.suggest_float("l2", *L2, log=True),
            lr=trial.suggest_float("learning_rate", *RATES, log=True),
            max_epochs=EPOCHS,
            batch_size=BATCH,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        model = make_pipeline(columns(), network)
        return float(np.mean(cross_val_score(model, X, targets, cv=FOLDS, n_jobs=2)))

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.optimize(mean_accuracy, n_trials=candidates)
    return float(study.best_value)


if __name__ == "__main__":
    main(search)
