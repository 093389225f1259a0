"""Files are whole or not there; a folder is locked once."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from wellfit.core.locking import is_locked, lock
from wellfit.core.writing import append, unfinished, write, writing


def full(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device", "elsewhere")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write(path, b"old")
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_what_was_there_stays_when_writing_ends_early(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "result.json"
    write(path, b"old")

    def end_early() -> None:
        with writing(path) as file:
            file.write(b"ne")
            raise error

    with pytest.raises(type(error)):
        end_early()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_file_and_not_its_unfinished_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path / "result.json", b"new")
    assert caught.value.filename == str(tmp_path / "result.json")


def test_the_file_is_on_the_disk_before_its_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs to see which file a descriptor stands for")
    done, replace = [], os.replace
    monkeypatch.setattr(
        os, "fsync", lambda number: done.append(Path(os.readlink(f"/proc/self/fd/{number}")).name)
    )

    def rename(a: str, b: str) -> None:
        done.append("rename")
        replace(a, b)

    monkeypatch.setattr(os, "replace", rename)
    path = tmp_path / "result.json"
    write(path, b"new")
    assert done == [unfinished(path).name, "rename", tmp_path.name]


def test_a_line_that_finds_no_room_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"whole\n")
    with path.open("ab", buffering=0) as file:

        class Half:
            """Takes half of what it is given, and then nothing."""

            tell, truncate = file.tell, file.truncate
            room = 3

            def write(self, data: memoryview) -> int:
                if not self.room:
                    full()
                written, self.room = file.write(data[: self.room]), 0
                return written or 0

        half: Any = Half()
        with pytest.raises(OSError, match="No space left"):
            append(half, b"another\n")
    assert path.read_bytes() == b"whole\n"


def test_a_folder_is_locked_once_until_its_lock_is_closed(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    held = lock(tmp_path)
    assert held is not None
    assert is_locked(tmp_path)
    with pytest.raises(BlockingIOError) as caught:
        lock(tmp_path)
    assert caught.value.filename == str(tmp_path)
    os.close(held)
    again = lock(tmp_path, wait=True)
    assert again is not None
    os.close(again)


def test_a_disk_without_locks_is_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any, **__: Any) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    monkeypatch.setattr("wellfit.core.locking.lock_descriptor", unknown)
    assert lock(tmp_path) is None
    assert before in (0, len(os.listdir("/proc/self/fd")))
