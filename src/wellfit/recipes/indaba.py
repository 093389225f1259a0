"""Deep Learning Indaba 2017, practical 2: from a linear model to a deeper one, on MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wellfit import MLPClassifier
from wellfit.optim import Adam
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.kitchen import Kitchen

INDABA = Source("indaba", "Deep Learning Indaba 2017, practical 2", "TensorFlow 1")


class OneHiddenLayer(Recipe, name="indaba-512"):
    """784-512-10 with L2 and early stopping, 50 epochs there, 5 of a one-cycle schedule here."""

    source: ClassVar[Source] = INDABA
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("test accuracy", 0.977, "1 hidden layer: 784-512-10 Architecture w/ L2"),
    )

    def run(self, kitchen: Kitchen) -> Mapping[str, float]:
        """Train, and judge by the test rows."""
        split = kitchen.mnist()
        clf = MLPClassifier(
            (512,),
            l2=1e-5,
            optimizer=Adam(0.004),
            batch_size=128,
            epochs=5,
            early_stopping=False,
            random_state=kitchen.seed,
        )
        clf.fit(split.X, split.y, X_val=split.X_val, y_val=split.y_val)
        kitchen.keep("784-512-10", clf)
        return {"test accuracy": clf.score(split.X_test, split.y_test)}
