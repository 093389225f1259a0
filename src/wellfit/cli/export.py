"""``wellfit export``: a run's model, for other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellfit.cli.console import screen, starting


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or of a model.")],
    to: Annotated[str, typer.Option(help="onnx, torch, keras, sklearn or numpy.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file: .onnx; .py of torch and numpy; .keras or .json; .joblib of sklearn.",
        ),
    ],
) -> None:
    """Write a model for ONNX, PyTorch, Keras, scikit-learn or plain NumPy.

    ONNX takes the rows as they are; NumPy does, if they are numbers. The others take numbers that
    are scaled and encoded already.
    """
    from wellfit.cli.run_folder import model_folder
    from wellfit.core.errors import InputError

    if not out.parent.is_dir():
        raise InputError(f"--out {out} is to go into {out.parent}, which is no folder")
    folder = model_folder(run)
    with starting():
        from wellfit.estimators import load_model
        from wellfit.transfer import export as write
    files = write(load_model(folder), to, out)
    screen().print(f"the model in {' and '.join(map(str, files))}", soft_wrap=True)
