"""Files and servers that the tests of data share."""

from __future__ import annotations

import gzip
import http.server
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    """The idx format, written from its definition."""
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    """A writer of idx files, gzipped where the name says so."""

    def write(path: Path, array: np.ndarray) -> Path:
        data = idx_bytes(array)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return write


@pytest.fixture
def write_mnist(write_idx: Any) -> Callable[..., dict[str, np.ndarray]]:
    """A writer of MNIST's four files with random pixels of 4 x 3."""

    def write(folder: Path, seed: int = 0, ending: str = ".gz") -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        arrays = {}
        for part, rows in (("train", 30), ("t10k", 20)):
            arrays[part] = rng.integers(0, 256, (rows, 4, 3), np.uint8)
            arrays[part + "-y"] = np.arange(rows, dtype=np.uint8) % 10
            write_idx(folder / f"{part}-images-idx3-ubyte{ending}", arrays[part])
            write_idx(folder / f"{part}-labels-idx1-ubyte{ending}", arrays[part + "-y"])
        return arrays

    return write


def png_bytes(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def png() -> Callable[[np.ndarray], bytes]:
    """A picture as a PNG file has it."""
    return png_bytes


@pytest.fixture
def write_letters() -> Callable[..., Path]:
    """A writer of archives of pictures; what is given as bytes is written as it is."""

    def write(path: Path, files: dict[str, np.ndarray | bytes]) -> Path:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in files.items():
                data = content if isinstance(content, bytes) else png_bytes(content)
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    return write


@pytest.fixture(autouse=True)
def own_places(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reads or fills the user's caches, nor finds data that it didn't ask for."""
    monkeypatch.setenv("WELLFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "sklearn"))
    if "data_dir" not in request.fixturenames:
        monkeypatch.delenv("WELLFIT_DATA", raising=False)


class Server:
    """A server of one folder on loopback, which remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def log_request(self, *args: Any) -> None:
                asked.append(self.path)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Server]]:
    """A starter of servers, stopped after the test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = []

    def start(folder: Path) -> Server:
        servers.append(Server(folder))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
