"""Fits that were cut short and taken up again from their checkpoints."""

import os
import signal

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import InputError, ModelFileError
from wellfit.optim import SGD, Ramp
from wellfit.training import Callback, Checkpoint, EarlyStopping, ReduceLROnPlateau

WINE = load_wine(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
IRIS = load_iris(return_X_y=True)
BOTH = pytest.mark.parametrize(
    ("cls", "data"), [(MLPClassifier, WINE), (MLPRegressor, DIABETES)], ids=["class", "number"]
)
SETTINGS = {
    "hidden_layer_sizes": (12,),
    "numeric_embedding": None,
    "dropout": 0.2,
    "batch_norm": True,
    "batch_size": 16,
    "optimizer": SGD(0.02, 0.9),
    "schedules": {"momentum": Ramp(0.5, 1.0)},
    "ema_decay": 0.9,
    "max_norm": 2.0,
    "gradient_clipping": 1.0,
    "early_stopping": EarlyStopping(patience=50),
    "epochs": 8,
    "random_state": 0,
}


class PullThePlug(Callback, name="pull_the_plug"):
    """Ends a fit as an error would, in the middle of epoch 5."""

    def on_batches_end(self, epoch, done, total, state):
        if epoch == 5:
            raise RuntimeError("no power")


class PressCtrlC(Callback, name="press_ctrl_c_while_fitting"):
    """Sends this process the signal that Ctrl-C sends, in epoch 3."""

    def on_batches_end(self, epoch, done, total, state):
        if epoch == 3 and not state.get("pressed"):
            state["pressed"] = True
            os.kill(os.getpid(), signal.SIGINT)


def broken_off(cls, data, folder, **options):
    """A fit that never ended: only its checkpoints are left."""
    callbacks = [Checkpoint(folder), PullThePlug()]
    model = cls(**{**SETTINGS, **options}, callbacks=callbacks)
    with pytest.raises(RuntimeError, match="no power"):
        model.fit(*data)
    return model


def taken_up(cls, data, folder, **options):
    model = cls(**{**SETTINGS, **options}, callbacks=[Checkpoint(folder)])
    return model.fit(*data, resume_from=folder)


@BOTH
def test_a_fit_taken_up_ends_to_the_bit_where_it_would_have(cls, data, tmp_path):
    broken_off(cls, data, tmp_path / "run")
    resumed = taken_up(cls, data, tmp_path / "run")
    straight = cls(**SETTINGS).fit(*data)
    for ours, theirs in zip(resumed.coefs_, straight.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(resumed.predict(data[0]), straight.predict(data[0]))
    for name in set(straight.history_) - {"seconds"}:
        assert resumed.history_[name] == straight.history_[name]
    assert resumed.best_epoch_ == straight.best_epoch_


def test_ctrl_c_is_no_loss_either(tmp_path):
    settings = {**SETTINGS, "callbacks": [Checkpoint(tmp_path / "run"), PressCtrlC()]}
    with pytest.warns(ConvergenceWarning, match="interrupted after 2 whole epochs"):
        MLPClassifier(**settings).fit(*WINE)
    resumed = taken_up(MLPClassifier, WINE, tmp_path / "run")
    straight = MLPClassifier(**SETTINGS).fit(*WINE)
    np.testing.assert_array_equal(resumed.coefs_[0], straight.coefs_[0])


def test_a_fit_of_no_seed_keeps_the_one_it_drew(tmp_path):
    np.random.seed(7)  # noqa: NPY002 - what scikit-learn's None draws from
    broken_off(MLPClassifier, WINE, tmp_path / "run", random_state=None)
    resumed = taken_up(MLPClassifier, WINE, tmp_path / "run", random_state=None)
    np.random.seed(7)  # noqa: NPY002 - what scikit-learn's None draws from
    straight = MLPClassifier(**{**SETTINGS, "random_state": None}).fit(*WINE)
    np.testing.assert_array_equal(resumed.coefs_[0], straight.coefs_[0])


def test_the_learning_rate_of_a_plateau_is_taken_up(tmp_path):
    halving = {"lr_schedule": ReduceLROnPlateau(0.5, patience=1, min_delta=10.0)}
    broken_off(MLPClassifier, WINE, tmp_path / "run", **halving)
    resumed = taken_up(MLPClassifier, WINE, tmp_path / "run", **halving)
    straight = MLPClassifier(**SETTINGS, **halving).fit(*WINE)
    assert resumed.history_["learning_rate"] == straight.history_["learning_rate"]
    assert resumed.history_["learning_rate"][-1] == pytest.approx(0.02 * 0.5**6)
    np.testing.assert_array_equal(resumed.coefs_[0], straight.coefs_[0])


@BOTH
def test_one_file_of_the_folder_will_do(cls, data, tmp_path):
    broken_off(cls, data, tmp_path / "run")
    earlier = sorted((tmp_path / "run").iterdir())[0]
    model = cls(**SETTINGS).fit(*data, resume_from=earlier)
    np.testing.assert_array_equal(model.coefs_[0], cls(**SETTINGS).fit(*data).coefs_[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_layer_sizes": (13,)}, r"network of member 0 was .*units=12.* given .*units=13"),
        ({"batch_norm": False}, r"network of member 0 was .*BatchNorm.*; given"),
        ({"optimizer": "adam"}, "optimizer of member 0 was sgd; given adam"),
    ],
    ids=["units", "layers", "rule"],
)
def test_another_network_or_rule_is_refused(options, message, tmp_path):
    broken_off(MLPClassifier, WINE, tmp_path / "run")
    refused(MLPClassifier(**{**SETTINGS, **options}), WINE, tmp_path / "run", message)


@pytest.mark.parametrize("change", ["a value", "a label", "rows", "order", "split", "seed"])
def test_other_data_are_refused(change, tmp_path):
    broken_off(MLPClassifier, WINE, tmp_path / "run")
    X, y = WINE[0].copy(), WINE[1].copy()
    options = {}
    if change == "a value":
        X[5, 3] += 1e-3
    elif change == "a label":
        y[5] = 1 - y[5]
    elif change == "rows":
        X, y = X[:-1], y[:-1]
    elif change == "order":
        X, y = X[::-1], y[::-1]
    elif change == "split":
        options = {"validation_fraction": 0.2}
    else:
        options = {"random_state": 1}
    refused(
        MLPClassifier(**{**SETTINGS, **options}), (X, y), tmp_path / "run", "other data|the seed"
    )


def refused(model, data, folder, message):
    """Refused before training; what the model knew stays."""
    before = {path: path.read_bytes() for path in folder.iterdir()}
    model.set_params(callbacks=[PullThePlug()])
    with pytest.raises(InputError, match=message):
        model.fit(*data, resume_from=folder)
    assert not hasattr(model, "history_")
    assert not hasattr(model, "network_")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_fitted_model_that_cannot_be_taken_up_predicts_as_before(tmp_path):
    broken_off(MLPClassifier, WINE, tmp_path / "run")
    model = MLPClassifier(**{**SETTINGS, "hidden_layer_sizes": (13,)}).fit(*WINE)
    before, history = model.predict_proba(WINE[0]), model.history_
    for data in (WINE, (WINE[0] * 2, WINE[1])):
        with pytest.raises(InputError):
            model.fit(*data, resume_from=tmp_path / "run")
        assert model.history_ is history
    with pytest.raises(InputError):
        model.fit(*IRIS, resume_from=tmp_path / "run")
    np.testing.assert_array_equal(model.predict_proba(WINE[0]), before)


def test_no_checkpoint_there(tmp_path):
    with pytest.raises(ModelFileError, match="no "):
        MLPClassifier(**SETTINGS).fit(*WINE, resume_from=tmp_path)
