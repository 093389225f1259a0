"""``wellfit import``: another library's model, as a folder of wellfit's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wellfit.cli.console import screen, starting
from wellfit.core.words import pluralize


def import_file(
    file: Annotated[
        Path, typer.Argument(help="Keras's .keras, .h5, .json; PyTorch's .pt, .safetensors.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")],
    classes: Annotated[
        str | None, typer.Option(help="Labels in the order of the outputs: cat,dog,bird.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification, multilabel or regression, where it isn't clear."),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(help="Of the hidden layers of PyTorch's weights.  [default: relu]"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(help="softmax, sigmoid, exp or identity, at the end of PyTorch's weights."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Of a .json, where they aren't beside it.")
    ] = None,
) -> None:
    """Read a network of dense layers from Keras or PyTorch; runs no code that the file carries."""
    from wellfit.core.errors import InputError, did_you_mean
    from wellfit.datasets.files import siblings

    if not file.exists():
        raise InputError(f"there is no file {file}{did_you_mean(file.name, siblings(file))}")
    with starting():
        from wellfit.transfer import import_model
    labels = None if classes is None else [label.strip() for label in classes.split(",")]
    asked: Any = task
    model = import_model(
        file, weights=weights, activation=activation, output=output, classes=labels, task=asked
    )
    model.save(out)
    kind = "classifier" if hasattr(model, "classes_") else "regressor"
    told = f"a {kind} of {pluralize(model.n_parameters_, 'parameter')} in {out}"
    screen().print(told, soft_wrap=True)
