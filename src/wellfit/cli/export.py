"""``wellfit export``: convert a model to another library's format."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from wellfit.cli.console import note, screen, starting

FORMATS = ("keras", "numpy", "onnx", "sklearn", "torch")


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run or of a model.")],
    to: Annotated[str, typer.Option(help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file: .onnx; .py for torch and numpy; .keras or .json; .joblib for sklearn.",
        ),
    ],
) -> None:
    """Export a model to ONNX, PyTorch, Keras, scikit-learn or NumPy.

    The ONNX file includes preprocessing; so does the NumPy file, for numeric columns. The other
    formats expect preprocessed numbers.
    """
    from wellfit.cli.run_folder import model_folder
    from wellfit.core.errors import InputError, UnknownNameError

    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS)
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: the folder {out.parent} doesn't exist")
    folder = model_folder(run)
    with starting():
        from wellfit.cli.run_model import load_run_model
        from wellfit.transfer import export as write
    model = load_run_model(run, folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        files = write(model, to, out)
    for warning in caught:
        note(str(warning.message))
    screen().print(f"wrote {' and '.join(map(str, files))}", soft_wrap=True)
