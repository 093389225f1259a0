"""What callbacks hear, answer and write, each in real trainings."""

import csv
import importlib.util
import json
import time
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import every, member, network, parameters, run, table
from processes import in_child, let_files_grow_to, wait
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.nn import SoftmaxCrossEntropy, SquaredError, mlp
from wellfit.optim import SGD, Adam
from wellfit.training import EpochLogs, Run, Status, Stream
from wellfit.training.callbacks import (
    Call,
    CSVLog,
    Decision,
    EarlyStopping,
    JSONLines,
    MLflow,
    PlateauCallback,
    StopOnDivergence,
    TensorBoard,
    TimeLimit,
    WandB,
)

ROWS = table(SoftmaxCrossEntropy(), rows=60)
STREAM = Stream(np.arange(40), np.arange(40, 60))
THEIRS = pytest.mark.filterwarnings("ignore")  # what other packages warn of is theirs


def members(count=3, **options):
    rates = [0.003 * (k + 1) for k in range(count)]
    return [
        member(seed=k, epochs=4 + k, optimizer=Adam(rate), **options)
        for k, rate in enumerate(rates)
    ]


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """A function that goes to a new, empty working directory, for callbacks that write."""

    def go(name):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("WANDB_MODE", "offline")
    return go


def case(callback):
    """The callback, skipped where the package that it writes for is not installed."""
    if callback.name not in ("tensorboard", "mlflow", "wandb"):
        return pytest.param(callback, id=callback.name)
    missing = importlib.util.find_spec(callback.name) is None
    marks = [THEIRS, pytest.mark.skipif(missing, reason=f"{callback.name} is not installed")]
    if callback.name != "tensorboard":  # seconds for each law, in its database or its process
        marks.append(pytest.mark.heavy)
    return pytest.param(callback, id=callback.name, marks=marks)


EVERY = pytest.mark.parametrize("callback", [case(callback) for callback in every("callback")])


# --- laws of every callback ------------------------------------------------------------------


@EVERY
def test_alone_is_together(callback, somewhere):
    somewhere("together")
    together = run(members(), ROWS, [STREAM], callbacks=[callback])
    for k, one in enumerate(members()):
        somewhere(f"alone-{k}")
        alone = run([one], ROWS, [STREAM], callbacks=[callback])
        assert alone.status[0] == together.status[k]
        assert alone.best_epoch[0] == together.best_epoch[k]
        np.testing.assert_allclose(
            parameters(alone, 0), parameters(together, k), rtol=1e-8, atol=1e-7
        )


@EVERY
def test_pausing_changes_nothing(callback, somewhere):
    somewhere("whole")
    whole = run(members(), ROWS, [STREAM], callbacks=[callback])
    somewhere("parts")
    first = run(members(), ROWS, [STREAM], callbacks=[callback], until=2)
    parts = run(members(), ROWS, [STREAM], callbacks=[callback], resume=first)
    assert first.epoch == 2  # going on has not changed what it went on from
    assert parts.status == whole.status
    for k in range(3):
        assert parts.history(k)["val_loss"] == whole.history(k)["val_loss"]
        np.testing.assert_array_equal(parameters(parts, k), parameters(whole, k))


# --- judging by a metric ---------------------------------------------------------------------


def told(callback, curves, k=1, has_validation=True):
    """What a callback answers to curves of metrics, a value or K of them an epoch."""
    state, answers = {}, []
    callback.on_train_begin(Run([member()] * k, 10, 1, 0, has_validation), state)
    for epoch, values in enumerate(zip(*curves.values(), strict=True), 1):
        metrics = {
            name: np.broadcast_to(np.array(value, dtype=float), (k,)).copy()
            for name, value in zip(curves, values, strict=True)
        }
        logs = EpochLogs(epoch, float(epoch), np.ones(k, dtype=bool), metrics)
        answers.append(callback.on_epoch_end(logs, state))
    return answers


def stops_after(callback, curve, name="val_loss", k=1):
    """The epoch (counted from 1) in which each member is told to stop; 0 for never."""
    stops = np.array([answer.stop for answer in told(callback, {name: curve}, k)])
    return np.where(stops.any(0), stops.argmax(0) + 1, 0).tolist()


def kept(callback, curve, name="val_loss"):
    answers = told(callback, {name: curve})
    return [epoch for epoch, answer in enumerate(answers, 1) if np.all(answer.keep)]


NAN = float("nan")


@pytest.mark.parametrize(
    ("stopping", "curve", "epoch"),
    [
        (EarlyStopping(patience=1), [3, 2, 2, 1], 3),
        (EarlyStopping(patience=2), [3, 2, 4, 1, 5, 5], 6),
        (EarlyStopping(patience=None), [3, 4, 5, 6, 7], 0),
        (EarlyStopping(patience=2, min_delta=0.5), [3, 2.8, 2.6, 1], 3),
        (EarlyStopping(patience=2, mode="max"), [1, 2, 3, 2, 2], 5),
        (EarlyStopping(patience=2), [3, NAN, NAN, 4, 1], 4),
        (EarlyStopping(patience=3), [NAN, NAN, 3, NAN, NAN, 2, NAN, NAN, 1], 0),
    ],
    ids=["at once", "patience", "never", "minimum change", "mode", "late judgement", "judged"],
)
def test_early_stopping_waits_as_told(stopping, curve, epoch):
    assert stops_after(stopping, curve) == [epoch]


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("val_loss", 3),
        ("val_accuracy", 2),
        ("val_roc_auc", 2),
        ("val_neg_log_loss", 2),
        ("val_error", 3),
        ("loss", 3),
    ],
)
def test_the_name_tells_which_way_is_better(name, best):
    watching = EarlyStopping(patience=None, monitor=name)
    assert kept(watching, [2, 4, 1, NAN, 3], name)[-1] == best
    bare = EarlyStopping(patience=None, monitor=name.removeprefix("val_"))
    assert kept(bare, [2, 4, 1, NAN, 3], name)[-1] == best


def test_undefined_is_never_better():
    assert kept(EarlyStopping(), [NAN, 3, NAN, 2]) == [2, 4]


def test_members_may_wait_differently():
    stopping = EarlyStopping(patience=[1, 2, None])
    assert stopping.patience == (1, 2, None)
    assert stops_after(stopping, [1, 2, 3, 4], k=3) == [2, 3, 0]
    with pytest.raises(HyperparameterError, match="patience of early_stopping has 3 values"):
        stops_after(stopping, [1, 2], k=2)
    with pytest.raises(HyperparameterError, match=r"patience .* is 0; expected a whole number"):
        EarlyStopping(patience=[3, 0])


@pytest.mark.parametrize("cls", [EarlyStopping, PlateauCallback])
def test_an_unknown_metric_is_named_with_the_nearest(cls):
    with pytest.raises(UnknownNameError, match=r"'val_los'; did you mean 'val_loss'\?.* accuracy"):
        told(cls(monitor="val_los"), {"val_loss": [1.0], "accuracy": [0.5]})
    with pytest.raises(HyperparameterError, match="no validation rows"):
        told(cls(), {"loss": [1.0]}, has_validation=False)


def test_a_scorer_of_the_run_can_be_judged_by():
    rng = np.random.default_rng(4)
    noise = {"luck": lambda predictions, rows: float(rng.random())}
    stopping = EarlyStopping(patience=None, monitor="luck")
    result = run(
        members(
            1,
        ),
        ROWS,
        [STREAM],
        callbacks=[stopping],
        scores=noise,
    )
    assert result.best_epoch[0] == np.argmax(result.history()["val_luck"]) + 1


# --- learning rates --------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    curve=st.lists(st.floats(0, 4), min_size=1, max_size=40),
    patience=st.integers(1, 4),
    cooldown=st.integers(0, 3),
    min_delta=st.sampled_from([0.0, 0.5]),
    mode=st.sampled_from(["min", "max"]),
)
def test_plateau_is_torchs(curve, patience, cooldown, min_delta, mode):
    sgd = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(
        sgd, mode, 0.5, patience - 1, min_delta, "abs", cooldown, min_lr=0.01, eps=0
    )
    expected = []
    for value in curve:
        oracle.step(value)
        expected.append(sgd.param_groups[0]["lr"])
    # Beside it a member of another learning rate, which changes nothing for this one.
    ours = PlateauCallback(
        [0.5, 0.1], [patience, 1], "val_loss", min_delta, [cooldown, 0], 0.01, mode
    )
    answers = told(ours, {"val_loss": curve}, k=2)
    np.testing.assert_allclose(np.cumprod([answer.scale[0] for answer in answers]), expected)


def test_a_plateau_lowers_the_learning_rate_of_the_next_epoch():
    """A scale of 0.1 whenever the loss has not fallen by 10, that is always."""
    never = PlateauCallback(0.1, patience=1, monitor="loss", min_delta=10.0)
    result = run([member(optimizer=SGD(0.5))], ROWS, callbacks=[never])
    np.testing.assert_allclose(result.history()["learning_rate"], [0.5, 0.5, 0.05, 0.005])


# --- ends ------------------------------------------------------------------------------------


def test_a_time_limit_stops_everybody():
    result = run(members(), ROWS, [STREAM], callbacks=[TimeLimit(1e-9)])
    assert result.status == [Status.EARLY_STOPPED] * 3
    assert result.epochs.tolist() == [1, 1, 1]


def test_a_time_limit_counts_the_time_before_a_pause(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def tick(logs):
        clock[0] += 1

    callbacks, one = [TimeLimit(2.0), Call(tick)], [member(epochs=10)]
    first = run(one, ROWS, callbacks=callbacks, until=2)  # which ends a second after the start
    clock[0] += 100
    second = run(one, ROWS, callbacks=callbacks, resume=first)
    assert second.status == [Status.EARLY_STOPPED]
    assert second.history()["seconds"] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("curve", "epoch"),
    [
        ([1, 1.3, 1.3, 1.3], 4),
        ([1, 1.3, 1.3, 1.1, 1.3], 0),
        ([1, 0.1, 0.5, 0.9], 0),
        ([-1, -0.9, -0.9, -0.9], 0),
        ([-1, -0.7, -0.7, -0.7], 4),
    ],
)
def test_divergence_is_a_loss_above_the_first(curve, epoch):
    assert stops_after(StopOnDivergence(), curve, "loss") == [epoch]


def test_training_that_diverges_slowly_is_stopped():
    """Gradient descent on a quadratic with a step just too long: the loss grows by the epoch."""
    rows = table(SquaredError())
    largest = torch.linalg.eigvalsh(rows._table.numbers.T @ rows._table.numbers / len(rows))[-1]
    linear = mlp(4, (), 3)
    tries = [
        member(
            network=linear,
            loss=SquaredError(),
            optimizer=SGD(float(size / largest)),
            batch_size=1000,
            epochs=60,
        )
        for size in (0.1, 5.0)
    ]
    result = run(tries, rows, callbacks=[StopOnDivergence()])
    assert result.status == [Status.FINISHED, Status.EARLY_STOPPED]
    assert result.epochs.tolist()[0] == 60
    assert 4 <= result.epochs[1] < 30


def test_any_function_is_an_callback():
    heard = []

    def function(logs):
        heard.append(logs.epoch)
        return Decision(stop=np.array([False, logs.epoch == 2, False])) if heard else None

    result = run(members(), ROWS, callbacks=[Call(function)])
    assert heard == [1, 2, 3, 4, 5, 6]
    assert result.epochs.tolist() == [4, 2, 6]
    with pytest.raises(HyperparameterError, match="function of call is 3"):
        Call(3)
    with pytest.raises(HyperparameterError, match="returned True; expected a Decision or None"):
        run(members(), ROWS, callbacks=[Call(lambda logs: True)])


# --- logs in files ---------------------------------------------------------------------------


def csv_lines(path):
    with path.open(newline="") as file:
        return [
            {name: float(cell) if cell else NAN for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]


def json_lines(path):
    return [
        {name: NAN if value is None else value for name, value in json.loads(line).items()}
        for line in path.read_text().splitlines()
    ]


LOGS = pytest.mark.parametrize(
    ("log", "read"), [(CSVLog, csv_lines), (JSONLines, json_lines)], ids=["csv", "json"]
)


def check_log(lines, result):
    """Every number of the history is in the file, to the last bit, once."""
    assert len(lines) == result.epochs.sum()
    for line in lines:
        history = result.history(int(line["member"]))
        metrics = set(line) - {"epoch", "member"}
        assert metrics == set(history)
        for name in metrics:
            np.testing.assert_array_equal(line[name], history[name][int(line["epoch"]) - 1])


@LOGS
def test_a_log_holds_the_history(log, read, tmp_path):
    path = tmp_path / "deep" / "log"
    result = run(members(), ROWS, [STREAM], callbacks=[log(path)])
    check_log(read(path), result)


@LOGS
def test_a_resumed_run_goes_on_with_its_log(log, read, tmp_path):
    path = tmp_path / "log"
    callbacks = [log(path)]
    first = run(members(), ROWS, [STREAM], callbacks=callbacks, until=2)
    run(members(), ROWS, [STREAM], callbacks=callbacks, resume=first, until=4)
    with path.open("a") as file:
        file.write("5,0,0.1")  # what a killed process may leave
    result = run(members(), ROWS, [STREAM], callbacks=callbacks, resume=first)
    check_log(read(path), result)


@LOGS
def test_a_log_of_another_run_is_not_written_over(log, read, tmp_path):
    path = tmp_path / "log"
    run(members(1), ROWS, callbacks=[log(path)])
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"the log of another run.*overwrite=True"):
        run(members(1), ROWS, callbacks=[log(path)])
    assert path.read_bytes() == before
    result = run(members(1), ROWS, callbacks=[log(path, overwrite=True)])
    check_log(read(path), result)


@LOGS
def test_undefined_numbers_stay_readable(log, read, tmp_path):
    path = tmp_path / "log"
    told(log(path), {"loss": [1.0, float("inf")], "val_loss": [NAN, 2.0]})
    first, second = read(path)
    assert np.isnan(first["val_loss"])
    assert second["val_loss"] == 2.0
    assert not np.isfinite(second["loss"])
    assert "NaN" not in path.read_text()


def test_a_later_metric_gets_a_column(tmp_path):
    path = tmp_path / "log.csv"
    state, log = {}, CSVLog(path)
    log.on_train_begin(Run([member()], 3, 1, 0, True), state)
    for epoch, metrics in enumerate(
        ({"loss": 3.0}, {"loss": 2.0, "val_loss": 4.0}, {"loss": 1.0}), 1
    ):
        arrays = {name: np.array([value]) for name, value in metrics.items()}
        log.on_epoch_end(EpochLogs(epoch, 0.5, np.array([True]), arrays), state)
    assert path.read_text().splitlines() == [
        "epoch,member,seconds,loss,val_loss",
        "1,0,0.5,3.0,",
        "2,0,0.5,2.0,4.0",
        "3,0,0.5,1.0,",
    ]


def fill_the_disk(log, read, path):
    """Train in this process, whose files can't grow any more from the second epoch on."""

    def fill(logs):
        if logs.epoch == 2:
            let_files_grow_to(path.stat().st_size + 20)

    with pytest.warns(RuntimeWarning, match="epoch 3 could not be written to .*log: .*goes on"):
        result = run(members(1), ROWS, callbacks=[log(path), Call(fill)])
    assert result.status == [Status.FINISHED]
    assert [line["epoch"] for line in read(path)] == [1, 2]


@LOGS
def test_a_full_disk_costs_lines_and_not_the_training(log, read, tmp_path):
    in_child(fill_the_disk, log, read, tmp_path / "log")


# --- TensorBoard and MLflow ------------------------------------------------------------------


@pytest.fixture
def accumulated():
    """A function that reads back all that was written into a folder."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return lambda folder: EventAccumulator(str(folder), size_guidance={"histograms": 0}).Reload()


def test_tensorboard_shows_curves_histograms_and_layers(tmp_path, accumulated):
    result = run(members(2), ROWS, [STREAM], callbacks=[TensorBoard(tmp_path, histograms=2)])
    for k in range(2):
        board = accumulated(tmp_path / f"member-{k}")
        tags = board.Tags()
        history = result.history(k)
        assert set(tags["scalars"]) == set(history) - {"seconds"}
        for name in tags["scalars"]:
            events = board.Scalars(name)
            assert [event.step for event in events] == list(range(1, 5 + k))
            np.testing.assert_allclose([event.value for event in events], history[name], rtol=1e-6)
        dense = len([layer for layer in network().layers if layer.name == "linear"])
        assert len([tag for tag in tags["histograms"] if tag.startswith("biases/")]) == dense
        assert [event.step for event in board.Histograms(tags["histograms"][0])] == [2, 4]
        outputs = [tag for tag in tags["histograms"] if tag.startswith("outputs/")]
        assert len(outputs) == len(
            [layer for layer in network().layers if not layer.training_only]
        )
        nodes = board.Graph().node
        assert [node.op for node in nodes][1:] == [
            type(layer).__name__ for layer in network().layers
        ]
        assert [node.input[0] for node in nodes[1:]] == [node.name for node in nodes[:-1]]
        text = board.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
        assert "Adam" in text


def test_tensorboards_histograms_are_of_the_weights(tmp_path, accumulated):
    one = member(network=mlp(4, (5,), 3), epochs=1)
    result = run([one], ROWS, callbacks=[TensorBoard(tmp_path)])
    board = accumulated(tmp_path)
    first = result.weights().blocks(0)[0].numpy()
    for tag, values in (("weights/1-linear", first[:-1]), ("biases/1-linear", first[-1])):
        shown = board.Histograms(tag)[0].histogram_value
        assert shown.num == values.size
        np.testing.assert_allclose(shown.sum, values.sum(), rtol=1e-5)


def test_a_resumed_run_goes_on_with_its_curves(tmp_path, accumulated):
    board = TensorBoard(tmp_path, histograms=0)
    first = run(members(1), ROWS, callbacks=[board], until=2)
    run(members(1), ROWS, callbacks=[board], resume=first, until=3)
    result = run(members(1), ROWS, callbacks=[board], resume=first)
    shown = accumulated(tmp_path).Scalars("loss")
    np.testing.assert_allclose(
        [event.value for event in shown], result.history()["loss"], rtol=1e-6
    )
    with pytest.raises(InputError, match="holds another run"):
        run(members(1), ROWS, callbacks=[board])


@THEIRS
def test_mlflow_has_a_run_for_each_member(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    callbacks = [MLflow("trial", tracking_uri=uri)]
    first = run(members(2), ROWS, callbacks=callbacks, until=2)
    result = run(members(2), ROWS, callbacks=callbacks, resume=first)
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("trial")
    runs = sorted(
        client.search_runs([experiment.experiment_id]), key=lambda run: run.info.run_name
    )
    assert [run.info.run_name for run in runs] == ["member-0", "member-1"]
    for k, logged in enumerate(runs):
        assert logged.info.status == "FINISHED"
        assert logged.data.params["optimizer"] == "adam"
        assert float(logged.data.params["optimizer.learning_rate"]) == 0.003 * (k + 1)
        curve = client.get_metric_history(logged.info.run_id, "loss")
        assert [point.value for point in curve] == result.history(k)["loss"]


@THEIRS
def test_a_server_that_fails_is_no_reason_to_lose_a_training(tmp_path):
    pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"

    def lose(logs):
        (tmp_path / "mlflow.db").write_bytes(b"no database")

    with pytest.warns(RuntimeWarning, match=r"MLflow did not .*training goes on"):
        result = run(members(1), ROWS, callbacks=[MLflow(tracking_uri=uri), Call(lose)])
    assert result.status == [Status.FINISHED]


@THEIRS
def test_wandb_has_a_run_for_each_member(tmp_path):
    wandb = pytest.importorskip("wandb")
    callbacks = [WandB("trial", mode="offline", folder=tmp_path)]
    first = run(members(2), ROWS, callbacks=callbacks, until=2)
    result = run(members(2), ROWS, callbacks=callbacks, resume=first)
    logged = {}
    for file in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb")):
        for record in wait(partial(whole_run, file)):
            about = logged.setdefault(file.stem.removeprefix("run-"), {"loss": {}, "config": {}})
            for update in record.run.config.update:
                about["config"][update.key] = json.loads(update.value_json)
            about["name"] = record.run.display_name or about.get("name")
            items = {"".join(i.nested_key) or i.key: i.value_json for i in record.history.item}
            if items:
                about["loss"][int(items["epoch"])] = float(items["loss"])
    assert sorted(one["name"] for one in logged.values()) == ["member-0", "member-1"]
    assert wandb.run is None  # none of these is the process's own
    for k, one in enumerate(sorted(logged.values(), key=lambda one: one["name"])):
        assert one["config"]["optimizer"] == "adam"
        assert float(one["config"]["optimizer.learning_rate"]) == 0.003 * (k + 1)
        assert list(one["loss"].values()) == result.history(k)["loss"]


def whole_run(file):
    """The records of a run that is written to its end, which W&B's own process is late with."""
    records = list(wandb_records(file))
    return records if records and records[-1].HasField("exit") else []


def wandb_records(file):
    """The records of a file that W&B wrote offline: a log in LevelDB's format."""
    from wandb.proto import wandb_internal_pb2

    data, at, parts = file.read_bytes(), 7, []
    while at + 7 <= len(data):
        room = 32768 - at % 32768  # of the block
        if room < 7:
            at += room
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if at + 7 + length > len(data):  # not all of it is written
            return
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # a whole record, or its last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


@pytest.mark.parametrize("cls", [TensorBoard, MLflow, WandB])
def test_what_is_not_installed_is_named(cls, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for module in ("torch.utils.tensorboard", "tensorboard", "mlflow", "wandb"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'wellfit-nn\[{cls.name}\]'"):
        run(members(1), ROWS, callbacks=[cls()])
