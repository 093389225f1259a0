"""What moves pixels, against NumPy, PyTorch's own affine grids and the paper's formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional as F

from engine import CPU, FLOAT64
from wellfit.augment import (
    Augmenter,
    Elastic,
    Examples,
    Rotation,
    Scale,
    Shear,
    Shift,
    augment_rows,
)
from wellfit.augment.base import AugmentContext, Image
from wellfit.augment.warping import Resampling
from wellfit.augment.warps import Waves


def image(height, width, channels=1, rows=1, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, height, width, channels))


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=FLOAT64)


def moved(images: np.ndarray, part, *u: float) -> np.ndarray:
    """Images (rows, h, w, c) warped by given numbers instead of random ones."""
    count, *shape = images.shape
    x = torch.tensor(np.c_[images.reshape(count, -1), np.ones(count)])[None, None]
    hypers = {key: number(value) for key, value in part.values() if not isinstance(value, bool)}
    where = part.matrix([number(value) for value in u], hypers)
    Resampling(Image(*shape), FLOAT64, CPU)(x, where.expand(1, 1, count, 3, 3))
    return x[0, 0, :, :-1].reshape(images.shape).numpy()


def rolled(picture: np.ndarray, right: int, down: int) -> np.ndarray:
    """NumPy's roll, with zeros for what comes round."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, [(height, height), (width, width), (0, 0)])
    return np.roll(padded, (down, right), (0, 1))[height : 2 * height, width : 2 * width]


@settings(max_examples=40)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 3),
    pixels=st.sampled_from([1, 2, 2.9, 12]),
    seed=st.integers(0, 99),
)
def test_a_whole_shift_is_numpys_roll_with_zeros(height, width, channels, pixels, seed):
    images, most = image(height, width, channels, rows=5), int(pixels)
    shape = (height, width, channels)
    seen = augment_rows(images.reshape(5, -1), Shift(pixels), shape, seed=seed)
    span = range(-most, most + 1)
    for before, after in zip(images, seen.reshape(images.shape), strict=True):
        possible = (rolled(before, right, down) for right in span for down in span)
        assert any(np.array_equal(after, one) for one in possible)


def test_a_whole_shift_is_the_same_copied_or_resampled():
    images = image(7, 6, rows=20).reshape(20, -1)
    copied = augment_rows(images, Shift(3), (7, 6), seed=1)
    resampled = augment_rows(images, (Shift(3), Rotation(0)), (7, 6), seed=1)
    np.testing.assert_allclose(copied, resampled, atol=1e-12)


def test_all_whole_shifts_are_equally_likely():
    dots = np.zeros((9000, 25))
    dots[:, 12] = 1
    counts = augment_rows(dots, Shift(1), (5, 5)).sum(0).reshape(5, 5)
    assert counts.sum() == 9000
    assert (np.abs(counts[1:4, 1:4] - 1000) < 5 * 30).all()  # five standard deviations


def test_chunks_of_fewer_batches_find_no_pixels_of_earlier_ones():
    at_work = Augmenter([(Shift(3),)], [0], (4, 4), 16, FLOAT64, CPU)
    no_target = torch.zeros(1, 1, 0, 2)
    at_work(Examples(torch.ones(3, 1, 2, 17, dtype=FLOAT64), no_target), step=0, most=3)
    dark = torch.zeros(1, 1, 2, 17, dtype=FLOAT64)
    at_work(Examples(dark, no_target), step=3, most=3)
    assert not dark.any()


@pytest.mark.parametrize("shape", [(8, 8), (7, 7)], ids=["even", "odd"])
@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2)])
def test_quarter_turns_are_numpys(shape, degrees, turns):
    images = image(*shape, channels=2, rows=3)
    for sign in (1, -1):
        wanted = np.rot90(images, sign * turns, axes=(1, 2))
        np.testing.assert_allclose(moved(images, Rotation(degrees), sign), wanted, atol=1e-12)


def test_images_that_are_not_square_turn_without_distortion():
    images = image(5, 7)
    np.testing.assert_allclose(moved(images, Rotation(180), 1), images[:, ::-1, ::-1], atol=1e-12)
    turned = moved(images, Rotation(90), 1)[0]
    wanted = np.zeros((5, 7, 1))
    wanted[:, 1:6] = np.rot90(images[0])[1:6]  # (7, 5), of which the middle stays in view
    np.testing.assert_allclose(turned, wanted, atol=1e-12)


def reference(images: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """PyTorch's own affine_grid and grid_sample; ``pull`` is in pixels from the middle."""
    pictures = torch.tensor(images).permute(0, 3, 1, 2)
    height, width = pictures.shape[2:]
    unit = np.diag([2 / width, 2 / height, 1])
    theta = torch.tensor((unit @ pull @ np.linalg.inv(unit))[None, :2]).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False).permute(0, 2, 3, 1).numpy()


def inverse_of_push(part, u: float) -> np.ndarray:
    """The textbook's matrix of where pixels go (y down), inverted."""
    if isinstance(part, Rotation):
        angle = np.deg2rad(part.degrees * u)
        push = [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    elif isinstance(part, Scale):
        factor = (1 + part.zoom) ** u
        push = np.diag([factor, factor, 1])
    elif isinstance(part, Shear):
        push = [[1, -np.tan(np.deg2rad(part.degrees * u)), 0], [0, 1, 0], [0, 0, 1]]
    else:
        push = [[1, 0, part.pixels * u], [0, 1, part.pixels * u], [0, 0, 1]]
    return np.linalg.inv(push)


AFFINE = [Rotation(30), Scale(0.5), Shear(20), Shift(1.5, whole=False)]


@pytest.mark.parametrize("part", AFFINE, ids=repr)
@pytest.mark.parametrize("u", [-0.8, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(9, 6, 1), (5, 5, 3)], ids=repr)
def test_a_warp_is_pytorchs(part, u, shape):
    images = image(*shape, rows=2)
    wanted = reference(images, inverse_of_push(part, u))
    np.testing.assert_allclose(moved(images, part, u, u), wanted, atol=1e-12)


def test_warps_in_a_row_are_one_resampling_by_the_composed_matrix():
    """One after another: the pixel goes through the first, then the second…"""
    images, parts = image(8, 6, channels=2, rows=4), tuple(AFFINE)
    at_work = Augmenter([parts], [7], (8, 6, 2), 96, FLOAT64, CPU)
    x = torch.tensor(np.c_[images.reshape(4, -1), np.ones(4)])[None, None]
    at_work(Examples(x, torch.zeros(1, 1, 0, 4)), step=5, most=1)
    (op,) = at_work._ops[4, 1]
    pulls = [affine.matrix(5, 1)[0, 0] for affine in op.affine]
    for row in range(4):
        pull = np.linalg.multi_dot([matrix[row].numpy() for matrix in pulls])
        wanted = reference(images[row : row + 1], pull)[0]
        seen = x[0, 0, row, :-1].reshape(8, 6, 2).numpy()
        np.testing.assert_allclose(seen, wanted, atol=1e-12)


def test_slanted_and_enlarged_where_the_words_say():
    dot = np.zeros((1, 9, 9, 1))
    dot[0, 2, 4] = 1  # two above the middle
    (slanted,) = np.argwhere(moved(dot, Shear(45), 1)[0, ..., 0] > 0.99)
    assert slanted.tolist() == [2, 6]  # two to the right, being two up
    (shrunk,) = np.argwhere(moved(dot, Scale(1), -1)[0, ..., 0] > 0.99)
    assert shrunk.tolist() == [3, 4]  # half as far from the middle


@pytest.mark.parametrize("keep", [True, False])
def test_width_and_height_grow_alike_only_if_told(keep):
    hypers = {"zoom": number(0.5)}
    found = Scale(0.5, keep_aspect=keep).matrix([number(0.5), number(-0.5)], hypers)
    assert (found[0, 0] == found[1, 1]) == keep


@pytest.mark.parametrize("part", [Shift(2), Rotation(40), Scale(0.4), Shear(30), Elastic(9, 1)])
def test_all_channels_of_a_colour_image_move_alike(part):
    gray = image(8, 9, rows=6)
    colour = np.concatenate([gray, gray / 2, 1 - gray], axis=3)
    seen = augment_rows(colour.reshape(6, -1), part, (8, 9, 3), seed=2).reshape(colour.shape)
    alone = augment_rows(gray.reshape(6, -1), part, (8, 9), seed=2).reshape(gray.shape)
    np.testing.assert_allclose(seen[..., :1], alone, atol=1e-12)
    np.testing.assert_allclose(seen[..., 1:2], alone / 2, atol=1e-12)
    inside = augment_rows(np.ones((6, 72)), part, (8, 9), seed=2).reshape(gray.shape)
    np.testing.assert_allclose(seen[..., 2:], inside - alone, atol=1e-12)


# --- elastic distortion ----------------------------------------------------------------------


def fields(alpha, sigma, batch=400, size=28) -> np.ndarray:
    """Displacements (rows, 2, height, width)."""
    part = Elastic(alpha, sigma)
    context = AugmentContext((0,), 0, batch, 1, size * size, Image(size, size, 1), FLOAT64, CPU)
    return Waves([part], context)(step=0, steps=1)[0, 0].numpy()


def test_the_field_is_smoothed_noise_as_in_the_paper():
    """Correlations with the pixel in the middle, and variance, are those of Simard's field."""
    ours = fields(alpha=34, sigma=4, batch=3000)
    impulse = np.zeros((57, 57))
    impulse[28, 28] = 1
    kernel = ndimage.gaussian_filter(impulse, 4, mode="constant", truncate=6)
    variance = 34**2 * (kernel**2).sum() / 3  # of uniform noise in ±1
    covariance = 34**2 / 3 * ndimage.correlate(kernel, kernel, mode="constant")
    middle = ours[:, :, 14:15, 14:15]
    measured = (middle * ours).mean((0, 1))
    assert abs(measured[14, 14] - variance) < 0.1 * variance
    wanted = covariance[28 - 6 : 28 + 7, 28 - 6 : 28 + 7]
    np.testing.assert_allclose(measured[8:21, 8:21], wanted, atol=0.1 * variance)


def test_the_field_has_no_preferred_direction():
    ours = fields(alpha=20, sigma=4)
    error = ours.std() * np.sqrt(1 / 800 * 10)  # some ten pixels move as one
    assert abs(ours.mean()) < 4 * error
    across, down = ours[:, 0], ours[:, 1]
    assert abs((across * down).mean()) < 0.2 * ours.var()


def test_the_field_is_smooth():
    steps = [np.diff(fields(20, sigma), axis=3).std() for sigma in (1.0, 4.0)]
    spread = fields(20, 4.0).std()
    assert steps[1] < 0.35 * spread  # neighbours differ by about 1/σ of it
    assert steps[0] > 5 * steps[1]


def test_distortion_grows_with_alpha():
    weak, strong = fields(10, 4, batch=3), fields(30, 4, batch=3)
    np.testing.assert_allclose(strong, 3 * weak, rtol=1e-12)


def test_a_distorted_image_is_read_where_the_field_says():
    images = np.repeat(image(8, 8), 4, axis=0).reshape(4, -1)
    distorted = augment_rows(images, (Rotation(0), Elastic(12, 2)), (8, 8), seed=4)
    context = AugmentContext((4,), 1, 4, 1, 64, Image(8, 8, 1), FLOAT64, CPU)
    field = Waves([Elastic(12, 2)], context)(step=0, steps=1)
    rows = np.arange(8.0)
    for row in range(4):
        across, down = field[0, 0, row].numpy()
        where = [rows[:, None] + down, rows[None, :] + across]
        wanted = ndimage.map_coordinates(
            np.pad(images[row].reshape(8, 8), 4), [part + 4 for part in where], order=1
        )
        np.testing.assert_allclose(distorted[row].reshape(8, 8), wanted, atol=1e-12)
