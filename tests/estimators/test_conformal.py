"""Scores of calibration rows, and the intervals and sets that they lead to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellfit.core.errors import DataError, HyperparameterError
from wellfit.fitting.conformal import IntervalScores, SetScores, bounds, check_level, threshold

LEVELS = (0.05, 0.25, 0.75, 0.95)


@given(st.integers(1, 60), st.floats(0.02, 0.98))
def test_the_threshold_is_the_lowest_that_enough_ranks_stay_below(count, level):
    scores = np.random.default_rng(count).permutation(count).astype(float)
    # A new row's rank among n + 1 is uniform: k scores of n suffice where k / (n + 1) >= level.
    enough = [k for k in range(1, count + 1) if k >= level * (count + 1) - 1e-9]
    if enough:
        assert threshold(scores, level) == enough[0] - 1
    else:
        with pytest.raises(
            DataError, match=f"the calibration rows are {count}; expected at least"
        ):
            threshold(scores, level)


@pytest.mark.parametrize(("level", "least"), [(0.9, 9), (0.95, 19), (0.99, 99), (0.5, 1)])
def test_the_error_names_how_many_rows_suffice(level, least):
    threshold(np.zeros(least), level)
    if least > 1:
        with pytest.raises(DataError, match=f"expected at least {least}, or a lower level"):
            threshold(np.zeros(least - 1), level)


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, float("nan"), "0.9", None, True])
def test_levels_are_shares(level):
    with pytest.raises(HyperparameterError, match=r"expected a share of the rows in \(0, 1\)"):
        check_level(level)
    assert check_level(np.float32(0.5)) == 0.5


def test_per_cents_are_recognized():
    with pytest.raises(HyperparameterError, match=r"did you mean 0\.9"):
        check_level(90)


def drawn(rows, seed):
    """Targets that spread by what a network knows, and its poor estimates of their quantiles."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.5, 2.0, rows)
    y = rng.normal(0.0, width)
    estimates = 0.6 * width[:, None] * np.array([-1.6, -0.7, 0.7, 1.6]) + 0.2
    return y, estimates[:, None]


@pytest.mark.parametrize("level", [0.6, 0.9])
@pytest.mark.parametrize("quantiles", [True, False])
def test_intervals_hold_new_rows_as_often_as_they_promise(level, quantiles):
    hits = []
    for seed in range(400):
        y, estimates = drawn(60, seed)
        if not quantiles:
            estimates = estimates.mean(axis=-1, keepdims=True)
        levels = LEVELS if quantiles else ()
        scores = IntervalScores(estimates[:39] - y[:39, None, None], levels)
        low, high = scores.interval(estimates[None, 39:], level)[:, 0].T
        hits.append(((low <= y[39:]) & (y[39:] <= high)).mean())
    # 39 rows: k / 40 is exactly the level. Three standard errors are about 0.012.
    assert np.mean(hits) == pytest.approx(level, abs=0.015)


def test_intervals_lie_between_quantiles_and_reach_as_far_as_calibration_rows_did():
    y, estimates = drawn(500, seed=0)
    scores = IntervalScores(estimates - y[:, None, None], LEVELS)
    low, high = scores.interval(estimates[None], 0.9)[:, 0].T
    margin = (estimates[:, 0, 0] - low)[0]
    np.testing.assert_allclose(low, estimates[:, 0, 0] - margin)
    np.testing.assert_allclose(high, estimates[:, 0, 3] + margin)
    assert ((low <= y) & (y <= high)).mean() == pytest.approx(0.902)  # 451 of 500
    # 0.15 lies halfway between the quantiles for 0.05 and 0.25.
    shift = estimates[:, 0, :2].mean(axis=-1) - scores.interval(estimates[None], 0.7)[:, 0, 0]
    np.testing.assert_allclose(shift, shift[0])


def test_intervals_are_never_inside_out():
    residuals = np.tile([-5.0, 5.0], (20, 1, 1))  # quantiles far too wide, so the margin is -5
    found = IntervalScores(residuals, (0.05, 0.95)).interval(np.array([[[[1.0, 3.0]]]]), 0.9)
    assert found.tolist() == [[[2.0, 2.0]]]


def test_targets_are_calibrated_one_by_one():
    residuals = np.random.default_rng(0).normal(size=(99, 2, 1)) * [[[1.0], [10.0]]]
    found = IntervalScores(residuals).interval(np.zeros((1, 1, 2, 1)), 0.9)[0, :, 1]
    np.testing.assert_allclose(found, np.sort(np.abs(residuals[:, :, 0]), axis=0)[89])


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_bounds_of_folds_are_those_of_all_sums(level):
    rng = np.random.default_rng(0)
    scores, folds, shifts = rng.normal(size=101), rng.integers(0, 4, 101), rng.normal(size=(4, 7))
    sums = np.sort(scores[:, None] + shifts[folds], axis=0)
    rank = int(np.ceil(102 * level))
    np.testing.assert_allclose(bounds(scores, folds, shifts, level), sums[rank - 1], rtol=1e-12)


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_of_folds_leave_out_what_enough_rows_were_likelier_than(method):
    p, codes = probabilities(90, seed=3)
    folds = np.arange(90) % 3
    new = np.random.default_rng(1).dirichlet(np.ones(4), (3, 5))
    scores = SetScores.of(p, codes, folds)
    found = scores.sets(new, 0.8, method)

    def score(each):
        above = np.array([[row[row > own].sum() for own in row] for row in each])
        return 1 - each if method == "lac" else above

    own = score(p)[np.arange(90), codes]
    lower = sum(own[i] < score(new[folds[i]]) - 1e-12 for i in range(90))
    expected = lower < np.ceil(91 * 0.8)
    expected[np.arange(5), new.mean(axis=0).argmax(axis=1)] = True
    np.testing.assert_array_equal(found, expected)


def probabilities(rows, seed, classes=4):
    """True probabilities of classes, and labels drawn by them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.6), rows)
    return p, np.array([rng.choice(classes, p=each) for each in p])


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_hold_new_rows_classes_as_often_as_they_promise(method):
    hits = []
    for seed in range(60):
        p, codes = probabilities(199 + 200, seed)
        blurred = np.sqrt(p) / np.sqrt(p).sum(axis=1, keepdims=True)
        scores = SetScores.of(blurred[:199], codes[:199])
        sets = scores.sets(blurred[None, 199:], 0.9, method)
        hits.append(sets[np.arange(200), codes[199:]].mean())
    assert np.mean(hits) == pytest.approx(0.9, abs=0.015)


def test_least_ambiguous_sets_are_smaller_and_adaptive_ones_hold_hard_rows_oftener():
    rng = np.random.default_rng(0)
    concentration = rng.choice([0.02, 1.0], 4000)
    p = np.array([rng.dirichlet(np.full(20, each)) for each in concentration])
    codes = np.array([rng.choice(20, p=each) for each in p])
    scores = SetScores.of(p[:2000], codes[:2000])
    lac, aps = (scores.sets(p[None, 2000:], 0.9, method) for method in ("lac", "aps"))
    assert lac.sum() < aps.sum()
    hard = concentration[2000:] == 1.0
    held = [each[np.arange(2000), codes[2000:]][hard].mean() for each in (lac, aps)]
    assert held[0] + 0.02 < held[1]


def test_sets_are_of_the_likeliest_classes_and_equally_likely_ones_come_together():
    scores = SetScores(np.full(20, 0.25), np.full(20, 0.5))
    rows = np.array([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0], [0.5, 0.3, 0.2]])
    assert scores.sets(rows[None], 0.9, "lac").tolist() == [
        [True, True, True],
        [True, False, False],
        [True, True, False],
    ]
    assert scores.sets(rows[None], 0.9, "aps").tolist() == [
        [True, True, True],  # both others come after 0.5, whichever comes first
        [True, False, False],
        [True, True, False],
    ]
