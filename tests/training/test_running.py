"""Interrupts, progress, precision: what surrounds the arithmetic."""

import io
import os
import signal
import sys
import threading

import numpy as np
import pytest
import torch

from engine import member, parameters, press_ctrl_c_after, run, table
from wellfit.core.errors import HyperparameterError
from wellfit.nn import SoftmaxCrossEntropy, matmul_backend, mlp
from wellfit.training import (
    Callback,
    Decision,
    EarlyStopping,
    EpochLogs,
    Member,
    Progress,
    Rows,
    Run,
    Status,
    Stream,
    Weights,
    predict,
    train,
)
from wellfit.training.precision import arithmetic, device_of, dtype_of

LOSS = SoftmaxCrossEntropy()
CPU = torch.device("cpu")


class PressCtrlC(Callback, name="press_ctrl_c"):
    """Sends this process the signal that Ctrl-C sends, in the middle of epoch 3."""

    def on_batches_end(self, epoch, done, total, state):
        if epoch == 3 and not state.get("pressed"):
            state["pressed"] = True
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_training_and_keeps_the_best_weights():
    before = signal.getsignal(signal.SIGINT)
    rows, stream = table(LOSS), [Stream(np.arange(40), np.arange(40, 50))]
    callbacks = [EarlyStopping(patience=100), PressCtrlC()]
    result = run([member(epochs=50)], rows, stream, callbacks=callbacks)
    assert result.status == [Status.INTERRUPTED]
    assert 2 <= result.epochs[0] <= 3
    assert result.kept[0]
    assert signal.getsignal(signal.SIGINT) is before
    resumed = run([member(epochs=5)], rows, stream, callbacks=callbacks[:1], resume=result)
    assert resumed.status == [Status.FINISHED]


@pytest.mark.parametrize("stop", [1, 100, 256, 300, 699])
def test_training_goes_on_from_the_step_at_which_it_was_interrupted(stop, monkeypatch):
    rows, streams = table(LOSS, rows=700), [Stream(np.arange(700))]
    ours = [member(batch_size=1, epochs=2, network=mlp(4, (5,), 3, dropout=0.2), ema_decay=0.9)]
    whole = run(ours, rows, streams)
    taken = press_ctrl_c_after(stop, monkeypatch)
    first = run(ours, rows, streams)
    assert first.status == [Status.INTERRUPTED]
    assert first.position == stop
    rest = run(ours, rows, streams, resume=first)
    assert len(taken) == 1400
    np.testing.assert_array_equal(parameters(rest, 0), parameters(whole, 0))
    np.testing.assert_allclose(rest.history()["loss"], whole.history()["loss"], rtol=1e-12)


def test_a_second_ctrl_c_ends_the_program():
    class PressTwice(Callback, name="press_twice"):
        def on_batches_end(self, epoch, done, total, state):
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run([member()], table(LOSS), callbacks=[PressTwice()])


def test_training_in_a_thread_leaves_signals_alone():
    found = []
    thread = threading.Thread(target=lambda: found.append(run([member()], table(LOSS))))
    thread.start()
    thread.join()
    assert found[0].status == [Status.FINISHED]


def test_progress_is_silent_outside_a_terminal_and_shows_in_one(monkeypatch):
    outside = io.StringIO()
    monkeypatch.setattr(sys, "stderr", outside)
    run([member()], table(LOSS), callbacks=[Progress()])
    assert outside.getvalue() == ""

    inside = io.StringIO()
    inside.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", inside)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    run([member()], table(LOSS), callbacks=[Progress()])
    assert "4/4" in inside.getvalue()
    assert "loss" in inside.getvalue()


def test_early_stopping_is_per_member_and_counts_small_changes_as_none():
    stopping = EarlyStopping(patience=2, min_delta=0.1)
    state = {}
    stopping.on_train_begin(Run([member()] * 3, 10, 1, 0, True), state)
    curves = np.array([[1.0, 1.0, 1.0], [0.95, 0.5, 1.1], [0.92, 0.3, 1.0], [0.7, 0.25, 1.0]])
    answers = [
        stopping.on_epoch_end(
            EpochLogs(e + 1, 0.0, np.array([True, True, e < 3]), {"val_loss": values}), state
        )
        for e, values in enumerate(curves)
    ]
    assert [a.keep.tolist() for a in answers] == [
        [True, True, True],
        [False, True, False],
        [False, True, False],
        [True, False, False],
    ]
    assert [a.stop.tolist() for a in answers[2:]] == [[True, False, True], [False, False, False]]


def test_scores_are_better_when_larger():
    stopping, state = EarlyStopping(monitor="val_accuracy"), {}
    stopping.on_train_begin(Run([member()], 10, 1, 0, True), state)
    one = np.array([True])
    kept = [
        bool(
            stopping.on_epoch_end(
                EpochLogs(e, 0.0, one, {"val_accuracy": np.array([v])}), state
            ).keep
        )
        for e, v in enumerate([0.5, 0.6, 0.55, 0.7])
    ]
    assert kept == [True, True, False, True]


def test_an_answer_for_all_members_may_be_one_word():
    class StopAll(Callback, name="stop_all"):
        def on_epoch_end(self, logs, state):
            return Decision(stop=True)

    result = run([member(seed=k) for k in range(3)], table(LOSS), callbacks=[StopAll()])
    assert result.epochs.tolist() == [1, 1, 1]


def test_what_training_sets_is_restored():
    denormal = torch.tensor(1e-40)
    settings = torch.backends.mkldnn.matmul.fp32_precision
    threads = torch.get_num_threads()
    with arithmetic("bfloat16", CPU, operations=1):
        assert torch.get_num_threads() == 1
        assert matmul_backend.rounding()
        assert float(denormal * 1.0) == 0
    assert not matmul_backend.rounding()
    assert torch.backends.mkldnn.matmul.fp32_precision == settings
    assert float(denormal * 1.0) > 0
    assert torch.get_num_threads() == threads
    with pytest.raises(RuntimeError), arithmetic("float32", CPU):
        raise RuntimeError
    assert torch.backends.mkldnn.matmul.fp32_precision == settings


def test_large_products_are_exact_whichever_library_computes_them():
    x = torch.randn(1, 200, 300, dtype=torch.float64)
    w = torch.randn(1, 300, 200, dtype=torch.float64)
    out = torch.empty(1, 200, 200)
    with arithmetic("float32", CPU):
        matmul_backend.use_backend(matmul_backend.is_large(200, 300, 200))
        torch.bmm(x.float(), w.float(), out=out)
    assert float((out - x @ w).norm() / (x @ w).norm()) < 2e-6


def test_bfloat16_rounds_products_and_nothing_else():
    rows, one = table(LOSS, rows=40), member(network=mlp(4, (30, 20), 3), batch_size=40, epochs=1)
    narrow = Rows(rows._table.numbers[:, :-1].numpy(), rows._y.numpy())
    start = Weights.initial([one], torch.float32, CPU).parameters
    exact, rounded = (
        train([one], narrow, [Stream(np.arange(40))], precision=precision).last
        for precision in ("float32", "bfloat16")
    )
    assert rounded.parameters.dtype == torch.float32
    # Of Adam's first step the running means are shares of the gradients.
    ours, theirs = rounded.slots["mean"], exact.slots["mean"]
    assert 1e-5 < float((ours - theirs).norm() / theirs.norm()) < 5e-2
    assert not torch.equal(rounded.parameters, start)


def test_names_of_precisions_and_devices():
    assert dtype_of("float64") is torch.float64
    assert device_of("auto").type in ("cpu", "cuda")
    with pytest.raises(HyperparameterError, match="did you mean 'bfloat16'"):
        dtype_of("bfloat")
    with pytest.raises(HyperparameterError, match="expected"):
        device_of("cuda:99")


def test_float32_and_float64_train_alike():
    x = np.random.default_rng(0).normal(size=(300, 6))
    y = (x[:, 0] > 0).astype(int)
    curves = []
    for precision in ("float32", "float64"):
        rows = Rows(x, y, dtype=dtype_of(precision))
        one = member(network=mlp(6, (40,), 2), epochs=5)
        result = train([one], rows, [Stream(np.arange(300))], precision=precision)
        curves.append(result.history()["loss"])
    np.testing.assert_allclose(*curves, rtol=1e-4)


def test_a_link_that_hands_its_logits_out_is_no_trap(monkeypatch):
    members = [Member(mlp(3, (), 20), seed=seed) for seed in (0, 1)]
    weights = Weights.initial(members, torch.float32, torch.device("cpu"))
    x = np.random.default_rng(0).normal(size=(50, 3))
    whole = predict(weights, x, lambda z: z)
    monkeypatch.setattr("wellfit.training.prediction._BLOCK_BYTES", 7 * 20 * 4 * 2)
    np.testing.assert_allclose(predict(weights, x, lambda z: z), whole, rtol=1e-5)
