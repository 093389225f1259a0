"""The importance of hyper-parameters in a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import Chart, bar_chart
from wellfit.charts.to_matplotlib import figure
from wellfit.core.errors import InputError
from wellfit.core.words import percent
from wellfit.report.searches.search_table import Results, SearchedParameter, SearchTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST = 8  # fewest candidates for an importance
_TREES, _FOLDS, _SHUFFLES = 40, 4, 6


@dataclass(frozen=True)
class Importances:
    """The importance of each hyper-parameter in a search.

    Attributes:
        shares: by parameter, the largest first; they sum to 1, or are all 0.
        spreads: standard deviation of each over repeated shuffles.
        explained: R² of the forest's predictions for held-out candidates. Near or below 0, the
            shares have no meaning.
    """

    shares: dict[str, float]
    spreads: dict[str, float]
    explained: float

    @property
    def summary(self) -> str:
        """Return a title with the explained variance."""
        if self.explained <= 0:
            return "Parameter importance: unknown, since the parameters don't explain the scores"
        share = percent(self.explained, digits=0)
        return f"Parameter importance ({share} of the score variance explained)"


def importance(results: Results, *, metric: str = "score", random_state: int = 0) -> Importances:
    """Return how much the score depends on each hyper-parameter.

    Random forests learn the mean score from the parameters of some candidates. A parameter's
    importance is how much their predictions for the other candidates get worse when its values are
    shuffled (permutation importance: Breiman, "Random forests", 2001). That is in the spirit of
    functional ANOVA, which takes the forest's variance apart instead (Hutter, Hoos and
    Leyton-Brown, "An efficient approach for assessing hyperparameter importance", 2014).

    Candidates whose fits failed are left out, and scores far below the others count as if they
    were a little below: how badly a candidate fails says nothing. What is found holds for the
    space that was searched: a parameter tried over a narrow range matters little.

    The same candidates give the same figures, in whatever order and from whatever file they come:
    the terminal, the page and ``search.plot`` show one importance.

    Args:
        results: a search's ``cv_results_``.
        metric: whose ``mean_test_…`` counts.
        random_state: seed of forests and shuffles.

    Raises:
        UnknownNameError: no such metric among the results.
        InputError: fewer than 8 candidates have a score.

    >>> rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
    >>> params = [{"learning_rate": rate, "l2": 1 / (1 + n % 3)} for n, rate in enumerate(rates)]
    >>> found = importance({"params": params, "mean_test_score": [1, 2, 3, 4, 5, 6, 7, 8]})
    >>> list(found.shares)
    ['learning rate', 'l2']
    """
    tried = SearchTable.of(results, metric)
    scored = np.isfinite(tried.scores)
    if scored.sum() < FEWEST:
        raise InputError(
            f"{scored.sum()} candidates have a {metric}; expected at least {FEWEST} to estimate "
            "the importance"
        )
    parameters = sorted(tried.parameters, key=lambda parameter: parameter.title)
    x = np.stack([_ranks(parameter) for parameter in parameters], axis=1)[scored]
    y = np.maximum(tried.scores[scored], tried.floor)
    losses, explained = _suffered(*_sorted(x, y), random_state)
    means = np.maximum(losses.mean(axis=1), 0)
    whole = float(means.sum()) or 1.0
    names = [parameter.title for parameter in parameters]
    order = np.argsort(-means, kind="stable")
    return Importances(
        {names[i]: float(means[i] / whole) for i in order},
        {names[i]: float(losses[i].std() / whole) for i in order},
        explained,
    )


def _ranks(parameter: SearchedParameter) -> NDArray[np.float64]:
    """Return values as ranks, so that ``(64,)``, ``64`` and ``"64"`` are one; None is missing."""
    places = parameter.places
    if parameter.names:
        keys = sorted((_key(name), place) for place, name in enumerate(parameter.names))
        order = {place: rank for rank, (_, place) in enumerate(keys)}
        empty = [place for place, name in enumerate(parameter.names) if name == "None"]
        places = np.array(
            [np.nan if np.isnan(p) or p in empty else order[int(p)] for p in places], float
        )
    ranks = np.searchsorted(np.unique(places[~np.isnan(places)]), places).astype(float)
    return np.where(np.isnan(places), np.nan, ranks)


def _key(name: str) -> tuple[int, tuple[float, ...], str]:
    """Return what a label is sorted by: numbers, and sizes such as ``64-64``, before words."""
    for parts in ([name], name.split("-")):
        try:
            return 0, tuple(map(float, parts)), ""
        except ValueError:
            continue
    return 1, (), name


def _sorted(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return candidates in an order of their own, scores without their last digits."""
    y = np.array([float(f"{score:.12g}") for score in y])
    order = np.lexsort([*x.T, y])
    return x[order], y[order]


def _suffered(
    x: NDArray[np.float64], y: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], float]:
    """Return what shuffling each column costs (columns, shuffles), and R² without shuffles.

    Both are of rows that the forests haven't seen.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold

    costs = np.zeros((x.shape[1], _SHUFFLES))
    if not np.ptp(y):
        return costs, 0.0
    errors = 0.0
    for train, test in KFold(_FOLDS, shuffle=True, random_state=seed).split(x):
        forest = RandomForestRegressor(_TREES, random_state=seed).fit(x[train], y[train])
        errors += float(np.sum((forest.predict(x[test]) - y[test]) ** 2))
        found = permutation_importance(
            forest,
            x[test],
            y[test],
            scoring="neg_mean_squared_error",
            n_repeats=_SHUFFLES,
            random_state=seed,
        )
        costs += found.importances * len(test)
    return costs, 1 - errors / float(np.sum((y - y.mean()) ** 2))


def importance_picture(found: Importances, title: str = "") -> Figure:
    """Draw the importance of each hyper-parameter as bars.

    >>> found = Importances({"l2": 0.9, "dropout": 0.1}, {"l2": 0.1, "dropout": 0}, 0.8)
    >>> importance_picture(found).axes[0].get_title()
    'Parameter importance (80 % of the score variance explained)'
    """
    chart = share_chart(found)
    return figure([chart], title, panel=(7.0, 0.45 * len(found.shares) + 1.6))


def share_chart(found: Importances) -> Chart:
    """Return a bar for each hyper-parameter, the most important on top."""
    return bar_chart(
        {name: 100 * share for name, share in found.shares.items()},
        [100 * spread for spread in found.spreads.values()],
        title="Importance of the hyper-parameters",
        summary=found.summary,
        unit="share of the importance (%), with its standard deviation over shuffles",
        low=0,
        color=0 if found.explained > 0 else "quiet",
    )
