"""The laws of a stack, over the whole registry, in float64."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import FLOAT64, every, label, member, network, parameters, run, table, train_by_pytorch
from wellfit.core.errors import InputError
from wellfit.nn import (
    Activate,
    AlphaDropout,
    BatchNorm,
    Dropout,
    GaussianNoise,
    LeakyReLU,
    Linear,
    MaskingNoise,
    Network,
    SoftmaxCrossEntropy,
    SquaredError,
    mlp,
)
from wellfit.optim import L1, L2, LBFGS, SGD, Adam, Exponential, Ramp
from wellfit.optim.minimizers import Minimizer
from wellfit.training import (
    EarlyStopping,
    Result,
    Rows,
    Scheduled,
    Status,
    Stream,
    Weights,
    load_checkpoint,
    predict,
    save_checkpoint,
)
from wellfit.training.native.library import missing
from wellfit.training.stack import Stack

LOSS = SoftmaxCrossEntropy()
NOISES = [Dropout, MaskingNoise, AlphaDropout, GaussianNoise]
VARIED = (
    "activation",
    "initializer",
    "layer",
    "loss",
    "optimizer",
    "schedule",
    "clipping",
    "constraint",
)
VARIETY = [
    dict(zip(VARIED, choice, strict=True))
    for choice in itertools.islice(
        zip(*(itertools.cycle(every(family)) for family in VARIED), strict=True),
        max(len(every(family)) for family in VARIED),
    )
]  # as many combinations as it takes for every member of every family to occur


@pytest.fixture(autouse=True, params=["compiled", "PyTorch"])
def step(request, monkeypatch):
    """Hold every law for both kinds of step; what the compiled one lacks is the same twice."""
    if request.param == "PyTorch":
        train_by_pytorch(monkeypatch)
    elif missing():
        pytest.skip(f"the compiled step is {missing()}")


def varied(choice, count=4):
    """Members of one structure that differ in all they may differ in."""
    if isinstance(choice["optimizer"], Minimizer):
        return minimizing(choice, count)
    return [
        member(
            seed=k,
            epochs=3 + k % 2,
            network=drop_rates(varied_network(choice), 0.1 * (k + 1)),
            loss=choice["loss"],
            optimizer=choice["optimizer"].replace(learning_rate=0.003 * (k + 1)),
            lr_schedule=choice["schedule"],
            schedules=(Scheduled("dropout", Ramp(end=0.5)), Scheduled("l2", Ramp(end=2.0))),
            penalties=(L2(1e-3 * k), L1(1e-4 * k), L2(1e-2 * k, decoupled=True, only=(0,))),
            gradient_clipping=(choice["clipping"].replace(limit=0.5 + k),),
            constraints=(choice["constraint"].replace(limit=0.5 + k),),
            ema_decay=0.5 + 0.1 * k,
        )
        for k in range(count)
    ]


def varied_network(choice, noisy=True):
    """With batch norm, below which a bias has no effect.

    But Lion goes by its gradient's sign, and so does the first step of AdaGrad.
    """
    more = [] if choice["layer"].training_only and not noisy else [choice["layer"]]
    more = [Linear(5) if isinstance(layer, Linear) else layer for layer in more]
    rates = {} if noisy else {"dropout": 0.0, "input_dropout": 0.0}
    net = network(
        activation=choice["activation"],
        initializer=choice["initializer"],
        batch_norm=choice["optimizer"].name not in ("lion", "adagrad"),
        **rates,
    )
    return net.replace(layers=(*net.layers[:-1], *more, net.layers[-1]))


def minimizing(choice, count):
    """Members for a rule that looks at all rows at once and takes no randomness."""
    net = varied_network(choice, noisy=False)
    return [
        member(
            seed=k,
            epochs=3 + k % 2,
            network=net,
            loss=choice["loss"],
            optimizer=choice["optimizer"],
            penalties=(L2(1e-3 * k), L1(1e-4 * k)),
        )
        for k in range(count)
    ]


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal but for rounding.

    A bias below batch norm has no effect: its gradient is rounding noise of 1e-17, which Adam
    divides by its own size, so that 1e-9 of a step is noise.
    """
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-7)


def drop_rates(net: Network, rate: float) -> Network:
    return net.replace(
        layers=tuple(
            Dropout(rate) if isinstance(layer, Dropout) else layer for layer in net.layers
        )
    )


def streams_for(count: int, rows: int) -> list[Stream]:
    """Folds: the first two members share one, the others have their own."""
    order = np.random.default_rng(3).permutation(rows)
    folds = [
        Stream(np.roll(order, 7 * k)[:35], np.roll(order, 7 * k)[35:45], seed=k)
        for k in range(count)
    ]
    return [folds[0], *folds[:-1]]


@pytest.mark.parametrize("choice", VARIETY, ids=lambda c: "-".join(label(v) for v in c.values()))
def test_alone_is_together(choice):
    members = varied(choice)
    rows = table(choice["loss"])
    streams = streams_for(len(members), len(rows))
    together = run(members, rows, streams)
    for k in range(len(members)):
        alone = run([members[k]], rows, [streams[k]])
        same(parameters(alone, 0), parameters(together, k))
        for name in ("loss", "val_loss", "learning_rate"):
            np.testing.assert_allclose(alone.history(0)[name], together.history(k)[name])


@pytest.mark.parametrize("outputs", [1, 3])  # few lie in memory unit by unit
def test_outputs_that_are_normalized_and_bounded_are_alone_as_together(outputs):
    norms = [BatchNorm(0.5 + 0.1 * k, 10.0**-k, output=True) for k in range(3)]
    ends = [(BatchNorm(), LeakyReLU(0.1 * k)) for k in range(3)]
    for nets in (
        [mlp(4, (6,), outputs, batch_norm=norm) for norm in norms],
        [Network(4, (*mlp(4, (6,), outputs).layers, norm, Activate(end))) for norm, end in ends],
    ):
        members = [member(seed=k, network=net, loss=SquaredError()) for k, net in enumerate(nets)]
        rows = table(SquaredError(), outputs=outputs)
        streams = streams_for(3, len(rows))
        together = run(members, rows, streams)
        for k, one in enumerate(members):
            alone = run([one], rows, [streams[k]])
            same(parameters(alone, 0), parameters(together, k))
            for name in ("loss", "val_loss"):
                np.testing.assert_allclose(alone.history(0)[name], together.history(k)[name])


@pytest.mark.parametrize("batch", [16, 9])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.__name__)
def test_folds_of_unequal_lengths_are_together_as_alone(noise, weighted, batch):
    """The last batches have 3, 2 and 1 rows; or 8, 7 and 6, so that two streams fill in one."""
    weight = np.linspace(0.5, 1.5, 50) if weighted else None
    rows, order = table(LOSS, weight=weight), np.random.default_rng(3).permutation(50)
    net = mlp(4, (6, 5), 3).replace(layers=(noise(), *mlp(4, (6, 5), 3, dropout=0.3).layers))
    streams = [Stream(np.roll(order, 7 * k)[: 35 - k], order[35:45], seed=k) for k in range(3)]
    streams.append(streams[1])
    members = [
        member(
            network=net,
            seed=k,
            optimizer=Adam(0.003 * (k + 1)),
            penalties=(L2(1e-2 * k),),
            batch_size=batch,
            epochs=3 + k % 2,
        )
        for k in range(4)
    ]
    together = run(members, rows, streams)
    for k, (one, stream) in enumerate(zip(members, streams, strict=True)):
        alone = run([one], rows, [stream])
        same(parameters(alone, 0), parameters(together, k))
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(alone.history(0)[name], together.history(k)[name])


def test_layers_say_whether_rows_have_to_do_with_each_other():
    x = torch.randn(2, 6, 5, dtype=FLOAT64, generator=torch.Generator().manual_seed(0))
    x[..., -1] = 1
    for layer in every("layer"):
        if layer.rows_per_output > 1:
            continue  # its rows are parts of an example
        last = mlp(layer.width(4), (), 3).layers
        one = member(network=Network(4, (layer, *last)), optimizer=SGD())
        stack = Stack([one] * 2, Weights.initial([one] * 2, FLOAT64, torch.device("cpu")))
        few, more = (stack.executor(rows, 1) for rows in (5, 6))
        for each in (few, more):
            each.refresh(0, 1)
        alone = few.forward(x[:, :5].clone()).clone()
        apart = torch.allclose(alone, more.forward(x.clone())[:, :5])
        assert apart != layer.mixes_rows, layer


def test_rows_that_meet_take_folds_of_one_length():
    rows, streams = table(LOSS), [Stream(np.arange(35)), Stream(np.arange(34))]
    for one in (
        member(network=network(batch_norm=True)),
        member(network=mlp(4, (3,), 3), optimizer=LBFGS()),
        member(network=mlp(4, (3,), 3), batch_size=50),
    ):
        with pytest.raises(InputError, match="same number of training rows"):
            run([one, one], rows, streams)


@pytest.mark.parametrize("seeds", ["one seed", "own seeds"])
@pytest.mark.parametrize("strengths", ["one rate", "own rates"])
@pytest.mark.parametrize("kind", NOISES, ids=lambda kind: kind.name)
def test_noise_alone_is_noise_together(kind, strengths, seeds):
    """What members share, bits or whole masks, is drawn once for all."""
    members = [
        member(
            seed=k if seeds == "own seeds" else 7,
            network=mlp(4, (6,), 3).replace(
                layers=(Linear(6), kind(0.3 + 0.1 * k * (strengths == "own rates")), Linear(3))
            ),
            optimizer=SGD(0.1 * (k + 1)),
        )
        for k in range(3)
    ]
    rows = table(LOSS)
    together = run(members, rows)
    for k, one in enumerate(members):
        same(parameters(run([one], rows), 0), parameters(together, k))


@settings(max_examples=10)
@given(order=st.permutations(range(4)))
def test_reordering_members_reorders_results(order):
    members, rows = varied(VARIETY[0]), table(VARIETY[0]["loss"])
    streams = streams_for(4, len(rows))
    straight = run(members, rows, streams)
    shuffled = run([members[k] for k in order], rows, [streams[k] for k in order])
    for place, k in enumerate(order):
        same(parameters(shuffled, place), parameters(straight, k))


def test_a_member_that_diverges_changes_no_other():
    members = [
        member(seed=k, optimizer=SGD(rate), network=mlp(4, (6,), 3, dropout=0.2), epochs=6)
        for k, rate in enumerate([0.1, 1e200, 0.2])
    ]
    rows = table(LOSS)
    result = run(members, rows)
    assert result.status == [Status.FINISHED, Status.DIVERGED, Status.FINISHED]
    assert not np.isfinite(result.history(1)["loss"][-1])
    for k in (0, 2):
        alone = run([members[k]], rows)
        same(parameters(alone, 0), parameters(result, k))


def test_members_that_stop_change_no_survivor_and_are_no_longer_computed():
    members = [member(seed=k, epochs=epochs) for k, epochs in enumerate([2, 6, 1, 4])]
    rows = table(LOSS)
    result = run(members, rows)
    assert result.epochs.tolist() == [2, 6, 1, 4]
    for k in range(4):
        alone = run([members[k]], rows)
        same(parameters(alone, 0), parameters(result, k))
        assert len(result.history(k)["loss"]) == members[k].epochs


def resumed(members, rows, streams, pause, callbacks=()) -> Result:
    """Train to ``pause``, put everything aside as plain data, take it up again."""
    first = run(members, rows, streams, until=pause, callbacks=callbacks)
    document, tensors = save_checkpoint(first)
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    taken = load_checkpoint(members, document, saved)
    return run(members, rows, streams, resume=taken, callbacks=callbacks)


@pytest.mark.parametrize("choice", VARIETY, ids=lambda c: "-".join(label(v) for v in c.values()))
@pytest.mark.parametrize("pause", [1, 3])
def test_pausing_changes_nothing(choice, pause):
    members, rows = varied(choice), table(choice["loss"])
    streams = streams_for(len(members), len(rows))
    callbacks = [EarlyStopping(patience=2)]
    whole = run(members, rows, streams, callbacks=callbacks)
    parts = resumed(members, rows, streams, pause, callbacks)
    assert parts.status == whole.status
    assert parts.best_epoch.tolist() == whole.best_epoch.tolist()
    # A descent is done again, by a stack that some members may have left: equal but for rounding.
    equal = same if isinstance(choice["optimizer"], Minimizer) else np.testing.assert_array_equal
    for k in range(len(members)):
        equal(parameters(parts, k), parameters(whole, k))
        for name in ("loss", "val_loss", "learning_rate"):
            equal(parts.history(k)[name], whole.history(k)[name])


def test_saved_weights_predict_the_same():
    members, rows = varied(VARIETY[0]), table(VARIETY[0]["loss"])
    result = run(members, rows)
    document, tensors = save_checkpoint(result)
    loaded = load_checkpoint(members, document, tensors)
    x = np.random.default_rng(5).normal(size=(20, 4))
    link = members[0].loss.predict
    before, after = predict(result.weights(), x, link), predict(loaded.weights(), x, link)
    np.testing.assert_array_equal(before, after)
    assert before.shape == (4, 20, 3)


@pytest.mark.parametrize("loss", every("loss"), ids=label)
def test_weight_zero_is_a_row_left_out_and_two_a_row_twice(loss):
    full = table(loss, rows=30)
    x, y = full._table.numbers[:, :-1].numpy(), full._y.numpy()
    times = np.random.default_rng(2).integers(0, 3, 30)
    weighted = Rows(x, y, times / times.mean(), dtype=torch.float64)
    repeated = Rows(x.repeat(times, axis=0), y.repeat(times, axis=0), dtype=torch.float64)
    one = member(loss=loss, network=mlp(4, (6,), 3), batch_size=1000, optimizer=Adam(0.01))
    a, b = run([one], weighted), run([one], repeated)
    same(parameters(a, 0), parameters(b, 0))
    np.testing.assert_allclose(a.history()["loss"], b.history()["loss"], rtol=1e-9)


def test_early_stopping_restores_each_members_best_epoch():
    rows = table(LOSS, rows=60)
    stream = Stream(np.arange(40), np.arange(40, 60))
    members = [
        member(seed=k, epochs=40, network=mlp(4, (30,), 3), optimizer=Adam(0.01 * (k + 1)))
        for k in range(3)
    ]
    result = run(members, rows, [stream], callbacks=[EarlyStopping(patience=5)])
    assert Status.EARLY_STOPPED in result.status
    for k in range(3):
        curve = result.history(k)["val_loss"]
        assert result.best_epoch[k] == int(np.argmin(curve)) + 1
        if result.status[k] is Status.EARLY_STOPPED:
            assert len(curve) == result.best_epoch[k] + 5
        short = run([members[k]], rows, [stream], until=int(result.best_epoch[k]))
        same(parameters(short, 0), parameters(result, k))


def test_the_history_is_the_training_loss():
    """One epoch of one full batch: the loss before the first step, log C for zero weights."""
    one = member(network=mlp(4, (), 3, initializer=None), batch_size=1000, epochs=1)
    rows = table(LOSS)
    result = run([one.replace(optimizer=SGD(0.0))], rows)
    logits = predict(result.weights(), rows._table.numbers[:, :-1].numpy(), lambda z: z.clone())[0]
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), rows._y)
    np.testing.assert_allclose(result.history()["loss"], [float(expected)], rtol=1e-9)


def test_exponential_decay_shows_in_the_history():
    result = run(
        [member(optimizer=SGD(0.1), lr_schedule=Exponential(0.5, staircase=True))], table(LOSS)
    )
    np.testing.assert_allclose(result.history()["learning_rate"], [0.1, 0.05, 0.025, 0.0125])
