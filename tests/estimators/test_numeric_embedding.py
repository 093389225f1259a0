"""Embeddings of numeric columns, as estimators take them."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from stacked_folds import FOLDS, scores_alone, scores_of, stack_sizes

from wellfit import MLPClassifier, MLPRegressor, load_model, store
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.estimators import embedding as module
from wellfit.estimators.persistence import described, rebuilt
from wellfit.inference import read_numpy_model
from wellfit.model_selection import SearchCV
from wellfit.nn import NumericEmbedding, Periodic, PiecewiseLinear, PiecewiseWithJumps
from wellfit.transfer import MLPAutoencoder, Pretrained

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 24, (240, 3)).round(2)
Y = np.where(X[:, 0] % 6 < 3, 2.0, -1.0) + 0.1 * X[:, 1]
QUICK = {
    "hidden_layer_sizes": (8,),
    "epochs": 3,
    "random_state": 0,
    "early_stopping": False,
    "n_threads": 1,
}
KINDS = pytest.mark.parametrize("kind", ["piecewise_linear", "periodic"])


def fitted(rows=X, y=Y, numeric_embedding="piecewise_linear", **params):
    params = {**QUICK, "numeric_embedding": numeric_embedding, **params}
    return MLPRegressor(**params).fit(rows, y)


def embedding(model) -> NumericEmbedding:
    (found,) = (each for each in model.network_.layers if isinstance(each, NumericEmbedding))
    return found


def edges(model) -> np.ndarray:
    place = model.network_.layers.index(embedding(model))
    return model.network_.statistics[place].numpy()


@KINDS
def test_it_learns_what_jumps(kind):
    rows = np.random.default_rng(1).uniform(0, 24, (1500, 3))
    y = np.where(rows[:, 0] % 6 < 3, 2.0, -1.0)
    params = {"hidden_layer_sizes": (32,), "epochs": 12, "early_stopping": False}
    params |= {"random_state": 0, "n_threads": 1, "learning_rate": 0.01, "dropout": 0.0}
    scores = [
        MLPRegressor(numeric_embedding=each, **params).fit(rows[:1000], y[:1000]).score(
            rows[1000:], y[1000:]
        )
        for each in (None, kind)
    ]  # fmt: skip
    assert scores[1] > scores[0] + 0.1


def table(rows=240) -> pd.DataFrame:
    frame = pd.DataFrame({"hour": X[:rows, 0], "flat": 1.0, "two": X[:rows, 1] > 12})
    frame["switch"] = (X[:rows, 2] > 12).astype(float)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), unit="h")
    frame["gaps"] = np.where(np.arange(rows) % 9, X[:rows, 1], np.nan)
    frame["lasts"] = pd.to_timedelta(X[:rows, 2], unit="h")
    frame["town"] = np.resize(["Bern", "Ulm", "Rome"], rows)
    frame["empty"] = np.nan
    return frame


def test_only_numbers_of_three_values_are_embedded():
    model = fitted(table())
    names = model.network_.features.table.get_feature_names_out()
    assert list(names[list(embedding(model).columns)]) == ["hour", "gaps", "lasts"]
    assert edges(model).shape == (49, 3)
    assert np.isfinite(model.predict(table(7))).all()


def test_without_preprocessing_all_columns_are_numbers():
    model = fitted(preprocess=None)
    assert embedding(model).columns == (0, 1, 2)
    np.testing.assert_allclose(edges(model)[0], X.min(axis=0), rtol=1e-6)


def jumpy(rows=1500):
    """Columns of which the second has an effect of each of its values, and its target."""
    draw = np.random.default_rng(0)
    x = np.column_stack([draw.normal(size=rows), draw.integers(0, 60, rows)])
    return x, np.sin(x[:, 0]), draw.normal(size=60)[x[:, 1].astype(int)]


def test_a_network_has_numbers_of_bins_only_for_columns_that_jump(tmp_path):
    x, smooth, jumps = jumpy()
    plain = fitted(x, smooth, numeric_embedding="auto")
    assert embedding(plain) == PiecewiseLinear(columns=(0, 1))
    some = fitted(x, smooth + jumps, numeric_embedding="auto")
    assert embedding(some) == PiecewiseWithJumps(columns=(0, 1), jumping=(1,))
    for model in (plain, some):
        found = embedding(model)
        again = load_model(model.save(tmp_path / "model"))
        np.testing.assert_array_equal(again.predict(x), model.predict(x))
        # Training goes on with the same layer, whatever rows come then.
        for each in (model, again):
            each.set_params(warm_start=True, dropout=0.2).fit(x, smooth)
            assert embedding(each) == found
            assert embedding(each.partial_fit(x, jumps)) == found
        with pytest.raises(HyperparameterError, match="numeric_embedding is 'periodic', and"):
            model.set_params(numeric_embedding="periodic").fit(x, smooth)


@pytest.mark.usefixtures("jumps_everywhere")
def test_files_that_dont_say_which_columns_may_jump_have_numbers_for_all(tmp_path):
    rows = pd.DataFrame(X, columns=["a", "b", "c"])
    model = fitted(rows, Y, numeric_embedding="auto")
    document, arrays = described(model)
    (layer,) = (each for each in document["network"]["layers"] if "jumping" in each)
    assert layer.pop("jumping") == [0, 1, 2]
    again = rebuilt(document, {key: torch.as_tensor(each) for key, each in arrays.items()})
    assert embedding(again) == PiecewiseWithJumps(columns=(0, 1, 2))
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    quick = read_numpy_model(store.save(tmp_path / "model", document, arrays))
    np.testing.assert_allclose(quick.predict(rows), model.predict(rows), rtol=1e-5)


def test_folds_of_one_network_share_its_embedding():
    x, smooth, jumps = jumpy(300)
    model = fitted(x, smooth + jumps, numeric_embedding="auto", bagging=2)
    assert embedding(model).columns == (0, 1)
    assert model.network_.weights.members == 2


def test_columns_that_are_named_are_those():
    assert embedding(fitted(numeric_embedding=Periodic(columns=(1,)))).columns == (1,)
    with pytest.raises(HyperparameterError, match="hold 3, and there are 3 inputs"):
        fitted(numeric_embedding=Periodic(columns=(3,)))


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (np.ones((240, 2)) * [[1.0, 2.0]], "table"),
        (pd.DataFrame({"town": np.resize(["a", "b"], 240), "x": np.resize([0, 1], 240)}), "table"),
        (sparse.csr_array(X), "sparse"),
        (X.astype(np.uint8), "pixels"),
    ],
    ids=["constant", "two values", "sparse", "pixels"],
)
def test_no_numeric_column_is_an_error(rows, what):
    shape = {"image_shape": (1, 3)} if what == "pixels" else {}
    with pytest.raises(HyperparameterError, match=f"{what}.* no numeric column with more than tw"):
        fitted(rows, **shape)


def test_few_rows_and_wrong_names():
    assert np.isfinite(fitted(X[:4], Y[:4]).predict(X)).all()
    with pytest.raises(UnknownNameError, match="did you mean 'piecewise_linear'"):
        fitted(numeric_embedding="piecewise")
    with pytest.raises(HyperparameterError, match="numeric_embedding is 3; expected one of"):
        fitted(numeric_embedding=3)
    with pytest.raises(HyperparameterError, match="n_bins of numeric_embedding"):
        PiecewiseLinear(n_bins=1)


def test_its_own_parameters_are_reached():
    model = MLPRegressor(numeric_embedding="periodic").set_params(numeric_embedding__sigma=0.5)
    assert clone(model).numeric_embedding == Periodic(sigma=0.5)
    assert model.get_params()["numeric_embedding__n_frequencies"] == 16
    assert "numeric_embedding" not in MLPAutoencoder().get_params()


@pytest.mark.parametrize(
    "kind",
    [
        PiecewiseLinear(4, "relu", n_bins=6, bins="tree"),
        Periodic(3, n_frequencies=5, lr_multiplier=0.1),
    ],
    ids=repr,
)
def test_saved_models_predict_the_same_and_go_on(kind, tmp_path):
    model = fitted(table(), numeric_embedding=kind)
    again = load_model(model.save(tmp_path / "model"))
    assert again.numeric_embedding == kind
    np.testing.assert_array_equal(again.predict(table()), model.predict(table()))
    before = edges(model) if isinstance(kind, PiecewiseLinear) else None
    for each in (model, again):
        each.set_params(warm_start=True, epochs=1, random_state=0).fit(table()[::2], Y[::2])
        assert before is None or (edges(each) == before).all()
    np.testing.assert_allclose(again.predict(table()), model.predict(table()), rtol=1e-4)
    with pytest.raises(HyperparameterError, match="numeric_embedding is None, and the weights to"):
        model.set_params(numeric_embedding=None).fit(table(), Y)


def test_altered_edges_are_refused():
    document, arrays = described(fitted())
    tensors = {key: torch.as_tensor(value) for key, value in arrays.items()}
    tensors["statistics"] = tensors["statistics"].flip(0)
    with pytest.raises(InputError, match="the edges of numeric_embedding 'piecewise_linear' desc"):
        MLPRegressor.from_document(document, tensors)


def test_partial_fit_keeps_the_first_edges():
    model = MLPRegressor(**QUICK, numeric_embedding="piecewise_linear")
    model.partial_fit(X[:100], Y[:100])
    first = edges(model)
    model.partial_fit(X[100:], Y[100:])
    np.testing.assert_array_equal(edges(model), first)


def test_a_weight_is_a_number_of_rows():
    counts = RNG.integers(1, 4, 60)
    params = {"preprocess": None, "batch_size": 1000, "optimizer": "sgd", "shuffle": False}
    params |= {"precision": "float64", "dropout": 0.0}
    weighted = clone(fitted(**params)).fit(X[:60], Y[:60], sample_weight=counts)
    repeated = fitted(np.repeat(X[:60], counts, axis=0), np.repeat(Y[:60], counts), **params)
    np.testing.assert_array_equal(edges(weighted), edges(repeated))


@KINDS
def test_folds_and_candidates_share_a_stack(kind, monkeypatch):
    sizes = stack_sizes(monkeypatch)
    model = MLPRegressor(**QUICK, numeric_embedding=kind)
    space = {"numeric_embedding__lr_multiplier": [0.5, 1.0], "learning_rate": [0.001, 0.003]}
    search = SearchCV(model, space, cv=FOLDS, refit=False).fit(X, Y)
    assert sizes == [12]
    alone = scores_alone(model, search.cv_results_["params"][2], X, Y)
    np.testing.assert_allclose(scores_of(search, 2), alone, rtol=1e-3, atol=1e-4)


def test_candidates_with_and_without_one_are_searched_together():
    space = {"numeric_embedding": [None, "periodic", PiecewiseLinear(n_bins=8)]}
    search = SearchCV(MLPRegressor(**QUICK), space, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@KINDS
def test_an_embedding_is_transferred_with_its_layers(kind):
    source = fitted(numeric_embedding=kind, epochs=5)
    params = {**QUICK, "hidden_layer_sizes": (8,)}
    for given in (None, kind):
        taken = MLPRegressor(
            **params, pretrained=Pretrained(source, freeze=1), numeric_embedding=given
        ).fit(X[::2], -Y[::2])
        for name in ("parameters", "statistics"):
            theirs, ours = (getattr(each.network_, name)[:2] for each in (source, taken))
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    plain = MLPRegressor(**QUICK, numeric_embedding=None).fit(X, Y)
    with pytest.raises(HyperparameterError, match="the pretrained model has none"):
        MLPRegressor(
            **params, pretrained=Pretrained(plain), numeric_embedding=kind
        ).fit(X, Y)  # fmt: skip


def test_layers_may_hold_one():
    model = MLPClassifier(**{**QUICK, "hidden_layer_sizes": (3,)}, layers=[PiecewiseLinear(), 6])
    model.fit(X, Y > 0)
    assert edges(model).shape == (49, 3)
    assert edges(model)[0, 0] > -3


def test_three_values():
    rows = np.array([[1.0, 1, 1], [2.0, 1, 2], [3.0, 1, 1]])
    assert [module._has_three_values(column) for column in rows.T] == [True, False, False]


def test_a_wrong_kind_of_borrowed_rows_is_named():
    source = fitted()
    with pytest.raises(InputError, match="X has 2 columns"):
        MLPRegressor(**QUICK, pretrained=Pretrained(source)).fit(X[:, :2], Y)
