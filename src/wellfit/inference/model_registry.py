"""Model registries: named model folders on a disk or a web server, used by name.

A registry is a folder that holds ``registry.json`` and one model folder for each model::

    registry.json                         the models, with the checksum and size of every file
    iris-3f2a9c81b0d4/model.json
    iris-3f2a9c81b0d4/weights.safetensors

Any web server that serves the folder's files serves the registry. Adding a model writes the model
folder first and renames ``registry.json`` last: a reader sees the registry either before or after
the change. Listing and fetching models imports neither PyTorch nor scikit-learn.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from wellfit import store
from wellfit.core.digests import sha256
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError, did_you_mean
from wellfit.core.files import read_regular, refuse_beyond_memory
from wellfit.core.lazy import public
from wellfit.core.locking import lock
from wellfit.core.model_folder import is_model
from wellfit.core.writing import write
from wellfit.datasets.download import cache_folder
from wellfit.inference.registry_index import (
    FORMER_INDEX,
    INDEX,
    TIMEOUT,
    RegisteredModel,
    check_name,
    describe,
    pack,
    read_index,
    unpack,
)

Place = str | os.PathLike[str]

VARIABLE = "WELLFIT_REGISTRY"

_MODEL_OF_A_RUN = "model"
_STAGED = ".add.new"


class ModelRegistry:
    """Models by name, in a local folder or behind an http(s) address.

    Every file is checked against the checksums in ``registry.json``, and loading a model runs no
    code. The checksums come from the same place as the models: they detect damage, but don't
    prove who made a model.

    Args:
        address: a folder, which :meth:`add` creates, or its ``http://`` or ``https://`` address;
            None reads the environment variable ``WELLFIT_REGISTRY``.

    Raises:
        InputError: no address was given, or its scheme isn't http or https.

    >>> from wellfit import MLPClassifier
    >>> registry = ModelRegistry("registry")
    >>> clf = MLPClassifier((4,), epochs=1, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> _ = registry.add(clf, "tiny", data="two points", license="CC0")
    >>> [(model.name, model.kind, model.layers) for model in registry.list()]
    [('tiny', 'classifier', (4, 2))]
    >>> registry.load("tiny").predict([[0.0]]).shape
    (1,)
    """

    def __init__(self, address: Place | None = None) -> None:
        given = os.fspath(address) if address is not None else os.environ.get(VARIABLE, "")
        if not given:
            raise InputError(
                f"no registry was given; expected a folder or an http(s) address, "
                f"or the variable {VARIABLE}"
            )
        scheme = given.partition("://")[0].lower() if "://" in given else ""
        if scheme not in ("", "http", "https"):
            raise InputError(
                f"the registry {given!r} is neither a folder nor an http or https address"
            )
        base = given.removesuffix(INDEX).removesuffix(FORMER_INDEX).rstrip("/")
        self._url = base if scheme else ""
        self.address: str = self._url or str(Path(given).expanduser())

    def __repr__(self) -> str:
        return f"ModelRegistry({self.address!r})"

    def list(self) -> list[RegisteredModel]:
        """Return the registered models, sorted by name.

        Raises:
            ModelFileError: the registry doesn't exist, can't be reached, or is damaged.
        """
        models = self._models()
        return [models[name] for name in sorted(models)]

    def add(
        self,
        model: Any,
        name: str,
        *,
        data: str = "",
        scores: Mapping[str, float] | None = None,
        license: str = "",
        notes: str = "",
        overwrite: bool = False,
    ) -> RegisteredModel:
        """Copy a model into a registry that is a local folder.

        Several processes may add at the same time: a lock lets one write after another.

        Args:
            model: a fitted estimator, or the folder of a model or of a run.
            name: letters, digits, ``.``, ``_`` and ``-``.
            data: what it was trained on.
            scores: metric values by name, such as ``{"accuracy": 0.97}``.
            license: the license under which the model may be used.
            notes: anything else that a user should know.
            overwrite: whether a model of the same name may be replaced.

        Returns:
            The entry that the registry now has for the model.

        Raises:
            InputError: the registry is an address, the name is invalid or taken, or the model
                isn't fitted.
            ModelFileError: there is no model, or the folder isn't a registry and isn't empty.
        """
        if self._url:
            raise InputError(
                f"{self._url} is an address; expected a folder: add models on the machine that "
                "holds the registry"
            )
        check_name(name)
        contents = (
            store.load(_local_model(model)) if isinstance(model, (str, os.PathLike)) else None
        )
        folder = Path(self.address)
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        given = {"data": data, "scores": dict(scores or {}), "license": license, "notes": notes}
        with _locked(folder):
            models = self._models() if _is_registry(folder) else {}
            if name in models and not overwrite:
                raise InputError(
                    f"{self.address} already has a model {name!r}; give another name, or "
                    "overwrite=True"
                )
            staged = folder / _STAGED
            shutil.rmtree(staged, ignore_errors=True)  # of a process that was killed
            try:
                model.save(staged) if contents is None else store.save(staged, *contents)
                added = describe(staged, name, **given)
                os.replace(staged, folder / added.folder)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            _register(folder, models, added)
            if name in models and models[name].folder != added.folder:
                shutil.rmtree(folder / models[name].folder, ignore_errors=True)
        return added

    def get(self, name: str, out: Place | None = None) -> Path:
        """Return the folder of a model, after checking its files against their checksums.

        Args:
            name: the model's name in the registry.
            out: a new or empty folder to copy the model to. None leaves a local registry's model
                where it is, and keeps a downloaded one in the cache (``WELLFIT_CACHE``), which
                the next call uses.

        Raises:
            UnknownNameError: there is no model of that name; the message names the nearest one.
            ModelFileError: a file is missing, truncated or altered, or ``out`` isn't empty.
        """
        target = None if out is None else _empty_folder(Path(out))
        model = self._find(name)
        while True:
            try:
                folder = self._download(model) if self._url else Path(self.address) / model.folder
                contents = {file: _checked(folder / file, model) for file in model.files}
                return folder if target is None else _put(target, contents)
            except ModelFileError:
                before, model = model, self._find(name)
                if model == before:  # otherwise it was replaced meanwhile: take the new one
                    raise

    def load(self, name: str) -> Any:
        """Return the fitted estimator of that name; raises the same errors as :meth:`get`."""
        return public("load_model")(self.get(name))

    def _find(self, name: str) -> RegisteredModel:
        models = self._models()
        if name not in models:
            raise UnknownNameError(f"model in the registry {self.address}", name, models)
        return models[name]

    def _models(self) -> dict[str, RegisteredModel]:
        try:
            raw, where = read_index(self.address)
        except ModelFileError:
            raise
        except FileNotFoundError as error:
            raise ModelFileError(
                f"there is no registry at {self.address}: it has no {INDEX}; expected a folder "
                "that `wellfit models add` or ModelRegistry.add created"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise ModelFileError(f"there is no registry at {self.address}: {error}") from error
        return unpack(raw, where)

    def _download(self, model: RegisteredModel) -> Path:
        """Return the model's folder in the cache; download files that aren't there yet."""
        import pooch

        folder = cache_folder() / "models" / f"{model.name}-{model.digest}"
        for name, file in model.files.items():
            url = f"{self._url}/{model.folder}/{name}"
            load = pooch.HTTPDownloader(timeout=TIMEOUT)
            try:
                pooch.retrieve(url, f"sha256:{file.sha256}", name, folder, downloader=load)
            except (OSError, ValueError) as error:
                raise ModelFileError(
                    f"{url} differs from its checksum in the registry: {error}"
                ) from error
        return folder


def find_model(path_or_name: Place) -> Path:
    """Return the model folder of a model, of a run, or of a name in the model registry.

    Args:
        path_or_name: the folder of a model or of a run; otherwise a name in the registry that the
            environment variable ``WELLFIT_REGISTRY`` points to.

    Raises:
        ModelFileError: there is no such folder, and no registry is set.
        UnknownNameError: the registry has no model of that name.

    >>> from wellfit import MLPClassifier
    >>> clf = MLPClassifier((4,), epochs=1, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> find_model(clf.save("saved")).name
    'saved'
    """
    plain = Path(path_or_name).name == os.fspath(path_or_name)
    if plain and os.environ.get(VARIABLE) and _model_at(Path(path_or_name)) is None:
        return ModelRegistry().get(os.fspath(path_or_name))
    return _local_model(path_or_name)


def _local_model(given: Place) -> Path:
    path = Path(given).expanduser()
    found = _model_at(path)
    if found is not None:
        return found
    siblings = path.parent.iterdir() if path.parent.is_dir() else ()
    models = {place.name: str(place) for place in siblings if _model_at(place) is not None}
    raise ModelFileError(f"there is no model or run {path}{did_you_mean(path.name, models)}")


def _model_at(path: Path) -> Path | None:
    """Return the path where it is a model, or the model of the run that it is."""
    return next(filter(is_model, (path, path / _MODEL_OF_A_RUN)), None)


def _checked(path: Path, model: RegisteredModel) -> bytes:
    expected = model.files[path.name]
    try:
        refuse_beyond_memory(path, expected.bytes)
        data = read_regular(path, expected.bytes)
    except OSError as error:
        raise ModelFileError(f"{path} of the model {model.name!r} is missing") from error
    if len(data) < expected.bytes:
        raise ModelFileError(f"{path} is truncated: {len(data):,} of {expected.bytes:,} bytes")
    if sha256(data) != expected.sha256:
        raise ModelFileError(
            f"{path} is damaged or was altered: its checksum isn't the one in {INDEX}"
        )
    return data


def _is_registry(folder: Path) -> bool:
    return any((folder / index).exists() for index in (INDEX, FORMER_INDEX))


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ModelFileError(f"{folder} is a file; a registry is a folder")
    if not folder.is_dir() or _is_registry(folder):
        return
    foreign = [item.name for item in sorted(folder.iterdir()) if not item.name.startswith(".")]
    # Another process may be filling a new registry right now: it writes registry.json last.
    if any(not is_model(folder / name) for name in foreign):
        raise ModelFileError(
            f"{folder} holds {', '.join(foreign[:3])}{', …' if len(foreign) > 3 else ''}, and no "
            f"{INDEX}; expected a registry, or a new or empty folder"
        )


def _empty_folder(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelFileError(f"{folder} already exists; expected a new or an empty folder")
    return folder


def _put(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the files to a temporary folder, then rename it, so that a copy is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        beside.mkdir()
        for name, data in contents.items():
            (beside / name).write_bytes(data)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _register(folder: Path, models: Mapping[str, RegisteredModel], added: RegisteredModel) -> None:
    """Write the index with the added model; if that fails, remove the model's folder again.

    Raises:
        OSError: the disk is full or not writable; the registry is unchanged.
    """
    try:
        write(folder / INDEX, pack({**models, added.name: added}))
    except OSError as error:
        if all(model.folder != added.folder for model in models.values()):
            shutil.rmtree(folder / added.folder, ignore_errors=True)
        reason = f"{error.strerror}; the registry is unchanged"
        raise OSError(error.errno, reason, str(folder)) from error
    (folder / FORMER_INDEX).unlink(missing_ok=True)  # readers find the new index by now


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; on a disk without locks only one process at a time may add."""
    descriptor = lock(folder, wait=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
