"""``wellfit predict``: a model's answers for new rows, as a csv file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli.console import counted, note, screen

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.dataset import Labels, Rows


def predict(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or of a model.")],
    data: Annotated[
        str, typer.Argument(help="New rows: csv, parquet, npz or idx; or the test rows of a name.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The csv file to write; - prints it instead.")
    ],
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder of data by name; else WELLFIT_DATA.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, …")] = "auto",
) -> None:
    """Write the prediction for each row, and for classes the probability of each.

    Columns are matched by name, and others are left aside. Where the target is among them, it is
    compared with the predictions.
    """
    from wellfit.cli.files import write
    from wellfit.cli.run_folder import model_folder, read_config
    from wellfit.core.errors import InputError
    from wellfit.estimators import load_model

    printed = str(out) == "-"
    if not printed and not out.parent.is_dir():
        raise InputError(f"--out {out} is to go into {out.parent}, which is no folder")
    if out.exists() and Path(data).exists() and out.samefile(data):
        raise InputError(f"--out {out} holds the rows to predict; expected another file")
    model = load_model(model_folder(run))
    for network in getattr(model, "estimators_", [model]):  # an ensemble has several
        network.set_params(device=device)
    target = read_config(run).get("data", {}).get("target")
    X, y = _rows(model, data, data_dir, target)
    table = predictions(model, X)
    text = table.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    if printed:
        print(text, end="")
    else:
        write(out, text.encode())
        screen().print(f"{counted(len(table), 'prediction')} in {out}", soft_wrap=True)
    if y is not None:
        compare(table, y, target or "the labels", classes=hasattr(model, "classes_"))


def _rows(
    model: Any, name: str, data_dir: Path | None, target: str | None
) -> tuple[Rows, Labels | None]:
    """Return the rows to predict, and their labels where there are any."""
    from wellfit.cli.source import select
    from wellfit.datasets import load, read_features

    if not Path(name).is_file():
        data = load(name, data_dir=data_dir)
        X, y = (data.X, data.y) if data.X_test is None else (data.X_test, data.y_test)
        return (select(X, _columns(model), name) if _columns(model) else X), y
    X = read_features(name)
    columns = _columns(model)
    if not columns:
        return X, None
    selected = select(X, columns, name)
    y = X[target] if target in X and target not in columns else None
    left = [str(column) for column in X if column not in {*columns, target}]
    if left:
        shown = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
        note(f"{counted(len(left), 'column')} that the model doesn't know left aside: {shown}")
    return selected, y


def _columns(model: Any) -> list[str]:
    return [str(name) for name in getattr(model, "feature_names_in_", ())]


def predictions(model: Any, X: Rows) -> pd.DataFrame:
    """Return a table of predictions, with a column of probabilities for each class.

    Args:
        model: a fitted classifier or regressor.
        X: (rows, columns) what it learned from, or the like.

    >>> from wellfit import MLPClassifier
    >>> model = MLPClassifier((4,), epochs=2).fit([[0.0], [1.0]], ["no", "yes"])
    >>> list(predictions(model, [[0.0]]))
    ['prediction', 'probability_no', 'probability_yes']
    """
    import numpy as np
    import pandas as pd

    answers = np.asarray(model.predict(X))
    if answers.ndim == 1:
        table = pd.DataFrame({"prediction": answers})
    else:
        names = [f"prediction_{number}" for number in range(1, answers.shape[1] + 1)]
        table = pd.DataFrame(answers, columns=names)
    if hasattr(model, "predict_proba"):
        names = [f"probability_{name}" for name in np.asarray(model.classes_).tolist()]
        chances = pd.DataFrame(model.predict_proba(X), columns=names)
        table = pd.concat([table, chances], axis=1)
    return table


def compare(table: pd.DataFrame, y: Labels, target: str, *, classes: bool) -> None:
    """Tell how good predictions are, where the rows' target is known and complete."""
    import numpy as np
    import pandas as pd
    from sklearn.metrics import accuracy_score, r2_score

    from wellfit.report.words import percent

    truth = pd.DataFrame(y)
    if not classes:
        truth = truth.apply(pd.to_numeric, errors="coerce")
    if truth.isna().any(axis=None):
        note(f"{target} has gaps, so the predictions are not compared with it")
        return
    predicted = table.filter(regex="^prediction").to_numpy()
    pair = np.squeeze(truth.to_numpy()), np.squeeze(predicted)
    told = f"accuracy {percent(accuracy_score(*pair))}" if classes else f"R² {r2_score(*pair):.4f}"
    screen(stderr=True).print(f"{told} against {target}", soft_wrap=True)
