from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from engine import FLOAT64, member, parameters, run, table
from wellfit.augment import Elastic, Mixup, Noise, Rotation, Shift
from wellfit.core.errors import DataError, HyperparameterError, InputError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.training import Rows, Stream, fraction_of, split, train
from wellfit.training.chunk import Chunk
from wellfit.training.streams import Batches

LOSS = SoftmaxCrossEntropy()


def batches(rows, streams, batch=16) -> Batches:
    return Batches(rows, streams, batch, LOSS, outputs=3)


def copied(chunks) -> list[Chunk]:
    """All chunks, which otherwise lie one after another in the same memory."""
    return [replace(chunk, x=chunk.x.clone()) for chunk in chunks]


@given(
    length=st.integers(1, 60),
    batch=st.integers(1, 70),
    steps=st.integers(1, 5),
    streams=st.integers(1, 3),
)
def test_an_epoch_visits_every_row_of_every_stream_once(length, batch, steps, streams):
    rows = Rows(np.arange(100.0)[:, None], np.arange(100) % 3, np.arange(100.0))
    ids = [np.random.default_rng(s).permutation(100)[:length] for s in range(streams)]
    feed = batches(rows, [Stream(i, seed=s) for s, i in enumerate(ids)], batch)
    chunks = copied(feed.epoch(0, steps))
    assert sum(chunk.steps for chunk in chunks) == feed.per_epoch
    for stream in range(streams):
        seen = torch.cat([chunk.x[:, stream, :, 0].flatten() for chunk in chunks]).numpy()
        assert sorted(seen) == sorted(ids[stream])
        labels = torch.cat(
            [chunk.target[:, stream].argmax(1).flatten() for chunk in chunks]
        ).numpy()
        np.testing.assert_array_equal(labels, seen.astype(int) % 3)
        weights = torch.cat([chunk.weight[:, stream].flatten() for chunk in chunks]).numpy()
        np.testing.assert_array_equal(weights, seen)


def test_members_that_share_a_stream_share_its_memory():
    rows, stream = table(LOSS), Stream(np.arange(40))
    (chunk, *_) = batches(rows, [stream] * 5).epoch(0, 2)
    assert chunk.x.shape == (2, 5, 16, 5)
    assert chunk.x.stride(1) == 0


def test_validation_rows_come_in_order_and_whole():
    rows = Rows(np.arange(100.0)[:, None], np.arange(100) % 3)
    stream = Stream(np.arange(50), np.arange(50, 100))
    chunks = copied(batches(rows, [stream]).judging(most=7))
    seen = torch.cat([chunk.x[0, 0, :, 0] for chunk in chunks])
    assert seen.tolist() == list(range(50, 100))


@pytest.mark.parametrize("kind", ["float", "pixels", "sparse"])
def test_rows_of_every_kind_are_the_same_numbers(kind):
    pixels = np.random.default_rng(0).integers(0, 17, (20, 6)).astype(np.uint8)
    wanted = np.c_[pixels / 16, np.ones(20)]
    x = {"float": pixels / 16, "pixels": pixels, "sparse": sparse.csr_array(pixels / 16)}[kind]
    rows = Rows(x, np.zeros(20), dtype=torch.float64, pixel_max=16)
    ids = torch.tensor([[3, 3], [0, 19]])
    np.testing.assert_allclose(rows.features(ids).numpy(), wanted[ids.numpy()], rtol=1e-12)
    assert kind != "pixels" or rows._table.numbers.dtype == torch.uint8


@given(rows=st.integers(4, 300), fraction=st.floats(0.05, 0.9), seed=st.integers(0, 5))
def test_a_split_is_a_partition_that_keeps_shares(rows, fraction, seed):
    strata, wanted = np.arange(rows) % 2, max(1, round(rows * fraction))
    if wanted >= rows:  # nothing would be left to train on
        with pytest.raises(DataError, match="cannot hold out"):
            split(rows, fraction, seed, strata=strata)
        return
    train, held = split(rows, fraction, seed, strata=strata)
    assert sorted([*train, *held]) == list(range(rows))
    assert len(held) == wanted
    if len(held) >= 2 and len(train) >= 2:
        assert abs(strata[held].mean() - 0.5) <= 0.5 / len(held) + 1e-9 + 0.5 / len(held)


def test_rare_classes_do_not_stop_a_split():
    strata = np.array([0] * 20 + [1])
    train, held = split(21, 0.1, 0, strata=strata)
    assert len(train) + len(held) == 21


def test_what_cannot_be_split():
    with pytest.raises(DataError, match="cannot hold out"):
        split(1, 0.5, 0)


def test_fractions():
    ids = np.arange(100, 200)
    few = fraction_of(ids, 0.1, seed=0, strata=ids % 2)
    assert len(few) == 10
    assert set(few) <= set(ids)
    assert (few % 2).sum() == 5
    np.testing.assert_array_equal(fraction_of(ids, 1.0, seed=0), ids)


def test_streams_that_cannot_share_a_stack():
    rows = table(LOSS)
    with pytest.raises(InputError, match="same number of training rows"):
        run([member(), member()], rows, [Stream(np.arange(20)), Stream(np.arange(30))])
    with pytest.raises(InputError, match="all members of a stack have validation rows"):
        run(
            [member(), member()],
            rows,
            [Stream(np.arange(20)), Stream(np.arange(20), np.arange(20, 30))],
        )
    with pytest.raises(InputError, match="3 members need as many streams"):
        run([member()] * 3, rows, [Stream(np.arange(20))] * 2)
    with pytest.raises(InputError, match="member 1 cannot share a stack"):
        run([member(), member(batch_size=3)], rows)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("float32", FLOAT64), ("bfloat16", FLOAT64), ("float64", torch.float32)],
)
def test_rows_of_another_type_than_the_weights_are_refused(precision, dtype):
    rows = Rows(np.ones((4, 3)), np.zeros(4, int), dtype=dtype)
    with pytest.raises(InputError, match=f"precision is '{precision}'.*expected Rows"):
        train([member()], rows, [Stream(np.arange(4))], precision=precision)


# --- augmentation ----------------------------------------------------------------------------

AUGMENT = (Rotation(20), Shift(1), Elastic(6, 1), Noise(), Mixup(0.5))


def pictures(rows=60) -> Rows:
    x = np.random.default_rng(0).random((rows, 20))
    return Rows(x, np.arange(rows) % 3, np.linspace(0.5, 1.5, rows), dtype=FLOAT64)


def augmented(seed=0, first=0, augment=AUGMENT, **options) -> Stream:
    train, held = np.arange(first, first + 35), np.arange(50, 60)
    return Stream(train, held, seed, augment=augment, image_shape=(4, 5), **options)


def test_training_rows_are_augmented_and_no_others():
    rows = pictures()
    plain, changed = batches(rows, [augmented(augment=())]), batches(rows, [augmented()])
    for before, after in zip(plain.judging(7), copied(changed.judging(7)), strict=True):
        assert torch.equal(before.x, after.x)
        assert torch.equal(before.target, after.target)
    pairs = zip(copied(plain.epoch(0, 2)), copied(changed.epoch(0, 2)), strict=True)
    for before, after in pairs:
        assert (before.x[..., :-1] != after.x[..., :-1]).any(-1).all()
        assert not torch.equal(before.target, after.target)
        torch.testing.assert_close(after.target.sum(2), torch.ones_like(after.target.sum(2)))


@given(steps=st.integers(1, 9), epoch=st.integers(0, 3))
def test_augmented_batches_do_not_depend_on_chunks_or_on_other_streams(steps, epoch):
    streams = [augmented(0), augmented(1, 5, (Rotation(9), Shift(2), *AUGMENT[2:]))]
    feed = batches(pictures(), streams, batch=8)  # four batches, and one of three rows
    together = copied(feed.epoch(epoch, 2))
    for s, stream in enumerate(streams):
        alone = copied(batches(pictures(), [stream], batch=8).epoch(epoch, steps))
        for name in ("x", "target", "weight"):
            ours = [getattr(chunk, name)[:, s].flatten() for chunk in together]
            theirs = [getattr(chunk, name)[:, 0].flatten() for chunk in alone]
            torch.testing.assert_close(torch.cat(ours), torch.cat(theirs), rtol=1e-12, atol=1e-12)


def test_each_epoch_augments_anew():
    stream = augmented(augment=(Noise(),), shuffle=False)
    feed = batches(pictures(), [stream], batch=50)
    first, second = (copied(feed.epoch(epoch, 1))[0].x[0, 0] for epoch in (0, 1))
    assert (first[:, :-1] != second[:, :-1]).all()


def test_augmented_training_alone_is_together_and_goes_on_where_it_paused():
    rows, streams = pictures(), [augmented(0), augmented(1, 5)]
    members = [
        member(network=mlp(20, (6,), 3, dropout=0.2), seed=k, batch_size=8) for k in range(2)
    ]
    together = run(members, rows, streams)
    resumed = run(members, rows, streams, resume=run(members, rows, streams, until=2))
    unchanged = run(members, rows, [augmented(0, augment=()), augmented(1, 5, ())])
    for k in range(2):
        alone = run([members[k]], rows, [streams[k]])
        np.testing.assert_allclose(
            parameters(alone, 0), parameters(together, k), rtol=1e-8, atol=1e-9
        )
        np.testing.assert_array_equal(parameters(resumed, k), parameters(together, k))
        assert not np.allclose(parameters(unchanged, k), parameters(together, k))


def test_augmentations_that_streams_cannot_share():
    rows = pictures()
    with pytest.raises(InputError, match="stream 1 cannot share a stack: its augmentations are"):
        batches(rows, [augmented(0), augmented(1, augment=(Shift(1),))])
    other = replace(augmented(1), image_shape=(5, 4))
    with pytest.raises(InputError, match=r"one image_shape; given \(4, 5\) and \(5, 4\)"):
        batches(rows, [augmented(0), other])
    with pytest.raises(HyperparameterError, match="'rotation' works on images and needs"):
        batches(rows, [replace(augmented(), image_shape=None)])
    with pytest.raises(HyperparameterError, match=r"makes 24 numbers a row, and rows have 20"):
        batches(rows, [replace(augmented(), image_shape=(4, 6))])
