"""Ours to the same accuracy: one wide layer, a few epochs of Adam along one cycle."""

from __future__ import annotations

from time import perf_counter

from benchmarks.recipes.task import Images, Run, Task, main
from wellfit import MLPClassifier
from wellfit.optim import Adam


def fit(task: Task, images: Images, epochs: int, seed: int) -> Run:
    """Train from bytes on the recipe's rows; the rate falls to nothing, so only the end counts."""
    model = MLPClassifier(
        task.ours["hidden"],
        optimizer=Adam(task.ours["rate"]),
        batch_size=task.ours["batch_size"],
        epochs=epochs,
        dropout=0.0,
        ema_decay=0.0,
        early_stopping=False,
        precision="bfloat16",
        random_state=seed,
    )
    start = perf_counter()
    model.fit(images.X, images.y)
    seconds = perf_counter() - start
    accuracy = model.score(images.X_test, images.y_test)
    scoring = perf_counter() - start - seconds
    return Run([seconds], [accuracy], scoring, complete=epochs == task.ours["epochs"])


if __name__ == "__main__":
    main(fit)
