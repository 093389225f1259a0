"""Data sets that scikit-learn includes or downloads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wellfit.core.errors import DataError
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.named import LoadOptions, NamedDataset, Where
from wellfit.datasets.tables import refuse_target, split_target


@dataclass(frozen=True, kw_only=True)
class Bundled(NamedDataset):
    """A data set that scikit-learn includes.

    ``loader`` is its function in ``sklearn.datasets``; labels are class names.
    """

    loader: str
    options: Mapping[str, Any] = field(default_factory=dict)
    license: str = "distributed with scikit-learn (BSD-3-Clause)"

    def where(self, data_dir: Path | None = None) -> Where:
        """Return "bundled"."""
        return "bundled"

    def _read(self, options: LoadOptions) -> Dataset:
        """Return a table, or pixels as ``uint8``."""
        import sklearn.datasets

        loader = getattr(sklearn.datasets, self.loader)
        if self.kind == "images":
            refuse_target(options.target, self.name)
            return self._images(loader())
        return self._table(loader(as_frame=True, **self.options), options.target)

    def _table(self, found: Any, target: str | None) -> Dataset:
        labels = found.target
        if self.task != "regression":
            labels = labels.map(dict(enumerate(found.target_names.tolist())))
        target = target or self.target
        X, y = split_target(found.data.assign(**{self.target: labels}), target, self.name)
        return Dataset(self.name, X, y, target=target)

    def _images(self, found: Any) -> Dataset:
        height, width = found.images.shape[1:]
        X = found.data.astype(np.uint8)  # whole numbers from 0 to 16
        return Dataset(self.name, X, found.target, image_shape=(height, width))


@dataclass(frozen=True, kw_only=True)
class SklearnDownload(Bundled):
    """A data set that scikit-learn downloads and caches."""

    cached_as: str

    def where(self, data_dir: Path | None = None) -> Where:
        """Return "cached" or "download"."""
        # sklearn.datasets.get_data_home would create the folder, which a listing must not do.
        home = os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")
        return "cached" if (Path(home).expanduser() / self.cached_as).exists() else "download"

    def _read(self, options: LoadOptions) -> Dataset:
        """Return the table.

        Raises:
            DataError: neither cached nor available from the network.
        """
        try:
            return super()._read(options)
        except OSError as error:
            raise DataError(
                f"{self.name} is not in scikit-learn's cache and cannot be downloaded ({error}); "
                f"run sklearn.datasets.{self.loader}() once with a network connection"
            ) from error


BUNDLED = (
    Bundled(
        name="digits",
        kind="images",
        rows=1797,
        columns=64,
        task="multiclass",
        loader="load_digits",
        description="Handwritten digits, 8 x 8 pixels of 0 to 16.",
        source="Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI",
    ),
    Bundled(
        name="iris",
        rows=150,
        columns=4,
        task="multiclass",
        loader="load_iris",
        target="species",
        description="Sepals and petals of three species of iris.",
        source="Fisher (1936), The use of multiple measurements in taxonomic problems",
    ),
    Bundled(
        name="wine",
        rows=178,
        columns=13,
        task="multiclass",
        loader="load_wine",
        target="cultivar",
        description="Chemical analysis of wines from three cultivars.",
        source="Aeberhard and Forina (1991), Wine, UCI",
    ),
    Bundled(
        name="breast_cancer",
        rows=569,
        columns=30,
        task="binary",
        loader="load_breast_cancer",
        target="diagnosis",
        description="Cell nuclei in images of breast masses, malignant or benign.",
        source="Wolberg, Mangasarian, Street and Street (1993), Breast Cancer Wisconsin, UCI",
    ),
    Bundled(
        name="diabetes",
        rows=442,
        columns=10,
        task="regression",
        loader="load_diabetes",
        target="progression",
        options={"scaled": False},
        description="Progression of diabetes a year after ten measurements.",
        source="Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression",
    ),
    SklearnDownload(
        name="housing",
        rows=20640,
        columns=8,
        task="regression",
        loader="fetch_california_housing",
        options={"n_retries": 1},
        cached_as="cal_housing_py3.pkz",
        target="MedHouseVal",
        description="Median house values in California's districts, in 100,000 dollars.",
        source="Pace and Barry (1997), Sparse Spatial Autoregressions",
        license="not stated",
    ),
)
