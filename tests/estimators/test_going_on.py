"""Training that goes on: every parameter is taken up, refused, or documented to have no effect."""

import inspect
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.nn import Dense, Dropout, Linear, Quantile
from wellfit.optim import SGD, Adam, AdamW
from wellfit.training import Call, EarlyStopping, Progress
from wellfit.transfer import MLPAutoencoder, Pretrained

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
BOTH = pytest.mark.parametrize(
    ("cls", "data"), [(MLPClassifier, IRIS), (MLPRegressor, DIABETES)], ids=["class", "number"]
)
BEFORE = {
    "hidden_layer_sizes": (8,),
    "optimizer": SGD(0.1),
    "lr_schedule": "constant",
    "dropout": 0.1,
    "numeric_embedding": None,
    "ema_decay": 0.0,
    "batch_size": 32,
    "epochs": 2,
    "eval_every": 1,
    "early_stopping": EarlyStopping(patience=None),
    "warm_start": True,
    "random_state": 0,
    "n_threads": 1,
}
TOLD = []
DONOR = MLPClassifier((8,), numeric_embedding=None, epochs=1, random_state=1).fit(*IRIS)
# What needs no new weights is taken up: the training ends elsewhere, or shows that it was.
TAKEN = {
    "activation": "tanh",
    "dropout": 0.8,
    "input_dropout": 0.5,
    "input_noise": 0.5,
    "l1": 0.1,
    "l2": 0.1,
    "max_norm": 0.1,
    "optimizer": Adam(0.01),
    "learning_rate": 0.5,
    "lr_schedule": "one_cycle",
    "schedules": {"dropout": "one_cycle"},
    "gradient_clipping": 1e-3,
    "ema_decay": 0.9,
    "batch_size": 16,
    "shuffle": False,
    "subsample": 0.5,
    "epochs": 4,
    "early_stopping": False,
    "validation_fraction": 0.4,
    "augment": "noise",
    "class_weight": {0: 5.0, 1: 1.0, 2: 1.0},
    "precision": "float64",
    "max_steps": 3,
    "warm_start": False,
}
SEEN = {
    "scoring": ("neg_max_error", lambda model: "val_neg_max_error" in model.history_),
    "eval_every": (2, lambda model: np.isnan(model.history_["val_loss"][0])),
    "callbacks": ([Call(lambda *_: TOLD.append(1))], lambda model: bool(TOLD)),
    "image_shape": ((9, 9), None),  # refused by what needs it
    "verbose": (1, lambda model: bool(TOLD)),
    "device": ("cpu", None),  # the same results, by the same arithmetic
    "n_threads": (2, None),
    "processes": (None, None),  # of one alone, as here
}
REFUSED = {
    "hidden_layer_sizes": (64, 64),
    "layers": [4],
    "batch_norm": True,
    "output_activation": "relu",
    "numeric_embedding": "periodic",
    "n_submodels": 2,
    "preprocess": None,
    "pretrained": Pretrained(DONOR),
}
WITHOUT_EFFECT = {"initializer": "he_normal", "bias_initializer": "ones", "random_state": 7}
# What a preset sets, and what becomes of predictions: in tests of their own.
ELSEWHERE = {
    *(
        "preset",
        "architectures",
        "bagging",
        "validation_folds",
        "calibration",
        "conformal",
        "conformal_fraction",
        "clip_predictions",
        "categorical_embedding",
        "submodels",
    ),
}
LOSS = {MLPClassifier: "sigmoid_cross_entropy", MLPRegressor: "huber"}
ONE_EPOCH = {  # of partial_fit
    *("epochs", "subsample", "lr_schedule", "schedules", "early_stopping", "validation_fraction"),
    *("scoring", "eval_every", "max_steps", "warm_start"),
}


def begun(cls, data, **options):
    return cls(**{**BEFORE, **options}).fit(*data)


def outputs(model, data):
    X = data[0]
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def went_on(model, data, how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data) if how == "fit" else model.partial_fit(*data)


@BOTH
def test_every_parameter_is_in_one_of_the_tables(cls, data):
    tables = [*TAKEN, *SEEN, *REFUSED, *WITHOUT_EFFECT, "loss"]
    assert len(tables) == len(set(tables))
    others = {"class_weight"} if cls is MLPRegressor else {"output_activation"}
    assert set(cls().get_params(deep=False)) - ELSEWHERE == set(tables) - others


@BOTH
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_what_needs_no_new_weights_is_taken_up(cls, data, how):
    model = begun(cls, data)
    same = outputs(went_on(pickle.loads(pickle.dumps(model)), data, how), data)
    for key, value in {**TAKEN, "loss": LOSS[cls]}.items():
        if key not in model.get_params(deep=False):
            continue
        changed = pickle.loads(pickle.dumps(model)).set_params(**{key: value})
        ended = outputs(went_on(changed, data, how), data)
        expected = not (how == "partial_fit" and key in ONE_EPOCH)
        assert (not np.array_equal(ended, same)) == expected, key


@BOTH
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_what_changes_no_weight_is_taken_up_all_the_same(cls, data, how, monkeypatch):
    monkeypatch.setattr(Progress, "on_train_begin", lambda *_: TOLD.append(1))
    model = begun(cls, data)
    same = outputs(went_on(pickle.loads(pickle.dumps(model)), data, how), data)
    for key, (value, shows) in SEEN.items():
        if key == "scoring" and cls is MLPClassifier:
            value, shows = "f1_macro", lambda model: "val_f1_macro" in model.history_
        TOLD.clear()
        changed = pickle.loads(pickle.dumps(model)).set_params(**{key: value})
        went_on(changed, data, how)
        if key not in ("eval_every", "scoring"):  # by which another epoch may be the best
            np.testing.assert_allclose(outputs(changed, data), same, rtol=1e-5)
        if shows is not None and not (how == "partial_fit" and key in ONE_EPOCH):
            assert shows(changed), key


@BOTH
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_what_would_need_other_weights_is_refused(cls, data, how):
    model = begun(cls, data)
    before = outputs(model, data)
    for key, value in REFUSED.items():
        if key not in model.get_params(deep=False):
            continue
        changed = pickle.loads(pickle.dumps(model)).set_params(**{key: value})
        with pytest.raises(InputError, match=f"^{key} is|{key} was set since"):
            went_on(changed, data, how)
        np.testing.assert_array_equal(outputs(changed, data), before)


@BOTH
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_what_training_began_by_has_no_effect_and_the_documentation_says_so(cls, data, how):
    model = begun(cls, data)
    same = outputs(went_on(pickle.loads(pickle.dumps(model)), data, how), data)
    said = cls.__doc__[cls.__doc__.index("warm_start: ") :]
    for key, value in WITHOUT_EFFECT.items():
        changed = pickle.loads(pickle.dumps(model)).set_params(**{key: value})
        np.testing.assert_array_equal(outputs(went_on(changed, data, how), data), same)
        assert f"``{key}``" in said[: said.index("precision: ")]
    for key in ONE_EPOCH:
        assert f"``{key}``" in inspect.getdoc(cls.partial_fit)


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({"layers": [Dense(8, "relu"), Dropout(0.7)]}, "the same"),
        ({"layers": [Dense(8, "elu")]}, "the same"),
        ({"hidden_layer_sizes": 8}, "the same"),
        ({"hidden_layer_sizes": [8]}, "the same"),
        ({"activation": ["tanh"]}, "the same"),
        ({"layers": [Dense(8, batch_norm=True)]}, "others"),
        ({"layers": [Linear(8)]}, "others"),
        ({"hidden_layer_sizes": ()}, "others"),
        ({"hidden_layer_sizes": (7,)}, "others"),
        ({"hidden_layer_sizes": (8, 8)}, "others"),
    ],
)
def test_layers_written_in_another_way(changes, weights):
    model = begun(MLPClassifier, IRIS).set_params(**changes)
    if weights == "the same":
        assert model.fit(*IRIS).coefs_[0].shape == (4, 8)
    else:
        with pytest.raises(HyperparameterError, match="they are of linear"):
            model.fit(*IRIS)


def test_batch_norm_stays_where_it_is():
    model = begun(MLPClassifier, IRIS, batch_norm="before")
    with pytest.raises(HyperparameterError, match=r"^batch_norm is 'after'"):
        model.set_params(batch_norm="after").fit(*IRIS)


def test_losses_that_encode_targets_in_another_way_are_refused():
    two = IRIS[0][:100], IRIS[1][:100]
    for cls, data, first, loss in (
        (MLPClassifier, two, "auto", "sigmoid_cross_entropy"),
        (MLPRegressor, DIABETES, "auto", "poisson"),
        (MLPRegressor, DIABETES, "auto", Quantile((0.1, 0.9))),
        (MLPRegressor, DIABETES, "poisson", "huber"),
    ):
        model = begun(cls, data, loss=first)
        with pytest.raises(HyperparameterError, match=r"^loss is"):
            model.set_params(loss=loss).fit(*data)


def test_another_start_is_refused_and_another_end_is_taken_up():
    other = MLPClassifier((8,), epochs=1, random_state=2).fit(*IRIS)
    model = begun(MLPClassifier, IRIS, pretrained=Pretrained(DONOR, freeze=1))
    model.set_params(pretrained__freeze=0, dropout=0.5).fit(*IRIS)
    assert model.pretrained_["frozen"] == 0
    for pretrained in (Pretrained(other), Pretrained(DONOR, n_layers=0)):
        with pytest.raises(HyperparameterError, match=r"^pretrained takes other layers"):
            clone_of(model).set_params(pretrained=pretrained).fit(*IRIS)
    model.set_params(pretrained=None).fit(*IRIS)
    with pytest.raises(HyperparameterError, match=r"^pretrained takes other layers"):
        model.set_params(pretrained=Pretrained(other)).fit(*IRIS)


def clone_of(model):
    copied = clone(model)
    vars(copied).update(vars(model))
    return copied


# What predicts, and is saved, is what was trained.


@pytest.mark.parametrize(
    ("cls", "data", "changes"),
    [
        (MLPClassifier, IRIS, {"loss": "sigmoid_cross_entropy"}),
        (MLPClassifier, IRIS, {"preprocess": None}),
        (MLPClassifier, IRIS, {"hidden_layer_sizes": (64, 64), "activation": "tanh"}),
        (MLPRegressor, DIABETES, {"loss": "poisson"}),
        (MLPRegressor, DIABETES, {"loss": Quantile((0.1, 0.9)), "batch_norm": True}),
        (MLPAutoencoder, IRIS, {"loss": "sigmoid_cross_entropy", "hidden_layer_sizes": (9,)}),
    ],
)
def test_set_params_changes_no_prediction_and_no_saved_model(cls, data, changes, tmp_path):
    model = begun(cls, data) if cls is not MLPAutoencoder else cls((8,), epochs=2).fit(data[0])
    told = getattr(model, "predict", getattr(model, "reconstruct", None))
    before, params = told(data[0]), {key: model.get_params()[key] for key in changes}
    model.set_params(**changes)
    np.testing.assert_array_equal(told(data[0]), before)
    loaded = type(model).load(model.save(tmp_path / "model"))
    assert {key: loaded.get_params()[key] for key in changes} == params
    again = getattr(loaded, "predict", getattr(loaded, "reconstruct", None))
    np.testing.assert_array_equal(again(data[0]), before)


def test_a_loaded_model_goes_on_like_the_one_that_was_saved(tmp_path):
    model = begun(MLPClassifier, IRIS)
    loaded = MLPClassifier.load(model.save(tmp_path / "model")).set_params(random_state=0)
    loaded.keep(replace(loaded.network_, seed=model.network_.seed))
    for each in (model, loaded):
        each.set_params(activation="tanh", dropout=0.5).fit(*IRIS)
    np.testing.assert_array_equal(model.predict_proba(IRIS[0]), loaded.predict_proba(IRIS[0]))
    with pytest.raises(HyperparameterError, match=r"^hidden_layer_sizes is"):
        loaded.set_params(hidden_layer_sizes=(9,)).fit(*IRIS)


def test_borrowed_layers_of_a_loaded_model_stay_as_they_were(tmp_path):
    """Without ``pretrained`` no parameter describes them: they are kept, or it is refused."""
    network = {"activation": "tanh", "numeric_embedding": None}
    donor = MLPClassifier((8,), **network, epochs=1, random_state=1).fit(*IRIS)
    model = begun(MLPClassifier, IRIS, pretrained=Pretrained(donor))
    loaded = MLPClassifier.load(model.save(tmp_path / "model"))
    loaded.set_params(warm_start=True, l2=0.1, epochs=1).fit(*IRIS)
    assert loaded.network_.layers[1].activation.name == "tanh"
    with pytest.raises(HyperparameterError, match=r"^activation is 'elu'"):
        loaded.set_params(activation="elu").fit(*IRIS)


def test_another_rule_with_the_same_memory_begins_with_an_empty_one():
    """Adam and AdamW name their moments alike; as after any change of the rule, they are 0."""
    model = begun(MLPClassifier, IRIS, optimizer=Adam(0.01)).partial_fit(*IRIS)
    assert model.network_.result.epoch > 1
    model.set_params(optimizer=AdamW(0.01)).partial_fit(*IRIS)
    assert model.network_.result.epoch == 1
