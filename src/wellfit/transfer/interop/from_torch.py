"""PyTorch's networks, and files of their weights, as wellfit's."""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.files import refuse_beyond_memory
from wellfit.estimators import MLPClassifier, MLPRegressor
from wellfit.nn import ELU, GELU, Activation, AlphaDropout, Dropout, LeakyReLU, PReLU
from wellfit.transfer.interop.estimator import Task, from_parts
from wellfit.transfer.interop.fitted_layers import FittedLayer

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.Hardsigmoid: "hard_sigmoid",
    nn.Mish: "mish",
    nn.ReLU: "relu",
    nn.SELU: "selu",
    nn.Sigmoid: "sigmoid",
    nn.SiLU: "silu",
    nn.Softsign: "softsign",
    nn.Tanh: "tanh",
}
_ENDS: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.LogSoftmax: "softmax",
    nn.Sigmoid: "sigmoid",
}
_NOTHING = (nn.Identity, nn.Flatten)
_SUPPORTED = (
    "Linear, BatchNorm1d, Dropout, AlphaDropout, Identity, Flatten, ReLU, LeakyReLU, PReLU, ELU, "
    "SELU, GELU, SiLU, Mish, Sigmoid, Hardsigmoid, Tanh, Softsign, Softplus, and Softmax, "
    "LogSoftmax or Sigmoid at the end"
)

# What PyTorch and its pickles raise where a file is damaged.
_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError),
    *(MemoryError, OSError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError),
)


def from_torch(
    source: nn.Sequential | Mapping[str, Tensor] | str | os.PathLike[str],
    *,
    activation: str | Activation = "relu",
    output: str = "identity",
    classes: ArrayLike | None = None,
    task: Task | None = None,
) -> MLPClassifier | MLPRegressor:
    """Return a PyTorch network as a fitted estimator.

    Args:
        source: an ``nn.Sequential``; or a state dict, or a file of one (``.pt``, ``.pth``,
            ``.safetensors``), of linear layers and batch norms in their order. A file of
            safetensors keeps none: there the names have to sort like the layers (fc2 before fc10).
        activation: of a state dict's hidden layers, which it lacks. Where its names are an
            ``nn.Sequential``'s numbers, the gaps between them show after which layers it stands;
            else it follows each hidden linear layer and its batch norm.
        output: what a state dict's network does to its last numbers: ``"softmax"``,
            ``"sigmoid"``, ``"exp"`` or, as logits and estimates do, ``"identity"``.
        classes: (C,) labels in the order of the outputs. With them, last numbers are logits.
        task: ``"classification"`` (of 0 to C-1 where there are no ``classes``),
            ``"multilabel"`` or ``"regression"``, where it isn't clear.

    Raises:
        InputError: a module that has no counterpart here, by name; or shapes that don't fit.
        ModelFileError: no file of tensors: one that would run code isn't read.

    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(dim=1))
    >>> from_torch(network, classes=["a", "b", "c"]).predict_proba([[0.0] * 4]).shape
    (1, 3)
    """
    if isinstance(source, nn.Module):
        parts, output = _modules(source, output)
        state: Mapping[str, Tensor] = source.state_dict()
    else:
        state = _plain_state(source if isinstance(source, Mapping) else read_state(source))
        parts = list(_state_parts(state, activation))
    double = any(value.dtype == torch.float64 for value in state.values())
    return from_parts(
        parts,
        output=output,
        classes=classes,
        task=task,
        precision="float64" if double else "float32",
    )


def read_state(path: str | os.PathLike[str]) -> Mapping[str, Tensor]:
    """Return the tensors of a ``.pt``, ``.pth`` or ``.safetensors`` file; runs none of its code.

    Raises:
        ModelFileError: it holds something else.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelFileError(f"there is no file {file}")
    refuse_beyond_memory(file, file.stat().st_size)
    _refuse_compressed(file)
    try:
        if file.suffix == ".safetensors":
            found = load_file(file)
            return {key: found[key] for key in sorted(found, key=_numbered)}
        with warnings.catch_warnings(action="ignore"):  # of pickles that it refuses anyway
            found = torch.load(file, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ModelFileError(f"{file} is no file of safetensors: {error}") from error
    except _DAMAGE as error:
        raise ModelFileError(
            f"{file} holds more than tensors, or is damaged; a pickle can run any code, and is "
            "not read. Expected weights alone: torch.save(network.state_dict(), path), or "
            "safetensors"
        ) from error
    _refuse_larger_than(file, found)
    if not isinstance(found, Mapping):
        raise ModelFileError(
            f"{file} holds a {type(found).__name__}; expected a state dict, tensors by name"
        )
    return found


def _refuse_compressed(file: Path) -> None:
    """Refuse an archive that unpacks to more than it holds: PyTorch doesn't compress."""
    try:
        with zipfile.ZipFile(file) as archive:
            packed = [info.filename for info in archive.infolist() if info.compress_type]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # no archive; PyTorch says what is wrong with one that is damaged
    if packed:
        raise ModelFileError(f"{file} is compressed, at {packed[0]}; expected a file of PyTorch's")


def _refuse_larger_than(file: Path, found: Any) -> None:
    """Refuse tensors that repeat a few stored numbers many times over."""
    size = file.stat().st_size
    for name, tensor in found.items() if isinstance(found, Mapping) else ():
        if isinstance(tensor, Tensor) and tensor.numel() > size:
            raise ModelFileError(
                f"{file} has {size:,} bytes, and its tensor {name!r} {tensor.numel():,} numbers"
            )


def _numbered(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts ``fc2`` before ``fc10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


# A module.


def _modules(network: nn.Module, output: str) -> tuple[list[FittedLayer], str]:
    """Return the parts of a sequence of modules, and what stands at its end."""
    modules = [module for module in _flat(network) if not isinstance(module, _NOTHING)]
    if modules and type(modules[-1]) in _ENDS:
        output = _ENDS[type(modules.pop())]
    return [_part(module) for module in modules], output


def _flat(network: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(network, nn.Sequential):
        yield network
        return
    for module in network:
        yield from _flat(module)


def _part(module: nn.Module) -> FittedLayer:
    match module:
        case nn.Linear(weight=weight, bias=bias):
            return FittedLayer.linear(_array(weight).T, None if bias is None else _array(bias))
        case nn.BatchNorm1d():
            return _batch_norm(module)
        case nn.AlphaDropout(p=rate):
            return FittedLayer(AlphaDropout(rate))
        case nn.Dropout(p=rate):
            return FittedLayer(Dropout(rate))
        case nn.PReLU(weight=slopes):
            return FittedLayer.activation(PReLU(), _array(slopes))
    return FittedLayer.activation(_activation(module))


def _batch_norm(module: nn.BatchNorm1d) -> FittedLayer:
    if module.running_mean is None or module.running_var is None:
        raise InputError(
            "BatchNorm1d(track_running_stats=False) can't be imported: it has no statistics to "
            "predict with; expected track_running_stats=True"
        )
    return FittedLayer.batch_norm(
        _array(module.running_mean),
        _array(module.running_var),
        None if module.weight is None else _array(module.weight),
        None if module.bias is None else _array(module.bias),
        epsilon=module.eps,
        momentum=0.9 if module.momentum is None else 1 - module.momentum,
    )


def _activation(module: nn.Module) -> str | Activation:
    match module:
        case nn.LeakyReLU(negative_slope=slope):
            return LeakyReLU(slope)
        case nn.ELU(alpha=alpha):
            return ELU(alpha)
        case nn.GELU(approximate=approximate):
            return GELU(approximate)
        case nn.Softplus(beta=1):
            return "softplus"
    if type(module) not in _ACTIVATIONS:
        raise InputError(f"PyTorch's {module!r} can't be imported; supported are {_SUPPORTED}")
    return _ACTIVATIONS[type(module)]


# Tensors by name.


def _plain_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return tensors by name, out of a checkpoint that holds them beside other things."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state.get(key), Mapping):
            state = state[key]
    wrong = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if wrong:
        raise InputError(f"the state dict's {wrong[0]!r} is no tensor; expected tensors by name")
    return dict(state)


def _state_parts(
    state: Mapping[str, Tensor], activation: str | Activation
) -> Iterator[FittedLayer]:
    """Yield the parts of a state dict, with activations where they must have been."""
    layers: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        name, _, what = key.rpartition(".")
        layers.setdefault(name, {})[what] = value
    names = _in_order(layers)
    for number, name in enumerate(names):
        yield _from_tensors(name, layers[name])
        above = names[number + 1 :]
        if above and _then_activates(name, above[0], layers):
            yield FittedLayer.activation(activation)


def _in_order(layers: Mapping[str, Any]) -> list[str]:
    """Return names in their order; files of safetensors have them by alphabet: 0, 10, 2."""
    ends = [name.rpartition(".")[2] for name in layers]
    heads = {name.rpartition(".")[0] for name in layers}
    if len(heads) == 1 and all(end.isdigit() for end in ends):
        return sorted(layers, key=lambda name: int(name.rpartition(".")[2]))
    return list(layers)


def _then_activates(name: str, above: str, layers: Mapping[str, Mapping[str, Tensor]]) -> bool:
    """Say whether an activation stands between two layers that have numbers."""
    if _is_slopes(layers[name]) or _is_slopes(layers[above]) or _settled(name, layers):
        return False
    steps = _steps(name, above)
    return "running_mean" not in layers[above] if steps is None else steps > 1


def _settled(name: str, layers: Mapping[str, Mapping[str, Tensor]]) -> bool:
    """Say whether a batch norm has no activation above: it is the first, or has one below."""
    names = _in_order(layers)
    place = names.index(name)
    if "running_mean" not in layers[name] or not place:
        return "running_mean" in layers[name]
    return (
        "running_mean" not in layers[names[place - 1]]
        and (_steps(names[place - 1], name) or 1) > 1
    )


def _steps(below: str, above: str) -> int | None:
    """Return how many modules of an ``nn.Sequential`` lie between; None for other names."""
    (head, _, end), (other, _, last) = below.rpartition("."), above.rpartition(".")
    return int(last) - int(end) if head == other and end.isdigit() and last.isdigit() else None


def _is_slopes(tensors: Mapping[str, Tensor]) -> bool:
    return set(tensors) == {"weight"} and tensors["weight"].ndim == 1


def _from_tensors(name: str, tensors: Mapping[str, Tensor]) -> FittedLayer:
    weight, bias = tensors.get("weight"), tensors.get("bias")
    if "running_mean" in tensors:
        rest = [None if given is None else _array(given) for given in (weight, bias)]
        return FittedLayer.batch_norm(
            _array(tensors["running_mean"]), _array(tensors["running_var"]), *rest
        )
    if weight is not None and weight.ndim == 2 and set(tensors) <= {"weight", "bias"}:
        return FittedLayer.linear(_array(weight).T, None if bias is None else _array(bias))
    if _is_slopes(tensors) and weight is not None:
        return FittedLayer.activation(PReLU(), _array(weight))
    shapes = ", ".join(f"{key} {tuple(value.shape)}" for key, value in tensors.items())
    raise InputError(
        f"layer {name!r} of the state dict holds {shapes}; supported are linear layers (a weight "
        "of two axes), batch norms (running_mean, running_var) and PReLU's slopes"
    )


def _array(tensor: Tensor) -> Any:
    return tensor.detach().double().cpu().numpy()
