"""Curves, histograms and the layers for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.core.extras import import_extra
from wellfit.core.hyper import hyper
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State, TrainingView

if TYPE_CHECKING:
    from wellfit.nn.network import Network
    from wellfit.training.stack import Weights


class TensorBoard(Callback, name="tensorboard"):
    """Writes what ``tensorboard --logdir FOLDER`` shows.

    Every metric and the learning rate as curves over the epochs; every ``histograms`` epochs each
    layer's weights and biases, and its outputs on up to 256 rows; the layers as a graph; the
    settings as text. Several members are as many runs, ``member-0`` and so on. A run that is
    resumed goes on with its curves. Needs the extra ``wellfit-nn[tensorboard]``.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        InputError: a new run would write into the folder of another.

    >>> TensorBoard("runs/digits", histograms=10)
    TensorBoard(folder='runs/digits', histograms=10)
    """

    exclusive_files: ClassVar[bool] = True

    folder: str = hyper("where to", default="runs/tensorboard")
    histograms: int = hyper(
        "epochs between two histograms of weights and outputs; 0 for none", default=1, low=0
    )
    overwrite: bool = hyper("whether a new run may clear another's folder", default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", os.fspath(self.folder))
        super().__post_init__()

    def on_train_begin(self, run: Run, state: State) -> None:
        """Open a writer for each member; draw the layers."""
        import_extra("tensorboard", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        new = run.is_new(state)
        if new:
            self._clear()
        state["begun"] = True
        place = Path(self.folder)
        # TensorBoard drops points from this step on, which a resumed run writes again.
        purge = None if new else run.first_epoch + 1
        writers = state["live"] = [
            SummaryWriter(str(place / f"member-{k}" if run.k > 1 else place), purge_step=purge)
            for k in range(run.k)
        ]
        for writer, member in zip(writers, run.members, strict=True):
            if new:
                writer.add_text("settings", f"```\n{member!r}\n```", 0)
                _add_graph(writer, member.network)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Add a point to each curve, and the histograms if it is time."""
        training = np.flatnonzero(logs.active)
        for k in training:
            for name, values in logs.metrics.items():
                if not np.isnan(values[k]):
                    state["live"][k].add_scalar(name, values[k], logs.epoch)
        if logs.view is not None and self.histograms and logs.epoch % self.histograms == 0:
            weights = logs.view.weights()
            for name, parts in _parts(weights):
                _add_histograms(state["live"], training, name, parts[training], logs.epoch)
            for name, outputs in _outputs(logs.view, weights.network):
                _add_histograms(state["live"], training, name, outputs, logs.epoch)
        for k in training:
            state["live"][k].flush()
        return None

    def on_train_end(self, state: State) -> None:
        """Close the writers."""
        for writer in state.pop("live", ()):
            writer.close()

    def _clear(self) -> None:
        there = sorted(Path(self.folder).glob("**/events.out.tfevents.*"))
        if there and not self.overwrite:
            raise InputError(
                f"{self.folder} holds another run; give another folder, or overwrite=True"
            )
        for path in there:
            path.unlink()


def layer_names(network: Network) -> list[str]:
    """Return a name for each layer, in which its place comes first.

    >>> from wellfit.nn import mlp
    >>> layer_names(mlp(4, (3,), 2))
    ['1-linear', '2-activation', '3-linear']
    """
    return [f"{place}-{layer.name}" for place, layer in enumerate(network.layers, 1)]


def _parts(weights: Weights) -> Iterator[tuple[str, Tensor]]:
    """Yield each layer's weights and biases, or whatever else it learns, with a name."""
    layout = weights.network.parameters
    views = layout.views(weights.parameters.cpu(), weights.members)
    for name, shape, view in zip(layer_names(weights.network), layout.shapes, views, strict=True):
        if shape.weight_rows:
            yield f"weights/{name}", view[:, : shape.weight_rows]
        if shape.rows > shape.weight_rows:
            yield (
                f"{'biases' if shape.weight_rows else 'weights'}/{name}",
                view[:, shape.weight_rows :],
            )


def _outputs(view: TrainingView, network: Network) -> Iterator[tuple[str, Tensor]]:
    """Yield the outputs of each layer that is at work when predicting, with a name."""
    names = zip(layer_names(network), network.layers, strict=True)
    working = [name for name, layer in names if not layer.training_only]
    for name, (_, values) in zip(working, view.activations(), strict=True):
        yield f"outputs/{name}", values.cpu()


def _add_histograms(
    writers: list[Any], training: NDArray[np.int64], name: str, values: Tensor, epoch: int
) -> None:
    """Write the histograms of the members that still train, (n, ...); only finite numbers."""
    for k, one in zip(training, values.float(), strict=True):
        # SummaryWriter raises an error on infinite values; curves already show the divergence.
        if one.isfinite().all():
            writers[k].add_histogram(name, one, epoch)


def _add_graph(writer: Any, network: Network) -> None:
    """Write the layers as a chain of nodes, each with its width and settings."""
    proto = "tensorboard.compat.proto"
    graph, before = import_module(f"{proto}.graph_pb2").GraphDef(), "input"
    graph.node.add(name=before, op="Input").attr["width"].i = network.inputs
    widths = network.widths[1:]
    for name, layer, width in zip(layer_names(network), network.layers, widths, strict=True):
        node = graph.node.add(name=name, op=type(layer).__name__, input=[before])
        node.attr["width"].i = width
        node.attr["settings"].s = repr(layer).encode()
        before = name
    writer.file_writer.add_graph((graph, import_module(f"{proto}.config_pb2").RunMetadata()))
