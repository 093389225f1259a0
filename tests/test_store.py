"""Model folders survive anything, and notice everything."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from processes import PATIENCE, SERVER, in_child, let_files_grow_to
from wellfit import store
from wellfit.core.errors import InputError, ModelFileError

FILES = ["model.json", "weights.safetensors"]
OLD = ({"name": "old", "loss": [0.5, 0.25]}, {"w": torch.arange(6.0).reshape(2, 3)})
NEW = ({"name": "new", "loss": [0.125]}, {"w": torch.ones(3, 3), "b": torch.zeros(3)})
fast = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def same(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    """Say whether two models have the same document, and the same tensors bit for bit."""
    return repr(first[0]) == repr(second[0]) and {
        name: (values.dtype, values.shape, bits(values)) for name, values in first[1].items()
    } == {name: (values.dtype, values.shape, bits(values)) for name, values in second[1].items()}


def bits(values: torch.Tensor) -> bytes:
    return bytes(values.clone(memory_format=torch.contiguous_format).untyped_storage())


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a power failure shows whether data reached the disk, and no test here makes one."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return store.save(tmp_path / "model", *OLD)


# What goes in comes out

floats = st.floats(allow_nan=True, allow_infinity=True)
leaves = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | floats | st.text()
documents = st.dictionaries(
    st.text(),
    st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=15
    ),
    max_size=4,
)
dtypes = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, np.dtype(">f8")])
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
tensor_names = st.text().filter(lambda name: name != "__metadata__")


@fast
@given(documents, st.dictionaries(tensor_names, arrays | arrays.map(np.transpose), max_size=3))
def test_documents_and_tensors_come_back_as_they_went_in(tmp_path, document, tensors):
    folder = store.save(tmp_path / "model", document, tensors)
    expected = {
        name: torch.from_numpy(values.astype(values.dtype.newbyteorder("="), order="C"))
        for name, values in tensors.items()
    }
    found, loaded = store.load(folder)
    assert same((sort(found), loaded), (sort(document), expected))
    assert names(folder) == FILES


def sort(value: Any) -> Any:
    """Order the keys: two dictionaries are the same whatever their order."""
    if isinstance(value, dict):
        return {key: sort(value[key]) for key in sorted(value)}
    return [sort(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.int32])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (4, 5)])
def test_torch_dtypes_and_shapes(tmp_path, dtype, shape):
    values = torch.randn(shape).to(dtype)
    found = store.load(store.save(tmp_path / "model", {}, {"w": values}))
    assert same(found, ({}, {"w": values}))


def test_views_of_one_buffer_are_saved_each_on_its_own(tmp_path):
    flat = torch.arange(6.0, requires_grad=True)
    tensors = {"a": flat[:4].view(2, 2), "b": flat[2:], "transposed": flat.view(2, 3).T}
    _, found = store.load(store.save(tmp_path / "model", {}, tensors))
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in tensors.items()
    }


def test_loaded_tensors_can_be_trained_further(model):
    _, tensors = store.load(model)
    tensors["w"].requires_grad_().sum().backward()
    with torch.no_grad():
        tensors["w"].add_(1)
    assert store.load(model)[1]["w"].equal(OLD[1]["w"])


def test_the_document_is_strict_json_with_versions(tmp_path):
    folder = store.save(tmp_path / "model", {"loss": [float("nan"), -np.inf]}, {})
    header = json.loads((folder / "model.json").read_text(), parse_constant=pytest.fail)
    assert header["format"] == "wellfit-model"
    assert header["torch"] == torch.__version__
    assert header["weights"]["bytes"] == (folder / "weights.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"a": [{"b": np.float32(1)}]}, r"document\['a'\]\[0\]\['b'\] is a float32"),
        ({"a": {1: 2}}, r"document\['a'\] has the key 1"),
        ({"$float": "nan"}, r"document has the key '\$float'"),
        ({"a": {1, 2}}, r"document\['a'\] is a set"),
        ({"a": lambda: 0}, r"document\['a'\] is a function"),
    ],
)
def test_a_document_that_json_cannot_hold_is_refused(tmp_path, document, where):
    with pytest.raises(InputError, match=where):
        store.save(tmp_path / "model", document, {})
    assert names(tmp_path) == []


def test_a_document_that_contains_itself_is_refused(tmp_path):
    document: dict[str, Any] = {}
    document["me"] = document
    with pytest.raises(InputError, match="contains itself"):
        store.save(tmp_path / "model", document, {})


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"w": np.array(["a"])}, "tensor 'w' can't be saved"),
        ({"w": np.array([None])}, "tensor 'w' can't be saved"),
        ({"w": torch.eye(2).to_sparse()}, "tensor 'w' can't be saved"),
        ({"__metadata__": torch.ones(1)}, "a tensor is named '__metadata__'"),
        ({1: torch.ones(1)}, "a tensor is named 1"),
    ],
)
def test_tensors_that_are_not_plain_numbers_are_refused(model, tensors, message):
    with pytest.raises(InputError, match=message):
        store.save(model, {}, tensors)
    assert same(store.load(model), OLD)


# Damage is noticed


@pytest.mark.parametrize("name", FILES)
def test_flipping_any_byte_is_noticed(model, name):
    path = model / name
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= (1, 32, 255)[position % 3]
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=name):
            store.load(model)
    path.write_bytes(whole)
    assert same(store.load(model), OLD)


@pytest.mark.parametrize("name", FILES)
def test_truncating_anywhere_is_noticed(model, name):
    path = model / name
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="truncated" if "weights" in name else "damaged"):
            store.load(model)
    path.write_bytes(whole + b" ")
    longer = "97 bytes" if "weights" in name else "checksum doesn't match"
    with pytest.raises(ModelFileError, match=longer):
        store.load(model)


def forge(model: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Alter model.json as somebody would who knows how its checksum is made."""
    header = json.loads((model / "model.json").read_text())
    change(header)
    header["checksum"] = ""
    text = json.dumps(header)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    signed = text.replace('"checksum": ""', f'"checksum": "{checksum}"', 1)
    (model / "model.json").write_text(signed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.update(format_version=2), "format version 2.*upgrade wellfit"),
        (lambda header: header.update(format="keras"), "not written by wellfit"),
        (lambda header: header.update(format_version="1"), "incomplete"),
        (lambda header: header.update(weights=None), "incomplete"),
        (lambda header: header["weights"].update(bytes="12"), "incomplete"),
        (lambda header: header["weights"].update(sha256=[]), "incomplete"),
        (lambda header: header.update(model=[]), "incomplete"),
        (lambda header: header.pop("model"), "incomplete"),
        (lambda header: header.update(model={"x": {"$float": "many"}}), "not JSON"),
        (lambda header: header.update(model={"x": {"$float": [1]}}), "not JSON"),
    ],
)
def test_a_header_of_the_wrong_form_is_refused(model, change, message):
    forge(model, change)
    with pytest.raises(ModelFileError, match=message):
        store.load(model)


def test_a_forged_header_is_otherwise_read(model):
    forge(model, lambda header: header["model"].update(name="forged"))
    assert store.load(model)[0]["name"] == "forged"


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format":', "\xff", "[" * 100_000])
def test_something_else_in_model_json_is_refused(model, text):
    (model / "model.json").write_text(text, encoding="latin-1")
    assert not store.is_model(model)
    with pytest.raises(ModelFileError, match=r"model\.json"):
        store.load(model)


def test_weights_that_match_their_checksum_but_are_no_tensors_are_refused(model):
    junk = b"\xff" * 64
    (model / "weights.safetensors").write_bytes(junk)
    weights = {"bytes": len(junk), "sha256": hashlib.sha256(junk).hexdigest()}
    forge(model, lambda header: header.update(weights=weights))
    with pytest.raises(ModelFileError, match="can't be read"):
        store.load(model)


def test_missing_weights_are_named(model):
    (model / "weights.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"weights\.safetensors is missing"):
        store.load(model)


# The wrong folder


def test_the_nearest_model_is_named(tmp_path):
    inside = store.save(tmp_path / "runs" / "first" / "model", *OLD)
    sibling = store.save(tmp_path / "adult", *OLD)
    cases = {
        inside.parent: f"did you mean {str(inside)!r}",
        inside / "model.json": f"did you mean {str(inside)!r}",
        tmp_path / "adlut": "did you mean 'adult'",
        tmp_path / "runs": "it has no model.json.",
        sibling.parent / "elsewhere" / "model": "there is no model folder",
    }
    for path, hint in cases.items():
        assert not store.is_model(path)
        with pytest.raises(ModelFileError) as caught:
            store.load(path)
        assert hint in str(caught.value)


def test_a_folder_with_other_files_is_never_touched(model):
    (model / "notes.txt").write_text("mine")
    with pytest.raises(ModelFileError, match=r"holds notes\.txt; .* folder of its own"):
        store.save(model, *NEW)
    assert (model / "notes.txt").read_text() == "mine"
    assert same(store.load(model), OLD)


@pytest.mark.parametrize("name", FILES)
def test_files_of_the_same_name_that_are_not_ours_are_never_touched(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ModelFileError, match=name):
        store.save(tmp_path, *NEW)
    assert (tmp_path / name).read_text() == "{}"


def test_a_file_is_never_replaced(tmp_path):
    (tmp_path / "model").write_text("mine")
    with pytest.raises(ModelFileError, match="is a file"):
        store.save(tmp_path / "model", *NEW)
    with pytest.raises(OSError, match="the model was not saved"):
        store.save(tmp_path / "model" / "inside", *NEW)
    assert (tmp_path / "model").read_text() == "mine"


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "b" / "c"):
        assert same(store.load(store.save(str(folder), *NEW)), NEW)


# Saves that don't end well


def test_everything_is_on_the_disk_before_it_is_renamed(model, monkeypatch):
    done: list[str] = []

    def note_sync(descriptor: int) -> None:
        done.append("sync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    def note_rename(source: Path, target: Path) -> None:
        done.append("rename " + source.name)
        source.rename(target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs to see which file a descriptor stands for")
    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    store.save(model, *NEW)
    assert done == [
        "sync model.json.new",
        "sync weights.safetensors.new",
        "sync model",
        "rename model.json.new",
        "sync model",
        "rename weights.safetensors.new",
        "sync model",
    ]


class Stop(KeyboardInterrupt):
    """Told apart from a Ctrl-C of the person who runs the tests."""


def at_line(number: int, action: Callable[[], None], function: Callable[[], Any]) -> bool:
    """Call ``function``; do ``action`` before its ``number``-th line in store.py, if it has one.

    Returns whether it came to the action.
    """
    left = number

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename != store.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                action()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except (Stop, OSError, ModelFileError):  # the last where a full disk hides what is there
        pass
    finally:
        sys.settrace(before)
    return left <= 0


def stop() -> None:
    raise Stop


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


# A file may be cut off between its opening and its closing; the interpreter then closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("action", [stop, full])
@pytest.mark.parametrize("killed_before", [False, True])
def test_stopped_at_any_line_a_save_leaves_one_whole_model(tmp_path, action, killed_before):
    folder = tmp_path / "model"
    line, ends, came_to_it = 1, set(), True
    while came_to_it:
        store.save(folder, *OLD)
        assert names(folder) == FILES
        if killed_before:  # between its two renames
            (folder / FILES[1]).rename(folder / (FILES[1] + ".new"))
        came_to_it = at_line(line, action, partial(store.save, folder, *NEW))
        found = store.load(folder)
        assert same(found, OLD) or same(found, NEW)
        assert names(tmp_path) == ["model"]
        ends.add(found[0]["name"])
        line += 1
    assert ends == {"old", "new"}
    assert same(found, NEW)


def test_a_first_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: full())
    with pytest.raises(OSError, match=r"No space left.*the model was not saved") as caught:
        store.save(tmp_path / "runs" / "first" / "model", *NEW)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", range(1, 6))
def test_an_error_says_which_model_is_there(model, monkeypatch, call):
    calls = iter(range(1, 99))
    monkeypatch.setattr(os, "fsync", lambda _: full() if next(calls) == call else None)
    with pytest.raises(OSError, match="No space left on device") as caught:
        store.save(model, *NEW)
    assert names(model) == FILES
    if "the model was saved" in str(caught.value):
        assert same(store.load(model), NEW)
        assert call > 3
    else:
        assert "was not saved, and what was there is unchanged" in str(caught.value)
        assert same(store.load(model), OLD)
        assert call <= 3


def fill_the_disk(disk: Path) -> None:
    folder = store.save(disk / "model", *OLD)
    before = {name: (folder / name).read_bytes() for name in FILES}
    with pytest.raises(OSError, match="the model was not saved") as caught:
        store.save(folder, {}, {"w": torch.zeros(2**15)})
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before
    with pytest.raises(OSError, match="the model was not saved"):
        store.save(disk / "other", {}, {"w": torch.zeros(2**15)})
    assert names(disk) == ["model"]
    assert same(store.load(store.save(folder, *NEW)), NEW)


def test_a_full_disk_leaves_the_old_model(small_disk: Path) -> None:
    fill_the_disk(small_disk)


def fill_with_small_files(disk: Path) -> None:
    let_files_grow_to(2**16)
    fill_the_disk(disk)


def test_files_that_cannot_grow_leave_the_old_model(tmp_path: Path) -> None:
    in_child(fill_with_small_files, tmp_path)


def test_loading_while_another_saves_always_finds_a_model(tmp_path):
    folder = store.save(tmp_path / "model", *OLD)
    done = threading.Event()

    def keep_saving() -> None:
        while not done.is_set():
            store.save(folder, *NEW)
            store.save(folder, *OLD)

    writer = threading.Thread(target=keep_saving)
    writer.start()
    try:
        found, names, end = [], set(), time.monotonic() + PATIENCE
        # On a busy machine the writer may get no turn for a while.
        while len(found) < 300 or (names != {"old", "new"} and time.monotonic() < end):
            found.append(store.load(folder))
            names.add(found[-1][0]["name"])
    finally:
        done.set()
        writer.join()
    assert all(same(each, OLD) or same(each, NEW) for each in found)
    assert names == {"old", "new"}


def test_a_killed_process_leaves_one_whole_model(tmp_path):
    """In a process of its own: it forks, and a fork of a process with threads may hang."""
    process = SERVER.Process(target=kill_saves, args=(tmp_path / "model", tmp_path / "errors"))
    process.start()
    process.join()
    assert process.exitcode == 0, (tmp_path / "errors").read_text()


def killed(function: Callable[[], Any], after: float | None = None) -> bool:
    """Run ``function`` in a fork; kill it after some seconds, unless it kills itself."""
    child = os.fork()
    if child == 0:
        function()
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status != 0


def kill_saves(folder: Path, errors: Path) -> None:
    """Kill a save before each of its lines, then many saves at moments of chance."""
    sys.stderr, os.fsync = errors.open("w"), lambda _: None
    line, ends = 1, set()
    store.save(folder, *OLD)
    while killed(partial(at_line, line, kill_myself, partial(store.save, folder, *NEW))):
        ends.add(check_and_mend(folder))
        line += 1
    assert ends == {"old", "new"}
    large = tuple(({"name": name}, {"w": torch.full((2**17,), 1.0)}) for name in ("old", "new"))
    chance = random.Random(0)

    def keep_saving() -> None:
        while True:
            for each in large:
                store.save(folder, *each)

    for _ in range(20):
        killed(keep_saving, after=chance.uniform(0, 0.02))
        check_and_mend(folder)


def check_and_mend(folder: Path) -> str:
    document, tensors = store.load(folder)
    name = str(document["name"])
    if len(tensors["w"]) < 2**17:
        assert same((document, tensors), OLD if name == "old" else NEW)
    store.save(folder, *OLD)
    assert names(folder) == FILES
    return name


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
