"""scikit-learn's own test files, with wellfit's classes in the place of its own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sized
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sklearn
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

from wellfit import MLPClassifier, MLPRegressor
from wellfit import model_selection as ours
from wellfit.optim import SGD, Adam
from wellfit.training import EarlyStopping

SEARCHES = {
    name: getattr(ours, name)
    for name in ours.__all__
    if name.endswith("SearchCV") and name != "SearchCV"
}
# Parameters of scikit-learn's networks that are wellfit's under the same name.
_SAME = ("loss", "random_state", "shuffle", "validation_fraction", "warm_start")
_ACTIVATIONS = {"logistic": "sigmoid"}


def borrow(path: str, module: Any, names: dict[str, Any]) -> dict[str, Any]:
    """Return the tests of an installed file of scikit-learn's, their fixtures among them.

    Args:
        path: below the package, such as ``model_selection/tests/test_search.py``.
        module: of scikit-learn, from which that file imports what it tests.
        names: what takes the place of those names of the module.
    """
    file = Path(sklearn.__file__).parent / path
    spec = importlib.util.spec_from_file_location(f"borrowed_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    borrowed = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = borrowed  # for pickles of its classes
    with mock.patch.multiple(module, **names):
        spec.loader.exec_module(borrowed)
    tests = {name: value for name, value in vars(borrowed).items() if name.startswith("test")}
    for test in tests.values():
        test.pytestmark = [_listed(mark) for mark in getattr(test, "pytestmark", ())]
    return tests


def _listed(mark: Any) -> Any:
    """Return a mark with its values in a list: pytest is about to refuse generators."""
    if mark.name != "parametrize" or isinstance(mark.args[1], Sized):
        return mark
    return pytest.mark.parametrize(mark.args[0], list(mark.args[1]), **mark.kwargs).mark


def _translated(kind: Any, params: dict[str, Any]) -> Any:
    """Return wellfit's estimator for scikit-learn's parameters, numbers taken as they are."""
    rate = params.pop("learning_rate_init", 0.001)
    solver, max_iter = params.pop("solver", "adam"), params.pop("max_iter", 200)
    activation, alpha = params.pop("activation", "relu"), params.pop("alpha", 1e-4)
    momentum, patience = params.pop("momentum", 0.9), params.pop("n_iter_no_change", 10)
    assert params.pop("learning_rate", "constant") == "constant", "schedules have other names"
    stops = params.pop("early_stopping", False)
    params.pop("tol", None)  # a training ends after its epochs
    rules = {"sgd": SGD(learning_rate=rate, momentum=momentum), "adam": Adam(learning_rate=rate)}
    return kind(
        params.pop("hidden_layer_sizes", (100,)),
        activation=_ACTIVATIONS.get(activation, activation),
        optimizer=rules.get(solver, solver),
        epochs=max_iter,
        l2=alpha,
        batch_size=params.pop("batch_size", 200),  # as many rows as there are, if fewer
        early_stopping=EarlyStopping(patience=patience) if stops else False,
        lr_schedule="constant",
        dropout=0.0,
        preprocess=None,
        **{name: params.pop(name) for name in _SAME if name in params},
        **params,  # what is left has no place here, and is refused by its name
    )


def networks() -> dict[str, Any]:
    """Return what stands for scikit-learn's two networks."""

    def classifier(hidden_layer_sizes: Any = (100,), **params: Any) -> Any:
        return _translated(MLPClassifier, {"hidden_layer_sizes": hidden_layer_sizes, **params})

    def regressor(hidden_layer_sizes: Any = (100,), **params: Any) -> Any:
        return _translated(MLPRegressor, {"hidden_layer_sizes": hidden_layer_sizes, **params})

    classifier.__name__, regressor.__name__ = "MLPClassifier", "MLPRegressor"
    return {"MLPClassifier": classifier, "MLPRegressor": regressor}


# Tests of scikit-learn's that state what wellfit doesn't promise, by name or name and parameters.
_NAMES = "reads or sets attributes and parameters that have other names here"
_INSIDE = "sets or reads what is private in scikit-learn's networks"
_DIVERGES = "a loss that becomes infinite raises DivergedError, which names what may help"
_EPOCHS = "a training of all its epochs doesn't warn: the verdict judges whether it converged"
_PRECISION = "precision says the type of weights and estimates, and not the table"
NOT_PROMISED = {
    # test_mlp.py
    "test_fit": _INSIDE,
    "test_gradient": _INSIDE,
    "test_lbfgs_classification_maxfun": _NAMES,
    "test_lbfgs_regression_maxfun": _NAMES,
    "test_learning_rate_warmstart": _NAMES,
    "test_tolerance": _NAMES,
    "test_verbose_sgd": "progress is drawn in terminals only",
    "test_early_stopping": _NAMES,
    "test_adaptive_learning_rate": _NAMES,
    "test_warm_start_full_iteration": _NAMES,
    "test_n_iter_no_change": _NAMES,
    "test_n_iter_no_change_inf": _NAMES,
    "test_mlp_early_stopping_string_labels": _NAMES,
    "test_mlp_warm_start_with_early_stopping": _NAMES,
    "test_partial_fit_errors": "all optimizers of wellfit's networks have partial_fit",
    "test_nonfinite_params": _DIVERGES,
    "test_mlp_diverging_loss": _DIVERGES,
    "test_warm_start": "training goes on with rows of fewer classes than before",
    "test_early_stopping_stratified": "a class of one row stays among the training rows",
    "test_mlp_param_dtypes[MLPClassifier-float64]": _PRECISION,
    "test_mlp_param_dtypes[MLPRegressor-float32]": _PRECISION,
    "test_mlp_param_dtypes[MLPRegressor-float64]": _PRECISION,
    "test_mlp_loading_from_joblib_partial_fit": "a target of one value is refused",
    "test_preserve_feature_names": "a target of one value is refused",
    "test_mlp_warm_start_no_convergence": _EPOCHS,
    "test_mlp_partial_fit_after_fit": "partial_fit is one epoch, and no early stopping",
    "test_minimum_input_sample_size": "two rows are trained on, and none held out",
    # test_search.py
    "test_custom_run_search": "compares all attributes, and wellfit's searches have more",
}
SLOW = {
    *("test_multioutput_regression", "test_lbfgs_regression", "test_lbfgs_classification"),
    *("test_early_stopping", "test_warm_start", "test_n_iter_no_change", "test_tolerance"),
    *("test_partial_fit_classification", "test_partial_fit_regression", "test_sparse_matrices"),
    *("test_n_iter_no_change_inf", "test_predict_proba_multilabel", "test_search_with_2d_array"),
    *("test_search_cv_sample_weight_equivalence", "test_cv_results_dtype_issue_29074"),
    *("test_n_features_in", "test_unsupported_sample_weight_scorer", "test_random_search"),
    *("test_unsupervised_grid_search", "test_random_search_cv_results_multimetric"),
    *("test_cv_results_multi_size_array", "test_aggressive_elimination", "test_n_iterations"),
}
