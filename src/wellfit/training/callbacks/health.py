"""Statistics of each layer during training: sizes of weights, dead and saturated units."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from wellfit.core.hyper import hyper
from wellfit.nn.layers import Activate
from wellfit.nn.network import Network
from wellfit.training.callbacks.base import Decision, EpochLogs, Run, State
from wellfit.training.callbacks.files import Line, Log
from wellfit.training.callbacks.monitoring import warn_of
from wellfit.training.callbacks.tensorboard import layer_names
from wellfit.training.stack import Weights

_NO_SLOPE, _FLAT = 1e-9, 0.01


class Health(Log, name="health"):
    """Writes statistics of each layer, as a JSON object for each epoch and member in a file.

    ``{"epoch": 3, "member": 0, "layers": [{"layer": "1-linear", "norm": 8.1, …}, …]}``. A layer
    with weights has their ``norm`` (Frobenius), their ``deviation`` and their ``change``: the norm
    of what an epoch added to them, as a share of ``norm``. A layer that applies an activation
    function has, on up to 256 rows, the ``spread`` of its outputs (the usual standard deviation
    of a unit over the rows), the share of ``dead`` units (slope 0 in all rows) and of ``flat``
    outputs (slope below 0.01). Null where a number isn't finite.

    Looking takes time. Epochs are left out until the looks so far make up no more than ``share``
    of the training's time; the first is always looked at.

    Raises:
        InputError: a new run would write over the file of another.

    >>> Health("layers.jsonl", share=0.01)
    Health(path='layers.jsonl', share=0.01)
    """

    path: str = hyper("the file", default="health.jsonl")
    overwrite: bool = hyper("whether a new run may replace the file of another", default=False)
    share: float = hyper("of the training's time, at most", default=0.025, low=0, high=1)

    def on_train_begin(self, run: Run, state: State) -> None:
        """Begin the file, or cut what a resumed run will write again."""
        super().on_train_begin(run, state)
        state["live"] = {}

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Look at the layers if there is time."""
        spent, view = state.get("spent", 0.0), logs.view
        if view is None or spent > self.share * logs.seconds:
            return None
        # The statistics need all weights and a forward pass, which may take as long as a short
        # epoch.
        began = time.perf_counter()
        with torch.no_grad():
            lines = list(_lines(logs, view.weights(), view.activations(), state["live"]))
        try:
            self._add(lines, state)
        except OSError as error:
            warn_of(f"epoch {logs.epoch} could not be written to {self.path}", error, state)
        state["spent"] = spent + time.perf_counter() - began
        return None


def _lines(
    logs: EpochLogs, weights: Weights, outputs: list[tuple[str, Tensor]], live: State
) -> Iterator[Line]:
    """Yield a line for each member that trains; ``live`` remembers the weights until next time."""
    before = live.get("weights", [None] * weights.members)
    epochs = logs.epoch - live.get("epoch", 0)
    now = [_blocks(weights, member) for member in range(weights.members)]
    live |= {"weights": now, "epoch": logs.epoch}
    for place, member in enumerate(np.flatnonzero(logs.active).tolist()):
        network = weights.networks[member]
        values = [tensor[place] for _, tensor in outputs]
        layers = _weighted(network, now[member], before[member], epochs)
        layers |= dict(_active(network, values))
        ordered = [name for name in layer_names(network) if name in layers]
        statistics = [{"layer": name, **layers[name]} for name in ordered]
        yield {"epoch": logs.epoch, "member": member, "layers": statistics}


def _blocks(weights: Weights, member: int) -> list[Tensor]:
    """Return what each layer multiplies its inputs by: nothing, for most kinds of layers."""
    pairs = zip(weights.blocks(member), weights.network.parameters.shapes, strict=True)
    return [values[: shape.weight_rows] for values, shape in pairs]


def _weighted(
    network: Network, now: list[Tensor], before: list[Tensor] | None, epochs: int
) -> dict[str, dict[str, float]]:
    statistics = {}
    for place, (name, block) in enumerate(zip(layer_names(network), now, strict=True)):
        if block.numel():
            norm = float(block.norm())
            statistics[name] = {"norm": norm, "deviation": float(block.std(correction=0))}
            if before is not None and norm:
                statistics[name]["change"] = float((block - before[place]).norm()) / norm / epochs
    return statistics


def _active(network: Network, outputs: list[Tensor]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield figures of the layers that apply a function; z is what the layer below puts out."""
    named = zip(layer_names(network), network.layers, strict=True)
    working = [(name, layer) for name, layer in named if not layer.training_only]
    for place, (name, layer) in enumerate(working):
        if isinstance(layer, Activate) and place:
            yield name, _answers(layer, outputs[place - 1], outputs[place])


def _answers(layer: Activate, z: Tensor, out: Tensor) -> dict[str, float]:
    statistics = {"spread": float(out.std(0, correction=0).median())}
    if layer.activation.parameters(1).rows:  # its slope is a matter of what it has learned
        return statistics
    # f'(z) from the function's own backward; on copies, since backward may overwrite its inputs.
    slope = layer.activation.backward(torch.ones_like(z), z.clone(), out.clone()).abs()
    dead, flat = (slope < _NO_SLOPE).all(0), slope < _FLAT
    return {**statistics, "dead": float(dead.double().mean()), "flat": float(flat.double().mean())}
