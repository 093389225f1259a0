"""Scorers that suit a task: which names are offered, and whose class is the positive one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from wellfit.core import registry
from wellfit.core._sklearn_compat import score_function, scorer_with_positive_class
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.fitting.scorers import Scorer
from wellfit.fitting.targets import TargetEncoder
from wellfit.fitting.targets.classes import ClassTargets
from wellfit.fitting.targets.numbers import NumberTargets

# What a scorer may be asked to score. The names are those of scikit-learn's ``type_of_target``,
# but for numbers, where scikit-learn says "continuous".
CLASSIFICATION = ("binary", "multiclass", "multilabel")
REGRESSION = ("regression", "multioutput")

_OF_ONE_CLASS = ("precision", "recall", "f1", "jaccard")
_NOT_OF_LABEL_SETS = ("balanced_accuracy", "matthews_corrcoef", "top_k_accuracy")
_LIKELIHOOD_RATIOS = ("positive_likelihood_ratio", "neg_negative_likelihood_ratio")

# What a scorer is for, by its tasks, as messages say it; of all other tasks, classes.
_KINDS: Mapping[tuple[str, ...], str] = {
    (): "clusterings",
    ("binary",): "two classes",
    ("multiclass",): "more than two classes",
    ("multilabel",): "sets of labels",
    ("binary", "multilabel"): "two classes or sets of labels",
    ("regression",): "one number in each row",
    ("multioutput",): "several numbers in each row",
    REGRESSION: "numbers",
}


@dataclass(frozen=True)
class PositiveClassScorer:
    """A scorer of scikit-learn that scores one of two classes, whatever these are called.

    scikit-learn's own expects the class 1 and fails where there is none, as of "no" and "yes".
    Here, the positive class is then the greater one, which is the one whose probability
    ``roc_auc`` reads. Where 1 is a class, it is the positive one, as in scikit-learn.

    Attributes:
        name: of a scorer of scikit-learn.

    >>> from sklearn.dummy import DummyClassifier
    >>> clf = DummyClassifier(strategy="constant", constant="yes").fit([[0], [0]], ["no", "yes"])
    >>> PositiveClassScorer("recall")(clf, [[0], [0]], ["no", "yes"])
    1.0
    """

    name: str

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of an estimator on rows X (n, columns) with the targets y (n,)."""
        scorer, positive = get_scorer(self.name), positive_class(estimator.classes_)
        if np.ndim(y) == 1 and positive not in (None, 1):
            scorer = scorer_with_positive_class(scorer, positive)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(scorer(estimator, X, y, **weights))


def positive_class(classes: Any) -> Any:
    """Return the class that scorers of one class are of; None unless there are two.

    >>> positive_class(["no", "yes"]), positive_class([1, 2]), positive_class([False, True])
    ('yes', 1, True)
    """
    known = np.asarray(classes).tolist()
    if len(known) != 2:
        return None
    return known[known.index(1)] if 1 in known else known[1]


def has_positive_class(name: str) -> bool:
    """Say whether a scorer is of one class, where there are two.

    >>> has_positive_class("f1"), has_positive_class("f1_macro"), has_positive_class("roc_auc")
    (True, False, False)
    """
    return name in (*_OF_ONE_CLASS, "average_precision")


def takes_positive_class(name: str) -> bool:
    """Say whether a scorer of scikit-learn has to be told the positive class of two.

    >>> takes_positive_class("f1"), takes_positive_class("neg_brier_score")
    (True, True)
    """
    return has_positive_class(name) or name in ("neg_brier_score", "d2_brier_score")


def task_of(targets: TargetEncoder | None) -> str | None:
    """Return what kind of targets an encoder is of; None where no scorer is known for them.

    >>> task_of(ClassTargets.fit(["a", "b", "c"])), task_of(NumberTargets.fit([0.5, 1.5]))
    ('multiclass', 'regression')
    """
    if isinstance(targets, ClassTargets):
        if targets.multilabel:
            return "multilabel"
        if not targets.one_label:
            return None
        return "binary" if len(targets.classes) == 2 else "multiclass"
    if isinstance(targets, NumberTargets):
        return "regression" if targets.n_outputs == 1 else "multioutput"
    return None


def scorer_names(task: str | None = None) -> list[str]:
    """Return the names that ``scoring`` may be.

    Args:
        task: one of ``CLASSIFICATION`` or ``REGRESSION``; None for the names of all of these.

    >>> "roc_auc" in scorer_names("binary"), "roc_auc" in scorer_names("multiclass")
    (True, False)
    >>> {"roc_auc", "neg_calibration_error", "r2"} <= set(scorer_names())
    True
    >>> "rand_score" in scorer_names()  # which compares clusterings
    False
    """
    wanted = (*CLASSIFICATION, *REGRESSION) if task is None else (task,)
    return sorted(name for name, tasks in _tasks().items() if {*tasks} & {*wanted})


@cache
def _tasks() -> Mapping[str, tuple[str, ...]]:
    """Return the tasks of each scorer by its name."""
    own = {name: own_scorer(name).tasks for name in registry.names(Scorer.family)}
    return {**{name: _tasks_of(name) for name in get_scorer_names()}, **own}


def own_scorer(name: str) -> type[Scorer]:
    """Return wellfit's own scorer of a name, a class."""
    found: type[Scorer] = registry.lookup(Scorer.family, name)
    return found


def _tasks_of(name: str) -> tuple[str, ...]:
    """Return the tasks of a scorer of scikit-learn, by the module that its metric is in."""
    module = score_function(get_scorer(name)).__module__
    if "cluster" in module:
        return ()
    if "regression" in module:
        # Of several outputs at once, scikit-learn has neither a largest error nor deviances.
        alone = name == "neg_max_error" or name.endswith("_deviance")
        return ("regression",) if alone else REGRESSION
    if name in (*_OF_ONE_CLASS, *_LIKELIHOOD_RATIOS):
        return ("binary",)
    if name.endswith("_samples"):
        return ("multilabel",)
    if name == "roc_auc":
        return ("binary", "multilabel")
    if name == "top_k_accuracy":  # one of two classes is always among the likelier two
        return ("multiclass",)
    return CLASSIFICATION[:2] if name in _NOT_OF_LABEL_SETS else CLASSIFICATION


# What people call scikit-learn's scorers, and what those are called.
_USUAL_NAMES = {
    "rmse": "neg_root_mean_squared_error",
    "mse": "neg_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "rmsle": "neg_root_mean_squared_log_error",
    "msle": "neg_mean_squared_log_error",
    "log_loss": "neg_log_loss",
    "logloss": "neg_log_loss",
    "cross_entropy": "neg_log_loss",
    "brier": "neg_brier_score",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "aucpr": "average_precision",
    "mcc": "matthews_corrcoef",
    "acc": "accuracy",
}


def refuse_scorer(name: str, task: str | None = None) -> None:
    """Refuse a scorer that isn't known, or that is for other targets.

    Args:
        name: of the scorer, without ``val_``.
        task: of the targets; None where they aren't known.

    Raises:
        UnknownNameError: no such scorer.
        HyperparameterError: one for other targets; names the nearest for these.

    >>> refuse_scorer("rmse", "regression")
    Traceback (most recent call last):
    wellfit.core.errors.UnknownNameError: unknown scorer 'rmse'; did you mean \
'neg_root_mean_squared_error'? Known: ...
    >>> refuse_scorer("f1", "multiclass")
    Traceback (most recent call last):
    wellfit.core.errors.HyperparameterError: scoring is 'f1', which is for two classes; expected \
one for more than two classes, such as 'f1_macro'. Known: ...
    """
    known = scorer_names(task)
    if name in known:
        return
    if name not in _tasks():
        # A misspelt one may be near to one for other targets.
        meant = _USUAL_NAMES.get(name.lower())
        raise UnknownNameError("scorer", name, known, scorer_names(), meant)
    kind = _KINDS.get(_tasks()[name], "classes")
    expected = "a classifier or a regressor" if task is None else _KINDS[(task,)]
    raise HyperparameterError(
        f"scoring is {name!r}, which is for {kind}; expected one for {expected}, such as "
        f"{_nearest(name, known)!r}. Known: {', '.join(known)}"
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    """Return the known name that is nearest to one that is known elsewhere."""
    # By letters, 'f1' is nearer to 'r2' than to 'f1_macro'.
    longer = [one for one in known if one.startswith(f"{name}_")]
    plain = [one for one in longer if one.endswith(("_macro", "_ovr"))]
    # What compares clusterings is like no other by more than its letters.
    alike = difflib.get_close_matches(name, known, n=1, cutoff=0.6) if _tasks()[name] else []
    usual = "accuracy" if "accuracy" in known else "r2"
    return [*plain, *longer, *alike, usual][0]
