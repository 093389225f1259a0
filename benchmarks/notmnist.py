"""The source's regularization recipes on notMNIST in Keras, against ours on the same rows.

    python -m benchmarks.notmnist --data-dir DIR

Keras does what the source did: truncated normal weights of standard deviation 1, plain gradient
descent at a rate of 0.5, about 3,001 steps of 128 rows, pixels from -0.5 to 0.5. Ours takes the
same network and the same kind of regularization with settings of its own, the better way of
:mod:`wellfit.recipes`.
Both learn from the same 6,804 distinct images, or the first 3,000, and are judged by the same
2,000. Seconds are of training alone; Keras's hold the compilation of its step.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

from benchmarks import machine
from benchmarks.report import markdown_table
from wellfit.datasets import load
from wellfit.recipes import Recipe, RecipeContext, Split, recipes
from wellfit.recipes.notmnist import BATCH, STEPS, Regularized, Setting, letters

Run = tuple[float, float]  # accuracy on the test rows, seconds


def in_keras(setting: Setting, split: Split, seed: int) -> Run:
    """Train a setting of the source's as the source did."""
    import keras

    keras.utils.set_random_seed(seed)
    rows = split.first(setting.rows)
    model = _model(keras, setting, seed)
    epochs = round(STEPS / np.ceil(len(rows.y) / BATCH))
    began = perf_counter()
    model.fit(_scaled(rows.X), rows.y, batch_size=BATCH, epochs=epochs, verbose=0)
    seconds = perf_counter() - began
    told = model.predict(_scaled(rows.X_test), batch_size=1000, verbose=0).argmax(1)
    return float((told == rows.y_test).mean()), seconds


def _scaled(X: Any) -> Any:
    return (X.astype("float32") - 127.5) / 255


def _model(keras: Any, setting: Setting, seed: int) -> Any:
    """Return the network, compiled."""

    def dense(units: int, layer: int, activation: str | None = None) -> Any:
        start = keras.initializers.TruncatedNormal(stddev=1.0, seed=10 * seed + layer)
        penalty = keras.regularizers.L2(setting.l2 / 2) if setting.l2 else None
        return keras.layers.Dense(
            units, activation, kernel_initializer=start, kernel_regularizer=penalty
        )

    layers = [keras.Input((784,))]
    for layer, units in enumerate(setting.hidden):
        layers.append(dense(units, layer, "relu"))
        layers += [keras.layers.Dropout(setting.dropout)] if setting.dropout else []
    model = keras.Sequential([*layers, dense(10, len(setting.hidden))])
    rate = keras.optimizers.schedules.ExponentialDecay(0.5, 1000, 0.9) if setting.decay else 0.5
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def table(data_dir: Path | None, seeds: int) -> Iterator[list[str]]:
    """Yield a row for each setting, and one for our best."""
    split = letters(load("notmnist", data_dir=data_dir))
    for recipe in recipes(source="notmnist"):
        assert isinstance(recipe, Regularized)
        ours = [_by_us(recipe, RecipeContext(data_dir, seed)) for seed in range(seeds)]
        for what, setting in recipe.trainings.items():
            theirs = [in_keras(setting, split, seed) for seed in range(seeds)]
            kind = what.removeprefix("test accuracy").lstrip(", ")
            name = f"{recipe.name} {kind}".strip()
            yield [name, *_cells(theirs), *_cells([one[what] for one in ours])]
    (best,) = recipes(["notmnist-best"])
    ours = [_by_us(best, RecipeContext(data_dir, seed)) for seed in range(seeds)]
    yield [best.name, "–", "–", *_cells([one["test accuracy"] for one in ours])]


def _by_us(recipe: Recipe, context: RecipeContext) -> dict[str, Run]:
    """Do a recipe, and return what came of each of its networks."""
    told = recipe.run_better(context)
    return {what: (told[what], curves["seconds"][-1]) for what, curves in context.curves.items()}


def _cells(runs: list[Run]) -> list[str]:
    accuracies, seconds = np.array(runs).T
    spread = f" ± {100 * accuracies.std():.2f}" if len(runs) > 1 else ""
    return [f"{100 * accuracies.mean():.2f} %{spread}", f"{np.median(seconds):.1f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    head = ["recipe", "Keras, as the source", "s", "wellfit", "s"]
    print(machine.one_line(machine.describe()), end="\n\n")
    data_dir = Path(args.data_dir) if args.data_dir else None
    rows = []
    for row in table(data_dir, args.seeds):
        print("…", *row, flush=True)
        rows.append(row)
    print(f"\n{markdown_table(head, rows)}")


if __name__ == "__main__":
    main()
