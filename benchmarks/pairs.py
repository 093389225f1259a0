"""What two towers reach on pairs of MNIST digits, and one of them on few labels: one table.

    python -m benchmarks.pairs --data-dir DIR

The first 500 images of each digit are set aside. Pairs of the other 55,000, of the same digit or
not, teach two towers of 5 x 100 units; then tower A is frozen, and a softmax on top of it learns
the digits from the 5,000. Tested on the 10,000 test images, and on as many pairs of them, half of
which are alike, each image once as the first.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from time import perf_counter, process_time

import numpy as np
import torch
from numpy.typing import NDArray

from wellfit import MLPClassifier
from wellfit.datasets import load
from wellfit.optim import Adam
from wellfit.training.pairing import Pairing
from wellfit.transfer import Pretrained, SiamesePretraining

EACH = 500  # labelled images of a digit for the softmax
LAYERS = (100,) * 5


def few_of(y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which rows are among the first of their class."""
    few = np.zeros(len(y), dtype=bool)
    for digit in np.unique(y):
        few[np.flatnonzero(y == digit)[:EACH]] = True
    return few


def table(args: argparse.Namespace) -> Iterator[str]:
    """Train the towers, then the softmax, and yield the table's lines as they are known."""
    data = load("mnist", data_dir=args.data_dir)
    X, y = np.asarray(data.X), np.asarray(data.y, dtype=np.int64)
    X_test, y_test = np.asarray(data.X_test), np.asarray(data.y_test, dtype=np.int64)
    few = few_of(y)
    pairs = SiamesePretraining(
        LAYERS,
        shared=not args.separate,
        batch_norm=args.batch_norm,
        dropout=args.dropout,
        optimizer=Adam(args.learning_rate),
        batch_size=args.batch_size,
        epochs=args.epochs,
        early_stopping=False,
        random_state=args.seed,
    )
    yield "| task | rows | test accuracy | seconds | CPU seconds |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    times = perf_counter(), process_time()
    pairs.fit(X[~few], y[~few])
    drawn = Pairing(torch.arange(len(y_test)), torch.as_tensor(y_test)).draw(
        torch.Generator().manual_seed(args.seed)
    )
    a, b = drawn.numpy().T
    reached = pairs.score(X_test[a], X_test[b], y_test[a] == y_test[b])
    yield line("pairs task", int((~few).sum()), reached, *times)
    times = perf_counter(), process_time()
    softmax = MLPClassifier(
        pretrained=Pretrained(pairs, freeze=len(LAYERS)),
        dropout=0.0,
        batch_size=100,
        early_stopping=False,
        random_state=args.seed,
    ).fit(X[few], y[few])
    yield line("tower A frozen", int(few.sum()), softmax.score(X_test, y_test), *times)


def line(task: str, rows: int, reached: float, began: float, used: float) -> str:
    """Return a line of the table."""
    seconds, busy = perf_counter() - began, process_time() - used
    return f"| {task} | {rows:,} | {reached:.2%} | {seconds:.0f} | {busy:.0f} |"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--epochs", type=int, default=10, help="of the towers")
    parser.add_argument("--batch-size", type=int, default=250, help="pairs of a step")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="at its highest")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--batch-norm", action="store_true")
    parser.add_argument("--separate", action="store_true", help="each tower its own weights")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main() -> None:
    for text in table(parse()):
        print(text, flush=True)


if __name__ == "__main__":
    main()
