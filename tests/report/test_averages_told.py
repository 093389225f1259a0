"""What is told of an average of networks: how many there are, and what is nobody's, of none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from reported import done, table

from wellfit import MLPClassifier, load_model
from wellfit.charts import learning_charts
from wellfit.charts.model import Rule
from wellfit.estimators.display import kept_metrics, summary

QUICK = ("--hidden", "6", "--epochs", "12", "--learning-rate", "0.3", "--bagging", "3")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of three networks of each of two architectures, and what its training printed."""
    folder = tmp_path_factory.mktemp("average")
    table(90).to_csv(folder / "table.csv", index=False)
    words = (
        "--target",
        "label",
        "--drop",
        "pay",
        "--set",
        "architectures=[{hidden_layer_sizes: (4,)}]",
    )
    made = done("train", folder / "table.csv", *words, *QUICK, "--run", folder / "run")
    return folder / "run", " ".join(made.output.split())


def test_the_terminal_says_which_networks_train_and_how_many_there_are(
    trained: tuple[Path, str],
) -> None:
    run, text = trained
    model = load_model(run / "model")
    assert "the average of 3 networks of each of 2 architectures" in text
    assert "networks 1-3 of 6, epoch 1/12" in text
    assert "networks 4-6 of 6, epoch 1/12" in text
    size, count = model.n_parameters_, model.network_.n_networks
    assert f"{size:,} parameters of {count} networks" in text
    assert "Loss, mean of several networks" in text
    assert "kept: epoch" not in text
    assert "Curves and epochs are those of 'its own'" in text


def test_the_time_is_that_of_all_networks(trained: tuple[Path, str]) -> None:
    run, text = trained
    told = json.loads((run / "result.json").read_text())["seconds"]
    model = load_model(run / "model")
    own = model.history_["seconds"][-1]
    assert told == pytest.approx(model.network_.record.seconds, abs=1e-3)
    assert told > own  # of the first architecture only
    assert f"epochs in {told:.1f} s" in text


def test_page_and_card_agree_with_the_terminal(trained: tuple[Path, str]) -> None:
    run, text = trained
    whole = re.search(r"([\d,]+) parameters of (\d+) networks", text)
    assert whole is not None
    size, count = whole.groups()
    done("report", run)
    page = (run / "report.html").read_text()
    assert f"The model is the average of {count} networks, one for each of 3 folds" in page
    assert f"The first of {count} networks: " in page
    assert f"Layers of the first of {count} networks" in page
    assert f"of {count} networks" in page
    assert size in page
    assert "Loss, mean of several networks" in page
    assert "median best epoch" in page or "early_stopped" in page
    assert "Curves and epochs are those of &#39;its own&#39;" in page
    done("card", run)
    card = (run / "MODEL_CARD.md").read_text()
    assert f"| parameters | {size} of {count} networks |" in card
    assert f"| training | {count} networks with the weights of their best epochs |" in card


def test_no_epoch_is_marked_on_the_mean_of_several_curves() -> None:
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.6]}
    (one,) = learning_charts(history, best_epoch=2)
    (mean,) = learning_charts(history, best_epoch=2, averaged=True)
    assert [type(each) for each in one.marks].count(Rule) == 1
    assert not any(isinstance(each, Rule) for each in mean.marks)
    assert mean.title == "Loss, mean of several networks"
    assert "epoch 2" not in mean.summary
    assert "over the networks that trained so long" in mean.details
    rates = {"learning_rate": [0.1, 0.2]}
    (rate,) = learning_charts(rates, names=["learning_rate"], averaged=True)
    assert rate.title == "Learning rate"


def test_the_summary_has_each_networks_own_best_epoch(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    clf = MLPClassifier((8,), bagging=3, epochs=25, learning_rate=0.1, random_state=0)
    clf.fit(X, X[:, 0] > 0)
    records = [fold.record for fold in clf.network_.folds]
    assert len({record.best_epoch for record in records}) > 1
    best = [record.history["val_loss"][record.best_epoch - 1] for record in records]
    assert kept_metrics(clf.network_)["val_loss"] == pytest.approx(np.mean(best))
    assert f"(median: epoch {clf.best_epoch_}): means: loss" in summary(clf.network_)
    loaded = load_model(clf.save(tmp_path / "model"))
    assert kept_metrics(loaded.network_) == {}  # whose networks' own curves no file holds
    assert loaded.network_.record.seconds == clf.network_.record.seconds
