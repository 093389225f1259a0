"""MLflow's model flavor of wellfit: models logged, registered, loaded and served by MLflow.

A model is saved as its own folder, JSON and safetensors, within MLflow's: nothing is pickled, and
loading runs no code that the model carries. Needs the extra ``wellfit-nn[mlflow]``::

    import wellfit.mlflow

    with mlflow.start_run():
        info = wellfit.mlflow.log_model(model, name="adult")
    same = wellfit.mlflow.load_model(info.model_uri)
    generic = mlflow.pyfunc.load_model(info.model_uri)  # what `mlflow models serve` does
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.extras import DISTRIBUTION, import_extra
from wellfit.core.model_folder import is_model
from wellfit.core.version import __version__
from wellfit.serving.asked import AskedFor
from wellfit.serving.model import ServedModel

__all__ = ["load_model", "log_model", "save_model"]

FLAVOR_NAME = "wellfit"
_DATA = "model"  # the model's own folder, within MLflow's
_REQUIREMENTS, _CONDA, _PYTHON = "requirements.txt", "conda.yaml", "python_env.yaml"


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    mlflow_model: Any = None,
    signature: Any = None,
    metadata: Mapping[str, Any] | None = None,
    pip_requirements: Sequence[str] | None = None,
) -> None:
    """Save a fitted model in MLflow's form.

    Args:
        model: a fitted estimator or ensemble.
        path: the folder; made, and else empty.
        mlflow_model: MLflow's description, to which this flavor is added; None for a new one.
        signature: of ``mlflow.models.infer_signature``; None for none. MLflow then refuses columns
            of other types, whole numbers for decimals among them, before the model reads them.
        metadata: whatever should be kept with the model, as MLflow's own flavors do.
        pip_requirements: of the environment that serves the model; None for this wellfit's version
            and MLflow's.

    Raises:
        InputError: the folder holds something, or the model has no ``save``.
        MissingExtraError: MLflow isn't installed.
    """
    mlflow = import_extra("mlflow", "mlflow")
    pyfunc, models = (import_extra(f"mlflow.{name}", "mlflow") for name in ("pyfunc", "models"))
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} isn't empty; expected a new folder")
    if not hasattr(model, "save"):
        raise InputError(f"model is {model!r}; expected a fitted estimator of wellfit")
    model.save(folder / _DATA)
    description = mlflow_model or models.Model()
    description.signature = signature or description.signature
    description.metadata = metadata or description.metadata
    environment = {"conda_env": _CONDA, "python_env": _PYTHON}
    pyfunc.add_to_model(description, loader_module=__name__, data=_DATA, **environment)
    kind = type(model).__name__
    description.add_flavor(FLAVOR_NAME, wellfit_version=__version__, data=_DATA, model_class=kind)
    own = [f"mlflow=={mlflow.__version__}", f"{DISTRIBUTION}=={__version__}"]
    _write_environment(folder, own if pip_requirements is None else list(pip_requirements))
    description.save(str(folder / "MLmodel"))


def _write_environment(folder: Path, requirements: Sequence[str]) -> None:
    """Write the files by which MLflow makes an environment; JSON is YAML too."""
    version = platform.python_version()
    dependencies = [f"python={version}", "pip", {"pip": list(requirements)}]
    conda = {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}
    python = {"python": version, "dependencies": [f"-r {_REQUIREMENTS}"]}
    (folder / _REQUIREMENTS).write_text("".join(f"{line}\n" for line in requirements))
    (folder / _CONDA).write_text(json.dumps(conda, indent=1))
    (folder / _PYTHON).write_text(json.dumps(python, indent=1))


def log_model(
    model: Any,
    name: str | None = None,
    *,
    registered_model_name: str | None = None,
    signature: Any = None,
    metadata: Mapping[str, Any] | None = None,
    pip_requirements: Sequence[str] | None = None,
    **more: Any,
) -> Any:
    """Log a fitted model to MLflow's active run, and register it if it is given a name for that.

    Args:
        model: a fitted estimator or ensemble.
        name: of the logged model.
        registered_model_name: of the model in MLflow's registry; None not to register it.
        signature: as of :func:`save_model`, like ``metadata`` and ``pip_requirements``.
        metadata: likewise.
        pip_requirements: likewise.
        more: passed on to ``mlflow.models.Model.log``: ``params``, ``tags``, ``step`` and others.

    Returns:
        MLflow's ``ModelInfo``, with the model's address in ``model_uri``.

    Raises:
        MissingExtraError: MLflow isn't installed.
    """
    models = import_extra("mlflow.models", "mlflow")
    return models.Model.log(
        artifact_path=None,
        flavor=sys.modules[__name__],
        name=name,
        registered_model_name=registered_model_name,
        metadata=metadata,
        model=model,
        signature=signature,
        pip_requirements=pip_requirements,
        **more,
    )


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the fitted estimator or ensemble that :func:`log_model` or :func:`save_model` kept.

    Args:
        model_uri: a folder, or an address of MLflow's, such as ``"models:/adult/1"``.
        dst_path: the folder to download to; None for a temporary one.

    Raises:
        ModelFileError: the model is of another flavor, or damaged.
        MissingExtraError: MLflow isn't installed.
    """
    artifacts, models = (
        import_extra(f"mlflow.{name}", "mlflow") for name in ("artifacts", "models")
    )
    folder = artifacts.download_artifacts(artifact_uri=model_uri, dst_path=dst_path)
    flavors = models.Model.load(folder).flavors
    if FLAVOR_NAME not in flavors:
        known = ", ".join(sorted(flavors)) or "none"
        raise ModelFileError(f"{model_uri} has the flavors {known}; expected {FLAVOR_NAME}")
    from wellfit.estimators import load_model as load  # imports PyTorch

    return load(_inside(Path(folder), flavors[FLAVOR_NAME].get("data", _DATA)))


def _inside(folder: Path, data: str) -> Path:
    """Return a model's own folder, which its description names.

    Raises:
        ModelFileError: it isn't within MLflow's folder.
    """
    path = (folder / data).resolve()
    if not path.is_relative_to(folder.resolve()) or not is_model(path):
        raise ModelFileError(f"{folder} names {data!r}; expected a model within it")
    return path


class PyFuncModel:
    """A model as ``mlflow.pyfunc`` calls it: tables in, the table of ``wellfit predict`` out.

    Args:
        path: the model's own folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._model = ServedModel.load(path)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return a table with a column ``prediction``, and one of each class's probability.

        Args:
            model_input: (rows, columns) a data frame with the model's columns, in any order, among
                others; or anything that is made into one, where its columns have no names.
            params: nothing is known of any.

        Raises:
            DataError: a column is missing or of another type; by the message of ``predict``.
        """
        rows = self._model.read_frame(pd.DataFrame(model_input))
        return self._model.predict([rows], AskedFor())[0].table()


def _load_pyfunc(path: str) -> PyFuncModel:
    """Return what MLflow calls (its interface for loader modules)."""
    return PyFuncModel(path)
