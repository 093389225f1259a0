"""Files of format 0.1, written before their forms were declared, load and predict the same."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellfit import MLPClassifier, load_model
from wellfit.cli.plan import Plan
from wellfit.cli.run_forms import read_config_file, read_result_file
from wellfit.diagnose import Verdict
from wellfit.model_selection import SearchCV
from wellfit.optim import ClipByNorm
from wellfit.training import EarlyStopping, ReduceLROnPlateau

FILES = Path(__file__).parent / "fixtures" / "format_0_1"
EXPECTED = json.loads((FILES / "expected.json").read_text())
RAW, LABELS = np.c_[np.arange(20.0) / 20, np.ones(20)], np.arange(20) % 2


def rows() -> pd.DataFrame:
    return pd.read_csv(FILES / "rows.csv", parse_dates=["since"])[:5]


# What these parameters were by default then.
FORMER_DEFAULTS: dict[str, Any] = {
    "categorical_embedding": None,
    "numeric_embedding": None,
    "n_submodels": 1,
    "l2": 0.0,
    "ema_decay": 0.0,
}
# The network of the fixture's searches.
SEARCHED: dict[str, Any] = {
    "hidden_layer_sizes": (3,),
    "epochs": 2,
    "random_state": 0,
    "preprocess": None,
    "early_stopping": False,
    **FORMER_DEFAULTS,
}
PREDICTIONS = {
    "classifier": lambda model: model.predict_proba(rows()),
    "regressor": lambda model: model.predict(rows()),
    "multilabel": lambda model: model.predict_proba(rows()[["age", "member"]]),
    "pixels": lambda model: model.predict_proba(np.arange(30, dtype=np.uint8).reshape(5, 6)),
    "ensemble": lambda model: model.predict_proba(rows()),
    "renamed": lambda model: model.predict(RAW[:5]),
    "quadratic": lambda model: model.predict_proba(RAW[:5]),
    "autoencoder": lambda model: model.transform(pd.read_csv(FILES / "numbers.csv")[:5]),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_model_of_format_0_1_loads_and_predicts_the_same(name: str) -> None:
    predicted = PREDICTIONS[name](load_model(FILES / name))
    np.testing.assert_allclose(predicted, EXPECTED[name], rtol=1e-5)


def test_a_checkpoint_of_format_0_1_is_taken_up() -> None:
    model = MLPClassifier(
        (3,),
        epochs=4,
        random_state=0,
        preprocess=None,
        early_stopping=EarlyStopping(patience=3),
        validation_fraction=0.2,
        **FORMER_DEFAULTS,
    ).fit(RAW, LABELS, resume_from=FILES / "checkpoints")
    assert len(model.history_["loss"]) == 4
    np.testing.assert_allclose(model.predict_proba(RAW[:5]), EXPECTED["checkpoints"], rtol=1e-5)


def test_a_journal_of_format_0_1_is_gone_on_with(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    shutil.copy(FILES / "journal.jsonl", journal)
    before = journal.read_bytes()
    space = {"l2": [0.0, 0.1]}
    network = MLPClassifier(**SEARCHED)
    search = SearchCV(network, space, sampler="grid", cv=2, random_state=0, journal=journal)
    search.fit(RAW, LABELS)
    assert search.cv_results_["mean_test_score"].tolist() == EXPECTED["journal"]
    assert journal.read_bytes() == before  # no fit was done again


def test_former_names_of_parameters_and_statuses_are_read() -> None:
    model = load_model(FILES / "renamed")
    assert (model.ema_decay, model.subsample) == (0.5, 0.9)
    assert model.gradient_clipping == ClipByNorm(0.5)
    assert model.lr_schedule == ReduceLROnPlateau(0.5, patience=1)
    assert model.status_ == "early_stopped"


def test_a_journal_with_former_names_is_gone_on_with(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    shutil.copy(FILES / "renamed.jsonl", journal)
    before = journal.read_bytes()
    own = {"lr_schedule": ReduceLROnPlateau(0.5, patience=1, monitor="loss"), "ema_decay": 0.5}
    network = MLPClassifier(**{**SEARCHED, **own}, n_threads=1)
    space = {"gradient_clipping": [ClipByNorm(0.5), None], "subsample": [1.0, 0.5]}
    search = SearchCV(network, space, sampler="grid", cv=2, random_state=0, journal=journal)
    search.fit(RAW, LABELS)
    assert search.cv_results_["mean_test_score"].tolist() == EXPECTED["renamed_journal"]
    assert journal.read_bytes() == before  # no fit was done again


def test_a_verdict_with_former_names_is_read() -> None:
    path = FILES / "run" / "result.json"
    former = json.loads(path.read_text())["verdict"]
    current = read_result_file(path)["verdict"]
    assert Verdict.from_dict(former) == Verdict.from_dict(current)
    assert [one["name"] for one in former["knobs"]] == [
        one["name"] for one in current["suggestions"]
    ]
    assert [one["saw"] for one in former["findings"]] == [
        one["observed"] for one in current["findings"]
    ]


def test_the_plan_of_a_run_with_former_names_is_read() -> None:
    config = read_config_file(FILES / "renamed_run" / "config.json")
    set_by_hand = {**config, "extra": ["average=0.9", "reuse__decay=0.5"]}
    extra = ("ema_decay=0.9", "pretrained__layerwise_lr_decay=0.5")
    assert Plan.from_dict(set_by_hand).extra == extra
    given = Plan.from_dict(config).parameters
    assert (given["subsample"], given["ema_decay"], given["n_threads"]) == (0.8, 0.5, 1)
    assert (given["lr_schedule"], given["gradient_clipping"]) == ("constant", "1")
    assert config["settings"]["ema_decay"] == 0.5
