"""What is called leaves the process as it was: generators, threads, warnings, settings."""

from __future__ import annotations

import io
import locale
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.datasets import load_iris

from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPRegressor
from wellfit.charts import learning_charts
from wellfit.charts.to_matplotlib import figure, png
from wellfit.core.errors import InputError
from wellfit.datasets import load
from wellfit.diagnose import check, learning_rate_range, verdict
from wellfit.estimators import load_model
from wellfit.landscapes import Rosenbrock, compare_optimizers
from wellfit.model_selection import SearchCV
from wellfit.optim import Adam
from wellfit.preprocessing import TablePreprocessor
from wellfit.transfer import (
    AutoencoderPretraining,
    CorruptionPretraining,
    MLPAutoencoder,
    RBMPretraining,
    SiamesePretraining,
    from_torch,
    to_keras,
    to_numpy,
    to_onnx,
    to_sklearn,
    to_torch,
    write_torch,
)

X, Y = load_iris(return_X_y=True)
QUICK = {"hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(e=np.where(Y > 0, "x", "y"))


def state() -> dict[str, Any]:
    """All of the process that a library could change by the way."""
    return {
        "numpy's generator": repr(np.random.get_state()),  # noqa: NPY002
        "Python's generator": random.getstate(),
        "PyTorch's generator": torch.get_rng_state().tolist(),
        "default dtype": torch.get_default_dtype(),
        "n_threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomalies": torch.is_anomaly_enabled(),
        "denormal numbers": float(torch.tensor(1e-40) * 1.0),
        "products": torch.get_float32_matmul_precision(),
        "products of oneDNN": torch.backends.mkldnn.matmul.fp32_precision,
        "default device": torch.get_default_device(),
        "errors of numpy": np.geterr(),
        "printing of numpy": repr(np.get_printoptions()),
        "options of pandas": pd.get_option("mode.copy_on_write"),
        "settings of scikit-learn": sklearn.get_config(),
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "backend": mpl.get_backend(),
        "settings of matplotlib": dict(mpl.rcParams),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "handlers of logs": list(logging.getLogger().handlers),
        "level of logs": logging.getLogger().level,
        "path": list(sys.path),
        "depth": sys.getrecursionlimit(),
        "streams": (sys.stdout, sys.stderr, sys.excepthook),
    }


@pytest.fixture(scope="module")
def clf() -> MLPClassifier:
    return MLPClassifier(**QUICK).fit(X, Y)


@pytest.fixture(scope="module")
def plain() -> MLPClassifier:
    """Of layers that PyTorch has as well."""
    return MLPClassifier(**QUICK, numeric_embedding=None).fit(X, Y)


def refused() -> None:
    with pytest.raises(InputError):
        MLPClassifier(**QUICK).fit(X, Y[:3])


def calls(
    clf: MLPClassifier, plain: MLPClassifier, folder: Path
) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "fit", lambda: MLPClassifier(**QUICK, n_threads=2).fit(X, Y)
    yield (
        "fit from the clock",
        lambda: MLPRegressor((4,), epochs=1, random_state=0).fit(X, X[:, 0]),
    )
    yield "tables", lambda: MLPClassifier(**QUICK).fit(FRAME, Y).predict(FRAME)
    yield "partial_fit", lambda: MLPClassifier(**QUICK).partial_fit(X, Y)
    yield "bfloat16", lambda: MLPClassifier(**QUICK, precision="auto").fit(X, Y)
    yield (
        "batch norm, dropout, noise",
        lambda: MLPClassifier(
            **QUICK, batch_norm=True, dropout=0.5, input_noise=0.1, augment="noise"
        ).fit(X, Y),
    )
    yield "minimizer", lambda: MLPClassifier(**QUICK, optimizer="lbfgs").fit(X, Y)
    yield "refused", refused
    yield "predict", lambda: clf.predict_proba(X)
    yield "pruned", lambda: load_model(clf.save(folder / "m")).prune(share=0.5).predict(X)
    yield (
        "search",
        lambda: SearchCV(
            MLPClassifier(**QUICK), {"l2": [0, 1e-3]}, n_iter=2, cv=2, random_state=0
        ).fit(X, Y),
    )
    yield (
        "ensemble",
        lambda: MLPEnsembleClassifier(MLPClassifier(**QUICK), n_estimators=2, random_state=0).fit(
            X, Y
        ),
    )
    yield "transfer", lambda: clf.transfer(freeze=1, epochs=1).fit(X, Y)
    yield "autoencoder", lambda: MLPAutoencoder((2,), epochs=1, random_state=0).fit(X)
    yield "stacked", lambda: AutoencoderPretraining((3,), epochs=1, random_state=0).fit(X)
    yield "modified rows", lambda: CorruptionPretraining((3,), epochs=1, random_state=0).fit(X)
    yield "Boltzmann machine", lambda: RBMPretraining((3,), random_state=0).fit(X > 1)
    yield "pairs", lambda: SiamesePretraining((3,), epochs=1, random_state=0).fit(X, Y)
    yield "to_torch", lambda: to_torch(clf)
    yield "write_torch", lambda: write_torch(clf, folder / "net.py")
    yield "from_torch", lambda: from_torch(to_torch(plain))
    yield "to_sklearn", lambda: to_sklearn(plain)
    yield "to_onnx", lambda: to_onnx(clf)
    yield "to_numpy", lambda: to_numpy(clf, folder / "plain.py")
    yield "check", lambda: check(MLPClassifier(**QUICK), X, Y)
    yield (
        "range test",
        lambda: learning_rate_range(MLPClassifier(**QUICK), X, Y, rates=8, steps=5).plot(),
    )
    yield "verdict", lambda: verdict(clf, X, Y)
    yield "landscape", lambda: compare_optimizers(Rosenbrock(), [Adam()], steps=5)
    yield "picture", lambda: png(figure(learning_charts(clf.history_)))
    yield "plots", lambda: clf.plot.confusion(X, Y).figure.savefig(io.BytesIO())
    yield "weights", lambda: clf.plot.weights().figure.savefig(io.BytesIO())
    yield "html", lambda: (clf._repr_html_(), clf.history_._repr_html_())
    yield "preprocessor", lambda: TablePreprocessor().fit_transform(FRAME)
    yield "data", lambda: load("iris")


def changes(call: Callable[[], Any]) -> list[str]:
    """What of the process a call changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = state()
        call()
        after = state()
    return [key for key in before if before[key] != after[key]]


def test_public_calls_leave_the_process_as_it_was(
    clf: MLPClassifier, plain: MLPClassifier, tmp_path: Path
) -> None:
    for name, call in calls(clf, plain, tmp_path):
        if changes(call):  # what is imported on the way may set something once
            assert changes(call) == [], name
    mpl.pyplot.close("all")


def test_a_model_of_keras_leaves_the_generators_as_they_were(
    clf: MLPClassifier, tmp_path: Path
) -> None:
    pytest.importorskip("keras")
    to_keras(clf, tmp_path / "first.keras")
    assert changes(lambda: to_keras(clf, tmp_path / "second.keras")) == []
