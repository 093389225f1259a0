"""A checkpoint is a model: ``load_model`` makes an estimator of it that predicts the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellfit import MLPClassifier, MLPRegressor, load_model
from wellfit.core.errors import ModelFileError
from wellfit.nn import Dense, mlp
from wellfit.training import Checkpoint, Member, Rows, Stream, train
from wellfit.training.checkpoint import checkpoints, write_checkpoint
from wellfit.transfer import Pretrained

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
TABLE = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "yes", "no"), "c": X[:, 2]})
TABLE.loc[::9, "a"] = np.nan
BELOW = MLPClassifier((6, 5), epochs=2, random_state=0).fit(X, Y)

MODELS: dict[str, tuple[Any, Any, Any]] = {
    "classes": (MLPClassifier((5,)), X, Y),
    "texts": (MLPClassifier((5,)), TABLE, np.array(["low", "high", "mid"])[Y + (X[:, 2] > 1)]),
    "labels": (MLPClassifier((5,)), X, np.column_stack([Y, 1 - Y, X[:, 2] > 0]).astype(int)),
    "numbers": (MLPRegressor((5,), batch_norm=True), TABLE, 100 + 7 * X[:, 3]),
    "outputs": (MLPRegressor(layers=[Dense(4, dropout=0.2), 3]), X, X[:, :2] * 3),
    "averaged": (MLPClassifier((5,), ema_decay=0.9, precision="float64"), X, Y),
    "frozen": (MLPClassifier(pretrained=Pretrained(BELOW, freeze=1)), X, Y),
    "unscaled": (MLPRegressor((), preprocess=None), X, X[:, 0]),
}


def predicted(model: Any, rows: Any) -> Any:
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


@pytest.mark.parametrize("name", MODELS)
def test_every_checkpoint_predicts_as_its_epoch_did(name: str, tmp_path: Path) -> None:
    model, rows, targets = MODELS[name]
    watched = Checkpoint(str(tmp_path), keep=9)
    model = model.set_params(random_state=3, early_stopping=False, lr_schedule="constant")
    model.set_params(epochs=3, callbacks=[watched])
    whole = model.fit(rows, targets)
    if name == "frozen":
        assert whole.pretrained_["cached"]
    np.testing.assert_array_equal(predicted(load_model(tmp_path), rows), predicted(whole, rows))

    short = model.set_params(epochs=2, callbacks=()).fit(rows, targets)
    loaded = load_model(tmp_path / "epoch-000002.safetensors")
    assert type(loaded) is type(short)
    np.testing.assert_allclose(predicted(loaded, rows), predicted(short, rows), rtol=1e-6)
    assert (loaded.n_epochs_, loaded.best_epoch_) == (2, 2)
    assert loaded.status_ == "interrupted"
    assert loaded.history_["loss"] == pytest.approx(short.history_["loss"])
    saved = load_model(loaded.save(tmp_path / "model"))
    np.testing.assert_array_equal(predicted(saved, rows), predicted(loaded, rows))


def test_the_best_weights_so_far_predict(tmp_path: Path) -> None:
    model = MLPClassifier(
        (32,), epochs=40, early_stopping=True, random_state=0, callbacks=[Checkpoint(tmp_path)]
    )
    model.set_params(optimizer__learning_rate=0.1).fit(X, RNG.integers(0, 2, len(X)))
    assert model.best_epoch_ < model.n_epochs_
    loaded = load_model(tmp_path)
    assert loaded.best_epoch_ == model.best_epoch_
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_training_goes_on_from_a_checkpoints_model(tmp_path: Path) -> None:
    given = {"epochs": 2, "validation_fraction": 0.1, "random_state": 0}
    model = MLPClassifier((5,), **given, callbacks=[Checkpoint(tmp_path)])
    loss = model.fit(X, Y).history_["loss"][-1]
    more = load_model(tmp_path).set_params(warm_start=True, epochs=5).fit(X, Y)
    assert more.history_["loss"][0] < loss


def test_checkpoints_that_are_no_model(tmp_path: Path) -> None:
    members = [Member(mlp(4, (3,), 2), epochs=1, seed=seed) for seed in (0, 1)]
    done = train(members, Rows(X, Y), [Stream(np.arange(len(X)))])
    with pytest.raises(ModelFileError, match="of 2 trainings; expected one"):
        load_model(write_checkpoint(tmp_path / "two", done))
    with pytest.raises(ModelFileError, match="has no parameters of its estimator"):
        load_model(write_checkpoint(tmp_path / "one", done.member(0)))
    extra = {"model": {"document": {"estimator": "MLPClassifier"}, "arrays": {}}}
    with pytest.raises(ModelFileError, match="learned is None; expected"):
        load_model(write_checkpoint(tmp_path / "altered", done.member(0), extra))
    with pytest.raises(ModelFileError, match="there is no checkpoint"):
        load_model(tmp_path / "epoch-000009.safetensors")


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    model = MLPClassifier((5,), epochs=3, random_state=0, callbacks=[Checkpoint(tmp_path)])
    model.fit(X, Y)
    newest = checkpoints(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:-9])
    assert load_model(tmp_path).n_epochs_ == 2
    with pytest.raises(ModelFileError, match="damaged or no checkpoint"):
        load_model(newest)


def test_an_estimator_that_no_file_can_hold_still_writes_checkpoints(tmp_path: Path) -> None:
    class Cautious(MLPClassifier):
        def predict(self, X: Any) -> Any:
            return self.classes_[(self.predict_proba(X)[:, 1] > 0.9).astype(int)]

    Cautious((5,), epochs=2, random_state=0, callbacks=[Checkpoint(tmp_path)]).fit(X, Y)
    with pytest.raises(ModelFileError, match="no file can hold the estimator"):
        load_model(tmp_path)
