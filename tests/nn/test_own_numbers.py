"""Law: a number in which members differ is each member's own, in training and in predicting."""

import numpy as np
import pytest
import torch

from engine import every, label, member, parameters, run, table
from wellfit.nn import Activate, Layer, Network, Normal
from wellfit.nn.layers import Linear
from wellfit.training import load_checkpoint, predict, save_checkpoint


def numbers(config) -> dict[str, float]:
    config = config.varying() if isinstance(config, Layer) else config
    return {
        key: getattr(config, key)
        for key, declaration in type(config).hypers().items()
        if declaration.per_member
    }


def with_own(config, share: float) -> Layer:
    """A layer whose every number is a share of its default."""
    changed = config.replace(**{key: share * value for key, value in numbers(config).items()})
    return changed if isinstance(changed, Layer) else Activate(changed)


VARYING = [config for family in ("activation", "layer") for config in every(family)]
VARYING = [config for config in VARYING if numbers(config)]
X = np.random.default_rng(9).normal(size=(20, 4))


def trained(config, shares, seeds, epochs):
    members = [
        member(
            network=Network(4, (Linear(6), with_own(config, share), Linear(3))),
            seed=seed,
            epochs=epochs,
        )
        for share, seed, epochs in zip(shares, seeds, epochs, strict=True)
    ]
    return run(members, table(members[0].loss))


def answers(result) -> np.ndarray:
    return predict(result.weights(), X, lambda z: z.clone(), precision="float64")


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal but for rounding, which is all that a bias below batch norm learns from."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("config", VARYING, ids=label)
def test_members_with_their_own_numbers_are_as_alone(config):
    shares, epochs = [1.0, 0.6, 0.3], [3, 2, 4]
    together = trained(config, shares, range(3), epochs)
    for k in range(3):
        alone = trained(config, shares[k : k + 1], [k], epochs[k : k + 1])
        same(parameters(alone, 0), parameters(together, k))
        same(answers(alone)[0], answers(together)[k])
    document, tensors = save_checkpoint(together)
    loaded = load_checkpoint(together.members, document, tensors)
    np.testing.assert_array_equal(answers(loaded), answers(together))


@pytest.mark.parametrize("config", VARYING, ids=label)
def test_the_numbers_matter(config):
    twins = trained(config, [1.0, 0.5, 1.0], [0, 0, 0], [3, 3, 3])
    first, other, third = answers(twins)
    same(first, third)
    assert np.abs(first - other).max() > 1e-7


def test_initializers_may_differ_in_their_numbers():
    members = [
        member(
            network=Network(4, (Linear(50, Normal(std), Normal(10 * std)), Linear(3))), epochs=1
        )
        for std in (0.01, 0.1)
    ]
    blocks = [m.network.initial_parameters(seed=0)[0] for m in members]
    torch.testing.assert_close(10 * blocks[0], blocks[1])
    together = run(members, table(members[0].loss))
    alone = run(members[1:], table(members[0].loss))
    same(parameters(alone, 0), parameters(together, 1))
