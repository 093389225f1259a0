"""TableRows: the whole table, from which the compiled step picks rows; arrays where they lie."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.nn import Loss, SoftmaxCrossEntropy
from wellfit.training.metric_sums import Numbers
from wellfit.training.native.structures import CallPlan
from wellfit.training.rows import Rows
from wellfit.training.stack import Stack


class TableRows:
    """A table where it lies, and its targets as the library reads them.

    Args:
        rows: the table.
        stack: whose loss they are targets of.

    Attributes:
        one_class: whether each row is of one class, and not of a set of them.
    """

    def __init__(self, rows: Rows, stack: Stack) -> None:
        self._rows, self._stack = rows, stack
        self.one_class = rows.one_class
        self._classes: Tensor | None = None
        self._numbers: Tensor | None = None

    def point_at(self, call: CallPlan, ids: Tensor) -> None:
        """Write down where the table lies, and how the numbers of rows (n, S, B) do."""
        table, y, _ = self._rows.parts()
        assert isinstance(table, Tensor)
        assert isinstance(y, Tensor)
        assert ids.stride(2) == 1
        if self._classes is None and self._numbers is None:
            self._encode(y)
        call.table, call.table_row = table.data_ptr(), table.stride(0)
        call.is_bytes, call.pixel = table.dtype == torch.uint8, self._rows.pixel_scale
        call.ids_step, call.ids_stream = ids.stride(0), ids.stride(1) if ids.shape[1] > 1 else 0
        call.classes = 0 if self._classes is None else self._classes.data_ptr()
        call.numbers = 0 if self._numbers is None else self._numbers.data_ptr()

    def _encode(self, y: Tensor) -> None:
        """Take targets as class numbers where the loss wants columns of 0 and 1, else as those."""
        loss, outputs = self._stack.members[0].loss, self._stack.network.outputs
        if _takes_classes(loss, y, outputs):
            self._classes = y.long().contiguous()
        else:
            encoded = loss.encode(y, outputs, self._stack.gradients.dtype)
            self._numbers = encoded.transpose(-1, -2).contiguous()


def _takes_classes(loss: Loss, y: Tensor, outputs: int) -> bool:
    """Return whether a loss makes columns of 0 and 1 of class numbers."""
    if y.dim() > 1 or y.is_floating_point():
        return False
    return isinstance(loss, SoftmaxCrossEntropy) or (y.dtype == torch.int64 and outputs > 1)


class Located:
    """An array with the address of each step's numbers, which numpy takes a microsecond to say."""

    def __init__(self, array: Numbers) -> None:
        self.array, self._address, self._bytes = array, array.ctypes.data, array.strides[0]

    def after(self, steps: int) -> int:
        """Return where the numbers after those of so many steps lie."""
        return self._address + steps * self._bytes
