"""What layers learned without labels are worth on MNIST, where few images have labels.

    python -m benchmarks.pretraining --data-dir DIR

The same network, trained the same way on 100 images a digit, from fresh weights and from
pretrained ones, for each seed; a seed draws the labelled images, the weights and all noise. The
layers are learned from the first images of the training set, without labels, anew for each seed.

- ``autoencoders``: 500-500 relu units, stacked denoising autoencoders.
- ``machines``: 500-500 sigmoid units, stacked restricted Boltzmann machines.

Accuracy is that on the 10,000 test images; seconds are of pretraining.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wellfit import MLPClassifier
from wellfit.datasets import load
from wellfit.optim import Adam
from wellfit.transfer import AutoencoderPretraining, Pretrained, RBMPretraining

SIZES = (500, 500)
LABELLED = 100  # images a digit
SUPERVISED = {
    "hidden_layer_sizes": SIZES,
    "optimizer": Adam(0.003),
    "batch_size": 32,
    "epochs": 40,
    "early_stopping": False,
}


def autoencoders(rows: Any, seed: int) -> tuple[Pretrained, dict[str, Any]]:
    """Return what stacked denoising autoencoders learn, and the network that it is for."""
    pretraining = AutoencoderPretraining(
        SIZES, noise=0.5, epochs=5, batch_size=128, optimizer=Adam(0.003), random_state=seed
    )
    return Pretrained(pretraining.fit(rows), layerwise_lr_decay=0.3), {
        "activation": "relu",
        "dropout": 0.4,
    }


def machines(rows: Any, seed: int) -> tuple[Pretrained, dict[str, Any]]:
    """Return what stacked Boltzmann machines learn, and the network that it is for."""
    pretraining = RBMPretraining(
        SIZES, learning_rate=0.05, n_iter=3, batch_size=50, random_state=seed
    )
    return Pretrained(pretraining.fit(rows)), {"activation": "sigmoid", "dropout": 0.0}


KINDS: dict[str, Callable[[Any, int], tuple[Pretrained, dict[str, Any]]]] = {
    each.__name__: each for each in (autoencoders, machines)
}


def compare(kind: str, data: Any, rows: int, seed: int) -> tuple[float, float, float]:
    """Return the accuracy without and with pretraining, and what it took in seconds.

    Args:
        kind: a name in ``KINDS``.
        data: of :func:`wellfit.datasets.load`, with test rows.
        rows: how many are learned from without labels.
        seed: of everything random.
    """
    X, y = np.asarray(data.X), np.asarray(data.y)
    draw = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            draw.choice(np.flatnonzero(y == digit), LABELLED, replace=False)
            for digit in np.unique(y)
        ]
    )
    began = time.perf_counter()
    reuse, own = KINDS[kind](X[:rows], seed)
    seconds = time.perf_counter() - began
    without, with_ = (
        MLPClassifier(pretrained=start, random_state=seed, **SUPERVISED, **own)
        .fit(X[chosen], y[chosen])
        .score(data.X_test, data.y_test)
        for start in (None, reuse)
    )
    return without, with_, seconds


def table(kind: str, data: Any, rows: int, seeds: int) -> Iterator[str]:
    """Yield a line for each seed, and one of their means."""
    yield "| seed | without | with | points gained | seconds |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    found = []
    for seed in range(seeds):
        found.append(compare(kind, data, rows, seed))
        yield _line(seed, *found[-1])
    yield _line("mean", *np.mean(found, axis=0))


def _line(seed: object, without: float, with_: float, seconds: float) -> str:
    gained = 100 * (with_ - without)
    return f"| {seed} | {without:.2%} | {with_:.2%} | {gained:+.2f} | {seconds:.1f} |"


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="all by default")
    parser.add_argument("--data-dir", default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--rows", type=int, default=40_000, help="images without labels")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    data = load("mnist", data_dir=args.data_dir)
    for kind in args.kinds or KINDS:
        print(f"\n**{kind}**, {args.rows:,} images without labels\n", flush=True)
        for line in table(kind, data, args.rows, args.seeds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
