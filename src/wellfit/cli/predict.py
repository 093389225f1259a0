"""``wellfit predict``: write a model's predictions for new rows to a csv file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wellfit.cli import options
from wellfit.cli.console import note, screen, starting
from wellfit.core.words import pluralize

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.cli.comparison import Comparison
    from wellfit.cli.new_rows import NewRows
    from wellfit.cli.spread import Spread
    from wellfit.datasets.dataset import Rows


_SMALL = 2**24  # bytes of a table that NumPy predicts


def predict(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="The folder of a run or of a model.")],
    data: Annotated[
        str,
        typer.Argument(
            help="New rows: a csv, parquet, npz or idx file, a folder of csv or parquet files, "
            "or the test set of a named data set or of a pickle; - reads a csv or parquet file "
            "from standard input."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The csv file to write; - prints the predictions. Of a folder, the folder to "
            "write a csv file into for each of its files.",
        ),
    ],
    data_dir: options.DataDir = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            help="A column to write beside each prediction; repeatable; default: as in training.",
            metavar="COLUMN",
        ),
    ] = None,
    na: options.MissingValues = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first line of a csv file has the column names; default: as in "
            "training.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Predict the rows of these classes only: 0-4, or 0,3,7, or names; needs data "
            "with the target."
        ),
    ] = None,
    interval: Annotated[
        list[float] | None,
        typer.Option(
            help="Write the bounds of intervals that hold so many per cent of the targets: 90; of "
            "a regression trained with --conformal split.",
            metavar="PERCENT",
        ),
    ] = None,
    sets: Annotated[
        list[float] | None,
        typer.Option(
            "--set",
            help="Write the classes of sets that hold the class of so many per cent of the rows; "
            "of a classifier trained with --conformal split.",
            metavar="PERCENT",
        ),
    ] = None,
    allow_pickle: options.AllowPickle = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, …")] = "auto",
) -> None:
    """Predict each row of a file, with probabilities of classes, quantiles and intervals.

    Columns are matched by name and read as in training; other columns are ignored. If the file
    contains the target, the score is printed. Files are read in blocks, so that memory stays
    bounded. A run that was killed predicts by its last checkpoint.
    """
    from wellfit.cli.preflight import refuse_missing_data
    from wellfit.cli.run_folder import model_folder, read_config
    from wellfit.datasets import is_name

    printed = str(out) == "-"
    data = ctx.with_resource(_as_file(data))
    several = not is_name(data, data_dir) and Path(data).is_dir()
    folder = model_folder(run)
    _refuse_output(out, data, several=several, printed=printed)
    refuse_missing_data(data, data_dir)
    from wellfit.cli.new_rows import NewRows, refuse_other_columns, rows_of_folder
    from wellfit.cli.spread import Spread
    from wellfit.inference.table_schema import table_schema

    spread = Spread(interval or (), sets or ())
    refuse_other_columns(folder, data, header)
    # NumPy's form of a model has no intervals and sets.
    quick = not (interval or sets) and device in ("auto", "cpu") and _is_small(data)
    model = _model(run, folder, device, quick=quick)
    spread.refuse(model, str(run))
    schema = table_schema(model)
    recorded = None if schema is None else schema.target
    target = recorded or read_config(run).get("data", {}).get("target")
    own = tuple(dict.fromkeys(ids)) if ids else None
    rows = NewRows(data, data_dir, target, tuple(na or ()), header, classes, allow_pickle, own)
    if several:
        comparison = _write_all(model, rows_of_folder(rows, out), spread)
    elif printed:
        _, comparison = _predict(model, rows, spread, lambda text: print(text, end=""))
    else:
        count, comparison = _write(model, rows, spread, out)
        screen().print(f"{pluralize(count, 'prediction')} in {out}", soft_wrap=True)
    if comparison is not None:
        comparison.print_notes()
        spread.print_notes()


@contextmanager
def _as_file(data: str) -> Iterator[str]:
    """Yield the path of the rows: for standard input, which can be read once, of a copy."""
    if data != "-":
        yield data
        return
    with TemporaryDirectory(prefix="wellfit-") as folder:
        path = Path(folder) / "standard-input"
        with path.open("w+b") as file:
            copyfileobj(sys.stdin.buffer, file)
            file.seek(0)
            kind = ".parquet" if file.read(4) == b"PAR1" else ".csv"
        yield str(path.rename(path.with_suffix(kind)))


def _write_all(
    model: Any, files: Iterable[tuple[NewRows, Path]], spread: Spread
) -> Comparison | None:
    """Write the predictions of several files, each into a file of its own."""
    total, comparison, all_files = 0, None, list(files)
    for number, (rows, out) in enumerate(all_files):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            count, comparison = _write(model, rows, spread, out, comparison)
        except OSError:
            some = pluralize(len(all_files), "file")
            note(f"{number} of {some} {'is' if number == 1 else 'are'} written")
            raise
        screen().print(f"{pluralize(count, 'prediction')} in {out}", soft_wrap=True)
        total += count
    screen().print(f"{pluralize(total, 'prediction')} in all", soft_wrap=True)
    return comparison


def _write(
    model: Any, rows: NewRows, spread: Spread, out: Path, comparison: Comparison | None = None
) -> tuple[int, Comparison | None]:
    """Write predictions to a file; return their number and the comparison with the target."""
    from wellfit.core.writing import writing

    with writing(out) as file:
        return _predict(model, rows, spread, lambda text: file.write(text.encode()), comparison)


def _refuse_output(out: Path, data: str, *, several: bool, printed: bool) -> None:
    """Refuse a place that can't be written to, or that holds the rows to predict.

    Args:
        out: where predictions are to go.
        data: the rows.
        several: whether these are a folder of files.
        printed: whether predictions are printed.
    """
    from wellfit.core.errors import InputError

    if several and (printed or out.is_file()):
        raise InputError(f"--out {out}: {data} is a folder; expected a folder to write into")
    if not several and not printed and not out.parent.is_dir():
        raise InputError(f"--out {out}: the folder {out.parent} doesn't exist")
    if out.exists() and Path(data).exists() and out.samefile(data):
        raise InputError(f"--out {out} holds the rows to predict; expected another place")


def _is_small(data: str) -> bool:
    """Return whether NumPy predicts the rows sooner than PyTorch would be imported."""
    from wellfit.datasets.tables import is_table

    return is_table(Path(data)) and Path(data).stat().st_size <= _SMALL


def _model(run: Path, folder: Path, device: str, *, quick: bool) -> Any:
    """Return a run's model: one that predicts with NumPy if it is to be quick, where it can."""
    if quick:
        from wellfit.inference import read_numpy_model

        small = read_numpy_model(folder)
        if small is not None:
            return small
    with starting():
        from wellfit.cli.run_model import load_run_model
    model = load_run_model(run, folder)
    for network in getattr(model, "estimators_", [model]):  # an ensemble has several networks
        network.set_params(device=device)
    return model


def _predict(
    model: Any,
    rows: NewRows,
    spread: Spread,
    write: Callable[[str], Any],
    comparison: Comparison | None = None,
) -> tuple[int, Comparison | None]:
    """Write predictions in blocks; return their number and the comparison with the target."""
    import pandas as pd

    from wellfit.cli.comparison import Comparison

    count = 0
    for block in rows.blocks(model):
        answering = _computed(model, block.X)
        table = pd.concat(
            [predictions(answering, block.X), spread.columns(answering, block.X)], axis=1
        )
        named = table if block.ids is None else _named(block.ids, table)
        # Without a format, numbers have all digits, so that reading them back is exact.
        write(named.to_csv(index=False, header=not count, lineterminator="\n"))
        count += len(table)
        if block.y is not None:
            if comparison is None:
                name = rows.target or "the labels"
                comparison = Comparison(name, getattr(model, "classes_", None))
            spread.add(table, block.y)
            comparison.add(block.y, table.filter(regex=r"^prediction(_\d+)?$").to_numpy())
    return count, comparison


def _computed(model: Any, X: Rows) -> Any:
    """Return a model whose classes and probabilities of some rows need no further computing."""
    if not hasattr(model, "outputs"):  # NumPy's, which predicts small tables only
        return model
    from wellfit.fitting.scoring import precomputed

    return precomputed(model, model.outputs(X))


def _named(ids: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return predictions behind the columns that name their rows."""
    import pandas as pd

    return pd.concat([ids.reset_index(drop=True), table], axis=1)


def predictions(model: Any, X: Rows) -> pd.DataFrame:
    """Return a table of predictions, with a column for each class's probability or quantile.

    Args:
        model: a fitted classifier or regressor.
        X: (rows, columns) features, as in training.

    >>> from wellfit import MLPClassifier
    >>> model = MLPClassifier((4,), epochs=2).fit([[0.0], [1.0]], ["no", "yes"])
    >>> list(predictions(model, [[0.0]]))
    ['prediction', 'probability_no', 'probability_yes']
    """
    import numpy as np
    import pandas as pd

    from wellfit.cli.spread import quantiles

    answers = np.asarray(model.predict(X))
    if answers.ndim == 1:
        table = pd.DataFrame({"prediction": answers})
    else:
        names = [f"prediction_{number}" for number in range(1, answers.shape[1] + 1)]
        table = pd.DataFrame(answers, columns=names)
    if hasattr(model, "predict_proba"):
        names = [f"probability_{name}" for name in np.asarray(model.classes_).tolist()]
        chances = pd.DataFrame(model.predict_proba(X), columns=names)
        return pd.concat([table, chances], axis=1)
    return pd.concat([table, quantiles(model, X)], axis=1)
