"""Preprocessors as values of the estimators' parameter ``preprocess``."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from wellfit import MLPClassifier, MLPEnsembleClassifier, load_model
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.model_selection import SearchCV
from wellfit.preprocessing import TablePreprocessor
from wellfit.transfer import Pretrained, RBMPretraining

RNG = np.random.default_rng(0)
X = pd.DataFrame({"size": np.exp(RNG.normal(size=120)), "town": RNG.choice(list("abcdef"), 120)})
Y = (np.log(X["size"]) + X["town"].isin(list("abc")) > 0.5).astype(int)
QUICK = {
    "hidden_layer_sizes": (8,),
    "numeric_embedding": None,
    "epochs": 2,
    "random_state": 0,
    "early_stopping": False,
}
OTHER = TablePreprocessor("quantile", max_categories=3)


def fitted(preprocess=OTHER, rows=X, **params):
    return MLPClassifier(**{**QUICK, **params}, preprocess=preprocess).fit(rows, Y)


def columns_of(model):
    return list(model.network_.features.table.get_feature_names_out())


def test_its_settings_encode_and_it_stays_as_it_is():
    given = clone(OTHER)
    model = fitted(given)
    assert columns_of(model) == columns_of_table(OTHER)
    assert model.network_.features.table.numeric == "quantile"
    assert model.preprocess is given
    assert not hasattr(given, "kinds_")
    assert repr(given) == repr(OTHER)


def columns_of_table(table):
    return list(clone(table).fit(X).get_feature_names_out())


def test_rows_are_encoded_as_by_a_transformer_in_front():
    ahead = clone(OTHER).fit(X)
    alone = fitted(None, ahead.transform(X))
    np.testing.assert_array_equal(
        fitted().predict_proba(X), alone.predict_proba(ahead.transform(X))
    )


def test_default_settings_are_auto(tmp_path):
    pixels = RNG.integers(0, 255, (120, 64)).astype(np.uint8)
    for rows, params in ((X, {}), (pixels, {"image_shape": (8, 8)})):
        models = [fitted(each, rows, **params) for each in ("auto", TablePreprocessor())]
        assert len({model.network_.features.kind for model in models}) == 1
        np.testing.assert_array_equal(*(model.predict_proba(rows) for model in models))
        # A round trip of the parameters turns the name into the object.
        again = clone(models[0]).set_params(**models[0].get_params())
        np.testing.assert_array_equal(
            again.fit(rows, Y).predict_proba(rows), models[0].predict_proba(rows)
        )


def test_other_settings_make_bytes_a_table():
    pixels = RNG.integers(0, 255, (120, 64)).astype(np.uint8)
    model = fitted(TablePreprocessor("standard"), pixels, image_shape=(8, 8))
    assert model.network_.features.kind == "table"


def test_sparse_rows_stay_sparse():
    rows = sparse.random_array((120, 5), density=0.5, rng=0, format="csr")
    assert fitted(rows=rows).network_.features.kind == "sparse"


def test_saved_and_loaded(tmp_path):
    model = fitted()
    found = load_model(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))
    assert found.get_params()["preprocess__numeric"] == "quantile"
    assert isinstance(found.preprocess, TablePreprocessor)


def test_its_settings_have_names():
    given = clone(OTHER)
    model = MLPClassifier(preprocess=given)
    assert model.get_params()["preprocess__max_categories"] == 3
    assert MLPClassifier().get_params()["preprocess__max_categories"] == "auto"
    model.set_params(preprocess__max_categories=5)
    assert (model.preprocess.max_categories, given.max_categories) == (5, 3)
    auto = MLPClassifier().set_params(preprocess__numeric="standard")
    assert auto.preprocess.numeric == "standard"
    with pytest.raises(UnknownNameError, match="did you mean 'max_categories'"):
        model.set_params(preprocess__max_categorie=5)
    with pytest.raises(HyperparameterError, match="preprocess is None; expected an object"):
        MLPClassifier(preprocess=None).set_params(preprocess__numeric="standard")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("autoo", "preprocess is 'autoo'; expected 'auto' or None; did you mean 'auto'"),
        (3, "preprocess is 3"),
        (TablePreprocessor, "expected 'auto' or None"),
        (type("Own", (TablePreprocessor,), {})(), "expected 'auto' or None"),
        (TablePreprocessor(max_categories=1), "max_categories is 1; expected a whole number"),
    ],
)
def test_others_are_refused(given, message):
    with pytest.raises(HyperparameterError, match=message):
        fitted(given)


def test_a_search_varies_its_settings():
    space = {"preprocess__max_categories": [3, 4], "preprocess": ["auto", OTHER]}
    search = SearchCV(MLPClassifier(**QUICK), space, n_iter=4, cv=2, random_state=0).fit(X, Y)
    best = search.best_estimator_
    assert len(columns_of(best)) == search.best_params_["preprocess__max_categories"] + 1
    assert OTHER.max_categories == 3
    with pytest.raises(HyperparameterError, match="reaches 1, which it can't be"):
        SearchCV(MLPClassifier(**QUICK), {"preprocess__max_categories": [1, 4]}, n_iter=2).fit(
            X, Y
        )


def test_an_ensemble_of_them():
    ensemble = MLPEnsembleClassifier(MLPClassifier(**QUICK, preprocess=OTHER), n_estimators=2)
    assert {len(columns_of(member)) for member in ensemble.fit(X, Y).estimators_} == {4}


def test_batches_are_encoded_as_they_were_before():
    model = MLPClassifier(**QUICK, preprocess=OTHER).fit_preprocessing(X, Y)
    with pytest.raises(HyperparameterError, match="preprocess is 'auto', and was TableP"):
        clone_with_preprocessing(model).set_params(preprocess="auto").partial_fit(X, Y)
    model.set_params(preprocess=clone(OTHER)).partial_fit(X, Y)
    assert columns_of(model) == columns_of_table(OTHER)


def clone_with_preprocessing(model):
    other = clone(model)
    other.preprocessing_ = model.preprocessing_
    return other


def test_training_goes_on_only_with_equal_settings():
    model = fitted(clone(OTHER)).set_params(warm_start=True, preprocess=clone(OTHER)).fit(X, Y)
    model.preprocess.set_params(max_categories=2)
    with pytest.raises(HyperparameterError, match="they would read other numbers"):
        model.fit(X, Y)


def test_borrowed_layers_read_as_they_did():
    source = fitted()
    model = fitted("auto", pretrained=Pretrained(source))
    assert columns_of(model) == columns_of(source)
    with pytest.raises(InputError, match="expected the same, or 'auto'"):
        fitted(TablePreprocessor("standard"), pretrained=Pretrained(source))
    pretraining = RBMPretraining((4,), n_iter=1, preprocess=OTHER).fit(X)
    assert pretraining.transform(X).shape == (120, 4)
