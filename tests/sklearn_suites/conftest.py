"""Which of scikit-learn's own tests don't apply to wellfit's classes, and why."""

from __future__ import annotations

import pytest
import sklearn
from borrowed import NOT_PROMISED, SLOW


def pytest_configure(config: pytest.Config) -> None:
    """Know scikit-learn's own mark."""
    config.addinivalue_line("markers", "thread_unsafe: scikit-learn's, of tests in threads")


@pytest.fixture
def global_random_seed() -> int:
    """Return scikit-learn's default."""
    return 42


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Excuse what is listed: strictly, so that a test that passes can't stay on the list."""
    for item in items:
        if item.path.parent.name != "sklearn_suites":
            continue
        if not sklearn.__version__.startswith("1.9."):
            item.add_marker(pytest.mark.skip(reason="the list is of scikit-learn 1.9's tests"))
        name = item.name.partition("[")[0]
        reason = NOT_PROMISED.get(item.name, NOT_PROMISED.get(name))
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if name in SLOW:
            item.add_marker(pytest.mark.heavy)
        item.add_marker(pytest.mark.filterwarnings("ignore"))  # they bring filters of their own
