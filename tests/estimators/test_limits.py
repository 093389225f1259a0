"""What is too large is refused in a line, before it takes memory; rows are held out if needed."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning

from wellfit import MLPClassifier, MLPEnsembleClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.memory import available_memory, in_bytes, machine_memory
from wellfit.model_selection import GridSearchCV, SearchCV
from wellfit.nn import Dense, mlp
from wellfit.optim import L1, ClipByValue, Lion
from wellfit.training import EarlyStopping, Member, ReduceLROnPlateau, Rows, Stream, train
from wellfit.transfer import MLPAutoencoder, Pretrained

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
QUICK = {"hidden_layer_sizes": (4,), "epochs": 1, "random_state": 0}
DONOR = MLPClassifier(**QUICK).fit(X, Y)
HUGE = [10**400, -(10**400), 10**5000, 2**63, float("inf"), float("nan")]
LARGE = {
    "units": lambda: MLPClassifier(10**9).fit(X, Y),
    "layers": lambda: MLPRegressor((10**18, 10**18)).fit(X, Y),
    "a layer": lambda: MLPRegressor(layers=[Dense(10**9)]).fit(X, Y),
    "partial_fit": lambda: MLPClassifier(10**9).partial_fit(X, Y),
    "autoencoder": lambda: MLPAutoencoder((10**9,)).fit(X),
    "ensemble": lambda: MLPEnsembleClassifier(MLPClassifier(10**9)).fit(X, Y),
    "pretrained": lambda: MLPClassifier((4, 10**9), pretrained=Pretrained(DONOR)).fit(X, Y),
    "bfloat16 tried": lambda: MLPClassifier(10**9, precision="auto").fit(X, Y),
    "outputs of a batch": lambda: MLPClassifier(10**7, batch_size=10**6, early_stopping=False).fit(
        np.zeros((10**6, 1)), np.arange(10**6) % 2
    ),
    "the engine": lambda: train(
        [Member(mlp(3, (10**9,), 2))], Rows(X, Y), [Stream(np.arange(60))]
    ),
}


def most_memory():
    """The most bytes that this process has held so far."""
    resource = pytest.importorskip("resource")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("fit", LARGE.values(), ids=LARGE.keys())
def test_a_network_beyond_memory_is_refused_before_it_is_made(fit):
    before = most_memory()
    with pytest.raises(InputError, match=r"takes at least [\d.e+]+ .iB .* [\d.]+ .iB are avail"):
        fit()
    assert most_memory() - before < 2**30


def test_a_search_goes_on_without_candidates_beyond_memory():
    search = GridSearchCV(
        MLPClassifier(**QUICK), {"hidden_layer_sizes": [(4,), (10**9,)]}, cv=2, refit=False
    )
    with pytest.warns(FitFailedWarning) as warned, pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, Y)
    assert "GiB of memory to train" in str(warned[0].message)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [True, False]


def test_memory_is_what_the_machine_has():
    assert 1 << 20 < available_memory() <= machine_memory()
    assert in_bytes(2048) == "2 KiB"


@pytest.mark.parametrize("value", HUGE, ids=lambda value: f"{type(value).__name__}")
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor, MLPAutoencoder])
def test_every_parameter_refuses_huge_numbers_in_a_line(cls, value):
    data = (X,) if cls is MLPAutoencoder else (X, Y)
    for name in cls().get_params(deep=False):
        for given in (value, [value]):
            if name == "warm_start":
                continue
            model = cls(**{**QUICK, name: given})
            if name == "image_shape" and isinstance(value, float):
                model.set_params(augment="shift")  # which needs it
            with pytest.raises(InputError) as told:
                model.fit(*data)
            assert len(str(told.value)) < 1000, name


@pytest.mark.parametrize(
    "options",
    [
        {"l2": 1e300},
        {"l1": L1(1e300, decoupled=True)},
        {"optimizer": Lion(1e300)},
        {"gradient_clipping": ClipByValue(1e300)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_numbers_beyond_single_precision_are_refused_in_a_line(options):
    with pytest.raises(
        HyperparameterError, match=r"1e\+300.* is too large; expected numbers up to"
    ):
        MLPClassifier(**QUICK, **options).fit(X, Y)


@pytest.mark.parametrize("value", HUGE, ids=lambda value: f"{type(value).__name__}")
def test_searches_and_ensembles_refuse_huge_numbers_in_a_line(value):
    clf = MLPClassifier(**QUICK)
    for name in ("n_iter", "n_restarts", "factor", "time_limit", "random_state"):
        search = SearchCV(clf, {"l2": [0, 1]}, **{"n_iter": 2, "cv": 2, name: value})
        if name == "time_limit" and value == float("inf"):
            continue
        with pytest.raises(InputError, match=f"^{name} is") as told:
            search.fit(X, Y)
        assert len(str(told.value)) < 600
    for name in ("n_estimators", "random_state"):
        with pytest.raises(InputError, match=f"^{name} is"):
            MLPEnsembleClassifier(clf, **{name: value}).fit(X, Y)


@pytest.mark.parametrize("verbose", [0, 1, 3, True, False, np.int64(2)])
def test_any_number_makes_it_verbose(verbose):
    MLPClassifier(**QUICK, verbose=verbose).fit(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verbose": -1}, "verbose is -1; expected a whole number, at least 0"),
        ({"verbose": "loud"}, "verbose is 'loud'"),
        ({"n_threads": 2000}, "threads is 2000; expected a whole number, at most 1024"),
        ({"random_state": -1}, "random_state is -1; expected a whole number from 0"),
        ({"device": 7.5}, "device is 7.5"),
        ({"layers": 7}, r"layers is 7; expected a list of hidden layers"),
        ({"class_weight": "even"}, "class_weight is 'even'; expected 'balanced'"),
        ({"validation_fraction": "some"}, "validation_fraction is 'some'"),
        ({"epochs": 10**400}, "epochs is a whole number of 401 digits; expected a whole number"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused_in_a_line(options, message):
    with pytest.raises(HyperparameterError, match=message):
        MLPClassifier(**{**QUICK, **options}).fit(X, Y)


def test_fractions_are_numbers():
    model = MLPClassifier(**QUICK, dropout=Fraction(1, 4), validation_fraction=Fraction(1, 5))
    assert len(model.fit(X, Y).history_["val_loss"]) == 1


# Rows that are held out


def judged(**options):
    return "val_loss" in MLPClassifier(**{**QUICK, **options}).fit(X, Y).history_


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_early_stopping_by_training_rows_holds_nothing_out(monitor):
    stop = EarlyStopping(monitor=monitor)
    everything = MLPClassifier(**QUICK, early_stopping=False).fit(X, Y)
    model = MLPClassifier(**QUICK, early_stopping=stop).fit(X, Y)
    assert model.history_["loss"] == everything.history_["loss"]
    assert "val_loss" not in model.history_


def test_rows_are_held_out_where_something_looks_at_them():
    stop = EarlyStopping(monitor="loss")
    assert judged()
    assert not judged(early_stopping=False)
    assert judged(early_stopping=EarlyStopping(monitor="roc_auc"))
    assert judged(early_stopping=EarlyStopping(monitor="val_accuracy"))
    assert judged(early_stopping=stop, validation_fraction=0.2)
    assert judged(early_stopping=stop, scoring="roc_auc")
    assert judged(early_stopping=stop, lr_schedule="reduce_lr_on_plateau")
    assert not judged(early_stopping=stop, lr_schedule=ReduceLROnPlateau(monitor="loss"))


def test_searches_split_by_what_each_candidate_looks_at():
    choices = [EarlyStopping(monitor="loss"), EarlyStopping(), False]
    search = GridSearchCV(MLPClassifier(**QUICK), {"early_stopping": choices}, cv=2).fit(X, Y)
    held = ["val_loss" in fits[0] for fits in search.histories_]
    assert held == [False, True, False]
