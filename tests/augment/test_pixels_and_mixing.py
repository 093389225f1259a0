"""Noise, brightness, contrast, erasing and mixup."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from engine import CPU, FLOAT64, every, label, targets
from wellfit.augment import (
    Augmenter,
    Brightness,
    Contrast,
    Erasing,
    Examples,
    Mixup,
    Noise,
    augment_rows,
)


def test_noise_is_normal_and_everywhere_anew():
    zeros = np.zeros((50, 400))
    noise = augment_rows(zeros, Noise(0.3), seed=1)
    assert stats.kstest(noise.ravel() / 0.3, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[:, 0::2].ravel(), noise[:, 1::2].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.25


def test_noise_is_not_clipped():
    seen = augment_rows(np.zeros((10, 100)), Noise(0.1))
    assert abs((seen < 0).mean() - 0.5) < 0.08


# --- brightness and contrast -----------------------------------------------------------------


def test_brightness_moves_all_features_of_a_row_alike():
    rows = np.random.default_rng(0).random((2000, 12))
    change = augment_rows(rows, Brightness(0.3), seed=1) - rows
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1], change.shape), atol=1e-12)
    assert stats.kstest(change[:, 0] / 0.3, "uniform", (-1, 2)).pvalue > 1e-3


def test_contrast_stretches_each_channel_about_its_mean():
    rows = np.random.default_rng(0).random((2000, 5 * 4 * 3))
    seen = augment_rows(rows, Contrast(0.4), (5, 4, 3), seed=1)
    before, after = (each.reshape(2000, 20, 3) for each in (rows, seen))
    np.testing.assert_allclose(after.mean(1), before.mean(1), atol=1e-12)
    factor = after.std(1) / before.std(1)
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1], factor.shape))
    assert stats.kstest((factor[:, 0] - 1) / 0.4, "uniform", (-1, 2)).pvalue > 1e-3


# --- erasing ---------------------------------------------------------------------------------


def erased(part: Erasing, rows: int = 2000, size: int = 28) -> np.ndarray:
    ones = np.ones((rows, size * size))
    return augment_rows(ones, part, (size, size), seed=3).reshape(rows, size, size) == 0


def test_what_is_erased_is_one_rectangle():
    gone = erased(Erasing(1.0), rows=200)
    for mask in gone:
        (box,) = ndimage.find_objects(mask.astype(int))
        assert mask[box].all()
        assert mask.sum() == mask[box].size


def test_areas_shapes_and_shares_are_as_declared():
    part = Erasing(0.4, smallest=0.05, largest=0.15, aspect=0.5)
    gone = erased(part)
    touched = gone.any((1, 2))
    assert abs(touched.mean() - 0.4) < 0.06
    areas = gone[touched].mean((1, 2))
    # Sides are rounded to whole pixels: half a pixel of a side of 5 is a tenth.
    assert areas.min() > 0.05 * 0.85
    assert areas.max() < 0.15 * 1.15
    assert abs(areas.mean() - 0.1) < 0.005
    sides = gone[touched].any(2).sum(1), gone[touched].any(1).sum(1)
    ratio = np.log(sides[0] / sides[1])
    assert np.abs(ratio).max() < np.log(2) + 0.3
    assert abs(ratio.mean()) < 0.05


def test_every_place_can_be_erased():
    share = erased(Erasing(1.0, smallest=0.1, largest=0.1, aspect=1.0)).mean(0)
    assert share.min() > 0
    np.testing.assert_allclose(share, share.T, atol=0.05)
    np.testing.assert_allclose(share, share[::-1], atol=0.05)


def test_a_whole_image_can_be_erased():
    assert erased(Erasing(1.0, smallest=1.0, largest=1.0, aspect=1.0), rows=5).all()


def test_all_channels_are_erased_alike():
    seen = augment_rows(np.ones((20, 75)), Erasing(1.0), (5, 5, 3)).reshape(20, 25, 3)
    assert (seen == seen[..., :1]).all()
    assert (seen == 0).any()


# --- mixup -----------------------------------------------------------------------------------


def mixed(alpha: float, rows: int = 64, target=None, weight=None, steps: int = 1):
    """One-hot rows: what a row became says which rows are in it, and how much of each."""
    x = torch.eye(rows, rows + 1, dtype=FLOAT64).repeat(steps, 1, 1, 1)
    x[..., -1] = 1
    if target is None:
        target = torch.eye(rows, dtype=FLOAT64).expand(steps, 1, rows, rows)
    given = Examples(x, target, weight)
    Augmenter([(Mixup(alpha),)], [5], None, rows, FLOAT64, CPU)(given, step=0, most=steps)
    return given.x[..., :-1], given.target, given.weight


def test_features_and_targets_are_mixed_alike():
    x, target, _ = mixed(1.0)
    torch.testing.assert_close(x, target.transpose(2, 3))
    torch.testing.assert_close(x.sum(-1), torch.ones(1, 1, 64, dtype=FLOAT64))
    assert x.diagonal(dim1=2, dim2=3).min() >= 0.5
    torch.testing.assert_close((x > 0).sum(2), (x > 0).sum(2).clamp(1, 2))  # a permutation


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha):
    x, _, _ = mixed(alpha, rows=128, steps=16)
    share = x.diagonal(dim1=2, dim2=3).flatten()
    share = share[share < 1 - 1e-15].numpy()  # without rows mixed with themselves
    cdf = stats.beta(alpha, alpha).cdf
    assert stats.kstest(share, lambda s: 2 * cdf(s) - 1).statistic < 0.04 + 0.12 * (alpha < 1)
    assert abs(share.mean() - (1 - 2 * _half_mean(alpha))) < 0.02 + 0.02 * (alpha < 1)


def _half_mean(alpha: float) -> float:
    """Half the mean of the smaller of λ and 1 - λ."""
    places = (np.arange(100_000) + 0.5) / 100_000
    return stats.beta(alpha, alpha).ppf(places / 2).mean() / 2


@pytest.mark.parametrize("loss", every("loss"), ids=label)
def test_targets_of_every_loss_can_be_mixed(loss):
    y = torch.tensor(targets(loss, 16, 3))[None, None]
    target = loss.encode(y, 3, FLOAT64)
    x, blend, _ = mixed(1.0, rows=16, target=target)
    torch.testing.assert_close(blend[0, 0].T, x[0, 0] @ target[0, 0].T)


def test_weighted_rows_are_mixed_by_their_weights():
    """The sum over rows of w y is that of the pairs' own, mixed by λ."""
    weight = torch.rand(1, 1, 1, 32, dtype=FLOAT64)
    weight[..., :5] = 0
    x, target, blend = mixed(1.0, rows=32, weight=weight)
    share = x[0, 0]  # row i holds λ at i and 1 - λ at its partner
    torch.testing.assert_close(blend[0, 0, 0], share @ weight[0, 0, 0])
    wanted = (share * weight[0, 0, 0]).T
    torch.testing.assert_close(target[0, 0] * blend[0, 0], wanted)
    assert torch.isfinite(target).all()
