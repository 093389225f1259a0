"""Conformance checks: the laws that algorithms of your own must obey, as functions.

Each check takes an object, trains small networks with it, and raises an ``AssertionError`` that
names the law where it is broken. They need no test framework::

    from wellfit.testing import check_optimizer

    def test_my_optimizer():
        check_optimizer(MyOptimizer())
"""

from wellfit.testing.activations import check_activation
from wellfit.testing.callbacks import check_callback
from wellfit.testing.configs import check_config
from wellfit.testing.optimizers import check_optimizer
from wellfit.testing.samplers import check_sampler

__all__ = [
    "check_activation",
    "check_callback",
    "check_config",
    "check_optimizer",
    "check_sampler",
]
