"""Submodels: written-out backprop = autograd = differences; what they share."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine import CPU, FLOAT64, every, label, member, parameters, run, table, targets
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.nn import (
    GELU,
    Activate,
    BatchNorm,
    ConcatRows,
    EntityEmbedding,
    Linear,
    Network,
    Normal,
    Packed,
    PiecewiseLinear,
    PReLU,
    Quantile,
    RepeatRows,
    SoftmaxCrossEntropy,
    SquaredError,
    SubmodelLinear,
    SubmodelMean,
    Submodels,
    SubmodelScale,
    TabM,
    mlp,
)
from wellfit.nn.links import LINKS, link_of, mean_logits
from wellfit.optim import L2, LBFGS, SGD
from wellfit.training import (
    Rows,
    Stack,
    Stream,
    Weights,
    load_checkpoint,
    predict,
    save_checkpoint,
)
from wellfit.training.prediction import Predictor
from wellfit.training.step import Step

K, B, N = 2, 6, 3
KINDS = every("submodels")
LOSS = SoftmaxCrossEntropy()
kinds = pytest.mark.parametrize("kind", KINDS, ids=label)


def applied(kind, network=None, n=N, loss=LOSS) -> Network:
    plain = network or mlp(4, (6, 5), 3, activation=GELU(), bias_initializer=Normal(0.3))
    return resolve(Submodels, kind).applied(plain, n, loss)


def moved(stack: Stack) -> Stack:
    """Away from where scales are 1 and signs."""
    noise = torch.Generator().manual_seed(9)
    flat = stack.weights.parameters
    flat += 0.2 * torch.randn(flat.shape, dtype=FLOAT64, generator=noise)
    return stack


def stack_of(network: Network, loss=LOSS, **options) -> Stack:
    members = [member(seed=seed, network=network, loss=loss, **options) for seed in range(K)]
    return moved(Stack(members, Weights.initial(members, FLOAT64, CPU)))


def batch(loss=LOSS, outputs=3, inputs=4) -> tuple[Tensor, Tensor]:
    x = torch.randn(K, B, inputs + 1, dtype=FLOAT64, generator=torch.Generator().manual_seed(0))
    x[..., -1] = 1
    y = torch.as_tensor(targets(loss, K * B, outputs))
    return x, loss.encode(y.view(K, B, *y.shape[1:]), outputs, FLOAT64)


def stepped(stack: Stack, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients, and each member's mean loss of all submodels."""
    loss, rows = stack.members[0].loss, stack.network.logit_rows
    step, values = Step(stack, B, 1), next(stack.step_schedule.values(0, 1))
    each = target.repeat_interleave(rows, dim=-1)
    logits = torch.empty(K, stack.network.outputs, B * rows, dtype=FLOAT64)
    statistics = stack.weights.statistics.clone()
    step.refresh(0, 1)
    step.compute(logits, values, x, each)
    stack.weights.statistics.copy_(statistics)
    return stack.gradients.clone(), loss.value(logits, each, stack.loss).mean(-1)


def check_slopes(stack: Stack, x: Tensor, target: Tensor, h=1e-6) -> None:
    """The gradient of each layer, along a random direction in it, is the slope of the loss."""
    flat, layout = stack.weights.parameters, stack.network.parameters
    ours = layout.views(stepped(stack, x, target)[0], K)
    for place, view in enumerate(layout.views(flat, K)):
        numbers = torch.Generator().manual_seed(place)
        way = torch.randn(view.shape, dtype=FLOAT64, generator=numbers)
        kept, losses = view.clone(), []
        for sign in (h, -h):
            view.copy_(kept).add_(way, alpha=sign)
            losses.append(stepped(stack, x, target)[1])
        view.copy_(kept)
        slopes = (losses[0] - losses[1]) / (2 * h)
        torch.testing.assert_close((ours[place] * way).sum((1, 2)), slopes, rtol=1e-5, atol=1e-8)


NORMED = mlp(4, (6, 5), 3, activation=PReLU(), batch_norm=BatchNorm(output=True), dropout=0.2)
EMBEDDED = Network(4, (PiecewiseLinear(3, n_bins=4, columns=(0, 2)), *mlp(8, (5,), 3).layers))
NETWORKS = {"plain": None, "normed": NORMED, "embedded": EMBEDDED, "linear": mlp(4, (), 3)}


@kinds
@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_are_the_slopes(kind, network):
    stack = stack_of(applied(kind, NETWORKS[network]))
    x, target = batch()
    check_slopes(stack, x, target)


@kinds
@pytest.mark.parametrize("loss", every("loss"), ids=label)
def test_gradients_are_the_slopes_of_every_loss(kind, loss):
    stack = stack_of(applied(kind, mlp(4, (3,), 3, activation=GELU()), loss=loss), loss)
    x, target = batch(loss)
    check_slopes(stack, x, target)


def by_submodel(layers, blocks, x: Tensor) -> list[Tensor]:
    """The logits (B, C) of each submodel, by its own weights and PyTorch's functions."""
    found = []
    for i in range(N):
        h = x
        for layer, p in zip(layers, blocks, strict=True):
            match layer:
                case Linear():
                    h = F.linear(h, p[:-1].T, p[-1])
                case SubmodelLinear(units=units):
                    own = p[:, i * units : (i + 1) * units]
                    h = F.linear(h, own[:-1].T, own[-1])
                case SubmodelScale(shift=shift):
                    h = h * p[i] + (p[N + i] if shift else 0)
                case Activate():
                    h = F.gelu(h)
        found.append(h)
    return found


@kinds
def test_autograd_agrees_submodel_by_submodel(kind):
    stack = stack_of(applied(kind))
    x, target = batch()
    ours, losses = stepped(stack, x, target)
    ours = stack.network.parameters.views(ours, K)
    for k in range(K):
        blocks = [block.clone().requires_grad_() for block in stack.weights.blocks(k)]
        logits = by_submodel(stack.network.layers, blocks, x[k, :, :-1])
        own = [F.cross_entropy(each, target[k].T) for each in logits]
        loss = torch.stack(own).mean()  # of the losses, and not the loss of the mean
        loss.backward()
        torch.testing.assert_close(losses[k], loss.detach(), rtol=1e-10, atol=1e-12)
        for mine, block in zip(ours, blocks, strict=True):
            if block.numel():
                torch.testing.assert_close(mine[k], block.grad, rtol=1e-9, atol=1e-12)


@kinds
def test_a_network_predicts_the_mean_of_probabilities(kind):
    stack = stack_of(applied(kind))
    x, _ = batch()
    logits = Predictor(stack.weights)(x)
    assert logits.shape == (K, B, 3)
    for k in range(K):
        own = by_submodel(stack.network.layers, stack.weights.blocks(k), x[k, :, :-1])
        expected = torch.stack(own).softmax(-1).mean(0)
        torch.testing.assert_close(logits[k].softmax(-1), expected)
        spread = torch.stack(own).softmax(-1).std(0)
        assert (spread > 1e-3).all()


@pytest.mark.parametrize("link", LINKS)
def test_the_mean_of_predictions_has_logits(link):
    z = 5 * torch.randn(7, 4, 3, dtype=FLOAT64, generator=torch.Generator().manual_seed(0))
    apply = LINKS[link]
    mean = apply(z.transpose(1, 2)).mean(-1)
    torch.testing.assert_close(apply(mean_logits(z, link).T).T, mean)
    far = torch.tensor([[200.0, -200.0]])  # whose exponentials are 0 and infinite in float32
    assert mean_logits(far, link).isfinite().all()


def test_every_loss_has_a_link_or_sorts_quantiles():
    found = {loss.name: link_of(loss) for loss in every("loss")}
    assert {name for name, link in found.items() if link is None} == {
        "quantile",
        "mean_and_quantiles",
    }
    assert found["softmax_cross_entropy"] == "softmax"
    assert found["poisson"] == "exp"
    quantiles = applied("packed", loss=Quantile(quantiles=(0.1, 0.5, 0.9)))
    assert quantiles.layers[-1] == SubmodelMean(N, "identity")


class Odd(SquaredError, name="odd_in_submodels"):
    """Its predictions are no known function of logits."""

    def predict(self, z):
        return z**3


def test_what_cannot_have_submodels_is_refused():
    with pytest.raises(HyperparameterError, match="loss 'odd_in_submodels' makes predictions"):
        applied("tabm", loss=Odd())
    pairs = Network(4, (ConcatRows(2), Linear(3)))
    with pytest.raises(HyperparameterError, match=r"a network with ConcatRows\(rows=2\) can't"):
        applied("tabm", pairs)
    with pytest.raises(HyperparameterError, match="the layers above it leave 1 of an example"):
        Network(4, (RepeatRows(3), Linear(3)))
    with pytest.raises(HyperparameterError, match="reads 3 rows of an example; expected as many"):
        Network(4, (RepeatRows(3), SubmodelScale(2), SubmodelLinear(3, 3), SubmodelMean(3)))
    with pytest.raises(HyperparameterError, match="a network ends in its submodel_mean; given"):
        Network(4, (RepeatRows(3), SubmodelLinear(3, 3), SubmodelMean(3), Linear(2)))
    with pytest.raises(HyperparameterError, match="widths of SubmodelScale add up to 3"):
        SubmodelScale(2, widths=(1, 2)).initial_parameters(4, torch.Generator())


def test_one_submodel_is_the_plain_network():
    plain = mlp(4, (6, 5), 3)
    for kind in KINDS:
        assert kind.applied(plain, 1, LOSS) is plain


@kinds
def test_a_submodel_of_one_learns_as_the_plain_network(kind):
    """By layers for one submodel, from the same weights; the first scales aren't learned."""
    plain = mlp(4, (6,), 3)
    whole = applied(kind, plain, n=2)
    ones = whole.replace(
        layers=tuple(
            layer.replace(submodels=1)
            if hasattr(layer, "submodels")
            else (RepeatRows(1) if isinstance(layer, RepeatRows) else layer)
            for layer in whole.layers
        )
    )
    one, other = stack_of(plain), stack_of(ones)
    weights = [block for k in range(K) for block in one.weights.blocks(k) if block.numel()]
    for k in range(K):
        theirs = iter(weights[2 * k : 2 * k + 2])
        pairs = zip(ones.layers, other.weights.blocks(k), strict=True)
        for layer, block in pairs:
            if isinstance(layer, SubmodelScale):
                block[:1], block[1:] = 1, 0
            elif block.numel():
                block.copy_(next(theirs))
    x, target = batch()
    (a, loss), (b, same) = stepped(one, x, target), stepped(other, x, target)
    torch.testing.assert_close(loss, same)
    ours, theirs = (
        [
            view
            for layer, view in zip(
                s.network.layers, s.network.parameters.views(flat, K), strict=True
            )
            if layer.parameters(1).weight_rows
        ]
        for s, flat in ((one, a), (other, b))
    )
    for mine, own in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, own)


def test_packed_submodels_are_networks_apart():
    """The gradient of each is an nth of that of a plain network with its weights."""
    packed, alone = stack_of(applied("packed")), stack_of(applied("packed", n=1))
    x, target = batch()
    ours = stepped(packed, x, target)[0]
    for i in range(N):
        for whole, own in zip(learned(packed), learned(alone), strict=True):
            own.copy_(whole.unflatten(2, (N, -1))[:, :, i])
        theirs = stepped(alone, x, target)[0]
        for whole, own in zip(learned(packed, ours), learned(alone, theirs), strict=True):
            torch.testing.assert_close(N * whole.unflatten(2, (N, -1))[:, :, i], own)


def learned(stack: Stack, flat: Tensor | None = None) -> list[Tensor]:
    """Each layer's weights, or as many other numbers that lie like them."""
    flat = stack.weights.parameters if flat is None else flat
    return [view for view in stack.network.parameters.views(flat, K) if view.numel()]


def varied(kind, count=3):
    network = mlp(4, (6, 5), 3, batch_norm=True, dropout=0.3, input_dropout=0.1)
    return [
        member(
            seed=k,
            epochs=3 + k % 2,
            network=applied(kind, network),
            penalties=(L2(1e-3 * k), L2(1e-2 * k, decoupled=True, only=(0,))),
            ema_decay=0.5 + 0.1 * k,
        )
        for k in range(count)
    ]


@kinds
def test_alone_is_together(kind):
    members, rows = varied(kind), table(LOSS)
    order = np.random.default_rng(3).permutation(50)
    streams = [Stream(np.roll(order, 7 * k)[:35], order[35:45], seed=k) for k in range(3)]
    together = run(members, rows, streams)
    for k, (one, stream) in enumerate(zip(members, streams, strict=True)):
        alone = run([one], rows, [stream])
        np.testing.assert_allclose(
            parameters(alone, 0), parameters(together, k), rtol=1e-8, atol=1e-7
        )
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(alone.history(0)[name], together.history(k)[name])


@kinds
@pytest.mark.parametrize("batch_size", [16, 9])
def test_folds_of_unequal_lengths_are_together_as_alone(kind, batch_size):
    members = [member(network=applied(kind), seed=k, batch_size=batch_size) for k in range(3)]
    rows, order = table(LOSS, weight=np.linspace(0.5, 1.5, 50)), np.arange(50)
    streams = [Stream(np.roll(order, 7 * k)[: 35 - k], order[35:45], seed=k) for k in range(3)]
    together = run(members, rows, streams)
    for k, (one, stream) in enumerate(zip(members, streams, strict=True)):
        alone = run([one], rows, [stream])
        np.testing.assert_allclose(
            parameters(alone, 0), parameters(together, k), rtol=1e-8, atol=1e-7
        )
        np.testing.assert_allclose(alone.history(0)["loss"], together.history(k)["loss"])


@kinds
def test_weight_zero_is_a_row_left_out_and_two_a_row_twice(kind):
    full = table(LOSS, rows=30)
    x, y = full._table.numbers[:, :-1].numpy(), full._y.numpy()
    times = np.random.default_rng(2).integers(0, 3, 30)
    weighted = Rows(x, y, times / times.mean(), dtype=FLOAT64)
    repeated = Rows(x.repeat(times, axis=0), y.repeat(times, axis=0), dtype=FLOAT64)
    one = member(network=applied(kind), batch_size=1000)
    a, b = run([one], weighted), run([one], repeated)
    np.testing.assert_allclose(parameters(a, 0), parameters(b, 0), rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(a.history()["loss"], b.history()["loss"], rtol=1e-9)


@kinds
def test_a_training_that_paused_goes_on_and_is_saved(kind):
    members, rows = varied(kind), table(LOSS)
    whole, first = run(members, rows), run(members, rows, until=2)
    document, tensors = save_checkpoint(first)
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    parts = run(members, rows, resume=load_checkpoint(members, document, saved))
    for k in range(len(members)):
        np.testing.assert_array_equal(parameters(parts, k), parameters(whole, k))
    x = np.random.default_rng(5).normal(size=(20, 4))
    a, b = (predict(each.weights(), x, LOSS.predict) for each in (parts, whole))
    np.testing.assert_array_equal(a, b)
    assert a.shape == (3, 20, 3)


@kinds
def test_a_minimizer_lowers_the_mean_of_the_losses(kind):
    rows = table(LOSS)
    one = member(network=applied(kind), optimizer=LBFGS(), epochs=20)
    losses = run([one], rows).history()["loss"]
    assert losses[-1] < 0.6 * losses[0]


@kinds
def test_validation_judges_the_mean_prediction(kind):
    rows, stream = table(LOSS), Stream(np.arange(40), np.arange(40, 50))
    one = member(network=applied(kind), epochs=1, optimizer=SGD(0.0))
    result = run([one], rows, [stream])
    x, y = rows._table.numbers[40:, :-1].numpy(), rows._y[40:]
    p = predict(result.weights(), x, LOSS.predict)[0]
    expected = F.nll_loss(torch.tensor(p).log(), y)
    np.testing.assert_allclose(result.history()["val_loss"], [float(expected)])


def test_blocks_of_rows_that_are_predicted_do_not_matter():
    network = applied("tabm", mlp(4, (300,), 3), n=16)
    weights = Weights.initial([member(network=network)], FLOAT64, CPU)
    x = np.random.default_rng(0).normal(size=(500, 4))
    assert Predictor(weights).most < 100
    whole = predict(weights, x, LOSS.predict)
    few = predict(weights, x[137:140], LOSS.predict)
    np.testing.assert_allclose(few, whole[:, 137:140])


def test_scales_start_as_told():
    numbers = torch.Generator().manual_seed(0)
    ones, signs, normal = (
        SubmodelScale(4, start=start, widths=(3, 3, 1)).initial_parameters(7, numbers)
        for start in ("ones", "signs", "normal")
    )
    assert ones.unique().tolist() == [1.0]
    assert signs.unique().tolist() == [-1.0, 1.0]
    assert len(normal.unique()) == 4 * 3  # one number a feature and submodel
    shifted = SubmodelScale(2, shift=True, shift_initializer=Normal(1.0))
    drawn = shifted.initial_parameters(5, numbers)
    assert (drawn[:2] == 1).all()
    assert len(drawn[2:].unique()) == 10  # each submodel's own


def test_only_the_lowest_scales_are_random():
    for network, starts in ((mlp(4, (6, 5), 3), "signs"), (EMBEDDED, "normal")):
        layers = applied("tabm", network).layers
        scales = [layer for layer in layers if isinstance(layer, SubmodelScale)]
        assert scales[0].start == starts
        assert {layer.start for layer in scales[1:]} == {"ones"}
    assert applied("mini", EMBEDDED).layers[2].widths == (3, 3, 1, 1)
    codes = (EntityEmbedding(2, levels=(5,)), *EMBEDDED.layers[:1])
    both = Network(5, (*codes, *mlp(10, (5,), 3).layers))
    assert applied("mini", both).layers[3].widths == (3, 3, 1, 1, 2)
    assert applied(TabM("signs"), EMBEDDED).layers[2].start == "signs"
    assert [layer.name for layer in Packed().applied(mlp(4, (6,), 3), 2, LOSS).layers] == [
        *("repeat_rows", "submodel_linear", "activation", "submodel_linear", "submodel_mean")
    ]
