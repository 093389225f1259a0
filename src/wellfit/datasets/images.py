"""Named image data sets: from the user's data folder, or downloaded once into a cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wellfit.core.errors import DataError
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.download import cache_folder, fetch
from wellfit.datasets.idx import idx_files, read_idx_folder
from wellfit.datasets.named import LoadOptions, NamedDataset, Where, data_folder
from wellfit.datasets.notmnist import ARCHIVE, read_notmnist
from wellfit.datasets.tables import refuse_target


@dataclass(frozen=True, kw_only=True)
class Images(NamedDataset):
    """Image files in the user's data folder, in the cache, or downloaded into it.

    Args:
        files: names and MD5 checksums of the files.
        mirrors: addresses of these files, each ending in a slash, tried in order.
        folders: possible subfolders of a data folder; ``MNIST/raw`` is torchvision's.
        class_names: names of the labels 0, 1, ….
    """

    files: Mapping[str, str]
    mirrors: tuple[str, ...]
    folders: tuple[str, ...]
    class_names: tuple[str, ...]
    kind: Literal["images", "table"] = "images"

    def where(self, data_dir: Path | None = None) -> Where:
        """Return "local", "cached" or "download"."""
        if self.local(data_dir):
            return "local"
        cache = cache_folder() / self.name
        return "cached" if all((cache / file).is_file() for file in self.files) else "download"

    def _read(self, options: LoadOptions) -> Dataset:
        """Return the flattened images as ``uint8``, downloading them if necessary.

        Raises:
            DataError: not in the given ``data_dir``; unavailable; damaged; or a target was given.
        """
        refuse_target(options.target, self.name)
        root, folder = options.data_dir, self.local(options.data_dir)
        if folder is None and root is not None:
            raise DataError(f"{root} has no {self.name}; expected {self._expected(root)}")
        dataset = read_image_folder(folder or self.download())
        return replace(dataset, class_names=self.class_names)

    def local(self, data_dir: Path | None = None) -> Path | None:
        """Return the user's folder with the files, if there is one.

        It is searched in ``data_dir``, otherwise in ``WELLFIT_DATA``.
        """
        root = data_folder(data_dir)
        if root is None:
            return None
        for folder in (root / inner for inner in self.folders):
            if self._in(folder):
                return folder
        return root if self._in(root) and not self._holds_another(root) else None

    def download(self) -> Path:
        """Return the cache folder with the files, downloading missing ones.

        Raises:
            DataError: no mirror provides a file; says how to load without a network.
        """
        folder = cache_folder() / self.name
        try:
            for file, md5 in self.files.items():
                fetch(file, md5, self.mirrors, folder)
        except DataError as error:
            expected = self._expected(Path("DIR"))
            raise DataError(
                f"{self.name}: {error}\nWithout a network connection, set a folder with the "
                "files by --data-dir DIR (data_dir=…) or the variable WELLFIT_DATA; expected "
                f"{expected}"
            ) from error
        return folder

    def _in(self, folder: Path) -> bool:
        """Return whether a folder has idx files, or the archive of this data set."""
        archive = ARCHIVE in self.files and (folder / ARCHIVE).is_file()
        return archive or (folder.is_dir() and bool(idx_files(folder)))

    def _holds_another(self, folder: Path) -> bool:
        """Return whether files directly in a data folder belong to another known data set."""
        import pooch

        known = {md5 for other in IMAGES for md5 in other.md5s}
        labels = [path for (_, what), path in idx_files(folder).items() if what == "labels"]
        found = {pooch.file_hash(str(path), "md5") for path in labels}
        return bool(found & (known - self.md5s))

    @property
    def md5s(self) -> set[str]:
        """Checksums of the files."""
        return set(self.files.values())

    def _expected(self, root: Path) -> str:
        return f"{root / self.folders[0]} with {', '.join(self.files)}"


def read_image_folder(folder: Path) -> Dataset:
    """Read a folder of idx files, or with the notMNIST archive."""
    if not idx_files(folder) and (folder / ARCHIVE).is_file():
        return read_notmnist(folder / ARCHIVE)
    return read_idx_folder(folder)


def _idx(train_images: str, train_labels: str, images: str, labels: str) -> dict[str, str]:
    """Return MNIST's file names with these checksums."""
    return {
        "train-images-idx3-ubyte.gz": train_images,
        "train-labels-idx1-ubyte.gz": train_labels,
        "t10k-images-idx3-ubyte.gz": images,
        "t10k-labels-idx1-ubyte.gz": labels,
    }


IMAGES = (
    Images(
        name="mnist",
        rows=70000,
        columns=784,
        task="multiclass",
        description="Handwritten digits, 28 x 28 grey pixels.",
        source="LeCun, Cortes and Burges (1998), The MNIST database of handwritten digits",
        license="CC BY-SA 3.0",
        files=_idx(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        folders=("mnist", "MNIST/raw"),
        class_names=tuple("0123456789"),
    ),
    Images(
        name="fashion_mnist",
        rows=70000,
        columns=784,
        task="multiclass",
        description="Images of clothes, 28 x 28 grey pixels.",
        source="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747",
        license="MIT",
        files=_idx(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        folders=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
        class_names=(
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
    ),
    Images(
        name="notmnist",
        rows=18724,
        columns=784,
        task="multiclass",
        description="Letters A to J in many fonts, 28 x 28 grey pixels, some twice.",
        source="Bulatov (2011), notMNIST dataset, the small set",
        license="not stated",
        files={ARCHIVE: "c9890a473a9769fda4bdf314aaf500dd"},
        mirrors=(
            "http://yaroslavvb.com/upload/notMNIST/",
            "https://commondatastorage.googleapis.com/books1000/",
        ),
        folders=("notmnist", "notMNIST"),
        class_names=tuple("ABCDEFGHIJ"),
    ),
)
