"""Layers, penalties, limits, clipping and averages, as estimators take them."""

import inspect
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

from wellfit import MLPClassifier, MLPRegressor
from wellfit.core.errors import InputError
from wellfit.nn import (
    AlphaDropout,
    BatchNorm,
    Constant,
    Dense,
    Dropout,
    GaussianNoise,
    Linear,
    SoftmaxCrossEntropy,
)
from wellfit.optim import L1, L2, SGD, ClipByLayerNorm, ClipByNorm, ClipByValue, Custom
from wellfit.training import Callback

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
BOTH = pytest.mark.parametrize(
    ("cls", "data"), [(MLPClassifier, IRIS), (MLPRegressor, DIABETES)], ids=["class", "number"]
)
PLAIN = {
    "hidden_layer_sizes": (8,),
    "numeric_embedding": None,
    "ema_decay": 0.0,
    "dropout": 0.0,
    "lr_schedule": "constant",
    "early_stopping": False,
    "epochs": 3,
    "batch_size": 32,
    "precision": "float64",
    "random_state": 0,
}


class Watch(Callback, name="watch_weights"):
    """Keeps the weights of every epoch's end: those that would predict, and those that move."""

    def on_train_begin(self, run, state):
        SEEN.clear()

    def on_epoch_end(self, logs, state):
        result = logs.view.result()
        SEEN.append((logs.view.weights().parameters, result.last.parameters))


SEEN = []


def plain(cls, data, **options):
    return cls(**{**PLAIN, **options}).fit(*data)


def one_step(cls, data, **options):
    """A step on all rows, so that a formula says where it ends; and where it started."""
    settings = {"optimizer": SGD(0.1), "batch_size": 1000, "epochs": 1, **options}
    still = plain(cls, data, **{**settings, "optimizer": SGD(0.0)})
    return plain(cls, data, **settings), still


def names(model):
    return [layer.name for layer in model.network_.layers]


def norms(weight):
    return np.linalg.norm(weight, axis=0)


# Layers one by one


@BOTH
def test_layers_one_by_one(cls, data):
    layers = [
        GaussianNoise(0.1),
        Dense(50, "relu", dropout=0.2),
        Linear(20),
        BatchNorm(),
        Dense(30, "elu", l2=1e-4),
        7,
    ]
    model = plain(cls, data, layers=layers, activation="tanh", hidden_layer_sizes=(99,))
    expected = "gaussian_noise linear activation dropout linear batch_norm linear activation"
    assert names(model) == [*expected.split(), "linear", "activation", "linear"]
    layers = model.network_.layers
    functions = [layer.activation.name for layer in layers if layer.name == "activation"]
    assert functions == ["relu", "elu", "tanh"]
    assert [w.shape[1] for w in model.coefs_[:-1]] == [50, 20, 30, 7]
    assert model.predict(data[0]).shape == data[1].shape


def test_an_activation_for_each_layer():
    model = plain(MLPClassifier, IRIS, hidden_layer_sizes=(8, 6), activation=["tanh", "elu"])
    same = plain(MLPClassifier, IRIS, layers=[Dense(8, "tanh"), Dense(6, "elu")])
    other = plain(MLPClassifier, IRIS, layers=[Dense(8, "elu"), Dense(6, "tanh")])
    np.testing.assert_array_equal(model.coefs_[0], same.coefs_[0])
    assert (model.coefs_[0] != other.coefs_[0]).any()
    with pytest.raises(InputError, match="names 2 functions; expected one, or one for each of"):
        plain(MLPClassifier, IRIS, hidden_layer_sizes=(8,), activation=["tanh", "elu"])


@BOTH
def test_biases_start_as_told(cls, data):
    still = plain(cls, data, bias_initializer=Constant(0.25), optimizer=SGD(0.0))
    assert all((bias == 0.25).all() for bias in still.intercepts_)
    still = plain(cls, data, layers=[Dense(5, bias_initializer="ones")], optimizer=SGD(0.0))
    assert (still.intercepts_[0] == 1).all()
    assert (still.intercepts_[1] == 0).all()


@BOTH
@pytest.mark.parametrize(
    ("place", "order"),
    [
        (True, ["linear", "batch_norm", "activation", "linear"]),
        ("before", ["linear", "batch_norm", "activation", "linear"]),
        ("after", ["linear", "activation", "batch_norm", "linear"]),
        (False, ["linear", "activation", "linear"]),
        (BatchNorm(), ["linear", "batch_norm", "activation", "linear"]),
        (BatchNorm(place="after"), ["linear", "activation", "batch_norm", "linear"]),
        (
            BatchNorm(output=True),
            ["linear", "batch_norm", "activation", "linear", "batch_norm"],
        ),
    ],
)
def test_batch_norm_stands_where_it_is_told(cls, data, place, order):
    assert names(plain(cls, data, batch_norm=place)) == order


@BOTH
def test_batch_norm_has_the_settings_it_is_given(cls, data):
    model = cls(**PLAIN, batch_norm="after").set_params(batch_norm__momentum=0.95)
    assert model.batch_norm == BatchNorm(momentum=0.95, place="after")
    model.set_params(batch_norm__output=True, batch_norm__epsilon=1e-3).fit(*data)
    layers = [layer for layer in model.network_.layers if isinstance(layer, BatchNorm)]
    assert layers == [BatchNorm(momentum=0.95, epsilon=1e-3)] * 2
    own = plain(cls, data, layers=[Dense(5, batch_norm=BatchNorm(0.5)), 4], batch_norm=True)
    layers = [layer for layer in own.network_.layers if isinstance(layer, BatchNorm)]
    assert layers == [BatchNorm(0.5), BatchNorm()]


@BOTH
def test_momentum_of_batch_norm_weighs_the_running_statistics(cls, data):
    """After one step from mean 0: the batch's own mean, by the share that isn't kept."""
    still = {"batch_size": 1000, "epochs": 1, "optimizer": SGD(0.0)}
    means = [
        plain(cls, data, **still, batch_norm=BatchNorm(momentum)).network_.statistics[1][0]
        for momentum in (0.0, 0.9)
    ]
    np.testing.assert_allclose(means[1], 0.1 * means[0])


@BOTH
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("befor", "batch_norm is 'befor'; did you mean 'before'?"),
        (0.9, "batch_norm is 0.9. Expected True, False"),
        (Dropout(0.1), "batch_norm is Dropout(rate=0.1)"),
    ],
)
def test_batch_norm_that_is_none(cls, data, given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        plain(cls, data, batch_norm=given)


def test_settings_of_batch_norm_need_no_name():
    given = {"momentum": 0.95, "output": True}
    assert BatchNorm.from_value(given) == BatchNorm(0.95, output=True)
    with pytest.raises(InputError, match="unknown hyper-parameter 'momentm' of batch_norm"):
        BatchNorm.from_value({"momentm": 0.95})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("hiden_layer_sizes", "MLPClassifier has no parameter 'hiden_layer_sizes'; did you mean "
         "'hidden_layer_sizes'?"),
        ("optimizer__momentum", r"takes optimizer__momentum by set_params\(optimizer__momentum=…"),
        ("lr", "MLPClassifier has no parameter 'lr'; did you mean 'learning_rate'?"),
    ],
)  # fmt: skip
def test_a_keyword_that_a_constructor_does_not_have(given, message):
    with pytest.raises(TypeError, match=message):
        MLPClassifier(**{given: 1})


def test_settings_of_a_batch_norm_that_is_not_there():
    with pytest.raises(InputError, match="batch_norm__momentum can't be set, since batch_norm is"):
        MLPClassifier().set_params(batch_norm__momentum=0.9)


def test_one_output_is_learned_through_batch_norm():
    norm = BatchNorm(output=True)
    for optimizer in ("adam", "lbfgs"):
        model = plain(MLPRegressor, DIABETES, batch_norm=norm, optimizer=optimizer, epochs=40)
        assert model.score(*DIABETES) > 0.45
    two = IRIS[0][:100], IRIS[1][:100]
    fast = {"optimizer": SGD(0.5), "loss": "sigmoid_cross_entropy", "epochs": 20}
    model = plain(MLPClassifier, two, batch_norm=norm, **fast)
    assert model.network_.weights.network.outputs == 1
    assert model.score(*two) > 0.95


# The output layer


@pytest.mark.parametrize(
    ("activation", "low", "high", "scale"),
    [
        ("tanh", -1, 1, 1.0),
        ("sigmoid", 0, 1, 1.0),
        ("relu", 0, np.inf, None),
        ("softplus", 0, np.inf, None),
    ],
)
def test_an_output_activation_bounds_predictions(activation, low, high, scale):
    y = DIABETES[1]
    y = y * 10 if np.isinf(high) else low + (high - low) * (y - 20) / 330
    model = plain(MLPRegressor, (DIABETES[0], y), output_activation=activation, epochs=40)
    assert names(model)[-2:] == ["linear", "activation"]
    predicted = model.predict(DIABETES[0] * 1e4)
    assert predicted.min() >= low
    assert predicted.max() <= high
    assert model.score(DIABETES[0], y) > 0.4
    learned = model.network_.targets.scale
    assert learned.mean_ == [0.0]
    assert learned.scale_ == pytest.approx([y.mean() if scale is None else scale])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.linspace(0, 2, 442),
            "the target is 1.00227 in row 221, and output_activation 'tanh' "
            "puts out numbers from -1 to 1",
        ),
        (np.linspace(-2, 0, 442), "the target is -2 in row 0"),
    ],
)
def test_targets_that_an_output_activation_cannot_reach(y, message):
    with pytest.raises(InputError, match=message):
        plain(MLPRegressor, (DIABETES[0], y), output_activation="tanh")


def test_output_activations_that_cannot_be_meant():
    with pytest.raises(InputError, match="loss 'poisson' puts a function of its own"):
        plain(MLPRegressor, DIABETES, output_activation="relu", loss="poisson")
    for act in (
        lambda: MLPClassifier(output_activation="tanh"),
        lambda: MLPClassifier().set_params(output_activation="tanh"),
    ):
        with pytest.raises(InputError, match="MLPClassifier has no output_activation: its loss"):
            act()


@BOTH
def test_input_noise_and_kinds_of_dropout(cls, data):
    model = plain(cls, data, input_noise=0.3, input_dropout=0.1, dropout=AlphaDropout(0.2))
    assert names(model)[:2] == ["dropout", "gaussian_noise"]
    assert names(model)[-2] == "alpha_dropout"
    assert model.network_.layers[1] == GaussianNoise(0.3)
    without = plain(cls, data)
    assert (model.coefs_[0] != without.coefs_[0]).any()
    np.testing.assert_array_equal(model.predict(data[0]), model.predict(data[0]))


# Penalties and limits on weights


@BOTH
def test_a_layers_own_penalty_replaces_the_estimators(cls, data):
    layers = [Dense(8), Dense(6, l2=0.5), Dense(5, l2=0.0)]
    ours, start = one_step(cls, data, layers=layers, l2=0.2)
    free, _ = one_step(cls, data, layers=[Dense(8), Dense(6), Dense(5)])
    for after, without, before, strength in zip(
        ours.coefs_, free.coefs_, start.coefs_, (0.2, 0.5, 0.0, 0.2), strict=True
    ):
        np.testing.assert_allclose(after, without - 0.1 * strength * before, atol=1e-12)
    for after, without in zip(ours.intercepts_, free.intercepts_, strict=True):
        np.testing.assert_allclose(after, without, atol=1e-12)


@BOTH
def test_decoupled_l2_is_the_formula(cls, data):
    """Weights are multiplied by 1 - rate · strength, biases are not."""
    ours, start = one_step(cls, data, l2=L2(0.3, decoupled=True))
    free, _ = one_step(cls, data)
    for after, without, before in zip(ours.coefs_, free.coefs_, start.coefs_, strict=True):
        np.testing.assert_allclose(after, without - 0.1 * 0.3 * before, atol=1e-12)
    np.testing.assert_array_equal(ours.intercepts_[0], free.intercepts_[0])


@BOTH
def test_decoupled_l1_gives_exact_zeros(cls, data):
    shared = {"epochs": 30, "optimizer": "adam", "l1": 0.05}
    coupled = plain(cls, data, **shared)
    decoupled = plain(cls, data, **{**shared, "l1": L1(3.0, decoupled=True)})
    assert coupled.sparsity_ == 0
    assert decoupled.sparsity_ > 0.3
    zeros = sum((w == 0).sum() for w in decoupled.coefs_) / sum(w.size for w in decoupled.coefs_)
    assert decoupled.sparsity_ == pytest.approx(zeros)


@BOTH
def test_incoming_weights_are_held_to_max_norm(cls, data):
    long = {"bias_initializer": Constant(5.0), "optimizer": SGD(0.05), "epochs": 5}
    free = plain(cls, data, **long)
    held = plain(cls, data, max_norm=0.5, **long)
    assert norms(free.coefs_[0]).max() > 0.6
    assert norms(held.coefs_[0]).max() <= 0.5 + 1e-12
    assert np.abs(held.intercepts_[0]).max() > 1
    assert norms(held.coefs_[1]).max() > 0.5  # outputs are no features


@BOTH
def test_a_layers_own_limit_replaces_the_estimators(cls, data):
    model = plain(cls, data, layers=[Dense(8, max_norm=0.2), Dense(8)], max_norm=0.4, epochs=5)
    assert norms(model.coefs_[0]).max() <= 0.2 + 1e-12
    assert 0.2 < norms(model.coefs_[1]).max() <= 0.4 + 1e-12
    linear = plain(cls, data, hidden_layer_sizes=(), max_norm=0.1)  # all there is
    assert norms(linear.coefs_[0]).max() <= 0.1 + 1e-12


# Clipping


@BOTH
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (0.01, ClipByNorm(0.01)),
        ("by_value", ClipByValue()),
        (ClipByLayerNorm(0.02), ClipByLayerNorm(0.02)),
    ],
    ids=["number", "name", "object"],
)
def test_clipping(cls, data, given, meant):
    ours, start = one_step(cls, data, gradient_clipping=given)
    assert ours.network_.result.members[0].gradient_clipping == (meant,)
    moves = [a - b for a, b in zip(blocks(ours), blocks(start), strict=True)]
    whole = np.sqrt(sum((move**2).sum() for move in moves))
    if meant.name == "by_norm":
        np.testing.assert_allclose(whole, 0.1 * 0.01)
    elif meant.name == "by_layer_norm":
        np.testing.assert_allclose([np.linalg.norm(move) for move in moves], 0.1 * 0.02)
    else:
        assert max(np.abs(move).max() for move in moves) <= 0.1 + 1e-12


def blocks(model):
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return [np.vstack([weight, bias]) for weight, bias in pairs]


# Averages


@BOTH
def test_the_average_is_of_the_last_tenth_at_first_and_exponential_then(cls, data):
    watch = {"callbacks": [Watch()], "batch_size": 1000, "epochs": 40, "optimizer": SGD(0.05)}
    model = plain(cls, data, ema_decay=0.9, **watch)  # an epoch is a step
    expected = None
    for step, (average, raw) in enumerate(SEEN):
        share = min(0.9, step / (step + 9))
        expected = raw if expected is None else share * expected + (1 - share) * raw
        np.testing.assert_allclose(average, expected, atol=1e-12)
    first = expected[: model.coefs_[0].size].view(model.coefs_[0].shape).numpy()
    np.testing.assert_allclose(model.coefs_[0], first, atol=1e-12)


@BOTH
def test_averaging_does_not_change_the_path(cls, data):
    watch = {"callbacks": [Watch()], "epochs": 4}
    plain(cls, data, **watch)
    raw = SEEN[-1][1]
    plain(cls, data, ema_decay=0.99, **watch)
    np.testing.assert_array_equal(SEEN[-1][1], raw)
    assert (SEEN[-1][0] != raw).any()


@BOTH
def test_an_average_is_saved_and_partial_fit_goes_on_below_it(cls, data, tmp_path):
    model = plain(cls, data, ema_decay=0.99)
    loaded = cls.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))

    steps = {**PLAIN, "epochs": 1, "ema_decay": 0.99}
    averaged = cls(**steps).partial_fit(*data).partial_fit(*data)
    bare = cls(**{**steps, "ema_decay": 0.0}).partial_fit(*data).partial_fit(*data)
    raw = averaged.network_.result.last.parameters
    np.testing.assert_array_equal(raw, bare.network_.result.last.parameters)
    assert (averaged.coefs_[0] != bare.coefs_[0]).any()


# scikit-learn's ways


def everything():
    return {
        "layers": [Dense(8, "elu", dropout=0.1, l1=0.1), GaussianNoise(0.1), 5],
        "bias_initializer": Constant(0.1),
        "l1": L1(0.1, decoupled=True),
        "gradient_clipping": ClipByValue(0.5),
        "schedules": {"dropout": "ramp"},
        "ema_decay": 0.9,
        "scoring": "r2",
    }


@BOTH
def test_parameters_come_back_as_they_were_given(cls, data):
    given = everything()
    model = cls(**given)
    twin = clone(model)
    for key, value in given.items():
        assert getattr(twin, key) == value
        assert model.get_params()[key] == value
    rebuilt = cls(**model.get_params(deep=False))
    assert repr(rebuilt) == repr(model)
    assert "Dense(units=8" in repr(model)


@BOTH
def test_set_params_reaches_inside(cls, data):
    model = cls(gradient_clipping="by_value", bias_initializer="constant")
    model.set_params(gradient_clipping__limit=0.25, bias_initializer__value=0.5, max_norm=2.0)
    assert model.gradient_clipping == ClipByValue(0.25)
    assert model.bias_initializer == Constant(0.5)
    assert model.max_norm == 2.0


def test_set_params_reaches_into_the_loss():
    X, y = IRIS
    sharp = plain(MLPClassifier, IRIS, epochs=150, optimizer="adam")
    smooth = clone(sharp).set_params(loss="softmax_cross_entropy", loss__label_smoothing=0.3)
    smooth.fit(X, y)
    assert smooth.loss == SoftmaxCrossEntropy(0.3)
    assert smooth.predict_proba(X).max() < sharp.predict_proba(X).max() - 0.05


@BOTH
def test_a_model_with_a_function_of_the_users_is_loaded_without_it(cls, data, tmp_path):
    halve = Custom(lambda epoch: 0.5**epoch)
    model = plain(
        cls, data, lr_schedule=halve, schedules={"momentum": halve}, optimizer=SGD(0.1, 0.9)
    )
    folder = model.save(tmp_path / "model")
    with pytest.warns(UserWarning, match="isn't restored"):
        loaded = cls.load(folder)
    assert loaded.lr_schedule == "constant"
    assert loaded.schedules is None
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))


@BOTH
def test_whatever_was_given_is_saved(cls, data, tmp_path):
    options = {**everything(), "scoring": None, "max_norm": 2.0, "batch_norm": "after"}
    model = plain(cls, data, **options)
    loaded = cls.load(model.save(tmp_path / "model"))
    assert loaded.get_params()["layers"] == tuple(options["layers"])
    for key in (
        "l1",
        "gradient_clipping",
        "ema_decay",
        "max_norm",
        "batch_norm",
        "bias_initializer",
    ):
        assert getattr(loaded, key) == options[key]
    np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_the_docstring_lists_every_parameter_in_order(cls):
    described = re.findall(
        r"^    (\w+): ", inspect.getdoc(cls).partition("Attributes:")[0], re.MULTILINE
    )
    assert described == list(inspect.signature(cls).parameters)
