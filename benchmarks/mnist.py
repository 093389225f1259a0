"""What the methods reach on MNIST, and what they cost: one table each.

    python -m benchmarks.mnist costs --data-dir DIR

- ``permutation``: no augmentation and no knowledge of pixels' places.
- ``augmented``: small shifts, turns, zooms and slants.
- ``sparsity``: zeros against accuracy by decoupled L1 and by FTRL; a stack for each.
- ``costs``: an epoch of a 512-unit network with dropout, batch norm, max-norm, … over one without.
- ``precision``: an epoch and the accuracy of 1024-1024 in float32 and in bfloat16.

Accuracy is that on the 10,000 test images; seconds are of training alone.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

from wellfit.augment import Mixup, Rotation, Scale, Shear, Shift
from wellfit.datasets import load
from wellfit.nn import Loss, Network, SoftmaxCrossEntropy, mlp
from wellfit.optim import FTRL, L1, L2, SGD, Adam, MaxNorm, OneCycle, Ramp
from wellfit.training import Member, Result, Rows, Scheduled, Stream, predict, train

SHAPE = (28, 28)
AFFINE = (Shift(2.0, whole=False), Rotation(12.0), Scale(0.12), Shear(10.0))


class Images:
    """The training rows on the device, and the test rows."""

    def __init__(self, data_dir: str | None) -> None:
        data = load("mnist", data_dir=data_dir)
        self.rows = Rows(np.asarray(data.X), np.asarray(data.y, dtype=np.int64))
        self.x_test, self.y_test = np.asarray(data.X_test), np.asarray(data.y_test, dtype=np.int64)

    def train(self, members: list[Member], seed: int = 0, **options: Any) -> Result:
        """Train on all training rows; ``augment`` and ``precision`` among the options."""
        everyone = np.arange(len(self.rows))
        augment = options.pop("augment", ())
        stream = Stream(everyone, seed=seed, augment=augment, image_shape=SHAPE)
        return train(members, self.rows, [stream], **options)

    def accuracy(self, result: Result) -> list[float]:
        """Return every member's share of test images told rightly."""
        shares = predict(result.weights(), self.x_test, result.members[0].loss.predict)
        return [float((one.argmax(1) == self.y_test).mean()) for one in shares]


def recipe(network: Network, epochs: int, rate: float, seed: int) -> Member:
    """Return a training by Adam in batches of 250, along one cycle."""
    return Member(
        network,
        optimizer=Adam(rate),
        lr_schedule=OneCycle(),
        batch_size=250,
        epochs=epochs,
        seed=seed,
    )


def permutation(images: Images, repeats: int) -> Iterator[str]:
    """Train 1024-1024 with batch norm, dropout and mixup."""
    network = mlp(784, (1024, 1024), 10, batch_norm=True, dropout=0.3, input_dropout=0.2)
    yield from _reached(images, network, 36, 4e-3, (Mixup(0.4),), repeats)


def augmented(images: Images, repeats: int) -> Iterator[str]:
    """Train 1024-1024 with batch norm, a little dropout, smoothed labels, affine augmentation."""
    network = mlp(784, (1024, 1024), 10, batch_norm=True, dropout=0.1)
    yield from _reached(images, network, 26, 4e-3, AFFINE, repeats, SoftmaxCrossEntropy(0.05))


def _reached(
    images: Images,
    network: Network,
    epochs: int,
    rate: float,
    augment: Any,
    repeats: int,
    loss: Loss | None = None,
) -> Iterator[str]:
    yield "| seed | test accuracy | seconds | seconds an epoch |\n| --- | ---: | ---: | ---: |"
    for seed in range(repeats):
        member = recipe(network, epochs, rate, seed).replace(loss=loss or SoftmaxCrossEntropy())
        result = images.train([member], seed, augment=augment, precision="bfloat16")
        seconds = result.history()["seconds"][-1]
        accuracy = images.accuracy(result)[0]
        yield f"| {seed} | {accuracy:.2%} | {seconds:.1f} | {seconds / epochs:.2f} |"


def sparsity(images: Images, repeats: int) -> Iterator[str]:
    """Train stacks whose members differ in the strength of L1 alone."""
    del repeats
    network, epochs = mlp(784, (512,), 10), 12
    yield "| rule | strength | weights exactly zero | test accuracy |"
    yield "| --- | ---: | ---: | ---: |"
    plain = recipe(network, epochs, 2e-3, 0)
    sgd = plain.replace(optimizer=SGD(0.1, momentum=0.9))
    l1 = [0.0, 5e-4, 1e-3, 1.5e-3, 2e-3, 4e-3]
    yield from _zeros(
        images,
        "SGD, decoupled L1",
        l1,
        [sgd.replace(penalties=(L1(strength, decoupled=True),)) for strength in l1],
    )
    l1 = [0.0, 0.1, 0.3, 0.5, 0.7, 1.0]
    ramp = (Scheduled("l1", Ramp(0.0, 1.0, share=0.5)),)
    ftrl = plain.replace(lr_schedule=Member().lr_schedule, schedules=ramp, batch_size=128)
    yield from _zeros(
        images,
        "FTRL, L1 rising over half the run",
        l1,
        [ftrl.replace(optimizer=FTRL(0.3, l1=strength)) for strength in l1],
    )


def _zeros(
    images: Images, rule: str, strengths: list[float], members: list[Member]
) -> Iterator[str]:
    from wellfit.training.sparse import zero_shares

    result = images.train(members)
    told = zip(strengths, zero_shares(result.weights()), images.accuracy(result), strict=True)
    for strength, zeros, accuracy in told:
        yield f"| {rule} | {strength:g} | {zeros:.1%} | {accuracy:.2%} |"


def costs(images: Images, repeats: int) -> Iterator[str]:
    """Time epochs of 784-512-10 (batch 100, Adam) with one thing more at a time, in turn."""

    def member(**options: Any) -> Member:
        network = mlp(784, (512,), 10, **options.pop("network", {}))
        return Member(network, optimizer=Adam(), batch_size=100, epochs=4, **options)

    kinds = {
        "nothing more": member(),
        "dropout": member(network={"dropout": 0.5}),
        "batch norm": member(network={"batch_norm": True}),
        "max-norm": member(constraints=(MaxNorm(3.0, only=(0,)),)),
        "L2": member(penalties=(L2(1e-4),)),
        "averaged weights": member(ema_decay=0.99),
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(max(3, repeats)):
        for kind, one in kinds.items():
            history = images.train([one]).history()["seconds"]
            seconds[kind].append(median(np.diff(history)))
    yield "| with | seconds an epoch | over nothing more |\n| --- | ---: | ---: |"
    base = median(seconds["nothing more"])
    for kind, times in seconds.items():
        yield f"| {kind} | {median(times):.3f} | {median(times) / base:.2f} |"


def precision(images: Images, repeats: int) -> Iterator[str]:
    """Time and judge 1024-1024 in both precisions, in turn."""
    network = mlp(784, (1024, 1024), 10, batch_norm=True, dropout=0.25)
    seconds: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    shares: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for seed in range(repeats):
        for kind in seconds:
            result = images.train([recipe(network, 6, 3e-3, seed)], seed, precision=kind)
            seconds[kind].append(median(np.diff(result.history()["seconds"])))
            shares[kind] += images.accuracy(result)
    yield "| precision | seconds an epoch | float32 takes | test accuracy |"
    yield "| --- | ---: | ---: | ---: |"
    base = median(seconds["float32"])
    for kind, times in seconds.items():
        ratio, accuracy = base / median(times), float(np.mean(shares[kind]))
        yield f"| {kind} | {median(times):.2f} | {ratio:.2f} times | {accuracy:.2%} |"


TABLES: dict[str, Callable[[Images, int], Iterator[str]]] = {
    each.__name__: each for each in (permutation, augmented, sparsity, costs, precision)
}


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="all by default")
    parser.add_argument("--data-dir", default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    images = Images(args.data_dir)
    for name in args.tables or TABLES:
        print(f"\n**{name}**: {(TABLES[name].__doc__ or '').splitlines()[0]}\n", flush=True)
        for line in TABLES[name](images, args.repeats):
            print(line, flush=True)


if __name__ == "__main__":
    main()
