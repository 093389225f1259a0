"""Embeddings of categories, as estimators take them."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from stacked_folds import FOLDS, scores_alone, scores_of, stack_sizes

from wellfit import MLPClassifier, MLPEnsembleRegressor, MLPRegressor, load_model
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.estimators.persistence import described
from wellfit.model_selection import SearchCV
from wellfit.nn import EntityEmbedding, PiecewiseLinear
from wellfit.preprocessing import TablePreprocessor
from wellfit.transfer import MLPAutoencoder, Pretrained, SiamesePretraining

RNG = np.random.default_rng(0)
ROWS = 300
LEVELS = 25
CODES = RNG.integers(0, LEVELS, ROWS)
EFFECT = RNG.normal(size=LEVELS)
X = pd.DataFrame(
    {
        "town": np.array([f"t{code:02}" for code in CODES]),
        "size": RNG.normal(size=ROWS),
        "few": RNG.choice(list("abc"), ROWS),
        "hour": RNG.integers(0, 24, ROWS),
        "trade": np.array([f"b{code}" for code in RNG.integers(0, 12, ROWS)]),
    }
)
Y = EFFECT[CODES] + 0.3 * X["size"].to_numpy()
ENTITY = EntityEmbedding(min_levels=10)
QUICK = {"hidden_layer_sizes": (8,), "epochs": 3, "random_state": 0, "early_stopping": False}
QUICK |= {"categorical_embedding": ENTITY}
AUTO = {**QUICK, "categorical_embedding": "auto"}


def fitted(rows=X, y=Y, **params):
    return MLPRegressor(**{**QUICK, **params}).fit(rows, y)


def embedding(model):
    layers = [each for each in model.network_.layers if isinstance(each, EntityEmbedding)]
    return layers[0] if layers else None


def names(model):
    return list(model.network_.features.table.get_feature_names_out())


def test_many_levels_are_codes_and_few_are_columns():
    model = fitted()
    assert names(model) == ["size", "hour", "few_a", "few_b", "few_c", "town", "trade"]
    assert embedding(model) == ENTITY.replace(levels=(28, 14))  # two more than levels, rounded
    assert model.network_.layers[0] is embedding(model)
    assert embedding(fitted(categorical_embedding=None)) is None
    for given in ("auto", "entity"):
        assert embedding(fitted(X[["size", "few"]], categorical_embedding=given)) is None
    assert embedding(fitted(categorical_embedding=EntityEmbedding(min_levels=13))).levels == (28,)
    small = EntityEmbedding(3, min_levels=3)
    assert embedding(fitted(categorical_embedding=small)) == small.replace(levels=(28, 5, 14))


def test_it_tells_more_levels_apart_than_columns_can():
    draw = np.random.default_rng(1)
    codes = draw.integers(0, 400, 4000)
    rows = pd.DataFrame({"town": [f"t{code}" for code in codes], "x": draw.normal(size=4000)})
    y = draw.normal(size=400)[codes] + 0.3 * rows["x"]
    params = {"hidden_layer_sizes": (32,), "epochs": 15, "learning_rate": 0.01}
    scores = []
    for given in (None, "auto"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model = fitted(rows[:3000], y[:3000], categorical_embedding=given, **params)
        scores.append(model.score(rows[3000:], y[3000:]))
    assert scores[1] > scores[0] + 0.2


def test_what_is_cut_off_is_said():
    rows = pd.DataFrame({"town": np.resize([f"t{code}" for code in range(150)], 450)})
    y = np.arange(450.0)
    with pytest.warns(UserWarning, match="'town' has 150 frequent levels: the 99 most frequent"):
        fitted(rows, y, categorical_embedding=None)
    assert fitted(rows, y).network_.features.code_counts == (152,)
    given = TablePreprocessor(max_categories=20)  # asked for: nothing to be said
    assert fitted(rows, y, preprocess=given).network_.features.code_counts == (21,)
    with pytest.warns(UserWarning, match="11,000 frequent levels: the 9,999 most frequent"):
        model = fitted(
            pd.DataFrame({"id": np.repeat(np.arange(11000), 2).astype(str)}),
            np.arange(22000.0),
            epochs=1,
        )
    assert embedding(model).levels == (10240,)


def test_unseen_rare_and_missing_levels_have_places():
    rows, y = X.copy(), Y.copy()
    rows.loc[0, "town"], rows.loc[1, "town"] = "rare", None
    model = fitted(rows, y)
    table = model.network_.features.table
    codes = table.transform(rows[:3])[:, -2]
    assert codes[:2].tolist() == [0, 1]
    assert codes[2] >= 2
    new = rows[:3].assign(town=["unheard of", None, "t03"])
    assert table.transform(new)[:, -2].tolist()[:2] == [0, 1]
    np.testing.assert_array_equal(
        model.predict(new.assign(town="a")), model.predict(new.assign(town="b"))
    )


def test_an_identifier_a_missing_column_and_nothing_else():
    rows = pd.DataFrame({"id": [f"i{k}" for k in range(ROWS)], "none": np.nan, "x": X["size"]})
    model = fitted(rows.astype({"none": object}))
    assert embedding(model) is None  # no level has two rows
    assert np.isfinite(model.predict(rows[:5])).all()
    alone = fitted(X[["town"]])
    assert names(alone) == ["town"]
    assert np.isfinite(alone.predict(X[["town"]])).all()


@pytest.mark.parametrize(
    "rows",
    [
        X[["size", "hour"]],
        X[["size", "hour"]].to_numpy(),
        sparse.csr_array(X[["size", "hour"]].to_numpy()),
        RNG.integers(0, 255, (ROWS, 64)).astype(np.uint8),
    ],
    ids=["numbers", "matrix", "sparse", "pixels"],
)
def test_asked_for_without_categories_is_an_error(rows):
    shape = {"image_shape": (8, 8)} if getattr(rows, "dtype", None) == np.uint8 else {}
    fitted(rows, categorical_embedding="auto", **shape)
    with pytest.raises(HyperparameterError, match="has no column of text or categories; exp"):
        fitted(rows, categorical_embedding="entity", **shape)
    with pytest.raises(HyperparameterError, match="encoded as raw, has no column of text"):
        fitted(X[["size", "hour"]].to_numpy(), categorical_embedding="entity", preprocess=None)


def test_wrong_values():
    with pytest.raises(UnknownNameError, match="did you mean 'entity'"):
        fitted(categorical_embedding="entitty")
    with pytest.raises(HyperparameterError, match="categorical_embedding is 3; expected one of"):
        fitted(categorical_embedding=3)


def test_rows_that_are_mixed_have_no_codes():
    model = MLPClassifier(**AUTO, augment="mixup").fit(X, Y > 0)
    assert embedding(model) is None
    with pytest.raises(HyperparameterError, match="augment changes rows"):
        MLPClassifier(**QUICK, augment="mixup").fit(X, Y > 0)


def test_noise_leaves_codes_as_they_are():
    model = fitted(input_noise=5.0, input_dropout=0.5, numeric_embedding="piecewise_linear")
    kinds = [layer.name for layer in model.network_.layers]
    assert kinds[:5] == ["entity", "dropout", "gaussian_noise", "piecewise_linear", "linear"]
    counts = torch.bincount(torch.as_tensor(CODES) + 2, minlength=28)
    start = ENTITY.replace(std=0.0, unknown_rate=0.0)
    moved = fitted(input_noise=5.0, input_dropout=0.5, categorical_embedding=start, epochs=1)
    rows = moved.network_.parameters[0][:28]
    assert ((rows != 0).any(1) == (counts > 0)).all()


def test_unseen_levels_are_predicted_by_what_hidden_codes_learn():
    y = EFFECT[CODES] ** 2  # towns differ, and their mean isn't that of a town near 0
    errors = []
    for rate in (0.0, 0.3):
        layer = ENTITY.replace(unknown_rate=rate)
        model = fitted(y=y, categorical_embedding=layer, epochs=60, hidden_layer_sizes=(32,))
        errors.append(abs(model.predict(X.assign(town="unheard of")).mean() - y.mean()))
    assert errors[1] < errors[0] / 4


def test_a_minimizer_reads_all_codes():
    losses = []
    for rate in (0.0, 0.9):
        layer = ENTITY.replace(unknown_rate=rate)
        model = fitted(optimizer="lbfgs", epochs=5, categorical_embedding=layer)
        losses.append(model.history_["loss"])
    np.testing.assert_array_equal(*losses)
    assert losses[0][-1] < losses[0][0]


def test_frozen_layers_read_all_codes():
    source = fitted()
    for freeze in (0, 1):
        taken = fitted(pretrained=Pretrained(source, freeze=freeze), epochs=1)
        assert embedding(taken).unknown_rate == (0 if freeze else 0.3)


def test_it_composes_with_an_embedding_of_numbers():
    model = fitted(numeric_embedding="piecewise_linear")
    entity, numeric = model.network_.layers[:2]
    assert isinstance(entity, EntityEmbedding)
    assert isinstance(numeric, PiecewiseLinear)
    assert numeric.columns == (0, 1)
    least = model.network_.features.encode(X, np.dtype(np.float32))[:, 1].min()
    assert model.network_.statistics[1][0, 1] == pytest.approx(least)


@pytest.mark.parametrize("numeric", [None, "piecewise_linear"])
def test_saved_models_predict_the_same_and_go_on(numeric, tmp_path):
    model = fitted(
        numeric_embedding=numeric, categorical_embedding=ENTITY.replace(size=4, std=0.2)
    )
    again = load_model(model.save(tmp_path / "model"))
    assert again.categorical_embedding == model.categorical_embedding
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    for each in (model, again):
        each.set_params(warm_start=True, epochs=1, random_state=0).fit(X[::2], Y[::2])
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-4, atol=1e-6)
    model.set_params(categorical_embedding=ENTITY.replace(size=5))
    with pytest.raises(HyperparameterError, match="the weights to go on from were"):
        model.fit(X, Y)


def test_altered_codes_are_refused():
    document, arrays = described(fitted())
    tensors = {key: torch.as_tensor(value) for key, value in arrays.items()}
    document["network"]["layers"][0]["levels"] = [10**9, 14]
    with pytest.raises(InputError):
        MLPRegressor.from_document(document, tensors)


def test_batches_keep_the_first_codes():
    model = MLPRegressor(**QUICK).partial_fit(X[:150], Y[:150])
    codes = model.network_.features.code_counts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.partial_fit(X[150:], Y[150:])
    assert model.network_.features.code_counts == codes
    ready = MLPRegressor(**QUICK).fit_preprocessing(X, Y).partial_fit(X[:50], Y[:50])
    assert ready.network_.features.code_counts == (27, 14)


def test_its_own_parameters_are_reached():
    model = MLPRegressor(categorical_embedding="entity").set_params(categorical_embedding__size=3)
    assert clone(model).categorical_embedding == EntityEmbedding(3)
    assert "categorical_embedding" not in MLPAutoencoder().get_params()


def test_folds_share_a_stack(monkeypatch):
    sizes = stack_sizes(monkeypatch)
    rows = X.copy()
    rows.loc[:1, "town"] = "only in the first fold"
    model = MLPRegressor(**QUICK)
    search = SearchCV(model, {"learning_rate": [0.001, 0.003]}, cv=FOLDS, refit=False)
    search.fit(rows, Y)
    assert sizes == [6]
    alone = scores_alone(model, search.cv_results_["params"][1], rows, Y)
    np.testing.assert_allclose(scores_of(search, 1), alone, rtol=1e-3, atol=1e-4)


def test_candidates_with_and_without_one_are_searched_together():
    space = {"categorical_embedding": [None, "entity", EntityEmbedding(2, min_levels=20)]}
    search = SearchCV(MLPRegressor(**QUICK), space, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    ensemble = MLPEnsembleRegressor(MLPRegressor(**QUICK), n_estimators=2).fit(X, Y)
    assert np.isfinite(ensemble.predict(X)).all()


@pytest.mark.parametrize("given", ["auto", "entity", None])
def test_it_is_transferred_with_its_layers(given):
    source = fitted(numeric_embedding="periodic", epochs=5)
    taken = fitted(
        X[::2], -Y[::2], pretrained=Pretrained(source, freeze=1), categorical_embedding=given,
        input_noise=0.1,
    )  # fmt: skip
    kinds = [layer.name for layer in taken.network_.layers]
    assert kinds[:4] == ["entity", "gaussian_noise", "periodic", "linear"]
    at_work = [taken.network_.parameters[place] for place in taken.network_.at_work]
    for theirs, ours in zip(source.network_.parameters[:3], at_work, strict=False):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    plain = fitted(categorical_embedding=None)
    with pytest.raises(HyperparameterError, match="the pretrained model has none"):
        fitted(pretrained=Pretrained(plain), categorical_embedding="entity")
    assert names(fitted(pretrained=Pretrained(plain), categorical_embedding="auto")) == names(
        plain
    )


def test_pretraining_reads_columns():
    coder = MLPAutoencoder((4,), epochs=1, random_state=0).fit(X)
    model = fitted(
        pretrained=Pretrained(coder), hidden_layer_sizes=(4, 4), categorical_embedding="auto"
    )
    assert embedding(model) is None
    siamese = SiamesePretraining((4,), epochs=1, random_state=0).fit(X, Y > 0)
    assert siamese.transform(X).shape == (ROWS, 4)


def test_a_weight_is_a_number_of_rows():
    counts = RNG.integers(0, 3, 80)
    params = {"batch_size": 1000, "optimizer": "sgd", "shuffle": False, "precision": "float64"}
    params |= {"dropout": 0.0, "preprocess": TablePreprocessor(min_frequency=1)}
    weighted = MLPRegressor(**{**QUICK, **params}).fit(X[:80], Y[:80], sample_weight=counts)
    rows, y = X[:80].loc[np.repeat(np.arange(80), counts)], np.repeat(Y[:80], counts)
    repeated = fitted(rows, y, **params)
    assert weighted.network_.features.code_counts == repeated.network_.features.code_counts


def test_settings_by_name_reach_into_auto():
    model = MLPRegressor()
    assert model.get_params()["categorical_embedding__size"] == 8
    assert model.set_params(categorical_embedding__size=8).categorical_embedding == "auto"
    model.set_params(categorical_embedding__size=4, categorical_embedding__min_levels=13)
    assert model.categorical_embedding == EntityEmbedding(4, min_levels=13)
    assert (
        embedding(fitted(**{**AUTO, "categorical_embedding": model.categorical_embedding})).size
        == 4
    )
    with pytest.raises(UnknownNameError, match="did you mean 'size'"):
        MLPRegressor().set_params(categorical_embedding__sise=4)
    with pytest.raises(HyperparameterError, match="categorical_embedding is None"):
        MLPRegressor(categorical_embedding=None).set_params(categorical_embedding__size=4)
