"""Numeric columns: missing values filled and marked, numbers scaled and bounded.

A scaling is a frozen dataclass of arrays, which is all that is saved of it, with ``fit`` and
``transform``. A new one is a class here and a line in :data:`SCALINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST, declared_array
from wellfit.core.errors import ModelFileError, UnknownNameError
from wellfit.preprocessing.cells import check_cells

Array = NDArray[Any]


class Scaling(Protocol):
    """A scaling, learned from the training values of some columns, NaN where missing."""

    @classmethod
    def fit(cls, values: Array) -> Self:
        """Learn from (rows, columns)."""
        ...

    def transform(self, values: Array) -> Array:
        """Return (rows, columns) scaled; nothing is missing any more."""
        ...


@dataclass(frozen=True)
class AffineScaling:
    """(x - center) / scale."""

    center: Array
    scale: Array

    @classmethod
    def fit(cls, values: Array) -> Self:
        """Take the numbers as they are."""
        columns = values.shape[1]
        return cls(np.zeros(columns), np.ones(columns))

    def transform(self, values: Array) -> Array:
        """Return (rows, columns), infinite where a column hardly varied in training."""
        with np.errstate(over="ignore"):
            scaled: Array = (values - self.center) / self.scale
        return scaled


class StandardScaling(AffineScaling):
    """Mean 0 and standard deviation 1: scikit-learn's StandardScaler."""

    @classmethod
    def fit(cls, values: Array) -> Self:
        """Learn each column's mean and standard deviation."""
        from sklearn.preprocessing import StandardScaler  # takes a second: predictions don't

        scaler = StandardScaler().fit(values)
        return cls(scaler.mean_.astype(np.float64), scaler.scale_.astype(np.float64))


class RobustScaling(AffineScaling):
    """Median 0 and interquartile range 1; outliers don't move it.

    Where half of the values are equal, and that range is 0, the standard deviation is 1. Half of
    the whole range (Holzmüller, Grinsztajn and Steinwart, 2024, "Better by default") makes the
    few that differ so small, where one of them is huge, that a short training misses them.
    """

    @classmethod
    def fit(cls, values: Array) -> Self:
        """Learn each column's quartiles."""
        points = np.nanquantile(values, (0.25, 0.5, 0.75), axis=0).astype(np.float64)
        lower, median, upper = points
        spread = np.nanstd(values, axis=0, dtype=np.float64)
        # Where most values are equal the quartiles coincide, and dividing by their distance would
        # be dividing by 0.
        scale = np.where(upper > lower, upper - lower, spread)
        return cls(median, np.where(scale > 0, scale, 1.0))


@dataclass(frozen=True)
class QuantileScaling:
    """The normal quantile of each value's rank: scikit-learn's QuantileTransformer."""

    quantiles: Array

    @classmethod
    def fit(cls, values: Array) -> Self:
        """Learn each column's quantiles, (1000, columns) or as many as there are rows."""
        # A little noise spreads equal values, so that they map to the middle of their ranks;
        # without it, a column's most frequent value, if it is the smallest, maps to -5.2.
        noise = np.random.default_rng(0).standard_normal(values.shape)
        spread = values + 1e-3 * np.nanstd(values, axis=0, dtype=np.float64) * noise
        count = min(1000, len(values))
        return cls(_normal(count).fit(spread).quantiles_.astype(np.float64))

    def transform(self, values: Array) -> Array:
        """Return (rows, columns) within -5.2 and 5.2."""
        transformer = _normal(len(self.quantiles))
        transformer.quantiles_ = self.quantiles
        transformer.n_quantiles_ = len(self.quantiles)
        transformer.references_ = np.linspace(0, 1, len(self.quantiles))
        transformer.n_features_in_ = self.quantiles.shape[1]
        return np.asarray(transformer.transform(values.astype(np.float64)))


def _normal(count: int) -> Any:
    from sklearn.preprocessing import QuantileTransformer  # takes a second: most tables don't

    return QuantileTransformer(n_quantiles=count, output_distribution="normal", random_state=0)


SCALINGS: dict[str, type[Scaling]] = {
    "robust": RobustScaling,
    "standard": StandardScaling,
    "quantile": QuantileScaling,
    "none": AffineScaling,
}


def _smooth(values: Array) -> Array:
    """Bend values towards ±3, leaving those near 0 as they are (Holzmüller et al., 2024)."""
    # Before squaring, which would overflow; at 1e6 the bend is at its limit anyway.
    bounded = np.clip(values, -1e6, 1e6)
    return bounded / np.sqrt(1 + np.square(bounded / 3))


def _hard(values: Array) -> Array:
    """Cut values off at ±5."""
    return np.clip(values, -5, 5)


def _unbounded(values: Array) -> Array:
    """Cut off only what float32 can't hold."""
    return np.clip(values, -LARGEST, LARGEST)


CLIPS: dict[str, Callable[[Array], Array]] = {
    "smooth": _smooth,
    "hard": _hard,
    "none": _unbounded,
}


def check_names(numeric: str, clip: str) -> None:
    """Raise UnknownNameError for a scaling or a clip that doesn't exist."""
    for name in str(numeric).split("+"):
        if name not in SCALINGS:
            raise UnknownNameError("numeric scaling", name, SCALINGS)
    if clip not in CLIPS:
        raise UnknownNameError("clip", clip, CLIPS)


class NumbersDocument(TypedDict):
    """The names of the scalings and of the clip of numeric columns, as plain data."""

    scalings: list[str]
    clip: str


@dataclass(frozen=True)
class Numbers:
    """Numeric columns: each scaled version of each, then a 0/1 column that marks missing values.

    A column that doesn't vary in training is 0 throughout, whatever it holds later.

    Args:
        scalings: by name, one or several.
        clip: a name in :data:`CLIPS`.
        fill: (columns,) the value put where one is missing.
        varies: (columns,) whether training had more than one value.
        gaps: (columns,) whether training had missing values, and others too.
    """

    scalings: dict[str, Scaling]
    clip: str
    fill: Array
    varies: Array
    gaps: Array

    @classmethod
    def fit(
        cls,
        values: Array,
        numeric: str,
        clip: str,
        varies: Array | None = None,
        gaps: Array | None = None,
    ) -> Self:
        """Learn from training values (rows, columns), NaN where missing; each column has some.

        Args:
            values: float32 or float64.
            numeric: names in :data:`SCALINGS`, joined by ``+`` for several versions.
            clip: a name in :data:`CLIPS`.
            varies: (columns,) whether all rows have more than one value, where ``values`` are
                those of a sample of them.
            gaps: (columns,) likewise, whether some are missing.
        """
        if gaps is None:
            gaps = np.any(np.isnan(values), axis=0)
        if varies is None:
            # fmin and fmax skip NaN; a variance would be rounded, and could miss that all values
            # are equal.
            varies = np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0)
        fill = np.nanmedian(values, axis=0).astype(np.float64)
        names = numeric.split("+") if values.shape[1] else []
        scalings = {name: SCALINGS[name].fit(values) for name in names}
        return cls(scalings, clip, fill, varies, gaps)

    @classmethod
    def fit_sparse(cls, matrix: Any, clip: str, names: list[str]) -> Self:
        """Learn from a CSR matrix: scaled by the largest value, not centred; missing becomes 0."""
        matrix = matrix.astype(np.float64)
        check_cells(matrix, names)
        # By the largest and not by quartiles: most cells are 0, and centring would fill them all.
        largest = abs(matrix).nanmax(axis=0).toarray().ravel()
        zeros = np.zeros(len(largest))
        varies = largest > 0
        missing_in = matrix.indices[np.isnan(matrix.data)]
        gaps = np.isin(np.arange(len(zeros)), missing_in)
        scale = np.where(varies, largest, 1.0)
        return cls({"none": AffineScaling(zeros, scale)}, clip, zeros, varies, gaps)

    def transform(self, values: Array) -> Array:
        """Return (rows, scaled columns and marks of missing values) of floats."""
        missing = np.isnan(values)
        # Mostly nothing is missing: the check spares a copy of the table.
        filled = np.where(missing, self.fill, values) if missing.any() else values
        bound = CLIPS[self.clip]
        # A column constant in training is 0 for good: its weights were never trained.
        scaled = [bound(each.transform(filled)) * self.varies for each in self.scalings.values()]
        return np.hstack([*scaled, missing[:, self.gaps]])

    @property
    def width(self) -> int:
        """The number of columns that :meth:`transform` returns."""
        return len(self.scalings) * len(self.fill) + int(self.gaps.sum())

    @property
    def sources(self) -> NDArray[np.int64]:
        """The position among the numeric columns of what each column of :meth:`transform` is of.

        Shape (width,).
        """
        own = np.arange(len(self.fill))
        return np.concatenate([np.tile(own, len(self.scalings)), own[self.gaps]])

    def largest_whole(self, *, flags: bool) -> NDArray[np.int64]:
        """Return the largest number of each column if all are whole, and else -1.

        Args:
            flags: whether columns hold True and False.
        """
        whole = flags & (self.fill == np.round(self.fill))
        own = np.where(np.tile(whole, len(self.scalings)), 1, -1)
        return np.concatenate([own, np.ones(int(self.gaps.sum()), dtype=np.int64)])

    def names(self, inputs: list[str]) -> list[str]:
        """Return the names of the columns that :meth:`transform` returns."""
        single = len(self.scalings) == 1
        versions = [
            name if single else f"{name}_{scaling}" for scaling in self.scalings for name in inputs
        ]
        gaps = [f"{name}_missing" for name, gap in zip(inputs, self.gaps, strict=True) if gap]
        return versions + gaps

    def to_document(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return all that was learned, as data for JSON and as arrays by name."""
        arrays = {"fill": self.fill, "varies": self.varies, "gaps": self.gaps}
        for name, scaling in self.scalings.items():
            arrays |= {f"{name}.{field}": array for field, array in vars(scaling).items()}
        return {"scalings": list(self.scalings), "clip": self.clip}, arrays

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], arrays: Mapping[str, Array], columns: int
    ) -> Self:
        """Rebuild from what :meth:`to_document` returned, of so many columns.

        Raises:
            UnknownNameError: a scaling or a clip that doesn't exist.
            ModelFileError: an array is missing, or of another shape or type.
        """
        names = document["scalings"]
        for name in [*names, *(["none"] if not names else [])]:
            check_names(name, document["clip"])
        if columns and not names:
            raise ModelFileError(f"scalings is empty; expected one or more for {columns} columns")
        fill = declared_array(arrays, "fill", (columns,))
        marks = (declared_array(arrays, key, (columns,), "b") for key in ("varies", "gaps"))
        scalings = {
            name: _scaling(name, arrays_under(f"{name}.", arrays), columns) for name in names
        }
        return cls(scalings, document["clip"], fill, *marks)


def _scaling(name: str, arrays: Mapping[str, Array], columns: int) -> Scaling:
    """Return a scaling of so many columns from its arrays."""
    cls: Any = SCALINGS[name]
    shapes = {"quantiles": (None, columns)}
    learned = {
        field.name: declared_array(arrays, field.name, shapes.get(field.name, (columns,)))
        for field in fields(cls)
    }
    if not np.all(learned.get("scale", 1)):
        raise ModelFileError(f"tensor 'scale' of scaling {name!r} holds 0")
    return cls(**learned)


def arrays_under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Array]:
    """Return the arrays whose names begin with ``prefix``, without it."""
    return {
        key.removeprefix(prefix): np.asarray(array)
        for key, array in arrays.items()
        if key.startswith(prefix)
    }
