"""The architectures that an estimator trains beside its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wellfit.core.errors import HyperparameterError, shown
from wellfit.core.parameter import is_auto
from wellfit.fitting import TrainingJob
from wellfit.nn import NumericEmbedding

OWN = "its own"  # the name of the architecture that an estimator's parameters describe

# What networks that read the same encoded rows may differ in, beside the network's own parameters.
_TRAINING = (
    *("l1", "l2", "max_norm", "gradient_clipping", "ema_decay"),
    *("optimizer", "learning_rate", "lr_schedule", "batch_size", "epochs", "shuffle"),
)
_ENCODING = ("categorical_embedding", "output_activation")


def given_bagging(estimator: Any) -> int | None:
    """Return how many folds' networks are asked for; None where ``"auto"`` leaves it open."""
    given: int | None = getattr(estimator, "bagging", None)
    return None if is_auto(given) else given


def check_architectures(estimator: Any) -> None:
    """Refuse architectures that can't be meant.

    Raises:
        HyperparameterError: something else than mappings, parameters in which the networks of one
            estimator can't differ, or no folds to select by.
        UnknownNameError: naming the nearest parameter there is.
    """
    given = getattr(estimator, "architectures", None)
    if given is None:
        return
    alike = isinstance(given, (list, tuple)) and all(isinstance(one, Mapping) for one in given)
    if not alike:
        raise HyperparameterError(
            f"architectures is {shown(given)}; expected a list of mappings of parameters, such as "
            "[{'numeric_embedding': 'periodic'}]"
        )
    if given and given_bagging(estimator) is None:
        raise HyperparameterError(
            f"architectures are given and bagging is {estimator.bagging!r}: they are selected by "
            "the rows of folds. Expected bagging of 2 or more, or architectures=None"
        )
    allowed = _allowed(estimator)
    for params in given:
        _with(estimator, params)  # refuses unknown names
        for name in params:
            if name.partition("__")[0] not in allowed:
                raise HyperparameterError(
                    f"architectures hold {name!r}, in which networks that read the same rows "
                    f"can't differ; expected some of {', '.join(allowed)}"
                )


def variants(estimator: Any, job: TrainingJob) -> Iterator[tuple[str, Any]]:
    """Yield the names of the other architectures, and estimators with their parameters.

    One that differs by its numeric embedding is left out where the estimator's own network has
    none: there are no columns to embed, or too many, or none was asked for.

    Args:
        estimator: whose ``architectures`` count.
        job: its own training.
    """
    embeds = any(isinstance(layer, NumericEmbedding) for layer in job.member.network.layers)
    seen = [OWN]
    for params in estimator.architectures or ():
        name = _in_words(params)
        embedding = [key for key in params if key.partition("__")[0] == "numeric_embedding"]
        if name not in seen and (embeds or not embedding):
            seen.append(name)
            yield name, _with(estimator, params)


def _with(estimator: Any, params: Mapping[str, Any]) -> Any:
    """Return an estimator that differs in some parameters, and has no other architecture."""
    # No deep copies: callbacks may hold files and threads, and are the same for all networks.
    copy = type(estimator)(**estimator.get_params(deep=False))
    return copy.set_params(**{**params, "architectures": None})


def _allowed(estimator: Any) -> list[str]:
    """Return the names of the parameters in which architectures may differ."""
    own: Iterable[tuple[str, Any]] = estimator.declared_parameters.items()
    network = [name for name, each in own if each.group == "Network" and name not in _ENCODING]
    return [*network, *_TRAINING]


def _in_words(params: Mapping[str, Any]) -> str:
    """Return parameters as text: the name of the architecture.

    >>> _in_words({"numeric_embedding": "periodic", "dropout": 0.2}), _in_words({})
    ("numeric_embedding='periodic', dropout=0.2", 'its own')
    """
    return ", ".join(f"{name}={value!r}" for name, value in params.items()) or OWN
