"""Samples of data larger than memory, for everything that reads rows except training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.cli.console import spinner
from wellfit.cli.source import SplitData
from wellfit.core.memory import in_bytes
from wellfit.core.words import percent, pluralize
from wellfit.datasets import Dataset, StreamedTable
from wellfit.datasets.splitting import take_rows
from wellfit.datasets.streamed import SAMPLE_ROWS, StoreFolder, sampled

if TYPE_CHECKING:
    from wellfit.fitting.job import RowSplit

MOST_ROWS = 100_000  # of each part: a score is known to ±0.3 %


def in_memory(source: SplitData, split: RowSplit | None = None) -> SplitData:
    """Return data whose parts are in memory: as they are, or samples of parts that are in files.

    Args:
        source: the data.
        split: which rows a model learned from and which were held out, if it is known: these
            become the validation rows.
    """
    if not isinstance(source.data.X, StreamedTable):
        return source
    seen, chosen = _sample(source.data, split)
    weights = {"weights": (source.weights, ""), "test_weights": (source.test_weights, "_test")}
    own: dict[str, Any] = {
        name: None if every is None else every[chosen[part]]
        for name, (every, part) in weights.items()
    }
    return replace(source, data=seen, whole=source.data, **own)


def sample_of(data: Dataset, split: RowSplit | None = None) -> Dataset:
    """Return a data set whose parts are in memory; see :func:`in_memory`."""
    return _sample(data, split)[0] if isinstance(data.X, StreamedTable) else data


def _sample(
    data: Dataset, split: RowSplit | None
) -> tuple[Dataset, dict[str, NDArray[np.integer]]]:
    """Return a sample of each part, and the positions of its rows in the part that they are of."""
    parts: dict[str, Any] = {}
    places: dict[str, NDArray[np.integer]] = {}
    every: dict[str, tuple[Any, Any, NDArray[np.integer] | None]] = {
        "": (data.X, data.y, None),
        "_val": (data.X_val, data.y_val, None),
        "_test": (data.X_test, data.y_test, None),
    }
    if split is not None and split.is_of(len(data.X)):
        every[""] = data.X, data.y, np.sort(split.train)
        if split.held_out is not None:
            every["_val"] = data.X, data.y, np.sort(split.held_out)
    for part, (X, y, known) in every.items():
        if X is not None:
            chosen = sampled(len(X) if known is None else len(known), MOST_ROWS, seed=0)
            chosen = chosen if known is None else known[chosen]
            rows = X[chosen].to_frame() if isinstance(X, StreamedTable) else take_rows(X, chosen)
            parts |= {f"X{part}": rows, f"y{part}": take_rows(y, chosen)}
            places[part] = chosen
    return replace(data, **parts), places


def sample_notes(data: Dataset, seen: Dataset, what: str) -> Iterator[str]:
    """Yield a note where only a sample of rows is looked at.

    Args:
        data: all rows.
        seen: those in memory.
        what: what looks at them, such as ``"the checks"``.
    """
    if data is seen:
        return
    rows = [
        f"{len(some):,} of {pluralize(len(every), f'{noun} row')}"
        for noun, every, some in (("training", data.X, seen.X), ("test", data.X_test, seen.X_test))
        if every is not None and len(some) < len(every)
    ]
    if rows:
        yield f"{what} looked at a sample: {' and '.join(rows)}"


def streaming_notes(data: Dataset) -> Iterator[str]:
    """Yield a note on how data are read that needn't fit in memory."""
    if isinstance(data.X, StreamedTable):
        sample = ""
        if len(data.X) > SAMPLE_ROWS:
            sample = (
                f"; medians and quartiles are those of a sample of {SAMPLE_ROWS:,} rows, "
                "categories and counts those of all"
            )
        yield (
            f"{data.name} would take more memory than a table may (--memory), so that "
            f"{pluralize(len(data.X.parts), 'file')} of {data.X.total:,} rows are read in "
            f"blocks{sample}"
        )


def stored_beside(run: Path, source: SplitData) -> SplitData:
    """Return data whose encoded rows are kept beside a run's folder, for the next training.

    Args:
        run: the folder of the run.
        source: the data; those in memory stay as they are.
    """
    if not isinstance(source.data.X, StreamedTable):
        return source
    kept = StoreFolder(run.parent / f"{source.data.name}.rows")
    found: dict[str, Any] = {
        name: replace(part, store=kept, progress=shown)
        for name in ("X", "X_val", "X_test")
        if isinstance(part := getattr(source.data, name), StreamedTable)
    }
    return replace(source, data=replace(source.data, **found))


@contextmanager
def shown(what: str, rows: int) -> Iterator[Callable[[int], None]]:
    """Show in a terminal how far a pass over rows is.

    Args:
        what: is done.
        rows: of the whole table.
    """
    done = 0
    with spinner(f"{what} {rows:,} rows") as status:

        def advance(count: int) -> None:
            nonlocal done
            done += count
            status.update(f"{what} {rows:,} rows: {percent(done / rows, 0)} ...")

        yield advance


def store_notes(data: Dataset) -> Iterator[str]:
    """Yield a note on the encoded rows that a training has left for the next one."""
    if isinstance(data.X, StreamedTable):
        place = data.X.store.path
        size = sum(path.stat().st_size for path in place.rglob("*.npy"))
        yield (
            f"{place} holds the encoded rows ({in_bytes(size)}), which the next training on these "
            "data reads again"
        )
