"""Losses are PyTorch's and scikit-learn's, their deltas autograd's, shared or by member."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from torch.nn import functional as F

from engine import FLOAT64, every, label, targets
from wellfit.core.errors import DataError, HyperparameterError
from wellfit.core.hyper import from_dict
from wellfit.nn import (
    AbsoluteError,
    Huber,
    Loss,
    MeanAndQuantiles,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SigmoidSquaredError,
    SoftmaxCrossEntropy,
    SquaredError,
    mlp,
)
from wellfit.optim import SGD
from wellfit.training import Member, Rows, Stream, train

K, C, B = 3, 6, 40
PER_MEMBER = torch.tensor([0.0, 0.1, 0.6], dtype=FLOAT64)
POSITIVE = torch.tensor([0.2, 1.0, 5.0], dtype=FLOAT64)
PINBALL = Quantile(quantiles=(0.2, 0.5, 0.95))


def logits(seed=0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(K, C, B, dtype=FLOAT64, generator=draw)


def numbers(loss) -> torch.Tensor:
    """Stored targets (K, B) or (K, B, targets)."""
    y = torch.as_tensor(targets(loss, K * B, C))
    return y.view(K, B, *y.shape[1:])


def probabilities() -> torch.Tensor:
    return torch.softmax(logits(1), 1).transpose(1, 2)


def per_row(values: torch.Tensor) -> torch.Tensor:
    """What PyTorch gives for (K * B) rows as (K, B)."""
    return values.view(K, B, -1).mean(-1)


def flat(columns: torch.Tensor) -> torch.Tensor:
    """(K, C, B) as PyTorch's (K * B, C)."""
    return columns.transpose(1, 2).reshape(K * B, -1)


def test_every_hyper_parameter_that_is_a_number_may_differ_by_member():
    for loss in every("loss"):
        for key, declaration in loss.hypers().items():
            assert declaration.per_member == isinstance(getattr(loss, key), float)


def variants() -> list:
    """Every loss, with numbers that all members share, and with one for each."""
    losses = [*every("loss"), SoftmaxCrossEntropy(0.2), SigmoidCrossEntropy(0.2), Huber(0.3)]
    found = [(loss, {}) for loss in losses]
    for loss in every("loss"):
        for key, declaration in loss.hypers().items():
            if declaration.per_member:
                values = PER_MEMBER if declaration.holds(0.0) else POSITIVE
                found.append((loss, {key: values.view(-1, 1, 1)}))
    return found


@pytest.mark.parametrize(("loss", "hypers"), variants(), ids=lambda v: label(v)[:25])
def test_delta_is_the_derivative_of_the_value(loss, hypers):
    z = logits().requires_grad_()
    target = loss.encode(numbers(loss), C, FLOAT64)
    loss.value(z, target, hypers).sum().backward()
    out = torch.full_like(target.expand(K, C, B), torch.nan)
    written = loss.delta(z.detach(), target, out, hypers)
    assert written is out
    torch.testing.assert_close(written, z.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("loss", "hypers"), variants(), ids=lambda v: label(v)[:25])
def test_chunks_and_members_are_computed_as_if_alone(loss, hypers):
    """The engine sums the losses of several steps (n, K, C, B) at once."""
    z = torch.stack([logits(0), logits(1)])
    target = loss.encode(numbers(loss), C, FLOAT64)
    chunk = loss.value(z, target.expand(2, K, -1, B), hypers)
    for n in range(2):
        for k in range(K):
            own = {key: float(value[k]) for key, value in hypers.items()}
            alone = loss.value(z[n, k : k + 1], target[k : k + 1], own)
            torch.testing.assert_close(chunk[n, k : k + 1], alone)


# The same numbers as PyTorch's and scikit-learn's functions


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("kind", ["labels", "soft"])
def test_softmax_cross_entropy(kind, smoothing):
    loss = SoftmaxCrossEntropy(label_smoothing=smoothing)
    y = numbers(loss) if kind == "labels" else probabilities()
    theirs = F.cross_entropy(
        flat(logits()),
        y.reshape(K * B, *y.shape[2:]),
        label_smoothing=smoothing,
        reduction="none",
    )
    ours = loss.value(logits(), loss.encode(y, C, FLOAT64))
    torch.testing.assert_close(ours, per_row(theirs))


def test_sigmoid_cross_entropy_of_labels_and_of_probabilities():
    for y in (numbers(SigmoidCrossEntropy()), probabilities()):
        target = SigmoidCrossEntropy().encode(y, C, FLOAT64)
        theirs = F.binary_cross_entropy_with_logits(logits(), target, reduction="none").sum(1)
        torch.testing.assert_close(SigmoidCrossEntropy().value(logits(), target), theirs)
        smooth = F.binary_cross_entropy_with_logits(
            logits(), target * 0.8 + 0.1, reduction="none"
        ).sum(1)
        torch.testing.assert_close(SigmoidCrossEntropy(0.2).value(logits(), target), smooth)


def test_errors_of_numbers():
    y = numbers(SquaredError())
    target = SquaredError().encode(y, C, FLOAT64)
    for loss, theirs in (
        (SquaredError(), F.mse_loss(logits(), target, reduction="none")),
        (AbsoluteError(), F.l1_loss(logits(), target, reduction="none")),
        (Huber(0.7), F.huber_loss(logits(), target, reduction="none", delta=0.7)),
    ):
        torch.testing.assert_close(loss.value(logits(), target), theirs.mean(1))


def test_pinball_is_scikit_learns():
    y = torch.as_tensor(np.random.default_rng(0).normal(size=(K, B, 2)))
    value = PINBALL.value(logits(), PINBALL.encode(y, C, FLOAT64))
    theirs = [
        mean_pinball_loss(flat(y.transpose(1, 2)), flat(logits())[:, q::3], alpha=alpha)
        for q, alpha in enumerate(PINBALL.quantiles)
    ]
    assert float(value.mean()) == pytest.approx(np.mean(theirs))


def test_poisson_is_the_deviance_and_pytorchs_likelihood_but_for_a_constant():
    y = numbers(Poisson())
    assert (y == 0).any()
    target, z = Poisson().encode(y, C, FLOAT64), logits()
    value = Poisson().value(z, target)
    theirs = mean_poisson_deviance(flat(target).ravel(), flat(Poisson().predict(z)).ravel())
    assert float(value.mean()) == pytest.approx(theirs)
    likelihood = F.poisson_nll_loss(z, target, log_input=True, reduction="none")
    at_zero = F.poisson_nll_loss(0 * z, target, log_input=True, reduction="none")
    torch.testing.assert_close(
        value - Poisson().value(0 * z, target), 2 * (likelihood - at_zero).mean(1)
    )


def test_quadratic_is_nielsens():
    y = numbers(SigmoidSquaredError()).transpose(1, 2)
    a = 1 / (1 + torch.exp(-logits()))
    expected = 0.5 * ((y - a) ** 2).sum(1)
    torch.testing.assert_close(SigmoidSquaredError().value(logits(), y), expected)
    torch.testing.assert_close(SigmoidSquaredError().predict(logits()), a)


# What else a loss says


def test_quantiles_are_sorted_and_the_point_is_nearest_to_the_median():
    z = logits()
    found = PINBALL.predict(z)
    for target in range(2):
        rows = slice(3 * target, 3 * target + 3)
        torch.testing.assert_close(found[:, rows], z[:, rows].sort(1).values)
    assert np.arange(6)[PINBALL.point].tolist() == [1, 4]
    assert np.arange(2)[Quantile((0.3, 0.9)).point].tolist() == [0]
    assert PINBALL.outputs(2) == 6


def test_mean_and_quantiles_is_the_squared_error_and_twice_the_pinball():
    both, alone = MeanAndQuantiles((0.2, 0.95)), Quantile((0.2, 0.95))
    y = torch.as_tensor(np.random.default_rng(0).normal(size=(K, B, 2)))
    z = logits()
    means, quantiles = z[:, [0, 3]], z[:, [1, 2, 4, 5]]
    expected = SquaredError().value(means, SquaredError().encode(y, 2, FLOAT64))
    expected = expected + 2 * alone.value(quantiles, alone.encode(y, 4, FLOAT64))
    torch.testing.assert_close(both.value(z, both.encode(y, C, FLOAT64)), expected)
    found = both.predict(z)
    torch.testing.assert_close(found[:, both.point], means)
    torch.testing.assert_close(found[:, [1, 2, 4, 5]], alone.predict(quantiles))
    assert both.outputs(2) == C
    assert both.point_level is None


def test_a_soft_label_is_hit_where_its_likeliest_class_is():
    loss = SoftmaxCrossEntropy()
    soft = loss.encode(probabilities(), C, FLOAT64)
    torch.testing.assert_close(loss.hits(logits(), soft), logits().argmax(1) == soft.argmax(1))
    y = numbers(loss)
    hard = loss.encode(y, C, FLOAT64)
    torch.testing.assert_close(loss.hits(logits(), hard), logits().argmax(1) == y)
    assert not loss.hits(torch.zeros(1, C, B), hard).any()  # undecided is no hit


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_measures_certain_targets_as_it_does_others(smoothing: float) -> None:
    loss = SoftmaxCrossEntropy(smoothing)
    hard = loss.encode(torch.arange(B) % C, C, torch.float64)
    for z in (logits(), torch.zeros(1, C, B, dtype=torch.float64)):
        value, hits = loss.measure(z, hard, certain=True)
        torch.testing.assert_close(value, loss.value(z, hard))
        assert (hits == loss.hits(z, hard)).all()


@pytest.mark.parametrize(
    "quantiles", [(), (0.5, 0.1), (0.5, 0.5), (0.0, 0.5), (1.0,), ("a",), 0.5, (float("nan"),)]
)
def test_quantiles_out_of_order_or_range_are_refused(quantiles):
    for loss in (Quantile, MeanAndQuantiles):
        with pytest.raises(HyperparameterError, match=r"rising numbers in \(0, 1\)"):
            loss(quantiles=quantiles)


def test_quantiles_come_back_from_plain_data():
    loss = Quantile(quantiles=[np.float64(0.25), 0.75])
    assert loss.quantiles == (0.25, 0.75)
    assert from_dict(Loss, loss.to_dict()) == loss


@pytest.mark.parametrize(
    ("loss", "options", "range_"),
    [
        (SoftmaxCrossEntropy, {"label_smoothing": 1.0}, r"\[0, 1\)"),
        (SigmoidCrossEntropy, {"label_smoothing": -0.1}, r"\[0, 1\)"),
        (Huber, {"threshold": 0.0}, r"\(0, inf\)"),
    ],
)
def test_settings_out_of_range_are_refused(loss, options, range_):
    with pytest.raises(HyperparameterError, match=range_):
        loss(**options)


def test_targets_that_fit_no_loss_are_refused():
    with pytest.raises(DataError, match="-2 in row 1; expected counts"):
        Poisson().check(np.array([[1.0], [-2.0]]))
    with pytest.raises(DataError, match="expected class numbers as integers, or 3 probabilities"):
        SoftmaxCrossEntropy().encode(torch.zeros(5), 3, FLOAT64)


@pytest.mark.parametrize(
    ("loss", "key", "values"),
    [
        (SoftmaxCrossEntropy(), "label_smoothing", (0.0, 0.1, 0.3)),
        (SigmoidCrossEntropy(), "label_smoothing", (0.0, 0.1, 0.3)),
        (Huber(), "threshold", (0.1, 1.0, 3.0)),
    ],
    ids=lambda v: label(v)[:20],
)
def test_members_of_one_stack_may_differ(loss, key, values):
    x = np.random.default_rng(0).normal(size=(30, 4))
    rows = Rows(x, targets(loss, 30, 3), dtype=FLOAT64)
    members = [
        Member(
            mlp(4, (5,), 3), loss=loss.replace(**{key: v}), optimizer=SGD(0.3), epochs=3, seed=7
        )
        for v in values
    ]
    stream = [Stream(np.arange(30))]
    together = train(members, rows, stream, precision="float64")
    ends = set()
    for k, one in enumerate(members):
        alone = train([one], rows, stream, precision="float64")
        np.testing.assert_allclose(together.history(k)["loss"], alone.history(0)["loss"])
        ends.add(round(together.history(k)["loss"][-1], 9))
    assert len(ends) == len(values)
