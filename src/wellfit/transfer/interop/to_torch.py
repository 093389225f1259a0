"""Networks as PyTorch modules, and as Python source that builds them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import Any

import torch
from torch import Tensor, nn

from wellfit.core.errors import InputError
from wellfit.nn import (
    ELU,
    GELU,
    Activate,
    Activation,
    AlphaDropout,
    BatchNorm,
    CategoricalEmbedding,
    Dropout,
    GaussianNoise,
    LeakyReLU,
    Linear,
    MaskingNoise,
    NumericEmbedding,
    PReLU,
    Softplus,
)
from wellfit.transfer.interop import categories
from wellfit.transfer.interop.categories import CodeEmbedding
from wellfit.transfer.interop.embeddings import ColumnEmbedding, torch_module
from wellfit.transfer.interop.export_spec import ExportSpec, forms_of
from wellfit.transfer.interop.fitted_layers import FittedLayer
from wellfit.transfer.interop.submodels import (
    SUBMODEL_LAYERS,
    TORCH_MODULES,
    ParallelNetworks,
    mean_prediction,
    submodel_module,
)


class Exp(nn.Module):
    """e to the power of each number."""

    def forward(self, z: Tensor) -> Tensor:
        """Return exp z."""
        return z.exp()


class Shares(nn.Module):
    """Sigmoids, scaled to sum to 1 in each row."""

    def forward(self, z: Tensor) -> Tensor:
        """Return (rows, classes)."""
        each = z.sigmoid() + torch.finfo(torch.float32).tiny
        return each / each.sum(1, keepdim=True)


class Quantiles(nn.Module):
    """The quantiles of each target, sorted."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, z: Tensor) -> Tensor:
        """Return (rows, targets * levels)."""
        return z.view(len(z), -1, self.levels).sort(dim=2).values.flatten(1)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        return f"{self.levels}"


class WithinRange(nn.Module):
    """Numbers kept between the least and the largest of each column."""

    def __init__(self, limits: list[list[float]]) -> None:
        super().__init__()
        self.limits = limits

    def forward(self, z: Tensor) -> Tensor:
        """Return (rows, columns)."""
        low, high = z.new_tensor(self.limits)
        return z.clamp(low, high)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        return f"{self.limits}"


# Modules that PyTorch hasn't.
_OWN = (Exp, Shares, Quantiles, ColumnEmbedding, CodeEmbedding, WithinRange, *TORCH_MODULES)
# How the predictions of several networks are averaged: those of one class against the rest before
# they are scaled, and quantiles as the networks have sorted them.
_MEANS = {"shares": "sigmoid", "quantiles": "identity"}
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "hard_sigmoid": nn.Hardsigmoid,
    "identity": nn.Identity,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
}


def to_torch(model: Any) -> nn.Sequential:
    """Return a fitted estimator's network as an ``nn.Sequential``, in ``eval`` mode.

    Its ``forward`` gives what ``predict_proba`` gives, or a regressor's estimates in the targets'
    own units (with ``loss="quantile"``, all quantiles, (rows, targets · quantiles)). It takes the
    numbers of :func:`network_input`: tables are scaled by the caller, pixels by the network.
    Without its last module, it gives logits. Batch norm and dropout are kept, to train on.

    Several networks that predict by their average (``bagging``, ``architectures``) are the first
    module's, an ``nn.ModuleList`` of an ``nn.Sequential`` each; the second gives the logits of
    their mean prediction.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.

    Raises:
        InputError: a layer or an activation that PyTorch hasn't.

    >>> from wellfit import MLPClassifier
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> [type(module).__name__ for module in to_torch(clf)]
    ['Linear', 'ReLU', 'Dropout', 'Linear', 'Softmax']
    """
    first, *others = forms = forms_of(model)
    modules = _averaged(forms) if others else _modules(first)
    network = nn.Sequential(*modules, *_ends(first))
    return network.to(getattr(torch, first.precision)).eval()


def _averaged(forms: Sequence[ExportSpec]) -> Iterator[nn.Module]:
    """Yield several networks, and what makes one prediction's logits of all of theirs."""
    yield ParallelNetworks(nn.Sequential(*_modules(form)) for form in forms)
    link = forms[0].link
    mean, shares = mean_prediction([form.share for form in forms], _MEANS.get(link, link))
    yield _filled(mean, **shares)


def _modules(form: ExportSpec) -> Iterator[nn.Module]:
    """Yield the modules of one network, up to its logits or its sorted quantiles."""
    for part in form.parts:
        if (module := _module(part)) is not None:
            yield module
    if form.link == "quantiles":
        yield Quantiles(form.levels)


def write_torch(model: Any, path: str | os.PathLike[str]) -> list[Path]:
    """Write a network as Python source that builds it, and its weights beside it (``.pt``).

    ``network()`` in the source returns what :func:`to_torch` returns; it needs PyTorch alone.

    Returns:
        The two files.

    Raises:
        InputError: the name doesn't end in ``.py``, or as :func:`to_torch` raises.
    """
    network, source = to_torch(model), Path(path)
    if source.suffix != ".py":
        raise InputError(f"{path} is to hold Python source; expected a name that ends in .py")
    used = {type(module) for module in network.modules()} & {*_OWN}
    own = sorted(used, key=lambda cls: cls.__name__)
    functional = any("F." in inspect.getsource(cls) for cls in own)
    text = _SOURCE.format(
        classes="".join(f"\n\n{inspect.getsource(cls)}" for cls in own),
        network=indent(_constructed(network), "    ").lstrip(),
        dtype=next(network.parameters()).dtype,
        weights=source.with_suffix(".pt").name,
        imports="from torch import Tensor, nn" if own else "from torch import nn",
        functional="from torch.nn import functional as F\n" if functional else "",
    )
    torch.save(network.state_dict(), source.with_suffix(".pt"))
    source.write_text(text, encoding="utf-8")
    return [source, source.with_suffix(".pt")]


_SOURCE = '''"""A network that wellfit trained; it needs PyTorch alone."""

from pathlib import Path

import torch
{imports}
{functional}{classes}

def network() -> nn.Sequential:
    """Return the trained network; see wellfit's documentation on what it takes and gives."""
    built = {network}.to({dtype})
    weights = torch.load(Path(__file__).with_name("{weights}"), weights_only=True)
    built.load_state_dict(weights)
    return built.eval()
'''


def _constructed(module: nn.Module) -> str:
    """Return Python that makes such a module."""
    match module:
        case nn.Sequential():
            return f"nn.Sequential({_listed(map(_constructed, module))})"
        case ParallelNetworks():
            runs = [(text, len([*alike])) for text, alike in groupby(map(_constructed, module))]
            each = (f"*({text} for _ in range({count}))" for text, count in runs)
            return f"ParallelNetworks([{_listed(each)}])"
        case nn.BatchNorm1d():  # whose repr names arguments that are new in PyTorch
            return f"nn.BatchNorm1d({module.num_features}, {module.eps}, {module.momentum})"
    return repr(module) if type(module) in _OWN else f"nn.{module!r}"


def _listed(each: Iterable[str]) -> str:
    """Return expressions as arguments, on lines of their own."""
    return "\n" + "".join(indent(text, "    ") + ",\n" for text in each)


def _module(part: FittedLayer) -> nn.Module | None:
    match part.layer:
        case Linear(units=units):
            # Made without numbers: those would be drawn by the process's random generator.
            linear = nn.Linear(len(part.weights), units, device="meta")
            return _filled(linear.to_empty(device="cpu"), weight=part.weights.T, bias=part.bias)
        case BatchNorm(momentum=momentum, epsilon=epsilon):
            norm = nn.BatchNorm1d(part.parameters.shape[1], epsilon, 1 - momentum)
            (gamma, beta), (mean, variance) = part.parameters, part.statistics
            return _filled(norm, weight=gamma, bias=beta, running_mean=mean, running_var=variance)
        case AlphaDropout(rate=rate):
            return nn.AlphaDropout(rate)
        case Dropout(rate=rate):
            return nn.Dropout(rate)
        case GaussianNoise() | MaskingNoise():
            return None  # PyTorch has no such modules, and they do nothing when predicting
        case Activate(activation=PReLU()):
            slopes = nn.PReLU(part.parameters.shape[1])
            return _filled(slopes, weight=part.parameters[0])
        case Activate(activation=function):
            return _activation(function)
        case NumericEmbedding():
            embedding, values = torch_module(part)
            return _filled(embedding, **values)
        case CategoricalEmbedding():
            embedding, values = categories.torch_module(part)
            return _filled(embedding, **values)
        case layer if isinstance(layer, SUBMODEL_LAYERS):
            module, arrays = submodel_module(part)
            return _filled(module, **arrays)
    raise InputError(f"PyTorch export doesn't know layer {part.layer!r}")


def _filled(module: nn.Module, **values: Any) -> nn.Module:
    """Return a module of float64 with these parameters and buffers."""
    state = module.double().state_dict()
    state.update({key: torch.tensor(value) for key, value in values.items()})
    module.load_state_dict(state)
    return module


def _activation(function: Activation) -> nn.Module:
    match function:
        case LeakyReLU(slope=slope):
            return nn.LeakyReLU(slope)
        case ELU(alpha=alpha):
            return nn.ELU(alpha)
        case GELU(approximate=approximate):
            return nn.GELU(approximate)
        case Softplus():
            return nn.Softplus(threshold=40)  # as wellfit's
    if function.name in _ACTIVATIONS:
        return _ACTIVATIONS[function.name]()
    known = sorted([*_ACTIVATIONS, "elu", "gelu", "leaky_relu", "prelu", "softplus"])
    raise InputError(
        f"PyTorch export doesn't know activation {function.name!r}; it knows {', '.join(known)}"
    )


def _ends(form: ExportSpec) -> Iterator[nn.Module]:
    """Yield what makes predictions of logits."""
    match form.link:
        case "softmax":
            yield nn.Softmax(dim=1)
        case "sigmoid":
            yield nn.Sigmoid()
        case "exp":
            yield Exp()
        case "shares":
            yield Shares()
    if form.range is not None:
        yield WithinRange(form.range.tolist())
