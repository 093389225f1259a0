"""The objective in histories is the loss and the penalties of the weights, by their formulas."""

import numpy as np
import pytest

from engine import every, label, member, network, parameters, run, table
from wellfit import MLPClassifier
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import L1, L2, LayerRates, Ramp
from wellfit.training import EarlyStopping, ReduceLROnPlateau, Scheduled, Stream

ROWS = table(SoftmaxCrossEntropy())
STREAM = Stream(np.arange(40), np.arange(40, 50))


def weights(result, k=0, numbers=(0, 1)):
    """The matrices of some linear layers, without their biases."""
    blocks = [block.numpy() for block in result.last.blocks(k)]
    linear = [
        block[:-1]
        for block, layer in zip(blocks, result.last.network.layers, strict=True)
        if layer.name == "linear"
    ]
    return [linear[number] for number in numbers]


@pytest.mark.parametrize("penalty", every("penalty"), ids=label)
@pytest.mark.parametrize("only", [(), (1,)])
def test_the_objective_is_loss_and_penalty(penalty, only):
    penalty = penalty.replace(only=only)
    strengths = [0.01, 0.3]
    net = mlp(4, (6,), 3, batch_norm=True)
    members = [
        member(network=net, penalties=(penalty.replace(strength=each),), seed=k)
        for k, each in enumerate(strengths)
    ]
    result = run(members, ROWS, [STREAM])
    for k, strength in enumerate(strengths):
        history = result.history(k)
        parts = weights(result, k, only or (0, 1))
        cost = {"l1": lambda w: np.abs(w).sum(), "l2": lambda w: np.square(w).sum() / 2}
        expected = strength * sum(map(cost[penalty.name], parts))
        for name in ("", "val_"):
            added = history[f"{name}objective"][-1] - history[f"{name}loss"][-1]
            assert added == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("penalty", every("penalty"), ids=label)
def test_a_decoupled_penalty_is_no_part_of_it(penalty):
    decoupled = penalty.replace(decoupled=True, strength=0.3)
    net = mlp(4, (6,), 3)
    alone = run([member(network=net, penalties=(decoupled,))], ROWS, [STREAM]).history()
    assert "objective" not in alone
    assert "val_objective" not in alone
    both = run([member(network=net, penalties=(L2(0.1), decoupled))], ROWS, [STREAM])
    history, expected = both.history(), 0.05 * sum(np.square(w).sum() for w in weights(both))
    assert history["objective"][-1] - history["loss"][-1] == pytest.approx(expected)


def test_a_scheduled_strength_counts_as_it_is_at_the_epochs_end():
    one = member(
        network=mlp(4, (6,), 3),
        penalties=(L2(0.1),),
        schedules=(Scheduled("l2", Ramp(start=0.0, end=1.0)),),
        epochs=2,
    )
    result = run([one], ROWS, [STREAM], until=1)
    history = result.history()
    share = 2 / 6  # of the last step of three, of six in all
    expected = 0.1 * share * sum(np.square(w).sum() for w in weights(result)) / 2
    assert history["objective"][-1] - history["loss"][-1] == pytest.approx(expected)


def test_averaged_weights_have_the_objective_of_the_validation_rows():
    one = member(network=mlp(4, (6,), 3), penalties=(L1(0.1),), ema_decay=0.9)
    result = run([one], ROWS, [STREAM])
    kept = [block.numpy()[:-1] for block in result.weights().blocks(0) if block.numel()]
    history = result.history()
    expected = 0.1 * sum(np.abs(w).sum() for w in kept)
    assert history["val_objective"][-1] - history["val_loss"][-1] == pytest.approx(expected)
    assert history["objective"][-1] - history["loss"][-1] != pytest.approx(expected)


def test_frozen_layers_have_no_part_in_it():
    rates = [LayerRates(), LayerRates((0.0, 1.0))]
    members = [
        member(network=mlp(4, (6,), 3), penalties=(L2(0.1),), layer_rates=each) for each in rates
    ]
    result = run(members, ROWS, [STREAM])
    for k, numbers in enumerate([(0, 1), (1,)]):
        history = result.history(k)
        expected = 0.05 * sum(np.square(w).sum() for w in weights(result, k, numbers))
        assert history["objective"][-1] - history["loss"][-1] == pytest.approx(expected)


def test_without_penalties_the_objective_is_the_loss():
    one = member(epochs=12)
    result = run([one], ROWS, [STREAM], callbacks=[EarlyStopping(2, "val_objective")])
    same = run([one], ROWS, [STREAM], callbacks=[EarlyStopping(2, "val_loss")])
    assert "objective" not in result.history()
    np.testing.assert_array_equal(parameters(result, 0), parameters(same, 0))


def test_stopping_and_plateaus_go_by_the_objective():
    """A penalty that shrinks large weights: the objective goes on falling when the loss rises."""
    one = member(
        network=network(dropout=0.0, input_dropout=0.0),
        penalties=(L2(0.5),),
        epochs=60,
        lr_schedule=ReduceLROnPlateau(patience=2, monitor="val_objective"),
    )
    ended = {
        name: run([one], ROWS, [STREAM], callbacks=[EarlyStopping(3, name)])
        for name in ("val_loss", "val_objective")
    }
    values = np.array(ended["val_objective"].history()["val_objective"])
    assert int(ended["val_objective"].best_epoch[0]) == values.argmin() + 1
    assert ended["val_objective"].epochs[0] > ended["val_loss"].epochs[0]
    scale = np.array(ended["val_objective"].history()["learning_rate"])
    assert (values.argmin() + 1 == len(values)) == (len(np.unique(scale)) == 1)


def test_estimators_stop_by_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    stopping = EarlyStopping(patience=2, monitor="val_objective")
    clf = MLPClassifier((8,), l2=0.1, early_stopping=stopping, random_state=0, epochs=30)
    clf.fit(X, X[:, 0] > 0)
    values = clf.history_["val_objective"]
    assert clf.best_epoch_ == np.argmin(values) + 1
    ours = clf.history_["val_loss"][clf.best_epoch_ - 1] + 0.05 * sum(
        np.square(w).sum() for w in clf.coefs_
    )
    assert ours == pytest.approx(values[clf.best_epoch_ - 1], rel=1e-5)
