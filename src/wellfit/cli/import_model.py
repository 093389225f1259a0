"""``wellfit import``: convert another library's model to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wellfit.cli.console import screen, starting
from wellfit.core.words import pluralize


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="A Keras file (.keras, .h5, .json) or PyTorch file (.pt, .safetensors)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model folder to write.")],
    classes: Annotated[
        str | None,
        typer.Option(help="Class labels in the order of the outputs, such as cat,dog,bird."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification, multilabel or regression, if the file doesn't show it."
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            help="Activation of the hidden layers, for PyTorch weights.  [default: relu]"
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            help="softmax, sigmoid, exp or identity: output activation, for PyTorch weights."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The weights of a .json file, if they aren't next to it.")
    ] = None,
) -> None:
    """Import a dense network from Keras or PyTorch, without running code from the file."""
    from wellfit.core.errors import InputError
    from wellfit.datasets.files import nearest_file

    if not file.exists():
        raise InputError(f"there is no file {file}{nearest_file(file)}")
    with starting():
        from wellfit.transfer import import_model
    labels = None if classes is None else [label.strip() for label in classes.split(",")]
    asked: Any = task
    model = import_model(
        file, weights=weights, activation=activation, output=output, classes=labels, task=asked
    )
    model.save(out)
    kind = "classifier" if hasattr(model, "classes_") else "regressor"
    parameters = pluralize(model.n_parameters_, "parameter")
    screen().print(f"wrote {out}, a {kind} with {parameters}", soft_wrap=True)
