"""Shelves of models: folders of model folders, on a disk or behind an address, used by name.

A shelf is a folder that holds ``shelf.json``, and beside it a model folder for each model::

    shelf.json                            what there is, with the checksum and size of every file
    iris-3f2a9c81b0d4/model.json
    iris-3f2a9c81b0d4/weights.safetensors

Any web server that offers the folder's files as they are offers the shelf. Adding writes the model
folder first and renames ``shelf.json`` last: a reader sees the shelf as it was, or as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from wellfit import store
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError, did_you_mean
from wellfit.core.files import LARGEST_JSON, read_regular, refuse_beyond_memory
from wellfit.datasets.download import cache_folder
from wellfit.estimators import load_model
from wellfit.transfer.shelved import (
    INDEX,
    ShelvedModel,
    check_name,
    describe,
    pack,
    sha256,
    unpack,
)

Place = str | os.PathLike[str]

VARIABLE = "WELLFIT_SHELF"

_MODEL_OF_A_RUN = "model"
_LARGEST_INDEX = LARGEST_JSON
_TIMEOUT = 30  # seconds without an answer
_STAGED = ".add.new"
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Shelf:
    """Models by name, in a local folder or behind an http(s) address.

    Whatever a shelf gives was checked against the checksums in its ``shelf.json``, and loading it
    runs no code. The checksums come from where the models come from: they notice damage, and
    don't say who made a model.

    Args:
        address: a folder, which :meth:`add` makes, or an ``http://`` or ``https://`` address of
            one; None reads it from the environment variable ``WELLFIT_SHELF``.

    Raises:
        InputError: no address, or one of another kind.

    >>> from wellfit import MLPClassifier
    >>> shelf = Shelf("shelf")
    >>> clf = MLPClassifier((4,), epochs=1, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> _ = shelf.add(clf, "tiny", data="two points", licence="CC0")
    >>> [(model.name, model.kind, model.layers) for model in shelf.list()]
    [('tiny', 'classifier', (4, 2))]
    >>> shelf.load("tiny").predict([[0.0]]).shape
    (1,)
    """

    def __init__(self, address: Place | None = None) -> None:
        told = os.fspath(address) if address is not None else os.environ.get(VARIABLE, "")
        if not told:
            raise InputError(
                f"no shelf is named; expected a folder, an http(s) address, or one in {VARIABLE}"
            )
        scheme = told.partition("://")[0].lower() if "://" in told else ""
        if scheme not in ("", "http", "https"):
            raise InputError(
                f"the shelf {told!r} is neither a folder nor an address of http or https"
            )
        self._url = told.removesuffix(INDEX).rstrip("/") if scheme else ""
        self.address: str = self._url or str(Path(told).expanduser())

    def __repr__(self) -> str:
        return f"Shelf({self.address!r})"

    def list(self) -> list[ShelvedModel]:
        """Return what is there, sorted by name.

        Raises:
            ModelFileError: there is no shelf, none that can be reached, or a damaged one.
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
        licence: str = "",
        notes: str = "",
        overwrite: bool = False,
    ) -> ShelvedModel:
        """Copy a model to a shelf that is a folder.

        Several processes may add to a shelf at once: they take turns.

        Args:
            model: a fitted estimator, or the folder of a model or of a run.
            name: letters, digits, ``.``, ``_`` and ``-``.
            data: what it was trained on.
            scores: figures by name, such as ``{"accuracy": 0.97}``.
            licence: under which it may be used.
            notes: what else a user should know.
            overwrite: whether a model of that name may be replaced.

        Returns:
            What the shelf says of it.

        Raises:
            InputError: an address, an unfit name or one that is taken, or what isn't fitted.
            ModelFileError: there is no model, or the folder is no shelf but holds other things.
        """
        if self._url:
            raise InputError(
                f"{self._url} is an address; expected a folder: models are added on the machine "
                "that holds them"
            )
        check_name(name)
        contents = (
            store.load(_local_model(model)) if isinstance(model, (str, os.PathLike)) else None
        )
        folder = Path(self.address)
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        told = {"data": data, "scores": dict(scores or {}), "licence": licence, "notes": notes}
        with _locked(folder):
            models = self._models() if (folder / INDEX).exists() else {}
            if name in models and not overwrite:
                raise InputError(
                    f"{self.address} has a model {name!r}; give another name, or overwrite it"
                )
            staged = folder / _STAGED
            shutil.rmtree(staged, ignore_errors=True)  # of a process that was killed
            try:
                model.save(staged) if contents is None else store.save(staged, *contents)
                added = describe(staged, name, **told)
                os.replace(staged, folder / added.folder)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            _list(folder, models, added)
            if name in models and models[name].folder != added.folder:
                shutil.rmtree(folder / models[name].folder, ignore_errors=True)
        return added

    def get(self, name: str, out: Place | None = None) -> Path:
        """Return the folder of a model whose files are what the shelf says they are.

        Args:
            name: on the shelf.
            out: a folder to copy it to, new or empty. None leaves a local shelf's model where it
                is, and keeps a distant one in the cache (``WELLFIT_CACHE``), from where it comes
                the next time.

        Raises:
            UnknownNameError: no model of that name; names the nearest.
            ModelFileError: a file is missing, truncated or altered, or ``out`` isn't empty.
        """
        target = None if out is None else _vacant(Path(out))
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
        """Return the fitted estimator of that name; raises what :meth:`get` raises."""
        return load_model(self.get(name))

    def _find(self, name: str) -> ShelvedModel:
        models = self._models()
        if name not in models:
            raise UnknownNameError(f"model on the shelf {self.address}", name, models)
        return models[name]

    def _models(self) -> dict[str, ShelvedModel]:
        where = f"{self.address}/{INDEX}"
        try:
            raw = _asked(where) if self._url else read_regular(where, _LARGEST_INDEX)
        except ModelFileError:
            raise
        except FileNotFoundError as error:
            raise ModelFileError(
                f"there is no shelf at {self.address}: it holds no {INDEX}; expected a folder "
                "that `wellfit models add` or Shelf.add made"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise ModelFileError(f"there is no shelf at {self.address}: {error}") from error
        return unpack(raw, where)

    def _download(self, model: ShelvedModel) -> Path:
        """Return the model's folder in the cache; what is there and right isn't fetched again."""
        import pooch

        folder = cache_folder() / "models" / f"{model.name}-{model.digest}"
        for name, file in model.files.items():
            url = f"{self._url}/{model.folder}/{name}"
            load = pooch.HTTPDownloader(timeout=_TIMEOUT)
            try:
                pooch.retrieve(url, f"sha256:{file.sha256}", name, folder, downloader=load)
            except (OSError, ValueError) as error:
                raise ModelFileError(
                    f"{url} did not arrive as the shelf says it is: {error}"
                ) from error
        return folder


def find_model(path_or_name: Place) -> Path:
    """Return a model folder: of a model, of a run, or of a model's name on the shelf.

    Args:
        path_or_name: the folder of a model or of a run; else a name on the shelf that the
            environment variable ``WELLFIT_SHELF`` names.

    Raises:
        ModelFileError: there is no such folder, nor a shelf to look on.
        UnknownNameError: no model of that name is on the shelf.

    >>> from wellfit import MLPClassifier
    >>> clf = MLPClassifier((4,), epochs=1, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> find_model(clf.save("saved")).name
    'saved'
    """
    plain = Path(path_or_name).name == os.fspath(path_or_name)
    if plain and os.environ.get(VARIABLE) and _model_at(Path(path_or_name)) is None:
        return Shelf().get(os.fspath(path_or_name))
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
    return next(filter(store.is_model, (path, path / _MODEL_OF_A_RUN)), None)


def _asked(url: str) -> bytes:
    """Return what a server answers; the scheme was checked, and redirects keep to http."""
    with urlopen(url, timeout=_TIMEOUT) as answer:
        data: bytes = answer.read(_LARGEST_INDEX + 1)
        expected = answer.headers.get("Content-Length")
    if len(data) > _LARGEST_INDEX:
        raise ValueError(f"{url} has more than {_LARGEST_INDEX:,} bytes")
    if expected is not None and len(data) < int(expected):
        raise ValueError(f"{url} is truncated: {len(data):,} of {int(expected):,} bytes")
    return data


def _checked(path: Path, model: ShelvedModel) -> bytes:
    told = model.files[path.name]
    try:
        refuse_beyond_memory(path, told.bytes)
        data = read_regular(path, told.bytes)
    except OSError as error:
        raise ModelFileError(f"{path} of the model {model.name!r} is missing") from error
    if len(data) < told.bytes:
        raise ModelFileError(f"{path} is truncated: {len(data):,} of {told.bytes:,} bytes")
    if sha256(data) != told.sha256:
        raise ModelFileError(
            f"{path} is damaged or was altered: its checksum isn't the one in {INDEX}"
        )
    return data


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ModelFileError(f"{folder} is a file; a shelf is a folder")
    if not folder.is_dir() or (folder / INDEX).exists():
        return
    foreign = [item.name for item in sorted(folder.iterdir()) if not item.name.startswith(".")]
    # Another process may be filling a new shelf right now: it writes shelf.json last.
    if any(not store.is_model(folder / name) for name in foreign):
        raise ModelFileError(
            f"{folder} holds {', '.join(foreign[:3])}{', …' if len(foreign) > 3 else ''}, and no "
            f"{INDEX}; a shelf is a folder of its own"
        )


def _vacant(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelFileError(f"{folder} is there already; expected a new folder, or an empty one")
    return folder


def _put(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the files into a folder beside, then rename it: there is all of it, or nothing."""
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


def _list(folder: Path, models: Mapping[str, ShelvedModel], added: ShelvedModel) -> None:
    """Write a model that is on the shelf into its list, or take it away again.

    Raises:
        OSError: the disk is full or not writable; the shelf is as it was.
    """
    try:
        _write(folder / INDEX, pack({**models, added.name: added}))
    except OSError as error:
        if all(model.folder != added.folder for model in models.values()):
            shutil.rmtree(folder / added.folder, ignore_errors=True)
        told = f"{error.strerror}; the shelf is unchanged"
        raise OSError(error.errno, told, str(folder)) from error


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for the folder's lock, which ends with the process, however it ends.

    Where the disk knows no locks there is none: then one process at a time may add.
    """
    if sys.platform == "win32":
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    else:
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
