"""Keras's form of networks: their layers as plain data, and the HDF5 of their weights."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from wellfit.core.extras import import_extra
from wellfit.transfer.interop.embeddings import KerasLayer

_INPUT, _MEAN = "input_layer", "mean"  # names of layers

KerasNetwork = Sequence[KerasLayer]
Document = dict[str, Any]


def document_of(networks: Sequence[KerasNetwork], inputs: int, outputs: int) -> Document:
    """Return the configuration of a Sequential; of several, that of the model of their mean.

    Args:
        networks: the layers of each.
        inputs: how many numbers a row has.
        outputs: how many predictions each network makes of it.
    """
    if len(networks) == 1:
        return _sequential("wellfit", networks[0], inputs)
    names = [f"network_{number}" for number, _ in enumerate(networks, start=1)]
    row = _tensor(_INPUT, inputs)
    layers = [
        _reading(_input_layer(inputs), _INPUT),
        *(
            _reading(_sequential(name, network, inputs), name, row)
            for name, network in zip(names, networks, strict=True)
        ),
        _reading(
            _described("Average", {"name": _MEAN}),
            _MEAN,
            [_tensor(name, outputs) for name in names],
        ),
    ]
    ends = {"input_layers": [_INPUT, 0, 0], "output_layers": [_MEAN, 0, 0]}
    whole = _described("Model", {"name": "wellfit", "layers": layers, **ends})
    return {**whole, "module": "keras"}


def _sequential(name: str, layers: KerasNetwork, inputs: int) -> Document:
    kinds = stored_names([kind for kind, _, _ in layers])
    named = zip(kinds, layers, strict=True)
    rest = [_described(kind, {"name": own, **config}) for own, (kind, config, _) in named]
    whole = _described("Sequential", {"name": name, "layers": [_input_layer(inputs), *rest]})
    return {**whole, "module": "keras", "build_config": {"input_shape": [None, inputs]}}


def _input_layer(inputs: int) -> Document:
    return _described("InputLayer", {"batch_shape": [None, inputs], "name": _INPUT})


def _described(kind: str, config: Document) -> Document:
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": config,
        "registered_name": None,
    }


def _reading(layer: Document, name: str, *read: Any) -> Document:
    """Return a layer of a model that isn't a sequence, with the tensors that it reads."""
    nodes = [{"args": list(read), "kwargs": {}}] if read else []
    return {**layer, "name": name, "inbound_nodes": nodes}


def _tensor(layer: str, columns: int) -> Document:
    """Return the (rows, columns) that a layer gives."""
    config = {"shape": [None, columns], "dtype": "float32", "keras_history": [layer, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def weights_of(networks: Sequence[KerasNetwork]) -> bytes:
    """Return a file of HDF5 as Keras lays out the weights of such networks."""
    h5py, memory = import_extra("h5py", "keras"), io.BytesIO()
    nested = [f"layers/{name}/" for name in stored_names(["Sequential"] * len(networks))]
    with h5py.File(memory, "w") as file:
        file.create_group("vars")
        for folder, layers in zip(nested if len(networks) > 1 else [""], networks, strict=True):
            names = stored_names([kind for kind, _, _ in layers])
            for name, (_, _, arrays) in zip(names, layers, strict=True):
                group = file.create_group(f"{folder}layers/{name}/vars")
                for number, array in enumerate(arrays):
                    group[str(number)] = array.astype("float32")
    return memory.getvalue()


def stored_names(kinds: list[str]) -> list[str]:
    """Return the names under which Keras 3 stores layers of these classes.

    >>> stored_names(["Dense", "PReLU", "Dense"])
    ['dense', 'p_re_lu', 'dense_1']
    """
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        apart = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind))
        name = apart.lower()
        names.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
