"""Test functions, and races of the engine's own rules down them."""

import numpy as np
import pytest
import scipy.optimize
import torch
from scipy.optimize import check_grad
from typer.testing import CliRunner

from wellfit.cli.app import app
from wellfit.core import registry
from wellfit.core.errors import InputError
from wellfit.core.hyper import resolve
from wellfit.landscapes import (
    Beale,
    Landscape,
    Ravine,
    Rosenbrock,
    at_best_rate,
    compare_optimizers,
)
from wellfit.optim import LBFGS, SGD, Adam, ConjugateGradient, RMSProp
from wellfit.report.landscape import landscape_figure

GROUNDS = [resolve(Landscape, name) for name in registry.names("landscape")]
GROUNDS += [type(one)(5) for one in GROUNDS if "n" in one.hypers()]


def height(ground, x):
    return float(ground.value(*torch.tensor(x, dtype=torch.float64)))


@pytest.mark.parametrize("ground", GROUNDS, ids=repr)
def test_minima_are_minima(ground):
    around = np.random.default_rng(0).normal(scale=0.05, size=(200, ground.n_parameters))
    assert ground.minima
    for place in ground.minima:
        lowest = height(ground, place)
        assert all(height(ground, np.add(place, step)) > lowest - 1e-9 for step in around)


@pytest.mark.parametrize("ground", GROUNDS, ids=repr)
def test_gradients_are_those_of_finite_differences(ground):
    def slope(x):
        return ground.gradient(torch.tensor(x)[None])[1][0].numpy()

    for x in np.random.default_rng(1).uniform(-2, 2, (5, ground.n_parameters)):
        scale = 1 + np.abs(slope(x)).max()
        assert check_grad(lambda at: height(ground, at), slope, x) < 1e-4 * scale


def test_lbfgs_finds_beales_minimum_from_4_4():
    (path,) = compare_optimizers(Beale(), [LBFGS()], [(4.0, 4.0)])
    np.testing.assert_allclose(path.points[-1], [3, 0.5], atol=1e-4)
    assert path.steps is not None
    assert path.steps < 60


def test_functions_of_many_numbers_are_those_of_two_and_scipys() -> None:
    x = np.random.default_rng(0).normal(size=7)
    assert height(Rosenbrock(7), x) == pytest.approx(scipy.optimize.rosen(x))
    (path,) = compare_optimizers(Rosenbrock(7), [LBFGS()])
    assert path.points.shape[1] == 7
    np.testing.assert_allclose(path.points[-1], 1, atol=1e-3)
    for rule in (SGD(1e-3, momentum=0.9), Adam(0.05)):
        (path,) = compare_optimizers(Rosenbrock(4), [rule], steps=300)
        assert path.heights[-1] < path.heights[0] / 10
        landscape_figure(Rosenbrock(4), [path])


@pytest.mark.parametrize("rule", [LBFGS(), SGD(0.05), Adam(0.3)], ids=lambda rule: rule.name)
def test_bounds_are_kept(rule) -> None:
    free, kept = (
        compare_optimizers(Ravine(), [rule], [(-7.0, 2.0)], bounds=bounds, steps=400)[0]
        for bounds in (None, ((-9.0, -1.0), (0.5, 3.0)))
    )
    assert free.points[:, 0].max() > -1
    assert (kept.points >= [-9, 0.5]).all()
    assert (kept.points <= [-1, 3]).all()
    np.testing.assert_allclose(kept.points[-1], [-1, 0.5], atol=1e-6)  # the lowest within


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"starts": [(1.0, 2.0, 3.0)]}, "a function of 2 numbers; given the start"),
        ({"bounds": (1.0, -1.0)}, r"expected \(low, high\), or 2 such pairs"),
        ({"bounds": [(0, 1)] * 3}, "or 2 such pairs"),
        ({"bounds": (-1, 1), "starts": [(2.0, 0.0)]}, "outside of the bounds"),
    ],
)
def test_starts_and_bounds_that_do_not_fit(options, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        compare_optimizers(Beale(), [Adam()], **options)


def test_a_minimizer_without_bounds_says_so() -> None:
    with pytest.raises(InputError, match="conjugate_gradient can't keep to bounds"):
        compare_optimizers(Beale(), [ConjugateGradient()], bounds=(-5, 5))


def test_a_race_is_what_torch_does():
    (ours,) = compare_optimizers(Rosenbrock(), [Adam(0.05)], [(-1.2, 1.0)], steps=50)
    p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([p], 0.05)
    for _ in range(50):
        theirs.zero_grad()
        Rosenbrock().value(p[0], p[1]).backward()
        theirs.step()
    np.testing.assert_allclose(ours.points[-1], p.detach().numpy(), rtol=1e-9)
    assert len(ours.points) == 51


def test_starts_together_go_where_they_go_alone():
    starts = [(1.0, 2.0), (-3.0, 0.5), (4.0, 4.0)]
    together = compare_optimizers(Ravine(), [RMSProp(0.05)], starts, steps=40)
    for start, path in zip(starts, together, strict=True):
        (alone,) = compare_optimizers(Ravine(), [RMSProp(0.05)], [start], steps=40)
        np.testing.assert_allclose(path.points, alone.points, rtol=1e-12)


def test_the_best_rate_is_better_than_others():
    def steps(rate):
        return compare_optimizers(Ravine(), [SGD(rate)], steps=500)[0].steps

    best = at_best_rate(Ravine(), SGD()).learning_rate
    assert steps(best) is not None
    for rate in (best / 3, best * 1.5):
        assert steps(rate) is None or steps(rate) > steps(best)


def test_a_path_that_leaves_is_told_so():
    (path,) = compare_optimizers(Beale(), [SGD(1.0)], steps=50)
    assert path.diverged
    assert path.steps is None
    landscape_figure(Beale(), [path])


def test_nothing_to_compare():
    with pytest.raises(InputError, match="needs optimizers and steps"):
        compare_optimizers(Beale(), [])


def test_the_command_takes_parameters_and_bounds(tmp_path):
    words = ["landscape", "rosenbrock", "--parameters", "3", "--bounds=-2,2", "--steps", "50"]
    out = ["--out", str(tmp_path / "r.png"), "--optimizers", "adam:0.1,lbfgs"]
    done = CliRunner().invoke(app, [*words, *out])
    assert done.exit_code == 0, done.output
    assert "rosenbrock from (-1.2, 1, -1.2)" in done.output


def test_the_command_prints_and_draws(tmp_path, monkeypatch):
    monkeypatch.setattr("wellfit.report.landscape._FRAMES", 3)
    picture = tmp_path / "race.png"
    words = ["landscape", "ravine", "--optimizers", "sgd:0.5,momentum,lbfgs", "--steps", "100"]
    done = CliRunner().invoke(app, [*words, "--out", str(picture)])
    assert done.exit_code == 0, done.output
    assert "sgd, rate 0.5" in done.output
    assert "lbfgs" in done.output
    assert picture.read_bytes()[1:4] == b"PNG"
    moving = tmp_path / "comparison.gif"
    assert CliRunner().invoke(app, [*words, "--out", str(moving)]).exit_code == 0
    assert moving.read_bytes()[:3] == b"GIF"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bale"], "did you mean 'beale'"),
        (["--optimizers", "adm"], "did you mean 'adam'"),
        (["--optimizers", "adam:fast"], "name:0.1"),
        (["--start", "4"], "two numbers"),
        (["rosenbrock", "--parameters", "3", "--start", "1,2"], "3 numbers, such as 4,4,4"),
        (["--bounds", "1"], "--bounds is '1'; expected two numbers"),
        (["--parameters", "3"], "beale has 2 parameters; --parameters is for ackley, "),
        (["--start", "nan,1"], "two numbers"),
        (["--optimizers", "sgd:1e-4", "--steps", "5", "--out", "race.txt"], ".png or .gif"),
    ],
)
def test_bad_usage_is_told(words, message):
    done = CliRunner().invoke(app, ["landscape", *words])
    assert done.exit_code == 2
    assert message in done.output
