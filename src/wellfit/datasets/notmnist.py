"""The notMNIST archive: a tar file of small images, with a folder for each letter."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np

from wellfit.core.errors import DataError
from wellfit.datasets.dataset import Array, Dataset
from wellfit.datasets.files import reading

ARCHIVE = "notMNIST_small.tar.gz"
_MOST_BYTES = 1 << 20  # an image of 28 x 28 pixels takes less than 1 KB
_MOST_PIXELS = 1 << 16


def read_notmnist(path: Path) -> Dataset:
    """Read the images of the archive without unpacking it to disk.

    Rows are ordered by letter and file name. The published archive has two files that aren't
    images; such files are skipped, and counted in the description.

    Raises:
        DataError: damaged, no images, or images of different sizes.
    """
    with reading(path):
        try:
            pictures, unreadable = _pictures(path)
        except tarfile.TarError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
    if not pictures:
        raise DataError(f"{path} has no images; expected folders of .png files")
    shapes = {picture.shape for picture in pictures.values()}
    if len(shapes) > 1:
        raise DataError(f"{path} has images of several sizes: {sorted(shapes)}")
    members = sorted(pictures)
    X = np.stack([pictures[member].ravel() for member in members])
    letters, y = np.unique([letter for letter, _ in members], return_inverse=True)
    height, width = shapes.pop()
    return Dataset(
        "notmnist",
        X,
        y.astype(np.int64),
        image_shape=(height, width),
        class_names=tuple(letters.tolist()),
        description=f"Unreadable files skipped: {unreadable}." if unreadable else "",
        source=str(path),
    )


def _pictures(path: Path) -> tuple[dict[tuple[str, str], Array], int]:
    """Return the images by folder and file name, and the number of other files."""
    pictures, unreadable = {}, 0
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            place = PurePosixPath(member.name)
            if not member.isfile() or place.suffix != ".png":
                continue
            file = archive.extractfile(member) if member.size <= _MOST_BYTES else None
            picture = None if file is None else _picture(file.read())
            if picture is None:
                unreadable += 1
            else:
                pictures[place.parent.name, place.name] = picture
    return pictures, unreadable


def _picture(data: bytes) -> Array | None:
    """Return the grey values (height, width), or None if ``data`` aren't an image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > _MOST_PIXELS:  # known before decompression
                return None
            return np.asarray(image.convert("L"))
    except (OSError, ValueError, SyntaxError):  # Pillow calls a broken PNG a SyntaxError
        return None
