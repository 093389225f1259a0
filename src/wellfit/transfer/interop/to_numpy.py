"""Networks as a few lines of Python that need NumPy alone."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import InputError
from wellfit.inference import functions
from wellfit.inference.functions import ACTIVATIONS
from wellfit.nn import (
    GELU,
    Activate,
    Activation,
    BatchNorm,
    CategoricalEmbedding,
    Linear,
    NumericEmbedding,
    PReLU,
)
from wellfit.preprocessing import TablePreprocessor
from wellfit.preprocessing.numeric import AffineScaling, Numbers
from wellfit.transfer.interop import categories
from wellfit.transfer.interop.categories import CodeTables
from wellfit.transfer.interop.embeddings import numpy_arrays, numpy_lines
from wellfit.transfer.interop.export_spec import ExportSpec, forms_of
from wellfit.transfer.interop.fitted_layers import FittedLayer, simplified
from wellfit.transfer.interop.submodels import (
    SUBMODEL_LAYERS,
    numpy_submodel_lines,
    submodel_arrays,
)

_RANGE = ("least", "largest")  # arrays
_INSIDE = 500  # numbers that a source holds itself; more go into a file beside it

_ENDS: dict[str, list[str]] = {
    "identity": [],
    "softmax": ["h = softmax(h)"],
    "sigmoid": ["h = sigmoid(h)"],
    "exp": ["h = np.exp(h)"],
    "shares": ["h = sigmoid(h) + np.finfo(np.float32).tiny"],
}


def to_numpy(model: Any, path: str | os.PathLike[str]) -> list[Path]:
    """Write a fitted estimator as Python source with a ``predict`` that needs NumPy alone.

    A classifier's source has ``predict_proba`` too. With ``loss="quantile"``, ``predict`` gives
    all quantiles. Preprocessing is included where the table holds numbers, flags, dates and
    durations (in seconds); text is not.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.
        path: of the source, ending in ``.py``. Unless there are but a few weights, they go into
            a ``.npz`` beside it.

    Returns:
        The files.

    Raises:
        InputError: a column of text (named), or an activation that has no formula here.

    >>> import tempfile
    >>> from wellfit import MLPClassifier
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> [file.name for file in to_numpy(clf, Path(tempfile.mkdtemp()) / "net.py")]
    ['net.py']
    """
    forms, writer, source = forms_of(model), _Writer(), Path(path)
    if source.suffix != ".py":
        raise InputError(f"{path} is to hold Python source; expected a name that ends in .py")
    form, several = forms[0], len(forms) > 1
    writer.read(form)
    writer.lines += ["features, total = h, 0"] * several
    for each in forms:
        writer.lines += ["h = features"] * several
        for part in simplified(each.parts):
            writer.layer(part, np.dtype(form.precision))
        writer.lines += [*_ends(form), *[f"total = total + {each.share!r} * h"] * several]
    writer.lines += ["h = total"] * several
    writer.finish(form)
    weights = source.with_suffix(".npz")
    inside = sum(array.size for array in writer.arrays.values()) <= _INSIDE
    source.write_text(writer.text(form, None if inside else weights.name), encoding="utf-8")
    if inside:
        return [source]
    np.savez(weights, **writer.arrays)  # type: ignore[arg-type]
    return [source, weights]


class _Writer:
    """Collects the lines of the function, and the arrays that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.arrays: dict[str, NDArray[Any]] = {}

    def read(self, form: ExportSpec) -> None:
        """Write how rows become the network's numbers."""
        table, dtype = form.features.table, form.precision
        if table is None:
            self.lines.append(f"h = np.asarray(X, dtype=np.{dtype})")
            return
        _refuse_text(table, form.names)
        self.lines += ["x = np.asarray(X, dtype=np.float64)", "blocks = []"]
        numbers = [at for at, kind in enumerate(table.kinds_) if kind not in ("flag", "empty")]
        flags = [at for at, kind in enumerate(table.kinds_) if kind == "flag"]
        self._scale("numbers", table.numbers_, numbers)
        self._scale("flags", table.flags_, flags)
        self.lines.append(f"h = np.hstack(blocks).astype(np.{dtype})")

    def layer(self, part: FittedLayer, dtype: np.dtype[Any]) -> None:
        """Write a layer."""
        number = len(self.arrays)
        match part.layer:
            case Linear():
                w = self._array(f"w{number}", part.weights.astype(dtype))
                b = self._array(f"b{number}", part.bias.astype(dtype))
                self.lines.append(f"h = linear(h, {w}, {b})")
            case BatchNorm():
                scale, shift = part.affine()
                s = self._array(f"scale{number}", scale.astype(dtype))
                t = self._array(f"shift{number}", shift.astype(dtype))
                self.lines.append(f"h = normalized(h, {s}, {t})")
            case Activate(activation=PReLU()):
                slopes = self._array(f"slopes{number}", part.parameters.astype(dtype))
                self.lines.append(f"h = prelu(h, {slopes})")
            case NumericEmbedding():
                self.lines += numpy_lines(part, self._named(numpy_arrays(part), dtype))
            case CategoricalEmbedding():
                codes = CodeTables.of(part)
                tables = [
                    self._array(f"table{number}_{at}", table.astype(dtype))
                    for at, table in enumerate(codes.tables)
                ]
                self.lines += categories.numpy_lines(codes, tables)
            case layer if isinstance(layer, SUBMODEL_LAYERS):
                self.lines += numpy_submodel_lines(part, self._named(submodel_arrays(part), dtype))
            case Activate(activation=function):
                self.lines.append(f"h = {_formula(function)}")
            case layer:
                raise InputError(f"NumPy export doesn't know layer {layer!r}")

    def _named(self, arrays: Mapping[str, NDArray[Any]], dtype: np.dtype[Any]) -> dict[str, str]:
        """Add a layer's arrays; return an expression for each."""
        number = len(self.arrays)
        return {
            key: self._array(f"{key}{number}", array.astype(dtype))
            for key, array in arrays.items()
        }

    def finish(self, form: ExportSpec) -> None:
        """Write what is done to the networks' mean: scaled to sum to 1, or kept in a range."""
        if form.link == "shares":
            self.lines.append("h = h / h.sum(axis=1, keepdims=True)")
        if form.range is not None:
            low, high = (
                self._array(name, row) for name, row in zip(_RANGE, form.range, strict=True)
            )
            self.lines.append(f"h = np.clip(h, {low}, {high})")

    def text(self, form: ExportSpec, weights: str | None) -> str:
        """Return the whole source."""
        used = _used(self.lines)
        imports = ["import math"] * ("math." in used)
        imports += ["from pathlib import Path"] * (weights is not None)
        arrays = _BESIDE.format(weights=weights)
        if weights is None:
            given = [f"    {key!r}: {_literal(array)}," for key, array in self.arrays.items()]
            arrays = "\n".join(["A = {", *given, "}", ""])
        function, words = _WORDS[form.classes is not None]
        return _SOURCE.format(
            imports="".join(f"{line}\n" for line in imports) + "\n" * bool(imports),
            arrays=arrays,
            functions=used,
            function=function,
            words=words,
            body="\n".join(f"    {line}" for line in self.lines),
            last="h[:, 0]" if form.flat and not form.levels else "h",
            decide=_decide(form),
        )

    def _array(self, name: str, values: NDArray[Any]) -> str:
        self.arrays[name] = values
        return f'A["{name}"]'

    def _scale(self, name: str, numbers: Numbers, positions: list[int]) -> None:
        """Write how some columns are filled, scaled and clipped, and their gaps marked."""
        if not positions:
            return
        columns = self._array(f"{name}_at", np.array(positions))
        fill = self._array(f"{name}_fill", numbers.fill)
        self.lines += [
            f"part = x[:, {columns}]",
            "missing = np.isnan(part)",
            f"part = np.where(missing, {fill}, part)",
        ]
        for key, scaling in numbers.scalings.items():
            if not isinstance(scaling, AffineScaling):
                raise InputError(
                    f"NumPy export can't express the scaling {key!r}; expected 'robust', "
                    "'standard' or 'none'"
                )
            center = self._array(f"{name}_{key}_center", scaling.center)
            scale = self._array(f"{name}_{key}_scale", scaling.scale)
            varies = self._array(f"{name}_varies", numbers.varies.astype(np.float64))
            self.lines.append(f"scaled = (part - {center}) / {scale}")
            self.lines += _CLIPS[numbers.clip]
            self.lines.append(f"blocks.append(scaled * {varies})")
        if numbers.gaps.any():
            gaps = self._array(f"{name}_gaps", np.flatnonzero(numbers.gaps))
            self.lines.append(f"blocks.append(missing[:, {gaps}])")


_CLIPS = {
    "smooth": [
        "scaled = np.clip(scaled, -1e6, 1e6)",
        "scaled = scaled / np.sqrt(1 + np.square(scaled / 3))",
    ],
    "hard": ["scaled = np.clip(scaled, -5, 5)"],
    "none": [f"scaled = np.clip(scaled, -{LARGEST}, {LARGEST})"],
}
_WORDS = {
    True: ("predict_proba", "probabilities (rows, classes), in the order of CLASSES"),
    False: ("predict", "estimates"),
}
_SOURCE = '''"""A model that wellfit trained; it needs NumPy alone."""

{imports}import numpy as np

{arrays}{functions}

def {function}(X):
    """Return {words} for X (rows, columns)."""
{body}
    return {last}
{decide}'''


def _formula(function: Activation) -> str:
    name = function.name
    if isinstance(function, GELU) and function.approximate == "tanh":
        name = "gelu_by_tanh"
    if name not in ACTIVATIONS:
        known = ", ".join(sorted([*ACTIVATIONS, "identity", "prelu"]))
        raise InputError(f"NumPy export has no formula for activation {name!r}; it has {known}")
    made, hypers = ACTIVATIONS[name]
    given = "".join(f", {getattr(function, each)!r}" for each in hypers)
    return f"{made.__name__}(h{given})"


def _used(lines: list[str]) -> str:
    """Return the sources of the functions that some lines call."""
    called = set(re.findall(r"(?<![\w.])(\w+)\(", "\n".join(lines)))
    known = inspect.getmembers(functions, inspect.isfunction)
    sources = [inspect.getsource(function) for name, function in known if name in called]
    if not sources:
        return ""
    return "".join(["\n\nArray = np.ndarray\n", *(f"\n\n{source}" for source in sources)])


_BESIDE = """with np.load(Path(__file__).with_name("{weights}")) as file:
    A = dict(file)
"""


def _ends(form: ExportSpec) -> list[str]:
    if form.link != "quantiles":
        return _ENDS[form.link]
    apart = f"h.reshape(len(h), -1, {form.levels})"
    return [f"h = np.sort({apart}, axis=2).reshape(len(h), -1)"]


def _decide(form: ExportSpec) -> str:
    """Return the source of a classifier's ``predict``."""
    if form.classes is None:
        return ""
    best, words = "CLASSES[predict_proba(X).argmax(axis=1)]", "the likeliest class (rows,)"
    if form.multilabel:
        best, words = "(predict_proba(X) > 0.5).astype(int)", "0 or 1 for each label"
    labels = np.array(form.classes.tolist())  # of NumPy's own types
    return f'''

CLASSES = np.array({labels.tolist()!r})


def predict(X):
    """Return {words} for X (rows, columns)."""
    return {best}
'''


def _literal(array: NDArray[Any]) -> str:
    text = str(array.tolist()).replace("inf", "np.inf")  # where a bin isn't reached
    return f"np.array({text}, dtype=np.{array.dtype.name})"


def _refuse_text(table: TablePreprocessor, names: list[str]) -> None:
    for at, kind in enumerate(table.kinds_):
        if kind == "category":
            name = names[at] if names else at
            raise InputError(
                f"NumPy export reads no text, and column {name!r} holds some; expected columns of "
                "numbers, or another format: 'onnx' reads text"
            )
