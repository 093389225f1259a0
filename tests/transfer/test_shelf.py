"""Shelves of models: on a disk and behind a server, whole and tampered with."""

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

from wellfit import MLPClassifier, MLPEnsembleClassifier
from wellfit.cli.app import app
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.transfer import MLPAutoencoder, Pretrained, Shelf, find_model
from wellfit.transfer.shelved import FILES, pack, unpack

# With as many threads as after loading, and so equal to the bit.
clf, reg = (cache(partial(make, n_threads=None)) for make in (classifier, regressor))


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test fills the user's cache, nor finds a shelf that it didn't name."""
    monkeypatch.setenv("WELLFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("WELLFIT_SHELF", raising=False)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A folder with a classifier and a regressor."""
    made = Shelf(tmp_path / "shelf")
    scores = {"accuracy": 0.9}
    made.add(clf(), "zoo", data="animals", scores=scores, licence="CC0", notes="small")
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
def server(shelf: Shelf) -> Iterator[Server]:
    """The shelf behind an address."""
    made = Server(Path(shelf.address))
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def folder_of(shelf: Shelf, name: str) -> Path:
    return Path(shelf.address) / next(m.folder for m in shelf.list() if m.name == name)


def altered(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def changed(shelf: Shelf, **changes: Any) -> None:
    """Change what shelf.json says of ``zoo``."""
    index = Path(shelf.address) / "shelf.json"
    document = json.loads(index.read_text())
    document["models"]["zoo"] |= changes
    index.write_text(json.dumps(document))


# --- there and back --------------------------------------------------------------------------


def test_models_come_back_by_name(shelf: Shelf) -> None:
    np.testing.assert_array_equal(answers(shelf.load("zoo")), answers(clf()))
    np.testing.assert_array_equal(answers(shelf.load("price")), answers(reg()))


def test_a_shelf_says_what_its_models_are(shelf: Shelf) -> None:
    price, zoo = shelf.list()
    assert (zoo.kind, zoo.inputs, zoo.classes) == ("classifier", 4, ("ant", "bee", "cat"))
    assert (zoo.layers, zoo.parameters) == ((7, 5, 3), clf().n_parameters_)
    assert (zoo.data, zoo.scores, zoo.licence) == ("animals", {"accuracy": 0.9}, "CC0")
    assert (price.kind, price.classes, price.layers) == ("regressor", (), (7, 5, 1))
    assert zoo.size == sum(path.stat().st_size for path in folder_of(shelf, "zoo").iterdir())


def test_an_autoencoder_is_no_regressor(tmp_path: Path) -> None:
    coder = MLPAutoencoder((2,), epochs=1, random_state=0).fit(X)
    assert Shelf(tmp_path).add(coder, "codes").kind == "coder"
    assert [model.kind for model in Shelf(tmp_path).list()] == ["coder"]


def test_an_ensemble_has_a_place_too(shelf: Shelf) -> None:
    like = MLPClassifier((4,), epochs=1, early_stopping=False)
    ensemble = MLPEnsembleClassifier(like, n_estimators=2, random_state=0).fit(X, X[:, 0] > 3)
    added = shelf.add(ensemble, "two")
    assert (added.members, added.layers) == (2, (4, 2))
    np.testing.assert_array_equal(shelf.load("two").predict_proba(X), ensemble.predict_proba(X))


def test_folders_of_models_and_runs_are_taken_as_they_are(shelf: Shelf, tmp_path: Path) -> None:
    clf().save(tmp_path / "run" / "model")
    for given, name in ((tmp_path / "run", "run"), (str(tmp_path / "run" / "model"), "model")):
        shelf.add(given, name)
        np.testing.assert_array_equal(answers(shelf.load(name)), answers(clf()))


def test_a_model_is_replaced_only_when_that_is_asked_for(shelf: Shelf) -> None:
    before = folder_of(shelf, "zoo")
    with pytest.raises(InputError, match="has a model 'zoo'"):
        shelf.add(reg(), "zoo")
    shelf.add(reg(), "zoo", overwrite=True)
    np.testing.assert_array_equal(answers(shelf.load("zoo")), answers(reg()))
    assert not before.exists()


def test_a_copy_is_whole_and_never_lands_on_anything(shelf: Shelf, tmp_path: Path) -> None:
    copy = shelf.get("zoo", tmp_path / "deep" / "copy")
    assert sorted(path.name for path in copy.iterdir()) == sorted(FILES)
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]
    np.testing.assert_array_equal(answers(MLPClassifier.load(copy)), answers(clf()))
    with pytest.raises(ModelFileError, match="is there already"):
        shelf.get("zoo", copy)


def test_the_environment_names_the_shelf(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="WELLFIT_SHELF"):
        Shelf()
    monkeypatch.setenv("WELLFIT_SHELF", shelf.address)
    assert [model.name for model in Shelf().list()] == ["price", "zoo"]


def test_a_model_is_found_by_folder_or_by_name(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = clf().save(tmp_path / "run" / "model")
    assert find_model(saved) == find_model(str(tmp_path / "run")) == saved
    with pytest.raises(ModelFileError, match="there is no model or run zoo"):
        find_model("zoo")
    with pytest.raises(ModelFileError, match=r"did you mean .*run'"):
        find_model(tmp_path / "runs")
    monkeypatch.setenv("WELLFIT_SHELF", shelf.address)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo").mkdir()  # no model: the shelf's is meant
    assert find_model("zoo") == folder_of(shelf, "zoo")
    assert find_model("run") == Path("run/model")
    with pytest.raises(UnknownNameError, match="did you mean 'zoo'"):
        find_model("zoe")


def test_a_training_reuses_layers_by_a_models_name(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELLFIT_SHELF", shelf.address)
    by_name = classifier(pretrained=Pretrained("zoo", n_layers=1, freeze=1))
    by_folder = classifier(pretrained=Pretrained(shelf.get("zoo"), n_layers=1, freeze=1))
    np.testing.assert_array_equal(answers(by_name), answers(by_folder))
    assert not np.array_equal(answers(by_name), answers(classifier()))


# --- behind an address -----------------------------------------------------------------------


def test_an_address_gives_what_the_folder_gives(server: Server, shelf: Shelf) -> None:
    distant = Shelf(server.url + "/")
    assert distant.list() == shelf.list() == Shelf(server.url + "/shelf.json").list()
    np.testing.assert_array_equal(answers(distant.load("zoo")), answers(clf()))


def test_what_is_in_the_cache_is_not_fetched_again_unless_damaged(server: Server) -> None:
    folder = Shelf(server.url).get("zoo")
    server.asked.clear()
    assert Shelf(server.url).get("zoo") == folder
    assert server.asked == ["/shelf.json"]
    altered(folder / "weights.safetensors")
    Shelf(server.url).load("zoo")
    assert [path.rpartition("/")[2] for path in server.asked[2:]] == ["weights.safetensors"]


def test_models_are_not_added_to_an_address(server: Server) -> None:
    with pytest.raises(InputError, match="is an address"):
        Shelf(server.url).add(clf(), "mine")


@pytest.mark.parametrize("file", FILES)
def test_a_download_that_is_cut_off_is_refused(server: Server, tmp_path: Path, file: str) -> None:
    server.cut = file
    with pytest.raises(ModelFileError, match="did not arrive"):
        Shelf(server.url).get("zoo", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").rglob(file))
    server.cut = ""
    Shelf(server.url).load("zoo")


def test_a_shelf_that_is_cut_off_is_refused(server: Server) -> None:
    server.cut = "shelf.json"
    with pytest.raises(ModelFileError, match="truncated"):
        Shelf(server.url).list()


@pytest.mark.parametrize("file", FILES)
def test_an_altered_file_is_refused(server: Server, shelf: Shelf, file: str) -> None:
    altered(folder_of(shelf, "zoo") / file)
    with pytest.raises(ModelFileError, match="did not arrive as the shelf says"):
        Shelf(server.url).get("zoo")
    with pytest.raises(ModelFileError, match="altered"):
        shelf.get("zoo")
    shelf.get("price")


def test_a_server_without_a_shelf_and_no_server_at_all_are_told(
    server: Server, shelf: Shelf
) -> None:
    with pytest.raises(ModelFileError, match=r"no shelf at .*/other: .*404"):
        Shelf(server.url + "/other").list()
    with pytest.raises(ModelFileError, match="there is no shelf at"):
        Shelf("http://127.0.0.1:9").list()
    shutil.rmtree(folder_of(shelf, "zoo"))
    with pytest.raises(ModelFileError, match="404"):
        Shelf(server.url).get("zoo")


# --- what is refused -------------------------------------------------------------------------


def test_a_truncated_or_missing_file_is_refused(shelf: Shelf) -> None:
    weights = folder_of(shelf, "zoo") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match="is truncated"):
        shelf.get("zoo")
    weights.unlink()
    with pytest.raises(ModelFileError, match="is missing"):
        shelf.get("zoo")


@pytest.mark.parametrize(
    "folder", ["../elsewhere", "..", "a/b", "a\\b", "C:x", "", ".hidden", "a\n", 3]
)
def test_a_folder_that_leads_out_is_refused(shelf: Shelf, folder: Any) -> None:
    changed(shelf, folder=folder)
    with pytest.raises(ModelFileError, match="'folder' is"):
        shelf.list()


@pytest.mark.parametrize("name", ["../model.json", "{root}etc/passwd", "model.pkl", "model.json/"])
def test_files_of_other_names_are_refused(shelf: Shelf, name: str) -> None:
    files = json.loads((Path(shelf.address) / "shelf.json").read_text())["models"]["zoo"]["files"]
    changed(shelf, files={**files, name.format(root=os.sep): files["model.json"]})
    with pytest.raises(ModelFileError, match="'files' is"):
        shelf.get("zoo")


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
def test_a_nonsensical_entry_is_refused_by_name(shelf: Shelf, changes: dict[str, Any]) -> None:
    changed(shelf, **changes)
    with pytest.raises(ModelFileError, match=f"model 'zoo': its '{next(iter(changes))}' is"):
        shelf.list()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[]", "is no shelf"),
        ('{"format": "other"}', "is no shelf"),
        ('{"format": "wellfit-shelf", "format_version": 0, "models": {}}', "is no shelf"),
        ('{"format": "wellfit-shelf", "format_version": 2}', "upgrade wellfit"),
        ('{"format": "wellfit-shelf", "format_version": 1, "models": {"a": {}}}', "has no 'kind'"),
        ('{"format": "wellfit-shelf", "format_version": 1, "models": {"../a": {}}}', "its name"),
        ('{"format": "wellfit-shelf", "format_version": 1, "models": {"a": 1}}', "it is a int"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "shelf.json").write_text(text)
    with pytest.raises(ModelFileError, match=told):
        Shelf(tmp_path).list()


def test_what_a_newer_wellfit_adds_to_an_entry_is_passed_over(shelf: Shelf) -> None:
    before = shelf.list()
    changed(shelf, colour="blue")
    assert shelf.list() == before
    models = {model.name: model for model in before}
    assert unpack(pack(models), "here") == models


@pytest.mark.parametrize("name", ["", "../zoo", "a/b", "a b", ".zoo", "x" * 101, "zoo\n"])
def test_an_unfit_name_is_refused(shelf: Shelf, name: str) -> None:
    with pytest.raises(InputError, match="can't be the name"):
        shelf.add(clf(), name)


@pytest.mark.parametrize("given", [{"scores": {"loss": float("inf")}}, {"data": 3}])
def test_what_is_told_has_to_be_text_and_numbers(shelf: Shelf, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="can't be put on a shelf"):
        shelf.add(clf(), "new", **given)
    assert [model.name for model in shelf.list()] == ["price", "zoo"]
    assert len(list(Path(shelf.address).iterdir())) == 3


def test_a_folder_with_other_things_is_no_shelf(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelFileError, match=r"holds thesis.txt, and no shelf.json"):
        Shelf(tmp_path).add(clf(), "zoo")
    with pytest.raises(ModelFileError, match="is a file"):
        Shelf(tmp_path / "thesis.txt").add(clf(), "zoo")
    with pytest.raises(InputError, match="neither a folder nor"):
        Shelf("ftp://127.0.0.1/shelf")


def test_an_unfitted_or_damaged_model_is_not_added(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not fitted"):
        shelf.add(MLPClassifier(), "new")
    altered(clf().save(tmp_path / "model") / "weights.safetensors")
    with pytest.raises(ModelFileError, match="altered"):
        shelf.add(tmp_path / "model", "new")
    assert len(list(Path(shelf.address).iterdir())) == 3


# --- cut off, and at once --------------------------------------------------------------------


def test_an_add_that_finds_no_room_leaves_the_shelf_as_it_was(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shelf.list()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        shelf.add(clf(), "new")
    monkeypatch.undo()
    assert shelf.list() == before
    assert not list(Path(shelf.address).glob(".*"))
    shelf.add(clf(), "new")


def test_a_list_that_finds_no_room_leaves_no_model_beside_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(Path(shelf.address).rglob("*"))
    monkeypatch.setattr("wellfit.transfer.shelf._write", full)
    with pytest.raises(OSError, match="No space left on device; the shelf is unchanged") as told:
        shelf.add(clf(), "new")
    assert told.value.filename == shelf.address
    with pytest.raises(OSError, match="unchanged"):
        shelf.add(clf(), "zoo", overwrite=True)  # the same model, which others may read
    assert sorted(Path(shelf.address).rglob("*")) == before


def test_what_a_killed_add_left_is_cleared_away(shelf: Shelf) -> None:
    left = Path(shelf.address) / ".add.new"
    left.mkdir()
    (left / "model.json").write_text("half")
    shelf.add(clf(), "new")
    assert not left.exists()


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    saved, shelf = clf().save(tmp_path / "model"), Shelf(tmp_path / "shelf")
    program = (
        "import sys\nfrom wellfit.transfer import Shelf\nprint(flush=True)\n"
        "for i in range(9): Shelf(sys.argv[1]).add(sys.argv[2], f'there-{i}')\n"
    )
    words = [sys.executable, "-c", program, shelf.address, str(saved)]
    other = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()  # it is about to begin
    for number in range(9):
        shelf.add(saved, f"here-{number}")
    other.communicate(timeout=60)
    assert other.returncode == 0
    names = [model.name for model in shelf.list()]
    assert names == [f"{where}-{number}" for where in ("here", "there") for number in range(9)]
    for name in names:
        shelf.get(name)


def test_a_model_that_is_replaced_while_it_is_fetched_comes_as_the_new_one(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, late = Shelf._find, [lambda: shelf.add(reg(), "zoo", overwrite=True)]

    def slow(self: Shelf, name: str) -> Any:
        found = find(self, name)
        if late:
            late.pop()()
        return found

    monkeypatch.setattr(Shelf, "_find", slow)
    np.testing.assert_array_equal(answers(shelf.load("zoo")), answers(reg()))


# --- the command -----------------------------------------------------------------------------


def wellfit(*words: Any, columns: int = 160) -> Result:
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": str(columns)})


def test_a_run_goes_to_the_shelf_with_its_figures_and_predicts_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train = ("train", "iris", "--hidden", "8", "--epochs", "2", "--run", "run", "--quiet")
    assert wellfit(*train).exit_code == 0
    done = wellfit("models", "add", "shelf", "run", "--name", "iris", "--licence", "CC0")
    assert done.exit_code == 0, done.output
    assert "iris: a classifier of 67 parameters on the shelf shelf" in done.output
    done = wellfit("models", "list", "shelf")
    accuracy = json.loads(Path("run/result.json").read_text())["test"][0]["value"]
    for told in ("iris, 120 rows", f"accuracy {accuracy:.4g}", "CC0", "3 outputs", "8-3"):
        assert told in done.output
    done = wellfit("models", "get", "shelf", "iris", "--out", "copy")
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


def test_a_narrow_terminal_shows_a_model_line_by_line(shelf: Shelf) -> None:
    changed(shelf, licence="CC-BY-4.0", data="digits, 1,437 rows")
    lines = wellfit("models", "list", shelf.address, columns=40).output.splitlines()
    assert [line.split() for line in lines if "licence" in line] == [["licence", "CC-BY-4.0"]]
    assert any("digits, 1,437 rows" in line for line in lines)
    assert max(map(len, lines)) <= 40


def test_an_empty_shelf_is_listed(tmp_path: Path) -> None:
    (tmp_path / "shelf.json").write_bytes(pack({}))
    assert wellfit("models", "list", tmp_path).output == "no model yet\n"


def test_a_strangers_text_does_not_steer_the_terminal(shelf: Shelf) -> None:
    changed(shelf, notes="\x1b[2Jgone\r\n[bold]", data="\x07")
    done = wellfit("models", "list", shelf.address)
    assert done.exit_code == 0
    assert not {"\x1b", "\r", "\x07"} & set(done.output)
    assert "[bold]" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "nowhere"], "there is no shelf at nowhere: it holds no shelf.json; expected"),
        (["list"], "WELLFIT_SHELF"),
        (["get", "{shelf}", "prise"], "did you mean 'price'"),
        (["get", "{shelf}", "../zoo"], "unknown model"),
        (["add", "{shelf}", "nowhere", "--name", "x"], "there is no model or run nowhere"),
        (["add", "http://127.0.0.1:9", "nowhere", "--name", "x"], "is an address"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(shelf: Shelf, words: list[str], told: str) -> None:
    done = wellfit("models", *(word.format(shelf=shelf.address) for word in words))
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "Traceback" not in done.output
