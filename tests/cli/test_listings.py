"""``wellfit data``, ``wellfit methods``, ``--help`` and ``--version``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

import wellfit.nn
import wellfit.optim
import wellfit.training  # noqa: F401  (the registry knows what is imported)
from wellfit import __version__
from wellfit.core import registry
from wellfit.datasets import list_datasets

Wellfit = Callable[..., Result]


def test_the_list_names_all_data(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("data", "list")
    assert done.exit_code == 0, done.output
    listed = [line.split()[0] for line in done.output.splitlines()[1:]]
    assert listed == [entry.name for entry in list_datasets()]
    assert "multiclass" in done.output


def test_the_list_fits_80_columns(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("data", "list", env={"COLUMNS": "80"})
    assert max(map(len, done.output.splitlines())) <= 80
    assert "breast_cancer" in done.output


def test_images_are_drawn(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("data", "show", "digits")
    assert done.exit_code == 0, done.output
    assert (here / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert "10 images in digits.png" in done.output
    assert "@" in done.output
    assert wellfit("data", "show", "digits", "--out", "some.png").exit_code == 0
    assert (here / "some.png").exists()


def test_a_table_is_summarized(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("data", "show", "adult.csv")
    assert done.exit_code == 0, done.output
    for told in ("120", "12 cells in 1 column: hours 12", "income", "job", "cook", "categorical"):
        assert told in done.output, told
    assert "target" not in done.output
    with_target = wellfit("data", "show", "adult.csv", "--target", "income")
    assert "income: high" in with_target.output


def test_a_named_table_is_summarized_with_its_target(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("data", "show", "iris")
    assert "species: setosa 33.3 %" in done.output
    assert "petal width (cm)" in done.output
    assert not list(here.glob("*.png"))


def test_a_table_of_many_columns_ends_somewhere(here: Path, wellfit: Wellfit) -> None:
    header = ",".join(f"c{i}" for i in range(150))
    np.savetxt("wide.csv", np.ones((3, 150)), delimiter=",", header=header, comments="")
    done = wellfit("data", "show", "wide.csv")
    assert "50 more" in done.output


def own_names(family: str) -> list[str]:
    """Return the names of the package's own classes, not those of other tests in this process."""
    names = registry.names(family)
    return [n for n in names if registry.lookup(family, n).__module__.startswith("wellfit.")]


def test_methods_lists_every_family(wellfit: Wellfit) -> None:
    done = wellfit("methods")
    assert done.exit_code == 0
    for family in registry.families():
        assert family in done.output
        assert all(name in done.output for name in own_names(family))


@pytest.mark.parametrize("family", registry.families())
def test_methods_tells_every_hyper_parameter(wellfit: Wellfit, family: str) -> None:
    done = wellfit("methods", family, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for name in own_names(family):
        cls = registry.lookup(family, name)
        assert name in done.output
        for key, hyper in getattr(cls, "hypers", dict)().items():
            assert key in done.output
            assert hyper.doc in done.output


def test_the_version(wellfit: Wellfit) -> None:
    assert wellfit("--version").output.strip() == f"wellfit {__version__}"


def test_no_command_shows_the_help(wellfit: Wellfit) -> None:
    assert "Usage:" in wellfit().output
    assert "train" in wellfit("-h").output
