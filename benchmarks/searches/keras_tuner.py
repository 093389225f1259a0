"""KerasTuner's random search over Keras networks on JAX; folds are prepared once for all."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import keras_tuner
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import LabelEncoder

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


def build(hp: keras_tuner.HyperParameters, inputs: int) -> keras.Model:
    """Return a compiled network of a trial's hyper-parameters."""
    penalty = keras.regularizers.L2(hp.Float("l2", *L2, sampling="log") / 2)
    dropout = hp.Float("dropout", *DROPOUT)
    hidden = [
        layer
        for units in HIDDEN
        for layer in (
            keras.layers.Dense(units, activation="relu", kernel_regularizer=penalty),
            keras.layers.Dropout(dropout),
        )
    ]
    model = keras.Sequential([keras.Input((inputs,)), *hidden, keras.layers.Dense(2)])
    model.compile(
        keras.optimizers.SGD(
            hp.Float("learning_rate", *RATES, sampling="log"),
            momentum=hp.Float("momentum", *MOMENTUM),
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


class CrossValidated(keras_tuner.RandomSearch):  # type: ignore[misc]
    """A random search whose trials are judged by the mean of folds."""

    def run_trial(self, trial, folds, verbose=0):  # type: ignore[no-untyped-def]
        """Return a trial's mean accuracy on rows held out."""
        scores = []
        for train, judged in folds:
            model = build(trial.hyperparameters, train[0].shape[1])
            model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=verbose)
            scores.append(model.evaluate(*judged, batch_size=1024, verbose=0)[1])
            keras.backend.clear_session()
        return {"accuracy": float(np.mean(scores))}


def search(X: pd.DataFrame, y: pd.Series, candidates: int) -> float:
    """Return the best mean accuracy of a random search."""
    targets = LabelEncoder().fit_transform(y)
    folds = []
    for train, judged in StratifiedKFold(FOLDS).split(X, targets):
        prepare = columns().fit(X.iloc[train])
        parts = (train, judged)
        folds.append(
            [(np.float32(prepare.transform(X.iloc[part])), targets[part]) for part in parts]
        )
    with tempfile.TemporaryDirectory() as folder:
        tuner = CrossValidated(
            lambda hp: build(hp, folds[0][0][0].shape[1]),
            objective=keras_tuner.Objective("accuracy", "max"),
            max_trials=candidates,
            seed=0,
            directory=folder,
        )
        tuner.search(folds, verbose=0)
        return float(tuner.oracle.get_best_trials(1)[0].score)


if __name__ == "__main__":
    main(search)
