"""Laws of all augmentations: alone = together, whatever the chunks; strength 0 = no change."""

import itertools

import numpy as np
import pytest
import torch

from engine import CPU, FLOAT64, every, label
from wellfit.augment import (
    Augmenter,
    Brightness,
    Contrast,
    Elastic,
    Erasing,
    Examples,
    Mixup,
    Noise,
    Rotation,
    Scale,
    Shear,
    Shift,
    augment_rows,
    augmentations,
)
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import from_dict

SHAPE = (7, 6, 2)
D = 84
EVERY = every("augmentation")
OFF = {
    "brightness": Brightness(0),
    "contrast": Contrast(0),
    "elastic": Elastic(alpha=0),
    "erasing": Erasing(probability=0),
    "mixup": Mixup(0),
    "noise": Noise(0),
    "rotation": Rotation(0),
    "scale": Scale(0),
    "shear": Shear(0),
    "shift": Shift(0),
}
COMBINATIONS = [
    *((part,) for part in EVERY),
    (Rotation(20), Shift(1), Scale(0.2)),
    (Shift(1), Elastic(9, 1), Shear(10), Erasing(), Noise(), Mixup(1)),
    (Scale(0.2, keep_aspect=False), Shift(1.5, whole=False)),
    (Contrast(), Brightness(0.3), Contrast(0.1), Shift(1)),
]


def names(parts) -> str:
    return "-".join(label(part) for part in parts)


def examples(steps: int, streams: int, batch: int = 8, features: int = D) -> Examples:
    """Rows of which no two are alike, with targets that are distributions, and weights."""
    draw = torch.Generator().manual_seed(steps + 10 * streams)
    x = torch.rand(steps, streams, batch, features + 1, generator=draw, dtype=FLOAT64)
    x[..., -1] = 1
    target = torch.rand(steps, streams, 3, batch, generator=draw, dtype=FLOAT64)
    target = (target == target.amax(2, keepdim=True)).to(FLOAT64)
    weight = 0.5 + torch.rand(steps, streams, 1, batch, generator=draw, dtype=FLOAT64)
    return Examples(x, target, weight)


def part_of(given: Examples, steps: slice, streams: slice) -> Examples:
    return Examples(
        *(tensor[steps, streams].clone() for tensor in (given.x, given.target, given.weight))
    )


def augmenter(pipelines, seeds, shape=SHAPE, features=D) -> Augmenter:
    return Augmenter(pipelines, seeds, shape, features, FLOAT64, CPU)


def halved(parts):
    """The same augmentations, all their numbers half as large."""
    changed = []
    for part in parts:
        numbers = [key for key, declared in part.hypers().items() if declared.per_member]
        changed.append(part.replace(**{key: getattr(part, key) / 2 for key in numbers}))
    return tuple(changed)


def same(ours: Examples, theirs: Examples) -> None:
    for name in ("x", "target", "weight"):
        torch.testing.assert_close(
            getattr(ours, name), getattr(theirs, name), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("parts", COMBINATIONS, ids=names)
def test_alone_is_together(parts):
    given, pipelines, seeds = examples(4, 3), [parts, halved(parts), parts], [5, 6, 7]
    together = part_of(given, slice(None), slice(None))
    augmenter(pipelines, seeds)(together, step=10, most=4)
    assert not torch.equal(together.x, given.x)
    for s in range(3):
        alone = part_of(given, slice(None), slice(s, s + 1))
        augmenter([pipelines[s]], [seeds[s]])(alone, step=10, most=4)
        same(alone, part_of(together, slice(None), slice(s, s + 1)))


@pytest.mark.parametrize("parts", COMBINATIONS, ids=names)
def test_chunks_of_any_size_are_the_same_batches(parts):
    given = examples(7, 2)
    whole = part_of(given, slice(None), slice(None))
    augmenter([parts, halved(parts)], [1, 2])(whole, step=3, most=7)
    at_work = augmenter([parts, halved(parts)], [1, 2])
    for first, last in itertools.pairwise((0, 3, 6, 7)):
        chunk = part_of(given, slice(first, last), slice(None))
        at_work(chunk, step=3 + first, most=3)
        same(chunk, part_of(whole, slice(first, last), slice(None)))


@pytest.mark.parametrize("part", EVERY, ids=label)
def test_steps_seeds_and_places_have_their_own_numbers(part):
    def result(seed, step, ahead=()):
        now = part_of(given, slice(None), slice(None))
        augmenter([(*ahead, part)], [seed])(now, step, most=1)
        return now.x

    given = examples(1, 1)
    first = result(0, 0)
    assert torch.equal(first, result(0, 0))
    assert not torch.equal(first, result(1, 0))
    assert not torch.equal(first, result(0, 1))
    assert not torch.equal(first, result(0, 0, ahead=(Noise(0),)))


@pytest.mark.parametrize("part", EVERY, ids=label)
def test_the_column_of_ones_stays(part):
    given = examples(2, 1)
    augmenter([(part,)], [0])(given, step=0, most=2)
    assert (given.x[..., -1] == 1).all()


@pytest.mark.parametrize("name", [part.name for part in EVERY])
def test_strength_zero_is_no_change(name):
    given = examples(2, 1)
    now = part_of(given, slice(None), slice(None))
    augmenter([(OFF[name],)], [0])(now, step=4, most=2)
    same(now, given)


UNCLIPPED = ("noise", "brightness", "contrast")


@pytest.mark.parametrize("part", [part for part in EVERY if part.name not in UNCLIPPED], ids=label)
def test_values_stay_within_their_range(part):
    given = examples(2, 1)
    given.x[..., :-1] = given.x[..., :-1].round()  # as much contrast as there can be
    augmenter([(part,)], [0])(given, step=4, most=2)
    assert given.x.min() >= -1e-12
    assert given.x.max() <= 1 + 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("part", EVERY, ids=label)
def test_float32_is_float64_but_for_rounding(part, dtype):
    given = examples(2, 1)
    exact = part_of(given, slice(None), slice(None))
    augmenter([(part,)], [0])(exact, step=4, most=2)
    now = Examples(given.x.to(dtype), given.target.to(dtype))
    Augmenter([(part,)], [0], SHAPE, D, dtype, CPU)(now, step=4, most=2)
    assert now.x.dtype == now.target.dtype == dtype
    torch.testing.assert_close(now.x.double(), exact.x, rtol=1e-5, atol=2e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("parts", COMBINATIONS, ids=names)
def test_gpu_is_cpu(parts):
    given = examples(2, 2)
    host = part_of(given, slice(None), slice(None))
    augmenter([parts, halved(parts)], [0, 1])(host, step=4, most=2)
    device = torch.device("cuda")
    now = Examples(given.x.to(device), given.target.to(device), given.weight.to(device))
    at_work = Augmenter([parts, halved(parts)], [0, 1], SHAPE, D, FLOAT64, device)
    at_work(now, step=4, most=2)
    same(Examples(now.x.cpu(), now.target.cpu(), now.weight.cpu()), host)


@pytest.mark.parametrize("part", EVERY, ids=label)
def test_plain_data_and_back(part):
    changed = halved((part,))[0]
    assert from_dict(type(changed), changed.to_dict()) == changed


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("part", EVERY, ids=label)
def test_what_moves_pixels_needs_to_know_where_they_are(part):
    if part.needs_image:
        message = rf"'{part.name}' .* needs image_shape: .* 784 features; \(28, 28\) would fit"
        with pytest.raises(HyperparameterError, match=message):
            augmenter([(part,)], [0], shape=None, features=784)
    else:
        given = examples(1, 1, features=5)
        before = given.x.clone()
        augmenter([(part,)], [0], shape=None, features=5)(given, step=0, most=1)
        assert not torch.equal(given.x, before)


@pytest.mark.parametrize(
    ("shape", "features", "message"),
    [
        ((28, 29), 784, r"\(28, 29\) makes 812 numbers a row, .* 784 features; \(28, 28\)"),
        ((5, 5), 75, r"25 numbers a row, and rows have 75 features; \(5, 5, 3\) would fit"),
        ((5, 5), 7, r"and rows have 7 features$"),
        ((784,), 784, r"is \(784,\); expected \(height, width\) or"),
        (784, 784, r"is 784; expected \(height, width\) or"),
        ((-28, -28), 784, r"expected \(height, width\) or"),
        ((28.0, 28), 784, r"expected \(height, width\) or"),
    ],
)
def test_shapes_that_do_not_fit(shape, features, message):
    with pytest.raises(HyperparameterError, match=message):
        augmenter([(Shift(),)], [0], shape=shape, features=features)


@pytest.mark.parametrize(
    "other", [(), (Rotation(),), (Shift(whole=False),), (Shift(), Shift())], ids=repr
)
def test_streams_whose_augmentations_differ_in_more_than_numbers(other):
    with pytest.raises(InputError, match="stream 1 cannot share a stack"):
        augmenter([(Shift(),), other], [0, 1])


def test_settings_that_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'rotation'"):
        augmentations(["shift", "rotate"])
    with pytest.raises(HyperparameterError, match=r"smallest .* is 0.5; expected at most largest"):
        Erasing(smallest=0.5)
    with pytest.raises(HyperparameterError, match=r"expected a number in \[0, 1\]"):
        Erasing(probability=1.5)
    with pytest.raises(HyperparameterError, match="augmentation is 3; expected one of"):
        augmentations([3])


def test_ways_to_name_augmentations():
    wanted = (Shift(1.0), Noise())
    assert augmentations([{"name": "shift", "pixels": 1.0}, "noise"]) == wanted
    assert augmentations(wanted) == wanted
    assert augmentations(wanted[0]) == augmentations({"name": "shift", "pixels": 1.0})
    assert augmentations(None) == augmentations(()) == ()


def test_augmented_copies_are_those_of_training():
    given = examples(1, 1)
    x = given.x[0, 0, :, :-1].numpy().copy()
    parts = (Rotation(), Elastic(9, 1), Mixup(1))
    seen = augment_rows(x, parts, SHAPE, seed=3, step=9)
    augmenter([parts], [3])(given, step=9, most=1)
    np.testing.assert_array_equal(seen, given.x[0, 0, :, :-1].numpy())
    np.testing.assert_array_equal(x, examples(1, 1).x[0, 0, :, :-1].numpy())  # a copy


def test_augmented_copies_of_bytes():
    pixels = np.full((2, 4), 51, np.uint8)
    seen = augment_rows(pixels, None)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, 0.2, rtol=1e-6)
