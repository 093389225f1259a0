"""Checkpoints: what they hold, what damages them, and trainings killed at any moment."""

import os
import signal
import time

import numpy as np
import pytest
import torch

from engine import member, parameters, run, table
from processes import SERVER, in_child, let_files_grow_to
from wellfit.core.errors import HyperparameterError, InputError, ModelFileError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import SGD, Adam
from wellfit.training import Stream
from wellfit.training.callbacks import Call, Callback, Checkpoint, Decision, EarlyStopping
from wellfit.training.checkpoint import (
    best,
    checkpoints,
    epoch_of,
    latest,
    read_checkpoint,
    save_checkpoint,
    write_checkpoint,
)

ROWS = table(SoftmaxCrossEntropy(), rows=60)
STREAM = Stream(np.arange(40), np.arange(40, 60))
EPOCHS = 12


def members(count=2, **options):
    return [
        member(seed=k, epochs=EPOCHS, optimizer=Adam(0.01 * (k + 1)), **options)
        for k in range(count)
    ]


def callbacks(folder, **options):
    # The checkpoint comes first, so that the others have more to remember than it could know.
    return [Checkpoint(folder, **options), EarlyStopping(patience=4)]


def names(folder):
    return [path.name for path in checkpoints(folder)]


def same(ours, theirs):
    assert ours.status == theirs.status
    np.testing.assert_array_equal(ours.epochs, theirs.epochs)
    np.testing.assert_array_equal(ours.best_epoch, theirs.best_epoch)
    for k in range(len(ours.members)):
        np.testing.assert_array_equal(parameters(ours, k), parameters(theirs, k))
        assert ours.history(k)["val_loss"] == theirs.history(k)["val_loss"]


# --- the file --------------------------------------------------------------------------------


class Remembers(Callback):
    """A callback with something of every kind in its state."""

    def on_train_begin(self, run, state):
        state |= {
            "text": "é",
            "none": None,
            "numbers": [1, 2.5, True, float("inf")],
            "pair": (1, ["a", np.float64(0.1)]),
            "table": {"a": 1, 2: np.arange(3), (3, "b"): {"deep": np.array([[0.1]])}},
            "tensor": torch.arange(2),
            "empty": np.zeros((0, 3)),
        }

    def on_epoch_end(self, logs, state):
        state["odd"] = object()  # for this process alone: not saved


def test_whatever_is_data_in_an_callbacks_state_is_saved(tmp_path):
    result = run(members(), ROWS, callbacks=[Remembers()], until=1)
    write_checkpoint(tmp_path, result)
    read, _ = read_checkpoint(tmp_path, members())
    state = read.callbacks[1]
    assert state.pop("tensor").tolist() == [0, 1]
    assert state.pop("empty").shape == (0, 3)
    assert repr(state) == repr(
        {k: v for k, v in result.callbacks[1].items() if k not in ("odd", "tensor", "empty")}
    )


def test_a_result_survives_in_full(tmp_path):
    result = run(members(), ROWS, [STREAM], callbacks=[EarlyStopping()], until=3)
    path = write_checkpoint(tmp_path, result, {"digest": "ab", "shape": (3, np.arange(2))})
    read, extra = read_checkpoint(path, members())
    assert extra["digest"] == "ab"
    assert repr(extra["shape"]) == "(3, array([0, 1]))"
    theirs, ours = save_checkpoint(result), save_checkpoint(read)
    assert ours[0] == theirs[0]
    assert ours[1].keys() == theirs[1].keys()
    for name, tensor in theirs[1].items():
        assert ours[1][name].dtype == tensor.dtype
        assert torch.equal(ours[1][name], tensor), name


def test_more_epochs_may_follow_but_no_other_network(tmp_path):
    path = write_checkpoint(tmp_path, run(members(), ROWS, until=2))
    longer = [one.replace(epochs=EPOCHS + 3) for one in members()]
    assert run(longer, ROWS, resume=read_checkpoint(path, longer)[0]).epochs.tolist() == [15, 15]
    with pytest.raises(InputError, match="is of 2 members; given 3"):
        read_checkpoint(path, members(3))
    with pytest.raises(InputError, match=r"the network of member 0 was .*given Network"):
        read_checkpoint(path, members(network=mlp(4, (7,), 3)))
    with pytest.raises(InputError, match="the optimizer of member 0 was adam; given sgd"):
        read_checkpoint(path, [one.replace(optimizer=SGD()) for one in members()])
    with pytest.raises(InputError, match=r"the memory of member 0 was .*given .*, average"):
        read_checkpoint(path, [one.replace(ema_decay=0.9) for one in members()])


def test_where_there_is_none(tmp_path):
    with pytest.raises(ModelFileError, match="no whole checkpoint in"):
        read_checkpoint(tmp_path, members())
    with pytest.raises(ModelFileError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "epoch-000001.safetensors", members())


def test_any_damage_is_noticed_and_the_one_before_is_used(tmp_path):
    run(members(), ROWS, [STREAM], callbacks=[Checkpoint(tmp_path)], until=3)
    newest, before = checkpoints(tmp_path)
    whole = newest.read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole), 40).tolist()
    flipped = [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in [0, 9, *places]
    ]
    for damaged in [b"", whole[:100], whole[:-1], whole + b"\n", *flipped]:
        newest.write_bytes(damaged)
        assert latest(tmp_path) == before
    with pytest.raises(ModelFileError, match="is damaged or no checkpoint"):
        read_checkpoint(newest, members())
    assert read_checkpoint(tmp_path, members())[0].epoch == 2
    newest.write_bytes(whole)
    assert latest(tmp_path) == newest


# --- the callback ----------------------------------------------------------------------------


@pytest.mark.parametrize("epoch", [1, 5, EPOCHS - 1])
def test_training_goes_on_from_any_checkpoint(tmp_path, epoch):
    whole = run(members(), ROWS, [STREAM], callbacks=callbacks(tmp_path / "a", keep=99))
    path = next(path for path in checkpoints(tmp_path / "a") if f"{epoch:06d}" in path.name)
    taken, _ = read_checkpoint(path, members())
    assert taken.epoch == epoch
    same(run(members(), ROWS, [STREAM], callbacks=callbacks(tmp_path / "a"), resume=taken), whole)
    assert names(tmp_path / "a")[0] == f"epoch-{max(whole.epochs):06d}.safetensors"


def test_training_goes_on_within_an_epoch(tmp_path):
    """A clock that a checkpoint can't wait for makes one after every chunk of steps."""
    rows = table(SoftmaxCrossEntropy(), rows=700)
    options = {"batch_size": 1, "network": mlp(4, (5,), 3, dropout=0.2)}
    ours = [one.replace(epochs=2) for one in members(**options)]
    whole = run(ours, rows, callbacks=[Checkpoint(tmp_path, seconds=1e-9, keep=99)])
    within = [path for path in checkpoints(tmp_path) if "-step-" in path.name]
    assert within
    assert names(tmp_path)[0] == "epoch-000002.safetensors"
    for path in within:
        taken, _ = read_checkpoint(path, ours)
        result = run(ours, rows, resume=taken)
        for k in range(2):
            np.testing.assert_array_equal(parameters(result, k), parameters(whole, k))
            assert result.history(k)["loss"] == whole.history(k)["loss"]


def test_the_newest_stay_and_every_nth_is_written(tmp_path):
    run(members(), ROWS, callbacks=[Checkpoint(tmp_path, every=5, keep=2)])
    assert names(tmp_path) == ["epoch-000012.safetensors", "epoch-000010.safetensors"]


def test_the_best_stays_as_well(tmp_path):
    keeping = Checkpoint(tmp_path, keep=1, best=True, monitor="luck")
    luck = iter([0.1, 0.5, 0.3, 0.9, 0.2, *[0.0] * 20])
    scores = {"luck": lambda predictions, rows: next(luck)}
    result = run(members(1), ROWS, [STREAM], callbacks=[keeping], scores=scores)
    assert names(tmp_path) == ["epoch-000012.safetensors", "epoch-000004-best.safetensors"]
    path = best(tmp_path)
    assert path is not None
    assert read_checkpoint(path, members(1))[0].epoch == 4
    assert result.epochs[0] == EPOCHS


def test_two_runs_never_share_a_folder(tmp_path):
    run(members(), ROWS, callbacks=[Checkpoint(tmp_path)], until=4)
    there = names(tmp_path)
    with pytest.raises(InputError, match=r"of another run, up to epoch 4.*overwrite=True"):
        run(members(), ROWS, callbacks=[Checkpoint(tmp_path)])
    assert names(tmp_path) == there
    run(members(), ROWS, callbacks=[Checkpoint(tmp_path, overwrite=True, keep=9)], until=1)
    assert names(tmp_path) == ["epoch-000001.safetensors"]


def test_a_best_by_validation_rows_that_are_not_there(tmp_path):
    with pytest.raises(
        HyperparameterError, match=r"checkpoint monitors 'val_loss'.*no validation"
    ):
        run(members(), ROWS, callbacks=[Checkpoint(tmp_path, best=True)])


def fill_the_disk(folder):
    """Train in this process, whose files can't grow so large any more from the third epoch on."""

    def fill(logs):
        if logs.epoch == 3:
            let_files_grow_to(latest(folder).stat().st_size // 2)

    with pytest.warns(RuntimeWarning, match=r"no checkpoint of epoch 3 .*training goes on"):
        result = run(members(), ROWS, callbacks=[Checkpoint(folder), Call(fill)])
    assert result.epochs.tolist() == [EPOCHS] * 2


def test_a_full_disk_leaves_the_older_ones(tmp_path):
    in_child(fill_the_disk, tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "epoch-000001.safetensors",
        "epoch-000002.safetensors",
    ]


# --- Ctrl-C twice ----------------------------------------------------------------------------


class PressTwice(Callback, name="press_ctrl_c_twice"):
    """Sends this process what Ctrl-C sends, twice, after some epoch's metrics are known."""

    at: int = 1

    def on_epoch_end(self, logs, state):
        if logs.epoch == self.at:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("epoch", [1, 5, EPOCHS])
def test_an_epoch_whose_end_is_cut_in_two_is_trained_again(tmp_path, epoch):
    """The decisions of that epoch, such as to keep its weights, haven't been taken."""

    def watching(folder):
        return [Checkpoint(folder), EarlyStopping(patience=99)]

    whole = run(members(), ROWS, [STREAM], callbacks=watching(tmp_path / "whole"))
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        run(members(), ROWS, [STREAM], callbacks=[*watching(cut), PressTwice(at=epoch)])
    place = latest(cut)
    taken = read_checkpoint(place, members())[0] if place else None
    same(run(members(), ROWS, [STREAM], callbacks=watching(cut), resume=taken), whole)


# --- kill -9 ---------------------------------------------------------------------------------


def go_on(folder, threads, pause=EPOCHS + 1):
    """Train in this process, from the newest whole checkpoint or from the start, to the end.

    It waits after the epoch ``pause`` for whoever is to kill it.
    """
    torch.set_num_threads(threads)
    network = mlp(4, (150, 150), 3, batch_norm=True, dropout=0.2)
    ours = members(network=network)

    def slowly(logs):
        time.sleep(0.002 if logs.epoch < pause else 300)
        return Decision()

    watching = [*callbacks(folder, best=True, seconds=1e-3), Call(slowly)]
    place = latest(folder)
    taken = read_checkpoint(place, ours)[0] if place else None
    return run(ours, ROWS, [STREAM], callbacks=watching, resume=taken)


def reached(folder):
    """Return the epoch of the newest checkpoint that is whole."""
    path = latest(folder)
    return epoch_of(path) if path else -1


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.heavy)])
def test_a_training_killed_at_any_moment_ends_as_if_it_had_not_been(tmp_path, kills):
    """Real processes, each killed at a random moment after an epoch; then the rest of it."""
    threads = torch.get_num_threads()
    whole, rng = go_on(tmp_path / "whole", threads), np.random.default_rng()
    epochs = np.linspace(0, whole.epochs.max() - 2, kills).astype(int).tolist()
    assert epochs[-1] > 2  # the last is killed later than the first
    for number, epoch in enumerate(epochs):
        folder = tmp_path / str(number)
        # On a busy machine a training may be at its end before it is killed: this one waits.
        child = SERVER.Process(target=go_on, args=(folder, threads, epoch + 2))
        child.start()
        while child.is_alive() and reached(folder) < epoch:
            time.sleep(0.01)  # reading checkpoints takes time from what writes them
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert epoch <= reached(folder) < epoch + 2
        same(go_on(folder, threads), whole)
