"""One network on several processes ends as it does on one, but for rounding."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import distributed

from engine import FLOAT64, member, parameters, run, table, train_by_pytorch
from processes import in_group
from wellfit.augment import Mixup
from wellfit.core.errors import InputError, LostProcessError
from wellfit.core.hyper import resolve
from wellfit.core.rng import Bits, Normals
from wellfit.nn import (
    Activate,
    ConcatRows,
    EntityEmbedding,
    GaussianNoise,
    Linear,
    Network,
    PiecewiseLinear,
    ReLU,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    Submodels,
    mlp,
)
from wellfit.optim import L1, L2, LBFGS, Adam, ClipByNorm, Muon
from wellfit.training import (
    Call,
    Callback,
    Checkpoint,
    Decision,
    EpochLogs,
    Rows,
    Stream,
    read_checkpoint,
)
from wellfit.training.checkpoint import checkpoints
from wellfit.training.processes import process_group
from wellfit.training.rendezvous import fresh_store
from wellfit.training.row_store_writer import write_rows
from wellfit.training.shuffling import ShuffleBlocks

LOSS = SoftmaxCrossEntropy()
Case = tuple[list[Any], Rows, list[Stream]]
Ended = tuple[list[dict[str, list[float]]], list[np.ndarray]]


def noisy(**more: Any) -> Any:
    """A training with what looks at a whole batch, and what draws numbers for its rows."""
    rules = {"penalties": (L2(1e-3), L1(1e-3, decoupled=True)), "ema_decay": 0.9}
    return member(gradient_clipping=(ClipByNorm(0.05),), **{**rules, **more})


def stream(rows: int = 50, validation: int = 0, **more: Any) -> Stream:
    judged = np.arange(rows, rows + validation) if validation else None
    return Stream(np.arange(rows), judged, **more)


WEIGHT = np.random.default_rng(2).uniform(0.2, 2, 60)


def plain() -> Case:
    return [noisy()], table(LOSS), [stream()]


def weighted() -> Case:
    rows = table(LOSS, rows=60, weight=WEIGHT / WEIGHT.mean())
    return [noisy()], rows, [stream(45, 15)]


def by_matrices() -> Case:
    """A rule that looks at whole layers; and one validation row for two processes."""
    net = mlp(4, (6, 5), 3)
    members = [member(loss=SquaredError(), optimizer=Muon(), network=net)]
    return members, table(SquaredError()), [stream(49, 1)]


def several_members() -> Case:
    """Members that differ in what they may, among it the rows of their last batch."""
    members = [
        member(seed=seed, network=mlp(4, (6,), 3, dropout=0.1 * seed), optimizer=Adam(0.01 * seed))
        for seed in (1, 2, 3)
    ]
    return members, table(LOSS), [stream(), *[stream(49, seed=7)] * 2]


def submodels() -> Case:
    net = mlp(4, (6,), 3, dropout=0.2, batch_norm=True)
    return (
        [noisy(network=resolve(Submodels, "tabm").applied(net, 3, LOSS))],
        table(LOSS),
        [stream()],
    )


def codes() -> Case:
    """Rows that end in the codes of two columns, some of which count as unknown at random."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(50, 3)), rng.integers(0, [5, 4], (50, 2))])
    entity = EntityEmbedding(4, levels=(5, 4), unknown_rate=0.2)
    net = Network(5, (entity, GaussianNoise(0.2), *mlp(11, (6,), 3, batch_norm=True).layers))
    return [member(network=net)], Rows(x, rng.integers(0, 3, 50), dtype=FLOAT64), [stream()]


def bins() -> Case:
    net = Network(4, (PiecewiseLinear(size=5, n_bins=4), *mlp(20, (6,), 3).layers))
    return [member(network=net)], table(LOSS), [stream()]


def sparse_rows() -> Case:
    """The last batch has one row, and the second process none of it."""
    x = sparse.csr_array(np.random.default_rng(0).binomial(1, 0.2, (49, 6)).astype(float))
    rows = Rows(x, np.arange(49) % 3, dtype=FLOAT64)
    return [noisy(network=mlp(6, (6,), 3, batch_norm=True, dropout=0.2))], rows, [stream(49)]


def mixed_rows() -> Case:
    return [noisy()], table(LOSS), [stream(augment=(Mixup(),))]


def pairs() -> Case:
    net = Network(4, (Linear(6), Activate(ReLU()), ConcatRows(2), Linear(1)))
    rows = Rows(
        table(LOSS).features(torch.arange(50))[:, :-1].numpy(), np.arange(50) % 3, dtype=FLOAT64
    )
    return [member(network=net, loss=SigmoidCrossEntropy())], rows, [stream(40, 10, pairs=True)]


def minimizer() -> Case:
    net = mlp(4, (6,), 3)
    members = [member(optimizer=LBFGS(), network=net, penalties=(L2(1e-2),), epochs=8)]
    return members, table(LOSS), [stream(40, 10)]


CASES: dict[str, Callable[[], Case]] = {
    case.__name__: case
    for case in (
        *(plain, weighted, by_matrices, several_members, submodels, codes, bins, sparse_rows),
        *(mixed_rows, pairs, minimizer),
    )
}


def ended(case: Case, **more: Any) -> Ended:
    """Train on the processes that there are, and return histories and weights."""
    members, rows, streams = case
    scores = {} if streams[0].validation is None else {"first": _first}
    result = run(members, rows, streams, scores=scores, **more)
    places = range(len(members))
    histories = [dict(result.history(place)) for place in places]
    for history in histories:
        del history["seconds"]
    return histories, [parameters(result, place) for place in places]


def _first(predictions: np.ndarray, ids: np.ndarray) -> float:
    """A score to which the order of rows matters."""
    return float(predictions[:, 0] @ np.arange(1, len(ids) + 1))


def every_case() -> dict[str, Ended]:
    group = process_group()
    return {name: ended(case(), group=group) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def together() -> list[dict[str, Ended]]:
    """What each of three processes ends with, in every case."""
    return in_group(every_case, count=3)


@pytest.mark.parametrize("name", CASES)
def test_three_processes_end_where_one_does(
    name: str, together: list[dict[str, Ended]], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_by_pytorch(monkeypatch)
    histories, weights = ended(CASES[name]())
    for process in together:
        for mine, theirs in zip(process[name][0], histories, strict=True):
            assert mine.keys() == theirs.keys()
            for metric, values in theirs.items():
                np.testing.assert_allclose(mine[metric], values, rtol=1e-9, err_msg=metric)
        for mine, theirs in zip(process[name][1], weights, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)
        # Not but for rounding: processes that drift apart would train different networks.
        for mine, theirs in zip(process[name][1], together[0][name][1], strict=True):
            np.testing.assert_array_equal(mine, theirs)


# What each process reads and draws.


@pytest.mark.parametrize("first", [0, 1, 3, 4])
def test_random_numbers_are_those_of_the_rows_in_the_whole_batch(first: int) -> None:
    keys = torch.tensor([3, 8])
    for width in (1, 3, 5):
        whole = Bits(keys, (9, width), steps=2).draw(7)
        part = Bits(keys, (4, width), steps=2, first_row=first).draw(7)
        assert torch.equal(part, whole[:, :, first : first + 4])
    normal = Normals(keys, (9, 3), 2, FLOAT64).draw(5)[:, :, first : first + 4]
    assert torch.equal(Normals(keys, (4, 3), 2, FLOAT64, first_row=first).draw(5), normal)


def from_disk(folder: Path) -> list[float]:
    x = np.random.default_rng(0).normal(size=(300, 4))
    group = process_group()
    place, none = folder / f"rows-{group.rank}", np.full(4, -1)
    store = write_rows(place, [x], len(x), none, np.dtype(np.float64), "test")
    rows = Rows(store, (x[:, 0] > 0).astype(int), dtype=FLOAT64)
    in_blocks = stream(280, 20, blocks=ShuffleBlocks(16, 64))
    net = mlp(4, (8,), 2)
    return run([member(network=net)], rows, [in_blocks], group=group).history()["val_loss"]


def test_processes_read_rows_from_a_disk(tmp_path: Path) -> None:
    one, two = in_group(from_disk, tmp_path)
    np.testing.assert_allclose(one, two, rtol=0)
    np.testing.assert_allclose(one, from_disk(tmp_path), rtol=1e-9)


# What goes wrong.


def different() -> str:
    rank = process_group().rank
    members = [member(seed=rank)]
    with pytest.raises(InputError) as error:
        run(members, table(LOSS), [stream(49 + rank)], group=process_group())
    return str(error.value)


def test_processes_that_train_something_else_are_named() -> None:
    for message in in_group(different):
        assert "data and settings of process 1 differ from those of process 0" in message


def test_processes_meet_anew_whatever_earlier_ones_have_left() -> None:
    store, tokens = distributed.HashStore(), []
    for rank in range(3):
        store.set(f"wellfit/hello/{rank}", "of one that was killed")
    for _ in range(2):
        with ThreadPoolExecutor(3) as pool:
            met = list(pool.map(lambda rank: fresh_store(store, rank, 3, 60), range(3)))
        met[0].set("address", str(len(tokens)))
        tokens.append([each.get("address").decode() for each in met])
    assert tokens == [["0"] * 3, ["1"] * 3]
    with pytest.raises(LostProcessError, match="process 0 did not come to train together"):
        fresh_store(distributed.HashStore(), 1, 2, 0.01)


def left_alone() -> str:
    group = process_group()
    if group.rank:
        return ""  # and end, while the other waits
    with pytest.raises(LostProcessError) as error:
        run([member()], table(LOSS), [stream()], group=group)
    return str(error.value)


def test_a_process_that_ends_is_reported() -> None:
    assert "another process of this training has ended" in in_group(left_alone)[0]


class _StopFirst(Callback, name="stop_first_of_the_tests"):
    """Decides what no other process could know."""

    def on_epoch_end(self, logs: EpochLogs, state: dict[str, Any]) -> Decision:
        state.setdefault("seen", []).append(process_group().rank)
        return Decision(stop=logs.epoch == 2)


def stopped_by_first() -> tuple[int, list[dict[str, Any]]]:
    result = run(
        [member()], table(LOSS), [stream()], group=process_group(), callbacks=[_StopFirst()]
    )
    return result.epoch, result.callbacks[1:]


def test_the_first_process_calls_callbacks_and_all_obey() -> None:
    assert in_group(stopped_by_first) == [(2, [{"seen": [0, 0]}]), (2, [])]


def _interrupt(logs: EpochLogs) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupted() -> tuple[str, int]:
    group = process_group()
    callbacks = [Call(_interrupt)]
    result = run([member()], table(LOSS), [stream()], group=group, callbacks=callbacks)
    return str(result.status[0]), result.epoch


def test_ctrl_c_ends_all_at_the_same_step() -> None:
    assert in_group(interrupted) == [("interrupted", 1)] * 2


def resumed_by(folder: Path) -> list[list[float]]:
    """Train, and go on from every checkpoint, each process from what it reads itself."""
    group, members, rows = process_group(), [member(batch_size=4)], table(LOSS, rows=60)
    writing = [Checkpoint(folder, seconds=0, keep=9)]
    histories = [
        run(members, rows, [stream(60)], group=group, callbacks=writing).history()["loss"]
    ]
    for path in group.from_first(checkpoints(folder)):
        paused = read_checkpoint(path, members)[0]
        going = run(members, rows, [stream(60)], group=group, resume=paused)
        histories.append(going.history()["loss"])
    return histories


def test_processes_go_on_from_a_checkpoint_to_the_bit(tmp_path: Path) -> None:
    first, *others = in_group(resumed_by, tmp_path)[0]
    assert len(others) == 4
    assert others == [first] * 4
