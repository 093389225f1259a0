"""`wellfit watch`: what it reads while others write, what it refuses, its page in a browser."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from processes import PATIENCE, wait
from wellfit.cli.dashboard import RunMonitor, WatchServer
from wellfit.cli.dashboard.files import Document, Tail, held_locks, is_held
from wellfit.core.locking import is_locked

Wellfit = Callable[..., Result]

CONFIG = {
    "format": "wellfit-run",
    "format_version": 2,
    "started": "2026-01-01T00:00:00+00:00",
    "estimator": "MLPClassifier",
    "settings": {"epochs": 10, "early_stopping": False},
    "data": {"name": "adult", "training_rows": 120, "columns": ["age", "job"]},
}
HOSTILE = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"


def write_run(folder: Path, epochs: int = 0, **changes: Any) -> Path:
    """Write a run that was cut off after some epochs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    (folder / "metrics.jsonl").write_text("".join(map(line, range(1, epochs + 1))))
    return folder


def line(epoch: int) -> str:
    told = {"epoch": epoch, "seconds": 0.5 * epoch, "loss": 1 / epoch, "val_loss": 2 / epoch}
    return json.dumps(told) + "\n"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def fresh(root: Path) -> RunMonitor:
    """Runs that are looked at each time anew."""
    ticks = iter(range(10**6))
    return RunMonitor(root, clock=lambda: float(next(ticks)))


def only(runs: RunMonitor) -> dict[str, Any]:
    (run,) = runs.summary()["runs"]
    return run


# --- files that others write -----------------------------------------------------------------


def test_a_half_written_line_is_left_for_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    whole, half = line(1), line(2)
    path.write_text(whole + half[:7])
    tail = Tail(path, tmp_path)
    assert tail.look()
    assert [row["epoch"] for row in tail.rows] == [1]
    append(path, half[7:-1])
    assert not tail.look()
    append(path, "\n")
    assert tail.look()
    assert [row["epoch"] for row in tail.rows] == [1, 2]


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(map(line, range(1, 1001))))
    tail = Tail(path, tmp_path)
    tail.look()
    parsed = []
    loads = json.loads
    monkeypatch.setattr("json.loads", lambda data: parsed.append(data) or loads(data))
    append(path, line(1001))
    tail.look()
    assert len(parsed) == 1
    assert len(tail.rows) == 1001


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"\xff\x00{{{\n[1]\n\n" + line(3).encode())
    tail = Tail(path, tmp_path)
    tail.look()
    assert [row["epoch"] for row in tail.rows] == [3]


@pytest.mark.parametrize("longer", [False, True])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_begun_anew_is_noticed(tmp_path: Path, longer: bool, replaced: bool) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1) + line(2))
    tail = Tail(path, tmp_path)
    tail.look()
    generation = tail.generation
    text = line(5) + (line(6) * 5 if longer else "")
    if replaced:
        (tmp_path / "beside").write_text(text)
        os.replace(tmp_path / "beside", path)
    else:
        path.write_text(text)
    assert tail.look()
    assert tail.generation != generation
    assert [row["epoch"] for row in tail.rows] == [5] + [6] * 5 * longer
    path.unlink()
    assert tail.look()
    assert tail.rows == []
    assert not tail.look()


def test_a_document_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    document = Document(path, tmp_path)
    assert not document.look()
    path.write_text('{"status": "finished"}')
    assert document.look()
    assert not document.look()
    assert document.content == {"status": "finished"}
    path.write_text("[1, 2")
    assert document.look()
    assert document.content == {}


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    outside = write_run(tmp_path / "outside", 3)
    runs = tmp_path / "runs"
    (runs / "links").mkdir(parents=True)
    for name in ("config.json", "metrics.jsonl"):
        (runs / "links" / name).symlink_to(outside / name)
    (runs / "folder").symlink_to(outside)
    assert fresh(runs).summary()["runs"] == []
    write_run(runs / "pipe")
    (runs / "pipe" / "metrics.jsonl").unlink()
    os.mkfifo(runs / "pipe" / "metrics.jsonl")
    (runs / "pipe" / "result.json").symlink_to(outside / "config.json")
    run = only(fresh(runs))
    assert (run["name"], run["rows"], run["status"]) == ("pipe", 0, "cut off")


def test_a_run_that_becomes_a_link_is_read_no_more(tmp_path: Path) -> None:
    outside = write_run(tmp_path / "outside", 3)
    write_run(tmp_path / "runs" / "a", 1)
    runs = fresh(tmp_path / "runs")
    assert only(runs)["rows"] == 1
    shutil.rmtree(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "a").symlink_to(outside)
    assert runs.summary()["runs"] == []


# --- what is told of a run -------------------------------------------------------------------


def test_runs_in_folders_are_found_and_a_run_itself_too(tmp_path: Path) -> None:
    write_run(tmp_path / "mnist" / "first", 2)
    write_run(tmp_path / "adult")
    (tmp_path / "model").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"format": "something"}')
    names = [run["name"] for run in fresh(tmp_path).summary()["runs"]]
    assert names == ["adult", "mnist/first"]
    assert only(fresh(tmp_path / "mnist" / "first"))["name"] == "first"


def test_the_lock_tells_a_run_that_goes_on_from_one_that_was_cut_off(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", 4)
    runs = fresh(tmp_path)
    assert only(runs)["status"] == "cut off"
    held = os.open(run, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    told = only(runs)
    assert (told["status"], told["done"], told["total"]) == ("running", 4, 10)
    assert told["left"] == pytest.approx(0.5 * 6)
    os.close(held)
    assert only(runs)["left"] is None
    (run / "result.json").write_text(
        '{"status": "early_stopped", "verdict": {"sentence": "Well fit."}}'
    )
    told = only(runs)
    assert (told["status"], told["verdict"]) == ("early_stopped", "Well fit.")
    (run / "result.json").write_text('{"status": "stopped", "seconds": 1}')  # as before 0.1.0
    assert only(runs)["status"] == "early_stopped"
    long = {"sentence": "Over-fitted. " * 40, "sure": "It is sure."}
    (run / "result.json").write_text(json.dumps({"status": "early_stopped", "verdict": long}))
    again = only(runs)
    assert again["verdict"] == " ".join(long.values())  # not cut


def test_a_run_on_another_machine_goes_on_while_it_writes(tmp_path: Path) -> None:
    run, now = write_run(tmp_path / "run", 1), [0.0]
    runs = RunMonitor(tmp_path, clock=lambda: now[0])
    assert only(runs)["status"] == "cut off"
    now[0] = 1
    append(run / "metrics.jsonl", line(2))
    assert only(runs)["status"] == "running"
    now[0] = 30
    assert only(runs)["status"] == "running"
    now[0] = 32
    assert only(runs)["status"] == "cut off"
    now[0] = 33
    append(run / "metrics.jsonl", line(3))
    (run / "result.json").write_text('{"status": "finished"}')
    assert only(runs)["status"] == "finished"


def test_where_locks_cannot_be_listed_one_is_tried(tmp_path: Path) -> None:
    assert not is_held(tmp_path, None)
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert is_held(tmp_path, None)
    listed = held_locks()
    assert listed is None or is_held(tmp_path, listed)
    os.close(held)
    assert not is_locked(tmp_path)
    assert not is_held(tmp_path / "gone", None)


def charts(runs: RunMonitor) -> dict[str, Any]:
    answer = runs.charts(only(runs)["id"])
    assert answer is not None
    return answer


def points(chart: dict[str, Any]) -> list[int]:
    """Return how many points each of a chart's lines has."""
    return [len(line["d"].split("L")) for line in chart["lines"]]


def test_charts_have_another_mark_where_anything_is_new(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", 2) / "metrics.jsonl"
    runs = fresh(tmp_path)
    identity = only(runs)["id"]
    first = charts(runs)
    assert first["seen"] == only(runs)["seen"]
    assert [points(one) for one in first["charts"]] == [[2, 2]]
    append(path, line(3))
    more = charts(runs)
    assert more["seen"] != first["seen"]
    assert [points(one) for one in more["charts"]] == [[3, 3]]
    path.write_text(line(1))
    again = charts(runs)
    assert again["seen"] not in (first["seen"], more["seen"])
    assert [points(one) for one in again["charts"]] == [[1, 1]]
    assert runs.charts(identity) == again
    assert runs.charts("../run") is None


def test_of_many_lines_some_are_drawn_the_last_among_them(tmp_path: Path) -> None:
    write_run(tmp_path / "run", 12000)
    (chart,) = charts(fresh(tmp_path))["charts"]
    assert points(chart) == [600, 600]
    assert chart["texts"][-1][-1] == "epoch 12000"


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": None, "data": 3, "started": ["x"], "estimator": {"a": 1}},
        {"settings": {"epochs": "many"}, "data": {"training_rows": float("nan"), "name": None}},
        {"search": {"candidates": "x", "cv": [], "restarts": None}},
        {"search": {}},
    ],
)
def test_settings_that_make_no_sense_stop_nothing(tmp_path: Path, changes: dict) -> None:
    run = write_run(tmp_path / "run", 2, **changes)
    odd = {"epoch": None, "loss": float("nan"), "val_loss": 10**400, "note": "x", "ok": True}
    append(run / "metrics.jsonl", json.dumps(odd) + "\n")
    (run / "journal.jsonl").write_text('{"candidate": 1, "outcome": 2}\n{"candidate": {}}\n')
    (run / "result.json").write_text('{"status": 3, "test": [1, {"value": "x"}], "verdict": [1]}')
    runs = fresh(tmp_path)
    told = only(runs)
    json.dumps(told, allow_nan=False)
    drawn = charts(runs)["charts"]
    json.dumps(drawn, allow_nan=False)
    assert [points(one) for one in drawn] == [[2, 2]]  # what is no number is left out


def test_a_search_whose_best_model_stopped_early_is_finished(here: Path, wellfit: Wellfit) -> None:
    words = ("--candidates", "1", "--cv", "2", "--epochs", "60", "--hidden", "4")
    Path("space.json").write_text('{"optimizer__learning_rate": [0.3]}')
    words += ("--set", "early_stopping__patience=1", "--space", "space.json")
    done = wellfit("search", "adult.csv", "--target", "income", "--run", "runs/s", *words)
    assert done.exit_code == 0, done.output
    result = here / "runs" / "s" / "result.json"
    written = json.loads(result.read_text())
    assert written["status"] == "finished"
    assert written["epochs"] < 60  # the training did stop early
    assert only(fresh(here / "runs"))["status"] == "finished"
    result.write_text(json.dumps({**written, "status": "stopped"}))  # as it was written once
    assert only(fresh(here / "runs"))["status"] == "finished"


def test_a_search_shows_its_leaderboard(here: Path, wellfit: Wellfit) -> None:
    words = ("--candidates", "3", "--cv", "2", "--epochs", "2", "--hidden", "4", "--quiet")
    done = wellfit("search", "adult.csv", "--target", "income", "--run", "runs/s", *words)
    assert done.exit_code == 0, done.output
    run = only(fresh(here / "runs"))
    assert (run["kind"], run["status"], run["done"], run["total"]) == ("search", "finished", 6, 6)
    head, *rows = run["leaderboard"]
    assert head[:4] == ["", "score on folds", "±", "fits"]
    assert [row[0] for row in rows] == [1, 2, 3]
    scores = [row[1] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert run["scores"][0]["name"] == "accuracy"
    # As it was after the third fit, while it went on.
    (here / "runs" / "s" / "result.json").unlink()
    journal = here / "runs" / "s" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]) + lines[4][:30])
    runs = fresh(here / "runs")
    assert only(runs)["done"] == 3
    held = os.open(here / "runs" / "s", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    append(journal, lines[4][30:].decode())
    told = only(runs)
    assert (told["done"], told["status"]) == (4, "running")
    assert told["left"] > 0
    os.close(held)


# --- the server ------------------------------------------------------------------------------


@pytest.fixture
def serve() -> Iterator[Callable[..., WatchServer]]:
    """A starter of servers in this process."""
    started = []

    def start(root: Path, host: str = "127.0.0.1") -> WatchServer:
        server = WatchServer(RunMonitor(root), host)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(
    server: WatchServer, path: str, host: str | None = None, method: str = "GET"
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{server.server_port}" if host is None else host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.headers)


def test_the_page_may_load_nothing_from_elsewhere(serve: Any, tmp_path: Path) -> None:
    status, body, headers = ask(serve(tmp_path), "/")
    assert status == 200
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    links = re.findall(rb"https?://[^\s\"']+", body)
    assert links == [b"http://www.w3.org/2000/svg"]
    assert b"innerHTML" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/run/config.json",
        "/api/charts?run=../secret.txt",
        "/api/charts?run=%2e%2e%2foutside",
        "/api/charts?run=x",
        "/api/charts",
        "/favicon.ico",
    ],
)
def test_no_path_leads_to_a_file(serve: Any, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    write_run(tmp_path / "outside", 1)
    write_run(tmp_path / "runs" / "run", 1)
    status, body, _ = ask(serve(tmp_path / "runs"), path)
    assert status == 404
    assert body == b"there is nothing here"


@pytest.mark.parametrize(
    ("host", "bound", "status"),
    [
        ("127.0.0.1:{port}", "127.0.0.1", 200),
        ("localhost:{port}", "127.0.0.1", 200),
        ("LOCALHOST", "127.0.0.1", 200),
        ("[::1]:{port}", "127.0.0.1", 200),
        ("evil.example:{port}", "127.0.0.1", 403),
        ("127.0.0.1.evil.example", "127.0.0.1", 403),
        ("192.168.1.5:{port}", "127.0.0.1", 403),
        ("", "127.0.0.1", 403),
        ("192.168.1.5:{port}", "0.0.0.0", 200),
        ("evil.example", "0.0.0.0", 403),
    ],
)
def test_only_its_own_name_is_answered(
    serve: Any, tmp_path: Path, host: str, bound: str, status: int
) -> None:
    server = serve(tmp_path, bound)
    given = host.format(port=server.server_port)
    assert {ask(server, path, given)[0] for path in ("/", "/api/runs")} == {status}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_there_is_nothing_to_change(serve: Any, tmp_path: Path, method: str) -> None:
    assert ask(serve(tmp_path), "/api/runs", method=method)[0] == 501


def test_a_name_of_any_bytes_can_be_told(serve: Any, tmp_path: Path) -> None:
    write_run(tmp_path / os.fsdecode(b"\xff\xfe"), 1)
    status, body, _ = ask(serve(tmp_path), "/api/runs")
    assert status == 200
    assert json.loads(body)["runs"][0]["name"] == "??"


def test_many_may_ask_at_once_while_a_run_is_written(serve: Any, tmp_path: Path) -> None:
    path = write_run(tmp_path / "run") / "metrics.jsonl"
    server = serve(tmp_path)
    seen: list[list[int]] = []

    def follow() -> None:
        counts = [0]
        while counts[-1] < 200:
            run = json.loads(ask(server, "/api/runs")[1])["runs"][0]
            drawn = json.loads(ask(server, f"/api/charts?run={run['id']}")[1])["charts"]
            counts += [points(one)[0] for one in drawn]
        seen.append(counts)

    askers = [threading.Thread(target=follow) for _ in range(4)]
    for asker in askers:
        asker.start()
    with path.open("ab", buffering=0) as file:
        for epoch in range(1, 201):
            text = line(epoch).encode()
            file.write(text[:9])
            time.sleep(0.001)
            file.write(text[9:])
    for asker in askers:
        asker.join(PATIENCE)
    assert len(seen) == 4
    assert all(counts == sorted(counts) and counts[-1] == 200 for counts in seen)


# --- the command, with real trainings --------------------------------------------------------


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wellfit", *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a shell ignores Ctrl-C; these are to hear it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


TRAIN = ("train", "adult.csv", "--target", "income", "--hidden", "8", "--no-early-stopping")


@pytest.mark.heavy
def test_two_trainings_are_followed_through_their_ends(here: Path) -> None:
    (here / "runs").mkdir()
    watching = start("watch", "runs", cwd=here)
    assert watching.stdout is not None
    told = watching.stdout.readline()
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", told)[1])  # type: ignore[index]

    def runs() -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/api/runs")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return {run["name"]: run for run in answer["runs"]}

    assert runs() == {}
    trainings = [
        start(*TRAIN, "--run", f"runs/{name}", "--epochs", "1000000", cwd=here) for name in "ab"
    ]
    wait(lambda: len(now := runs()) == 2 and all(run["done"] > 5 for run in now.values()))
    before = runs()
    wait(lambda: all(run["done"] > before[name]["done"] for name, run in runs().items()))
    now = runs()
    assert {run["status"] for run in now.values()} == {"running"}
    assert all(run["left"] > 0 and run["total"] == 1000000 for run in now.values())
    trainings[0].kill()
    trainings[1].send_signal(signal.SIGINT)
    for training in trainings:
        training.communicate(timeout=PATIENCE)
    ends = {"a": "cut off", "b": "interrupted"}
    wait(lambda: {name: run["status"] for name, run in runs().items()} == ends)
    assert runs()["b"]["scores"][0]["name"] == "accuracy"
    files = sorted(path.name for path in (here / "runs").iterdir())
    assert files == ["a", "b"]
    watching.send_signal(signal.SIGINT)
    output, errors = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, output, errors) == (0, "ended\n", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "there is no folder nowhere"),
        ([".", "--port", "{port}"], "can't listen on 127.0.0.1, port {port}"),
        ([".", "--host", "203.0.113.7"], "can't listen on 203.0.113.7"),
    ],
)
def test_what_cannot_be_served_is_told(
    here: Path, wellfit: Wellfit, words: list[str], told: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = wellfit("watch", *(word.format(port=port) for word in words))
    assert done.exit_code == 2, done.output
    assert told.format(port=port) in done.output


# --- the page in a browser -------------------------------------------------------------------

# Whether the runs' validation curves have so many points each.
POINTS = """(wanted) => wanted.join() === [...document.querySelectorAll("path.held-out")]
    .map((curve) => curve.getAttribute("d").split("L").length).join()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that may say nothing to its console."""
    made = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
    said: list[str] = []
    made.on("console", lambda message: said.append(message.text))
    made.on("pageerror", lambda error: said.append(str(error)))
    yield made
    made.close()
    assert said == []


def test_curves_appear_and_grow_while_runs_are_written(
    serve: Any, page: Any, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "first", 3)
    held = os.open(run, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    page.goto(serve(tmp_path).url)
    page.wait_for_selector("path.curve.training")
    assert page.inner_text("h1") == f"Runs in {tmp_path.name}"
    assert "epoch 3 of 10" in page.inner_text("article")
    assert page.inner_text(".badge") == "running"
    curve = page.get_attribute("path.curve.held-out", "d")
    assert len(curve.split("L")) == 3
    append(run / "metrics.jsonl", line(4) + line(5))
    page.wait_for_function(POINTS, arg=[5])
    assert "validation 0.4" in page.get_attribute("svg", "aria-label")
    write_run(tmp_path / "second", 2)
    page.wait_for_function("() => document.querySelectorAll('article').length === 2")
    (run / "result.json").write_text(
        json.dumps({"status": "finished", "test": [{"name": "accuracy", "value": 0.5}]})
    )
    os.close(held)
    page.wait_for_function(
        "() => document.querySelector('#news').textContent === 'first: finished'"
    )
    assert "50.0 %" in page.inner_text("table.scores")
    (run / "metrics.jsonl").write_text(line(1) + line(2))  # it begins anew
    page.wait_for_function(POINTS, arg=[2, 2])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_long_figures_beside_a_curve_are_not_cut(serve: Any, page: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "first")
    append(run / "metrics.jsonl", '{"epoch": 1, "loss": 12345.6}\n{"epoch": 2, "loss": 0.00133}\n')
    page.goto(serve(tmp_path).url)
    page.wait_for_selector("path.curve.training")
    left = page.eval_on_selector_all("svg text", "all => all.map((one) => one.getBBox().x)")
    assert "0.00133" in page.text_content("svg")
    assert min(left) >= 0


def test_what_runs_say_stays_text(serve: Any, page: Any, tmp_path: Path) -> None:
    name = "<img src=x onerror='window.hit = 1'>"
    search = {"candidates": 1, "cv": 1, "restarts": 1}
    run = write_run(tmp_path / name, 1, data={"name": HOSTILE}, estimator=HOSTILE, search=search)
    append(
        run / "metrics.jsonl", json.dumps({"epoch": 2, HOSTILE: 1.0, f"val_{HOSTILE}": 2}) + "\n"
    )
    fit = {"candidate": {HOSTILE: HOSTILE}, "fold": 0, "outcome": {"test_scores": 1.0}}
    fit["outcome"] |= {"fit_time": 1.0, "score_time": 0.0}
    (run / "journal.jsonl").write_text(json.dumps({"key": "k", **fit}) + "\n")
    result = {"status": HOSTILE, "verdict": HOSTILE, "test": [{"name": HOSTILE, "value": 1}]}
    (run / "result.json").write_text(json.dumps(result))
    page.goto(serve(tmp_path).url)
    page.wait_for_selector("path.curve.held-out", state="attached")
    assert page.inner_text("h2") == name
    text = page.inner_text("main")
    assert text.count(HOSTILE) >= 5
    assert page.evaluate("window.hit") is None
    assert page.query_selector_all("main img, main script") == []


def test_an_empty_folder_says_so_and_the_leaderboard_fits_a_phone(
    serve: Any, page: Any, here: Path, wellfit: Wellfit, undrawn: None
) -> None:
    (here / "runs").mkdir()
    page.goto(serve(here / "runs").url)
    page.wait_for_selector("#none:not([hidden])")
    words = ("--candidates", "3", "--cv", "2", "--hidden", "8", "--epochs", "2", "--quiet")
    words += ("--run", "runs/s")
    assert wellfit("search", "adult.csv", "--target", "income", *words).exit_code == 0
    page.wait_for_selector("table.leaderboard tbody tr:nth-child(3)")
    assert page.is_hidden("#none")
    assert "6 of 6" in page.inner_text("article")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1200, "height": 800})
    page.focus("summary")
    page.keyboard.press("Enter")
    assert page.get_attribute("details", "open") is None
    page.wait_for_timeout(1200)  # past the next look, which leaves it as the reader left it
    assert page.get_attribute("details", "open") is None


def test_a_server_that_ends_is_told(browser: Any, tmp_path: Path) -> None:
    server = WatchServer(RunMonitor(tmp_path))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    page = browser.new_page()
    page.goto(server.url)
    page.wait_for_selector("#none:not([hidden])")
    server.shutdown()
    thread.join()
    server.server_close()
    page.wait_for_function("() => document.querySelector('#answer').className === 'lost'")
    page.close()
