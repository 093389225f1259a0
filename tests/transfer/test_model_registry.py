"""Model registries on a disk and behind a server, intact and altered."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import X, answers, classifier, regressor
from typer.testing import CliRunner, Result

from processes import PATIENCE
from wellfit import MLPClassifier, MLPEnsembleClassifier
from wellfit.cli.app import app
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.metrics import Metric
from wellfit.inference.registry_index import FILES, pack, unpack
from wellfit.transfer import MLPAutoencoder, ModelRegistry, Pretrained, find_model

# With as many threads as after loading, and so equal to the bit.
clf, reg = (cache(partial(make, n_threads=None)) for make in (classifier, regressor))


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test fills the user's cache or reads the user's registry."""
    monkeypatch.setenv("WELLFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("WELLFIT_REGISTRY", raising=False)


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """A folder with a classifier and a regressor."""
    made = ModelRegistry(tmp_path / "registry")
    scores = {"accuracy": 0.9}
    made.add(clf(), "zoo", data="animals", scores=scores, license="CC0", notes="small")
    made.add(reg(), "price")
    return made


class Server(http.server.ThreadingHTTPServer):
    """A folder behind an address, which remembers what was asked for, and may cut answers off."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.cut = ""

        class Handler(http.server.SimpleHTTPRequestHandler):
            server: Server

            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                self.server.asked.append(self.path)
                if not self.server.cut or not self.path.endswith(self.server.cut):
                    return super().do_GET()
                data = (folder / self.path.lstrip("/")).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return None

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(registry: ModelRegistry) -> Iterator[Server]:
    """The registry behind an address."""
    made = Server(Path(registry.address))
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def folder_of(registry: ModelRegistry, name: str) -> Path:
    return Path(registry.address) / next(m.folder for m in registry.list() if m.name == name)


def altered(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def changed(registry: ModelRegistry, **changes: Any) -> None:
    """Change what registry.json says of ``zoo``."""
    index = Path(registry.address) / "registry.json"
    document = json.loads(index.read_text())
    document["models"]["zoo"] |= changes
    index.write_text(json.dumps(document))


# --- there and back --------------------------------------------------------------------------


def test_models_come_back_by_name(registry: ModelRegistry) -> None:
    np.testing.assert_array_equal(answers(registry.load("zoo")), answers(clf()))
    np.testing.assert_array_equal(answers(registry.load("price")), answers(reg()))


def test_a_registry_says_what_its_models_are(registry: ModelRegistry) -> None:
    price, zoo = registry.list()
    assert (zoo.kind, zoo.inputs, zoo.classes) == ("classifier", 4, ("ant", "bee", "cat"))
    assert (zoo.layers, zoo.parameters) == ((7, 5, 3), clf().n_parameters_)
    assert (zoo.data, zoo.scores, zoo.license) == ("animals", {"accuracy": 0.9}, "CC0")
    assert (price.kind, price.classes, price.layers) == ("regressor", (), (7, 5, 1))
    assert zoo.size == sum(path.stat().st_size for path in folder_of(registry, "zoo").iterdir())


def test_an_autoencoder_is_no_regressor(tmp_path: Path) -> None:
    coder = MLPAutoencoder((2,), epochs=1, random_state=0).fit(X)
    assert ModelRegistry(tmp_path).add(coder, "codes").kind == "coder"
    assert [model.kind for model in ModelRegistry(tmp_path).list()] == ["coder"]


def test_an_ensemble_has_a_place_too(registry: ModelRegistry) -> None:
    like = MLPClassifier((4,), epochs=1, early_stopping=False)
    ensemble = MLPEnsembleClassifier(like, n_estimators=2, random_state=0).fit(X, X[:, 0] > 3)
    added = registry.add(ensemble, "two")
    assert (added.members, added.layers) == (2, (4, 2))
    np.testing.assert_array_equal(registry.load("two").predict_proba(X), ensemble.predict_proba(X))


def test_folders_of_models_and_runs_are_taken_as_they_are(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    clf().save(tmp_path / "run" / "model")
    for given, name in ((tmp_path / "run", "run"), (str(tmp_path / "run" / "model"), "model")):
        registry.add(given, name)
        np.testing.assert_array_equal(answers(registry.load(name)), answers(clf()))


def test_a_model_is_replaced_only_when_that_is_asked_for(registry: ModelRegistry) -> None:
    before = folder_of(registry, "zoo")
    with pytest.raises(InputError, match="already has a model 'zoo'"):
        registry.add(reg(), "zoo")
    registry.add(reg(), "zoo", overwrite=True)
    np.testing.assert_array_equal(answers(registry.load("zoo")), answers(reg()))
    assert not before.exists()


def test_a_copy_is_whole_and_never_lands_on_anything(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    copy = registry.get("zoo", tmp_path / "deep" / "copy")
    assert sorted(path.name for path in copy.iterdir()) == sorted(FILES)
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]
    np.testing.assert_array_equal(answers(MLPClassifier.load(copy)), answers(clf()))
    with pytest.raises(ModelFileError, match="already exists"):
        registry.get("zoo", copy)


def test_the_environment_names_the_registry(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="WELLFIT_REGISTRY"):
        ModelRegistry()
    monkeypatch.setenv("WELLFIT_REGISTRY", registry.address)
    assert [model.name for model in ModelRegistry().list()] == ["price", "zoo"]


def test_a_model_is_found_by_folder_or_by_name(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = clf().save(tmp_path / "run" / "model")
    assert find_model(saved) == find_model(str(tmp_path / "run")) == saved
    with pytest.raises(ModelFileError, match="there is no model or run zoo"):
        find_model("zoo")
    with pytest.raises(ModelFileError, match=r"did you mean .*run'"):
        find_model(tmp_path / "runs")
    monkeypatch.setenv("WELLFIT_REGISTRY", registry.address)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo").mkdir()  # no model: the registry's is meant
    assert find_model("zoo") == folder_of(registry, "zoo")
    assert find_model("run") == Path("run/model")
    with pytest.raises(UnknownNameError, match="did you mean 'zoo'"):
        find_model("zoe")


def test_a_training_reuses_layers_by_a_models_name(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELLFIT_REGISTRY", registry.address)
    by_name = classifier(pretrained=Pretrained("zoo", n_layers=1, freeze=1))
    by_folder = classifier(pretrained=Pretrained(registry.get("zoo"), n_layers=1, freeze=1))
    np.testing.assert_array_equal(answers(by_name), answers(by_folder))
    assert not np.array_equal(answers(by_name), answers(classifier()))


# --- behind an address -----------------------------------------------------------------------


def test_an_address_gives_what_the_folder_gives(server: Server, registry: ModelRegistry) -> None:
    distant = ModelRegistry(server.url + "/")
    assert distant.list() == registry.list() == ModelRegistry(server.url + "/registry.json").list()
    np.testing.assert_array_equal(answers(distant.load("zoo")), answers(clf()))


def test_what_is_in_the_cache_is_not_fetched_again_unless_damaged(server: Server) -> None:
    folder = ModelRegistry(server.url).get("zoo")
    server.asked.clear()
    assert ModelRegistry(server.url).get("zoo") == folder
    assert server.asked == ["/registry.json"]
    altered(folder / "weights.safetensors")
    ModelRegistry(server.url).load("zoo")
    assert [path.rpartition("/")[2] for path in server.asked[2:]] == ["weights.safetensors"]


def test_models_are_not_added_to_an_address(server: Server) -> None:
    with pytest.raises(InputError, match="is an address"):
        ModelRegistry(server.url).add(clf(), "mine")


@pytest.mark.parametrize("file", FILES)
def test_a_download_that_is_cut_off_is_refused(server: Server, tmp_path: Path, file: str) -> None:
    server.cut = file
    with pytest.raises(ModelFileError, match="differs from its checksum"):
        ModelRegistry(server.url).get("zoo", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").rglob(file))
    server.cut = ""
    ModelRegistry(server.url).load("zoo")


def test_a_registry_that_is_cut_off_is_refused(server: Server) -> None:
    server.cut = "registry.json"
    with pytest.raises(ModelFileError, match="truncated"):
        ModelRegistry(server.url).list()


@pytest.mark.parametrize("file", FILES)
def test_an_altered_file_is_refused(server: Server, registry: ModelRegistry, file: str) -> None:
    altered(folder_of(registry, "zoo") / file)
    with pytest.raises(ModelFileError, match="differs from its checksum"):
        ModelRegistry(server.url).get("zoo")
    with pytest.raises(ModelFileError, match="altered"):
        registry.get("zoo")
    registry.get("price")


def test_a_server_without_a_registry_and_no_server_at_all_are_told(
    server: Server, registry: ModelRegistry
) -> None:
    with pytest.raises(ModelFileError, match=r"no registry at .*/other: .*404"):
        ModelRegistry(server.url + "/other").list()
    with pytest.raises(ModelFileError, match="there is no registry at"):
        ModelRegistry("http://127.0.0.1:9").list()
    shutil.rmtree(folder_of(registry, "zoo"))
    with pytest.raises(ModelFileError, match="404"):
        ModelRegistry(server.url).get("zoo")


# --- what is refused -------------------------------------------------------------------------


def test_a_truncated_or_missing_file_is_refused(registry: ModelRegistry) -> None:
    weights = folder_of(registry, "zoo") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match="is truncated"):
        registry.get("zoo")
    weights.unlink()
    with pytest.raises(ModelFileError, match="is missing"):
        registry.get("zoo")


@pytest.mark.parametrize(
    "folder", ["../elsewhere", "..", "a/b", "a\\b", "C:x", "", ".hidden", "a\n", 3]
)
def test_a_folder_that_leads_out_is_refused(registry: ModelRegistry, folder: Any) -> None:
    changed(registry, folder=folder)
    with pytest.raises(ModelFileError, match="'folder' is"):
        registry.list()


@pytest.mark.parametrize("name", ["../model.json", "{root}etc/passwd", "model.pkl", "model.json/"])
def test_files_of_other_names_are_refused(registry: ModelRegistry, name: str) -> None:
    files = json.loads((Path(registry.address) / "registry.json").read_text())["models"]["zoo"][
        "files"
    ]
    changed(registry, files={**files, name.format(root=os.sep): files["model.json"]})
    with pytest.raises(ModelFileError, match="'files' is"):
        registry.get("zoo")


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": {"accuracy": float("nan")}},
        {"scores": {"accuracy": "high"}},
        {"layers": [-1]},
        {"kind": "pickle"},
        {"notes": None},
        {"files": {file: {"sha256": "x", "bytes": 1} for file in FILES}},
    ],
)
def test_a_nonsensical_entry_is_refused_by_name(
    registry: ModelRegistry, changes: dict[str, Any]
) -> None:
    changed(registry, **changes)
    with pytest.raises(ModelFileError, match=f"model 'zoo': its '{next(iter(changes))}' is"):
        registry.list()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[]", "is no model registry"),
        ('{"format": "other"}', "is no model registry"),
        (
            '{"format": "wellfit-registry", "format_version": 0, "models": {}}',
            "is no model registry",
        ),
        ('{"format": "wellfit-registry", "format_version": 2}', "upgrade wellfit"),
        (
            '{"format": "wellfit-registry", "format_version": 1, "models": {"a": {}}}',
            "has no 'kind'",
        ),
        (
            '{"format": "wellfit-registry", "format_version": 1, "models": {"../a": {}}}',
            "its name",
        ),
        ('{"format": "wellfit-registry", "format_version": 1, "models": {"a": 1}}', "it is a int"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "registry.json").write_text(text)
    with pytest.raises(ModelFileError, match=told):
        ModelRegistry(tmp_path).list()


def test_what_a_newer_wellfit_adds_to_an_entry_is_passed_over(registry: ModelRegistry) -> None:
    before = registry.list()
    changed(registry, colour="blue")
    assert registry.list() == before
    models = {model.name: model for model in before}
    assert unpack(pack(models), "here") == models


@pytest.mark.parametrize("name", ["", "../zoo", "a/b", "a b", ".zoo", "x" * 101, "zoo\n"])
def test_an_unfit_name_is_refused(registry: ModelRegistry, name: str) -> None:
    with pytest.raises(InputError, match="can't be the name"):
        registry.add(clf(), name)


@pytest.mark.parametrize("given", [{"scores": {"loss": float("inf")}}, {"data": 3}])
def test_what_is_told_has_to_be_text_and_numbers(
    registry: ModelRegistry, given: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="the description of 'new' is invalid"):
        registry.add(clf(), "new", **given)
    assert [model.name for model in registry.list()] == ["price", "zoo"]
    assert len(list(Path(registry.address).iterdir())) == 3


def test_a_folder_with_other_things_is_no_registry(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelFileError, match=r"holds thesis.txt, and no registry.json"):
        ModelRegistry(tmp_path).add(clf(), "zoo")
    with pytest.raises(ModelFileError, match="is a file"):
        ModelRegistry(tmp_path / "thesis.txt").add(clf(), "zoo")
    with pytest.raises(InputError, match="neither a folder nor"):
        ModelRegistry("ftp://127.0.0.1/registry")


def test_an_unfitted_or_damaged_model_is_not_added(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="not fitted"):
        registry.add(MLPClassifier(), "new")
    altered(clf().save(tmp_path / "model") / "weights.safetensors")
    with pytest.raises(ModelFileError, match="altered"):
        registry.add(tmp_path / "model", "new")
    assert len(list(Path(registry.address).iterdir())) == 3


# --- registries of former versions -----------------------------------------------------------


def as_written_before(registry: ModelRegistry) -> Path:
    """Turn a registry's index into the ``shelf.json`` that wellfit wrote before 0.1.0."""
    index = Path(registry.address) / "registry.json"
    former = index.with_name("shelf.json")
    text = index.read_text().replace("wellfit-registry", "wellfit-shelf")
    former.write_text(text.replace('"license"', '"licence"'))
    index.unlink()
    return former


def test_a_former_registry_is_read_from_disk_and_server(
    server: Server, registry: ModelRegistry
) -> None:
    before = registry.list()
    as_written_before(registry)
    assert registry.list() == before
    assert before[1].license == "CC0"
    for address in (server.url, f"{server.url}/shelf.json"):
        np.testing.assert_array_equal(answers(ModelRegistry(address).load("zoo")), answers(clf()))


def test_adding_to_a_former_registry_replaces_its_index(registry: ModelRegistry) -> None:
    before = registry.list()
    former = as_written_before(registry)
    added = registry.add(reg(), "new")
    assert not former.exists()
    assert registry.list() == [added, *before]


# --- cut off, and at once --------------------------------------------------------------------


def test_an_add_that_finds_no_room_leaves_the_registry_as_it_was(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = registry.list()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        registry.add(clf(), "new")
    monkeypatch.undo()
    assert registry.list() == before
    assert not list(Path(registry.address).glob(".*"))
    registry.add(clf(), "new")


def test_a_list_that_finds_no_room_leaves_no_model_beside_it(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(Path(registry.address).rglob("*"))
    monkeypatch.setattr("wellfit.inference.model_registry.write", full)
    with pytest.raises(
        OSError, match="No space left on device; the registry is unchanged"
    ) as told:
        registry.add(clf(), "new")
    assert told.value.filename == registry.address
    with pytest.raises(OSError, match="unchanged"):
        registry.add(clf(), "zoo", overwrite=True)  # the same model, which others may read
    assert sorted(Path(registry.address).rglob("*")) == before


def test_what_a_killed_add_left_is_cleared_away(registry: ModelRegistry) -> None:
    left = Path(registry.address) / ".add.new"
    left.mkdir()
    (left / "model.json").write_text("half")
    registry.add(clf(), "new")
    assert not left.exists()


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    saved, registry = clf().save(tmp_path / "model"), ModelRegistry(tmp_path / "registry")
    program = (
        "import sys\nfrom wellfit.transfer import ModelRegistry\nprint(flush=True)\n"
        "for i in range(9): ModelRegistry(sys.argv[1]).add(sys.argv[2], f'there-{i}')\n"
    )
    words = [sys.executable, "-c", program, registry.address, str(saved)]
    other = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()  # it is about to begin
    for number in range(9):
        registry.add(saved, f"here-{number}")
    other.communicate(timeout=PATIENCE)
    assert other.returncode == 0
    names = [model.name for model in registry.list()]
    assert names == [f"{where}-{number}" for where in ("here", "there") for number in range(9)]
    for name in names:
        registry.get(name)


def test_a_model_that_is_replaced_while_it_is_fetched_comes_as_the_new_one(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, late = ModelRegistry._find, [lambda: registry.add(reg(), "zoo", overwrite=True)]

    def slow(self: ModelRegistry, name: str) -> Any:
        found = find(self, name)
        if late:
            late.pop()()
        return found

    monkeypatch.setattr(ModelRegistry, "_find", slow)
    np.testing.assert_array_equal(answers(registry.load("zoo")), answers(reg()))


# --- the command -----------------------------------------------------------------------------


def wellfit(*words: Any, columns: int = 160) -> Result:
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": str(columns)})


def test_a_run_goes_to_the_registry_with_its_figures_and_predicts_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train = ("train", "iris", "--hidden", "8", "--epochs", "2", "--run", "run", "--quiet")
    assert wellfit(*train, "--preset", "fast").exit_code == 0
    done = wellfit("models", "add", "registry", "run", "--name", "iris", "--license", "CC0")
    assert done.exit_code == 0, done.output
    assert "Added iris (classifier, 67 parameters) to registry" in done.output
    done = wellfit("models", "list", "registry")
    score = json.loads(Path("run/result.json").read_text())["test"][0]
    accuracy = Metric.of(score["name"]).format(score["value"], more=1)
    for told in ("iris, 120 rows", f"accuracy {accuracy}", "CC0", "3 classes", "8-3"):
        assert told in done.output
    done = wellfit("models", "get", "registry", "iris", "--out", "copy")
    assert done.output == "copy\n"
    Path("new.csv").write_text(
        "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0\n"
    )
    assert wellfit("predict", "copy", "new.csv", "--out", "p.csv").exit_code == 0


def test_the_command_speaks_with_a_server(server: Server) -> None:
    assert "zoo" in wellfit("models", "list", server.url).output
    done = wellfit("models", "get", server.url, "zoo")
    assert done.exit_code == 0
    np.testing.assert_array_equal(answers(MLPClassifier.load(done.stdout.strip())), answers(clf()))


def test_a_narrow_terminal_shows_a_model_line_by_line(registry: ModelRegistry) -> None:
    changed(registry, license="CC-BY-4.0", data="digits, 1,437 rows")
    lines = wellfit("models", "list", registry.address, columns=40).output.splitlines()
    assert [line.split() for line in lines if "license" in line] == [["license", "CC-BY-4.0"]]
    assert any("digits, 1,437 rows" in line for line in lines)
    assert max(map(len, lines)) <= 40


def test_an_empty_registry_is_listed(tmp_path: Path) -> None:
    (tmp_path / "registry.json").write_bytes(pack({}))
    assert wellfit("models", "list", tmp_path).output == "The registry has no models yet.\n"


def test_a_strangers_text_does_not_steer_the_terminal(registry: ModelRegistry) -> None:
    changed(registry, notes="\x1b[2Jgone\r\n[bold]", data="\x07")
    done = wellfit("models", "list", registry.address)
    assert done.exit_code == 0
    assert not {"\x1b", "\r", "\x07"} & set(done.output)
    assert "[bold]" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["list", "nowhere"],
            "there is no registry at nowhere: it has no registry.json; expected",
        ),
        (["list"], "WELLFIT_REGISTRY"),
        (["get", "{registry}", "prise"], "did you mean 'price'"),
        (["get", "{registry}", "../zoo"], "unknown model"),
        (["add", "{registry}", "nowhere", "--name", "x"], "there is no model or run nowhere"),
        (["add", "http://127.0.0.1:9", "nowhere", "--name", "x"], "is an address"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    registry: ModelRegistry, words: list[str], told: str
) -> None:
    done = wellfit("models", *(word.format(registry=registry.address) for word in words))
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "Traceback" not in done.output
