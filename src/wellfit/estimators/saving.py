"""What estimators say to files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self


class Saving:
    """Models as folders, and back."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the fitted model to a folder of JSON and safetensors; see ``load``.

        Args:
            path: the folder; a model that is there is replaced whole, or left whole.

        Returns:
            The folder's path.
        """
        from wellfit.estimators.base import BaseMLP
        from wellfit.estimators.persistence import save_model

        assert isinstance(self, BaseMLP)
        return save_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the model that :meth:`save` wrote. Runs no code that the folder carries.

        Raises:
            ModelFileError: no model there, or a damaged, altered, newer or different one.
        """
        from wellfit.core.errors import ModelFileError
        from wellfit.estimators.persistence import load_model

        model = load_model(path)
        if not isinstance(model, cls):
            raise ModelFileError(f"{path} holds a {type(model).__name__}; expected {cls.__name__}")
        return model
