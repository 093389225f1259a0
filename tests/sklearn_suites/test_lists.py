"""The lists of excused and of slow tests name tests that exist."""

import test_sklearn_halving
import test_sklearn_mlp
import test_sklearn_search
from borrowed import NOT_PROMISED, SLOW


def test_what_is_listed_exists():
    there = {
        name
        for module in (test_sklearn_halving, test_sklearn_mlp, test_sklearn_search)
        for name in vars(module)
    }
    assert {name.partition("[")[0] for name in [*NOT_PROMISED, *SLOW]} <= there
