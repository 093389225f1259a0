"""Every file that wellfit reads, changed at random and sealed again, ends in wellfit's own errors.

Or it is read as if nothing had happened. The quick test tries a few changes of each kind of file,
the heavy one 10,000 in all.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hostile import reseal_checkpoint, reseal_journal, reseal_model
from mutations import mutate, mutate_bytes, mutate_tensors
from test_old_files import FILES, LABELS, PREDICTIONS, RAW
from wellfit import MLPClassifier, load_model
from wellfit.core.errors import WellfitError
from wellfit.model_selection import SearchCV, read_space
from wellfit.training import EarlyStopping
from wellfit.transfer import ModelRegistry, export, import_model

SECONDS = 180  # that one file may take: only a hang takes longer, also on a loaded machine
MEMORY = 1 << 20  # KiB by which a process may grow


def frame() -> pd.DataFrame:
    rows = pd.read_csv(FILES / "rows.csv", parse_dates=["since"])
    return rows.assign(y=np.where(rows.age.fillna(40) > 40, "yes", "no"))


# One try for each kind of file: changes a copy in the current folder, and reads it.


def try_model(draw: random.Random) -> None:
    name = draw.choice(list(PREDICTIONS))
    folder = Path(shutil.copytree(FILES / name, "model"))
    if draw.random() < 0.65:
        reseal_model(folder, lambda document: mutate(draw, document))
    else:
        reseal_model(folder, change_tensors=lambda tensors: mutate_tensors(draw, tensors))
    model = load_model(folder)
    PREDICTIONS[name](model)
    if name == "classifier" and draw.random() < 0.3:
        rows = frame()
        model.partial_fit(rows.drop(columns="y"), rows.y)
        model.set_params(epochs=1, hidden_layer_sizes=(2,), layers=None)
        with suppress(WellfitError, ValueError):
            model.save("again")


def try_header(draw: random.Random) -> None:
    """Change what stands around a model, and bytes of both files, unsealed."""
    folder = Path(shutil.copytree(FILES / draw.choice(list(PREDICTIONS)), "model"))
    path = folder / draw.choice(["model.json", "weights.safetensors"])
    if path.suffix == ".json" and draw.random() < 0.6:
        header = json.loads(path.read_bytes())
        mutate(draw, {key: header[key] for key in header if key != "model"} and header)
        path.write_text(json.dumps(header))
    else:
        path.write_bytes(mutate_bytes(draw, path.read_bytes()))
    load_model(folder)


def try_checkpoint(draw: random.Random) -> None:
    folder = Path(shutil.copytree(FILES / "checkpoints", "checkpoints"))
    (path,) = folder.iterdir()
    kind = draw.random()
    if kind < 0.5:
        reseal_checkpoint(path, lambda document: mutate(draw, document))
    elif kind < 0.9:
        reseal_checkpoint(path, change_tensors=lambda tensors: mutate_tensors(draw, tensors))
    else:
        path.write_bytes(mutate_bytes(draw, path.read_bytes()))
    MLPClassifier(
        (3,),
        epochs=4,
        random_state=draw.choice([0, 0, 0, None]),
        preprocess=None,
        early_stopping=EarlyStopping(patience=3),
        validation_fraction=0.2,
    ).fit(RAW, LABELS, resume_from=path).predict(RAW)


def try_journal(draw: random.Random) -> None:
    path = Path(shutil.copy(FILES / "journal.jsonl", "journal.jsonl"))
    for _ in range(draw.choice([1, 1, 2])):
        reseal_journal(path, draw.choice([0, 1, 1, 2, 3, 4]), lambda line: mutate(draw, line))
    if draw.random() < 0.1:
        path.write_bytes(mutate_bytes(draw, path.read_bytes()))
    network = MLPClassifier((3,), epochs=2, random_state=0, preprocess=None, early_stopping=False)
    SearchCV(
        network,
        {"l2": [0.0, 0.1]},
        sampler="grid",
        cv=2,
        random_state=0,
        journal=path,
        refit=False,
    ).fit(RAW, LABELS)


def try_run(draw: random.Random) -> None:
    """Change a file of a run folder, and ask for its report, its table, or to go on with it."""
    kind = draw.choice(["run", "run", "search"])
    folder = Path(shutil.copytree(FILES / kind, kind))
    shutil.copy(FILES / "table.csv", "table.csv")
    names = [path.name for path in folder.iterdir() if path.is_file()]
    weights = [6 if name.endswith(".json") else 1 for name in names]
    path = folder / draw.choices(names, weights)[0]
    if path.suffix == ".json":
        document = json.loads(path.read_bytes())
        mutate(draw, document)
        path.write_text(json.dumps(document))
    elif path.suffix == ".jsonl" and path.name != "journal.jsonl":
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        mutate(draw, lines)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    else:
        path.write_bytes(mutate_bytes(draw, path.read_bytes()))
    commands = [["report", kind], ["report", kind], ["train", "--resume", kind, "-q"]]
    commands += [["search", "show", kind], ["predict", kind, "table.csv", "--out", "out.csv"]]
    if kind == "search":
        if draw.random() < 0.3:
            (folder / "result.json").unlink(missing_ok=True)
        commands += [["search", "--resume", kind, "-q"]]
    run_command(draw.choice(commands))


def run_command(args: list[str]) -> None:
    """Run a command in this process, and raise what it would tell in a line."""
    from wellfit.cli.app import app

    result = CliRunner().invoke(app, ["--debug", *args])
    error = result.exception
    if error is not None and not isinstance(error, (SystemExit, OSError)):
        raise error


def try_keras(draw: random.Random) -> None:
    source = Path(os.environ["WELLFIT_FUZZ"]) / draw.choice(["net.keras", "net.json"])
    for path in source.parent.glob("net.*"):
        shutil.copy(path, path.name)
    if source.suffix == ".json" or draw.random() < 0.4:
        change_layers(draw, Path(source.name))
    elif draw.random() < 0.5:
        with zipfile.ZipFile(source.name) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        contents["model.weights.h5"] = mutate_bytes(draw, contents["model.weights.h5"])
        pack(Path(source.name), contents)
    else:
        Path(source.name).write_bytes(mutate_bytes(draw, source.read_bytes()))
    model = import_model(source.name)
    model.predict(RAW[:, [0, 1, 1]])


def change_layers(draw: random.Random, path: Path) -> None:
    if path.suffix == ".json":
        document = json.loads(path.read_bytes())
        mutate(draw, document)
        path.write_text(json.dumps(document))
        return
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(contents["config.json"])
    mutate(draw, document)
    pack(path, {**contents, "config.json": json.dumps(document).encode()})


def pack(path: Path, contents: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def try_torch(draw: random.Random) -> None:
    source = Path(os.environ["WELLFIT_FUZZ"]) / draw.choice(["state.pt", "state.safetensors"])
    Path(source.name).write_bytes(mutate_bytes(draw, source.read_bytes()))
    import_model(source.name).predict(RAW[:, [0, 1, 1]])


def try_registry(draw: random.Random) -> None:
    shutil.copytree(Path(os.environ["WELLFIT_FUZZ"]) / "registry", "registry")
    path = Path("registry/registry.json")
    document = json.loads(path.read_bytes())
    mutate(draw, document)
    path.write_text(json.dumps(document))
    registry = ModelRegistry("registry")
    for model in registry.list():
        registry.load(model.name)


def try_space(draw: random.Random) -> None:
    space = {
        "optimizer": ["sgd", "adam"],
        "optimizer__learning_rate": {"low": 1e-4, "high": 0.1, "scale": "log"},
        "optimizer__momentum": {"low": 0, "high": 0.99, "if": {"optimizer": "sgd"}},
        "hidden_layer_sizes": {"depth": [1, 2], "units": {"low": 2, "high": 8, "integer": True}},
    }
    mutate(draw, space)
    Path("space.json").write_text(json.dumps(space))
    from wellfit.model_selection import Space
    from wellfit.model_selection.space_checks import check

    check(Space.of(read_space("space.json")), MLPClassifier())


TRIES: dict[Callable[[random.Random], None], int] = {
    try_model: 3000,
    try_header: 1500,
    try_checkpoint: 1000,
    try_journal: 750,
    try_run: 750,
    try_keras: 1000,
    try_torch: 500,
    try_registry: 500,
    try_space: 1000,
}


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise where something takes too long."""

    def late(*_: object) -> None:
        raise AssertionError(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome_of(attempt: Callable[[random.Random], None], seed: int, place: Path) -> str:
    """Return how a try ended: "read", "refused", or what was wrong."""
    folder = place / "inside"
    folder.mkdir()
    os.chdir(folder)
    before = {path.name for path in place.iterdir()}
    try:
        with limited(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempt(random.Random(f"{attempt.__name__} {seed}"))
        told = "read"
    except WellfitError:
        told = "refused"
    except Exception as error:
        told = f"{attempt.__name__} {seed}: {type(error).__name__}: {error}"[:300]
    finally:
        os.chdir(place)
        shutil.rmtree(folder)
    if {path.name for path in place.iterdir()} != before - {"inside"}:
        told = f"{attempt.__name__} {seed}: files were written outside of the folder"
    return told


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, beside one with files of other libraries and a registry."""
    import torch

    made = tmp_path / "made"
    made.mkdir()
    rows = RAW[:, [0, 1, 1]]
    network = MLPClassifier((4,), epochs=1, batch_norm=True, preprocess=None, random_state=0)
    model = network.fit(rows, LABELS)
    export(model, "keras", made / "net.json")
    export(model, "keras", made / "net.keras")
    tensors = {"0.weight": torch.ones(4, 3), "0.bias": torch.ones(4), "2.weight": torch.ones(2, 4)}
    torch.save(tensors, made / "state.pt")
    from safetensors.torch import save_file

    save_file(tensors, made / "state.safetensors")
    ModelRegistry(made / "registry").add(model, "tiny", data="rows", scores={"accuracy": 0.5})
    monkeypatch.setenv("WELLFIT_FUZZ", str(made))
    monkeypatch.chdir(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    return empty


def tried(place: Path, share: float) -> Counter[str]:
    """Try a share of all changes, and return how many were read and refused."""
    ended: Counter[str] = Counter()
    for attempt, times in TRIES.items():
        for seed in range(max(round(times * share), 1)):
            told = outcome_of(attempt, seed, place)
            ended[told] += 1
            ended[f"{attempt.__name__} {told}"] += told in ("read", "refused")
    return ended


def wrong(ended: Counter[str]) -> list[str]:
    return [told for told in ended if ": " in told]


def test_a_hundred_changed_files_are_read_or_refused(place: Path) -> None:
    ended = tried(place, 0.01)
    assert wrong(ended) == []
    assert ended["read"] > 10
    assert ended["refused"] > 40


@pytest.mark.heavy
@pytest.mark.timeout(7200)
def test_ten_thousand_changed_files_are_read_or_refused(place: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    ended = tried(place, 1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{time.perf_counter() - began:.0f} s, {grown / 1024:.0f} MiB more", dict(ended))
    assert wrong(ended) == []
    assert sum(TRIES.values()) == 10_000 == ended["read"] + ended["refused"]
    assert grown < MEMORY
