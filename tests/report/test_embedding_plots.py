"""The curves of embedded columns in a report."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_regression

from wellfit import MLPRegressor
from wellfit.report.page.embeddings import embedding_plots
from wellfit.report.plotting.embedding import embedded_columns, embedded_values

X, Y = make_regression(80, 14, random_state=0)
TABLE = pd.DataFrame(X, columns=[f"<b>{at}</b>" for at in range(14)]).assign(town=list("ab") * 40)
NAMES = list(TABLE.columns)


@pytest.fixture(scope="module")
def model():
    """Two networks, of a fold each."""
    return MLPRegressor((8,), bagging=2, epochs=2, random_state=0).fit(TABLE, Y)


def test_the_first_dozen_embedded_columns_are_drawn_in_the_order_given(model):
    ranking = ["town", *NAMES[13::-1]]
    plots = list(embedding_plots(model, TABLE, ranking))
    assert [plot.title for plot in plots] == [f"Embedding of {name}" for name in ranking[1:13]]
    values, numbers = embedded_values(model, TABLE, ranking[1])
    for line, own in zip(plots[0].chart.lines, numbers.T, strict=True):
        assert line.label == ""
        np.testing.assert_allclose(line.x, values)
        np.testing.assert_allclose(line.y, own - own.mean(), atol=1e-6)
    assert len(plots[0].table.rows) == 12
    assert len(plots[0].table.head) == 1 + numbers.shape[1]


def test_without_an_embedding_there_is_nothing_to_draw():
    plain = MLPRegressor((8,), numeric_embedding=None, epochs=1, random_state=0).fit(X, Y)
    assert embedded_columns(plain) == []
    assert list(embedding_plots(plain, X, ["x0"])) == []
    assert list(embedding_plots(object(), X, ["x0"])) == []
