"""Embeddings of categories as other libraries compute them: rows of a table, by code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wellfit.core.errors import InputError
from wellfit.inference.learned import tables_of
from wellfit.nn import CategoricalEmbedding, EntityEmbedding
from wellfit.transfer.interop.onnx_graph import Graph

if TYPE_CHECKING:
    from wellfit.transfer.interop.fitted_layers import FittedLayer

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CodeTables:
    """A table of rows for each of the last columns, which hold codes.

    Attributes:
        kept: how many columns before them stay as they are.
        tables: of each column, (codes, size).
    """

    kept: int
    tables: list[Array]

    @classmethod
    def of(cls, part: FittedLayer) -> Self:
        """Return what a layer has learned.

        Raises:
            InputError: a kind of embedding that has no other form.
        """
        layer = part.layer
        assert isinstance(layer, CategoricalEmbedding)
        if not isinstance(layer, EntityEmbedding):
            raise InputError(f"embedding {layer.name!r} can't be exported; expected a known one")
        return cls(layer.kept(part.inputs), tables_of(part.parameters, layer.levels))


class CodeEmbedding(nn.Module):
    """Some columns as they are; then rows of a table for each of the others, which hold codes."""

    def __init__(self, kept: int, levels: list[int], size: int) -> None:
        super().__init__()
        self.kept, self.levels, self.size = kept, levels, size
        self.weight = nn.Parameter(torch.zeros(sum(levels), size))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows, kept + columns of codes * size)."""
        levels = torch.tensor(self.levels, device=rows.device)
        codes = rows[:, self.kept :].long().clamp(min=0).minimum(levels - 1)
        found = self.weight[codes + levels.cumsum(0) - levels]
        return torch.cat([rows[:, : self.kept], found.flatten(1)], 1)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        return f"{self.kept}, {self.levels}, {self.size}"


def torch_module(part: FittedLayer) -> tuple[nn.Module, dict[str, Array]]:
    """Return an embedding as a module, and the values of its parameters."""
    own = CodeTables.of(part)
    levels = [len(table) for table in own.tables]
    module = CodeEmbedding(own.kept, levels, own.tables[0].shape[1])
    return module, {"weight": part.parameters}


def onnx_nodes(graph: Graph, part: FittedLayer, rows: str) -> str:
    """Add an embedding's operators; return the name of their output."""
    own = CodeTables.of(part)
    blocks = []
    if own.kept:
        blocks.append(graph.add("Gather", rows, graph.whole(list(range(own.kept))), axis=1))
    for at, table in enumerate(own.tables, start=own.kept):
        column = graph.cast(graph.add("Gather", rows, graph.whole(at), axis=1), np.int64)
        code = graph.add("Clip", column, graph.whole(0), graph.whole(len(table) - 1))
        blocks.append(graph.add("Gather", graph.floats(table), code, axis=0))
    return graph.add("Concat", *blocks, axis=1)


def numpy_lines(own: CodeTables, names: list[str]) -> list[str]:
    """Return the line of NumPy that turns rows ``h`` into their embedding.

    Args:
        own: the embedding.
        names: an expression for each of its tables.
    """
    return [f"h = entity(h, {own.kept}, [{', '.join(names)}])"]
