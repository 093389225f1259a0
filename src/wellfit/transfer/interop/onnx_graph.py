"""A small writer of ONNX graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from wellfit.core.extras import import_extra

# Of 2023, so that runtimes since then read it; the first with an operator for gelu.
_OPSET, _ML_OPSET, _IR_VERSION = 20, 4, 9


class Graph:
    """Operators, constants, inputs and outputs, as they are added.

    >>> graph = Graph()
    >>> x = graph.input("X", np.float32, 2)
    >>> graph.output("Y", graph.add("Relu", x), np.float32, 2)
    >>> [node.op_type for node in graph.model("me").graph.node]
    ['Relu', 'Identity']
    """

    def __init__(self) -> None:
        self._onnx = import_extra("onnx", "onnx")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def add(
        self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any
    ) -> str:
        """Add an operator; return the name of its first output."""
        names = [f"{operator}_{len(self._nodes)}_{i}" for i in range(outputs)]
        made = self._onnx.helper.make_node(operator, inputs, names, domain=domain, **attributes)
        self._nodes.append(made)
        return names[0]

    def cast(self, value: str, dtype: DTypeLike) -> str:
        """Add a change of type."""
        return self.add("Cast", value, to=self._type(dtype))

    def array(self, values: Any) -> str:
        """Add a constant of its own type; return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def floats(self, values: ArrayLike) -> str:
        """Add a constant of float32."""
        return self.array(np.asarray(values, dtype=np.float32))

    def doubles(self, values: ArrayLike) -> str:
        """Add a constant of float64."""
        return self.array(np.asarray(values, dtype=np.float64))

    def whole(self, values: ArrayLike) -> str:
        """Add a constant of int64."""
        return self.array(np.asarray(values, dtype=np.int64))

    def input(self, name: str, dtype: DTypeLike, columns: int) -> str:
        """Add an input (rows, columns)."""
        self._inputs.append(self._described(name, dtype, columns))
        return name

    def output(self, name: str, value: str, dtype: DTypeLike, columns: int | None = None) -> None:
        """Name a value as an output, (rows, columns) or (rows,)."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._described(name, dtype, columns))

    def model(self, producer: str) -> Any:
        """Return the whole as a checked ``onnx.ModelProto``."""
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes, "network", self._inputs, self._outputs, self._constants
        )
        sets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        name, _, version = producer.partition(" ")
        built = helper.make_model(
            graph, opset_imports=sets, producer_name=name, producer_version=version
        )
        built.ir_version = _IR_VERSION
        self._onnx.checker.check_model(built)
        return built

    def _described(self, name: str, dtype: DTypeLike, columns: int | None) -> Any:
        shape = ["rows"] if columns is None else ["rows", columns]
        return self._onnx.helper.make_tensor_value_info(name, self._type(dtype), shape)

    def _type(self, dtype: DTypeLike) -> int:
        given = np.dtype(dtype)
        if given.kind in "OU":
            return int(self._onnx.TensorProto.STRING)
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(given))
