"""ExportSpec: a fitted estimator's layers, and the function that turns outputs to predictions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError
from wellfit.estimators import MLPClassifier, MLPRegressor
from wellfit.estimators.overrides import kind_of
from wellfit.fitting import ClassTargets, FeatureEncoder, FittedNetwork, NumberTargets
from wellfit.fitting.validation import validate_features
from wellfit.nn import Linear, Loss, SubmodelLinear
from wellfit.nn.links import LINKS, link_of
from wellfit.transfer.interop.fitted_layers import FittedLayer, layers_of, simplified


@dataclass(frozen=True)
class ExportSpec:
    """What a fitted estimator computes from numbers that its ``preprocess`` has made.

    Attributes:
        parts: the layers; scales of pixels are folded in, and the units of a regressor's targets.
        link: what is done to the last numbers: ``identity``, ``softmax``, ``sigmoid``, ``exp``,
            ``shares`` (sigmoids, scaled to sum to 1) or ``quantiles`` (sorted).
        classes: a classifier's labels; None of a regressor.
        multilabel: whether each output is a yes or no by itself.
        levels: how many quantiles each target has; 0 for none.
        flat: whether a regressor has one target, and predicts (rows,).
        range: (2, n_targets) what a regressor's predictions are kept between; None for nothing.
        features: the encoder of its rows' features.
        names: of its columns.
        precision: of its numbers, ``"float32"`` or ``"float64"``.
        share: how much it counts, of several networks whose average predicts.
    """

    parts: list[FittedLayer]
    link: str
    classes: NDArray[Any] | None
    multilabel: bool
    levels: int
    flat: bool
    features: FeatureEncoder
    names: list[str]
    precision: str
    range: NDArray[np.float64] | None = None
    share: float = 1.0

    @property
    def width(self) -> int:
        """The number of outputs."""
        kinds = Linear | SubmodelLinear
        return [part.layer.units for part in self.parts if isinstance(part.layer, kinds)][-1]

    def refuse(self, target: str, links: tuple[str, ...]) -> None:
        """Refuse a link that a format hasn't.

        Raises:
            InputError: naming it, and the formats that have it.
        """
        if self.range is not None:
            raise InputError(
                f"{target} can't keep predictions within a range (clip_predictions); expected "
                "another format: 'onnx', 'torch' and 'numpy' can"
            )
        if self.link not in links:
            raise InputError(
                f"{target} can't express this model's outputs ({_WORDS[self.link]}); "
                "expected another format: 'onnx', 'torch' and 'numpy' express all"
            )


_WORDS = {
    "identity": "numbers as they are",
    "softmax": "softmax",
    "sigmoid": "a sigmoid for each",
    "exp": "exp, of loss 'poisson'",
    "shares": "sigmoids scaled to sum to 1, of one class against the rest",
    "quantiles": "sorted quantiles, of loss 'quantile'",
}


def form_of(model: Any, *, two_sided: bool = True) -> ExportSpec:
    """Return how a fitted estimator predicts by its only network.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.
        two_sided: give a single sigmoid two outputs, one for each class.

    Raises:
        InputError: another model, one that isn't fitted, or that predicts by methods of its own
            or by several networks.
    """
    first, *others = forms_of(model, two_sided=two_sided)
    if others:
        raise InputError(
            f"this {type(model).__name__} predicts by the average of {1 + len(others)} networks, "
            "which this format can't express; expected another format ('onnx', 'torch', 'keras'; "
            "'numpy' where all columns are numbers), or a model trained with bagging=None"
        )
    return first


def forms_of(model: Any, *, two_sided: bool = True, quiet: bool = False) -> list[ExportSpec]:
    """Return how each of a fitted estimator's networks predicts; their average is its own.

    Each counts by its share in it.

    See :func:`form_of`. Warns of what no export holds, unless ``quiet``.
    """
    if not isinstance(model, MLPClassifier | MLPRegressor):
        raise InputError(
            f"a {type(model).__name__} can't be exported; expected an MLPClassifier or an "
            "MLPRegressor (of an ensemble: its members one by one)"
        )
    if not model.__sklearn_is_fitted__():
        raise InputError(f"this {type(model).__name__} is not fitted; call fit before export")
    kind_of(model, "an export")
    if model.network_.conformal is not None and not quiet:
        what = "sets" if model.network_.targets.classes is not None else "intervals"
        warnings.warn(
            f"the export leaves out the calibrated prediction {what}; a model folder, as save "
            "writes it, holds them",
            UserWarning,
            stacklevel=3,
        )
    average = model.network_
    return [
        replace(_form(network, two_sided), share=share)
        for network, share in zip(average.members, average.member_shares, strict=True)
    ]


def _form(network: FittedNetwork, two_sided: bool) -> ExportSpec:
    targets, features = network.targets, network.features
    parts, link, levels = _predicting(network)
    form = ExportSpec(
        parts=parts,
        link=link,
        classes=targets.classes,
        multilabel=isinstance(targets, ClassTargets) and targets.multilabel,
        levels=levels,
        flat=isinstance(targets, NumberTargets) and targets.flat,
        features=features,
        names=list(features.names or ()),
        precision=str(network.weights.parameters.dtype).removeprefix("torch."),
        range=targets.range if isinstance(targets, NumberTargets) else None,
    )
    if isinstance(targets, NumberTargets):
        return _in_units(form, targets)
    return _sided(form, two_sided)


def network_input(model: Any, X: Any) -> NDArray[np.floating]:
    """Return the numbers that an exported network expects for rows X.

    For formats without preprocessing (PyTorch, Keras, scikit-learn): tables are scaled, imputed
    and encoded as the model does it; of pixels, sparse rows and ``preprocess=None``, the network
    takes X itself, and so they are only made dense floats.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.
        X: (rows, columns) as for ``predict``.

    Returns:
        (rows, inputs) of float32, or float64 if that is the model's precision.

    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> network_input(clf, [[0.0], [1.0]]).shape
    (2, 1)
    """
    dtype = np.dtype(forms_of(model, quiet=True)[0].precision)
    features = model.network_.features
    rows = validate_features(model, X, features)
    if features.table is not None:
        return np.asarray(features.encode(rows, dtype))
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=dtype)


def _with_pixels(network: FittedNetwork) -> list[FittedLayer]:
    """Return the layers, below them the scale of pixels or of sparse columns if there is one."""
    parts, features = layers_of(network.weights), network.features
    if features.kind == "pixels":
        scale = np.full(features.n_columns, 1 / features.pixel_max)
    elif features.largest is not None:
        scale = 1 / features.largest
    else:
        return parts
    first = next(i for i, part in enumerate(parts) if not part.layer.training_only)
    merged = simplified([FittedLayer.scaling(scale, 0 * scale), parts[first]])
    return [*parts[:first], *merged, *parts[first + 1 :]]


def _predicting(network: FittedNetwork) -> tuple[list[FittedLayer], str, int]:
    """Return the layers up to what is exported, its link, and the quantiles of each target.

    Of a loss that estimates the mean and quantiles, the mean is exported.
    """
    parts, loss = _with_pixels(network), network.targets.loss
    if not loss.levels() or loss.point_level is not None:
        return parts, _link(loss), len(loss.levels())
    means = np.eye(network.weights.network.outputs)[:, loss.point]
    return _followed(parts, FittedLayer.linear(means)), "identity", 0


def _link(loss: Loss) -> str:
    """Return what a loss makes of logits, by trying it."""
    if loss.levels():
        return "quantiles"
    link = link_of(loss)
    if link is not None:
        return link
    raise InputError(
        f"what loss {loss.name!r} makes of a network's outputs has no name in other libraries; "
        f"expected one of {', '.join([*LINKS, 'quantiles'])}"
    )


def _sided(form: ExportSpec, two_sided: bool) -> ExportSpec:
    """Return a classifier's form: two outputs for a yes or no, shares for one against the rest."""
    if form.link != "sigmoid" or form.multilabel:
        return form
    if form.width > 1:
        return replace(form, link="shares")
    if not two_sided:
        return form
    both = FittedLayer.linear([[-1.0, 1.0]])  # sigmoid(-z) = 1 - sigmoid(z)
    return replace(form, parts=_followed(form.parts, both))


def _in_units(form: ExportSpec, targets: NumberTargets) -> ExportSpec:
    """Return a regressor's form, whose last layer gives the targets in their own units."""
    mean, scale = targets.scale.mean_, targets.scale.scale_
    if form.levels:
        mean, scale = np.repeat(mean, form.levels), np.repeat(scale, form.levels)
    if form.link == "exp":  # whose targets have a natural 0: their mean is not subtracted
        mean, scale = np.log(scale), np.ones_like(scale)
    if not mean.any() and (scale == 1).all():
        return form
    return replace(form, parts=_followed(form.parts, FittedLayer.linear(np.diag(scale), mean)))


def _followed(parts: list[FittedLayer], last: FittedLayer) -> list[FittedLayer]:
    """Return layers with a linear one behind them, which becomes one with a linear layer there."""
    if isinstance(parts[-1].layer, Linear):
        return [*parts[:-1], *simplified([parts[-1], last])]
    return [*parts, last]
