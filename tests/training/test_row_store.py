"""Rows on a disk are the rows in memory: same numbers, same order, same weights to the bit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wellfit.core.errors import InputError, ModelFileError
from wellfit.nn import mlp
from wellfit.optim import Adam
from wellfit.training import Member, Result, Rows, Stream, predict, train
from wellfit.training.block_cache import BlockCache, ColumnFile
from wellfit.training.row_store import CONTENTS, RowStore
from wellfit.training.row_store_writer import write_rows
from wellfit.training.shuffling import ShuffleBlocks, shuffled
from wellfit.training.tables import ChainedTable, DenseTable

FLOAT32 = np.dtype("float32")
LARGEST = np.array([-1, -1, 1, 1, 300, -1])
N = 3000


def numbers(rows: int = N, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6)).astype(np.float32)
    x[:, 2:4] = rng.integers(0, 2, size=(rows, 2))
    x[:, 4] = rng.integers(0, 301, size=rows)
    return x


def stored(folder: Path, x: NDArray[np.float32], fingerprint: str = "own") -> RowStore:
    blocks = (x[start : start + 700] for start in range(0, len(x), 700))
    return write_rows(folder, blocks, len(x), LARGEST, FLOAT32, fingerprint)


@pytest.fixture
def store(tmp_path: Path) -> RowStore:
    return stored(tmp_path / "rows", numbers())


def test_columns_take_as_few_bytes_as_their_numbers_allow(store: RowStore) -> None:
    types = {path.name: np.load(path, mmap_mode="r").dtype for path in store.folder.glob("*.npy")}
    assert {name: str(kind) for name, kind in types.items()} == {
        "columns-0.npy": "float32",
        "columns-2.npy": "uint8",
        "columns-4.npy": "float16",
        "columns-5.npy": "float32",
    }
    np.testing.assert_array_equal(np.asarray(store[:]), numbers())
    np.testing.assert_array_equal(np.asarray(store[10:20][3:5]), numbers()[13:15])


@given(seed=st.integers(0, 50), slots=st.integers(1, 6), count=st.integers(0, 400))
def test_a_cache_of_any_size_gathers_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, seed: int, slots: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    x, path = rng.normal(size=(333, 3)), tmp_path_factory.mktemp("cache") / "x.npy"
    np.save(path, x)
    offset = path.stat().st_size - x.nbytes
    cache = BlockCache([ColumnFile(path, 0, 3, x.dtype, offset)], 333, 16, slots)
    for _ in range(4):
        ids, later = (torch.from_numpy(rng.integers(0, 333, count)) for _ in range(2))
        cache.ahead(later)
        out = torch.empty(count, 4, dtype=torch.float64)
        cache.gather(ids, out)
        np.testing.assert_array_equal(out[:, :3].numpy(), x[ids.numpy()])
        assert bool((out[:, 3] == 1).all())


@given(
    count=st.integers(1, 500),
    rows=st.integers(1, 20),
    blocks=st.integers(1, 9),
    epoch=st.integers(0, 3),
)
def test_an_order_in_blocks_has_every_row_once_from_few_blocks_at_a_time(
    count: int, rows: int, blocks: int, epoch: int
) -> None:
    how = ShuffleBlocks(rows, rows * blocks)
    order = shuffled(7, epoch, count, how)
    assert sorted(order.tolist()) == list(range(count))
    assert torch.equal(order, shuffled(7, epoch, count, how))
    for window in torch.split(order, how.buffer)[:-1] if count > how.buffer else ():
        # Behind the last block, which may be shorter, slices lie across two buffers.
        assert len({row // rows for row in window.tolist()}) <= 2 * blocks
    if count > 3 * how.buffer and rows > 1:
        assert not torch.equal(order, shuffled(7, epoch + 1, count, how))
    if count <= how.buffer:
        assert torch.equal(order, shuffled(7, epoch, count))


def trained(x: Any, blocks: ShuffleBlocks, held: int = 500, **how: Any) -> Result:
    y = (numbers()[:, 0] > 0).astype(int)
    rows = Rows(x, y)
    stream = Stream(np.random.default_rng(1).permutation(N)[held:], np.arange(held), blocks=blocks)
    members = [Member(mlp(6, (8,), 2), optimizer=Adam(0.01), epochs=3, seed=4, batch_size=64)]
    return train(members, rows, [stream], **how)


@pytest.mark.parametrize("blocks", [ShuffleBlocks(64, 256), ShuffleBlocks(32, 4096)])
def test_rows_from_a_disk_train_as_those_in_memory_to_the_bit(
    store: RowStore, blocks: ShuffleBlocks
) -> None:
    disk, memory = trained(store, blocks), trained(numbers(), blocks)
    assert torch.equal(disk.weights().parameters, memory.weights().parameters)
    # Rows in memory are validated by the compiled step, which adds losses in another order.
    assert disk.history()["val_loss"] == pytest.approx(memory.history()["val_loss"], rel=1e-6)
    logits = [predict(disk.weights(), x, torch.clone) for x in (store, numbers())]
    np.testing.assert_array_equal(*logits)


def test_a_training_from_a_disk_resumes_to_the_bit(store: RowStore) -> None:
    blocks = ShuffleBlocks(64, 256)
    whole, half = trained(store, blocks), trained(store, blocks, until=1)
    rest = trained(RowStore(store.folder), blocks, resume=half)
    assert torch.equal(whole.weights().parameters, rest.weights().parameters)
    other = stored(store.folder.parent / "other", numbers(seed=1))
    with pytest.raises(InputError, match="began with other data"):
        trained(other, blocks, resume=with_data(half, store, blocks))


def with_data(result: Result, store: RowStore, blocks: ShuffleBlocks) -> Result:
    """The result as a checkpoint would have it: it knows its data."""
    from wellfit.training.fingerprint import fingerprint

    y = (numbers()[:, 0] > 0).astype(int)
    stream = Stream(np.random.default_rng(1).permutation(N)[500:], np.arange(500), blocks=blocks)
    result.data = fingerprint(Rows(store, y), [stream])
    return result


def test_tables_one_below_the_other_are_one_table(store: RowStore) -> None:
    below = DenseTable(numbers(50, seed=2), torch.float32, torch.device("cpu"), 255)
    rows = Rows(ChainedTable([store, below]), np.zeros(N + 50))
    ids = torch.tensor([[0, N + 49], [N, N - 1]])
    wanted = np.concatenate([numbers(), numbers(50, seed=2)])[ids.numpy()]
    rows.ahead(ids)
    np.testing.assert_array_equal(rows.features(ids)[..., :-1].numpy(), wanted)
    assert bool((rows.features(ids)[..., -1] == 1).all())


def truncated(path: Path) -> None:
    os.truncate(path / "columns-2.npy", 700)


def altered(path: Path) -> None:
    with (path / "columns-0.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")


def without_a_file(path: Path) -> None:
    (path / "columns-5.npy").unlink()


def overlapping(path: Path) -> None:
    document = json.loads((path / CONTENTS).read_text())
    document["columns"][1]["start"] = 1
    (path / CONTENTS).write_text(json.dumps(document))


def elsewhere(path: Path) -> None:
    text = (path / CONTENTS).read_text()
    (path / CONTENTS).write_text(text.replace("columns-0.npy", "../columns-0.npy"))


@pytest.mark.parametrize("damage", [truncated, altered, without_a_file, overlapping, elsewhere])
def test_a_damaged_store_is_refused(store: RowStore, damage: Callable[[Path], None]) -> None:
    damage(store.folder)
    with pytest.raises(ModelFileError):
        RowStore(store.folder)


def test_a_store_of_other_rows_is_refused(store: RowStore) -> None:
    assert len(RowStore(store.folder, "own")) == N
    with pytest.raises(ModelFileError, match="of other data or of another encoder"):
        RowStore(store.folder, "other")


def test_nothing_half_made_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Iterator[NDArray[np.float32]]:
        yield numbers(100)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_rows(tmp_path / "rows", failing(), N, LARGEST, FLOAT32, "")
    with pytest.raises(InputError, match="had 3,000 rows when they were counted, and 100 now"):
        write_rows(tmp_path / "rows", [numbers(100)], N, LARGEST, FLOAT32, "")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"take 46\.9 KiB, and the disk of .* has 0\.977 KiB"):
        write_rows(tmp_path / "rows", [], N, LARGEST, FLOAT32, "")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_store_survives_a_failed_one(store: RowStore) -> None:
    with pytest.raises(InputError):
        write_rows(store.folder, [numbers(1)], N, LARGEST, FLOAT32, "new")
    assert len(RowStore(store.folder, "own")) == N


def test_a_disk_that_fills_up_meanwhile_keeps_no_part_of_a_store(small_disk: Path) -> None:
    def filling() -> Iterator[NDArray[np.float32]]:
        yield numbers(N // 2)
        with suppress(OSError):
            (small_disk / "other").write_bytes(bytes(1 << 16))
        yield numbers(N // 2)

    with pytest.raises(
        OSError, match=r"No space left .*; the encoded rows take 46\.9 KiB"
    ) as caught:
        write_rows(small_disk / "rows", filling(), N, LARGEST, FLOAT32, "")
    assert caught.value.filename == str(small_disk / "rows")
    assert [path.name for path in small_disk.iterdir()] == ["other"]
