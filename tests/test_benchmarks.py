"""The benchmarks' arithmetic and definitions; nothing here takes the time of anything."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is no installed package

from benchmarks import bench, report
from benchmarks.peers import harness, scikit_learn, torch_loop, wellfit_mlp
from benchmarks.workloads import WORKLOADS, Workload, make_rows

TINY = Workload("table", 600, 20, (16,), 2, 32, "adam", 1e-2, epochs=3)


def run(seconds: float) -> dict[str, object]:
    return {
        "seconds_per_epoch": seconds,
        "losses": [0.5],
        "until_first_epoch": 2 * seconds,
        "training_accuracy": 1.0,
        "peak_mb": 1,
        "disturbance": 0.0,
    }


def test_flops_leave_out_the_gradient_of_the_inputs() -> None:
    workload = replace(TINY, rows=10, inputs=3, hidden=(5,), classes=2)
    forward = weights = 3 * 5 + 5 * 2
    assert workload.flops_per_epoch == 2 * 10 * (forward + weights + 5 * 2)


def test_a_workload_survives_the_way_to_a_peer() -> None:
    for workload in WORKLOADS.values():
        task = json.loads(json.dumps(asdict(workload)))
        assert Workload(**task).widths == workload.widths


@pytest.mark.parametrize("workload", [TINY, replace(WORKLOADS["notmnist-shape"], rows=500)])
def test_rows_are_the_same_at_every_call_and_hold_every_class(workload: Workload) -> None:
    (X, y), (again, _) = (make_rows(workload, Path()) for _ in range(2))
    assert X.dtype == np.float32
    assert X.shape == (workload.rows, workload.inputs)
    np.testing.assert_array_equal(X, again)
    assert set(y) == set(range(workload.classes))


def test_mnist_workloads_need_their_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_rows(WORKLOADS["mnist-wide"], tmp_path)


@pytest.mark.parametrize("fit", [scikit_learn.fit, torch_loop.fit, wellfit_mlp.fit])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_peer_trains_and_leaves_out_the_first_epoch(fit: harness.Fit, optimizer: str) -> None:
    workload = replace(TINY, optimizer=optimizer, momentum=0.9, l2=1e-3)
    measured = harness.measure(fit, workload, *make_rows(workload, Path()))
    assert len(measured["seconds"]) == workload.epochs
    assert measured["losses"][-1] < measured["losses"][0]
    assert measured["training_accuracy"] > 0.7


def test_ratios_count_only_peers_that_ran_and_name_the_fastest() -> None:
    peers = {"wellfit": run(2.0), "slow": run(8.0), "quick": run(3.0), "gone": {"error": "failed"}}
    assert report.speedups(peers) == {"slow": 4.0, "quick": 1.5, "fastest": 1.5}
    assert report.speedups({"slow": run(8.0)}) == {}


def test_geometric_means_are_per_peer_over_the_workloads_that_have_it() -> None:
    means = report.geometric_means([{"a": 2.0, "b": 3.0}, {"a": 8.0}])
    assert means == pytest.approx({"a": 4.0, "b": 3.0})


def test_the_median_repeat_stands_for_all() -> None:
    runs = [run(3.0), {"error": "failed"}, run(1.0), run(2.0)]
    combined = bench.combine(runs)
    assert (combined["seconds_per_epoch"], combined["repeats"]) == (2.0, [3.0, 1.0, 2.0])
    assert bench.combine([{"error": "failed"}]) == {"error": "failed"}


def test_a_peer_that_is_missing_is_an_answer_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import a_library_that_nobody_has")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert bench.run_module("needy")["error"] == "not installed"


def test_the_report_shows_ratios_shares_and_failures() -> None:
    workload = {
        "title": "one",
        "flops_per_epoch": 10**9,
        "peers": {"wellfit": run(0.5), "slow": run(1.0), "gone": {"error": "not installed"}},
    }
    text = report.markdown(
        {
            "machine": {"processor": "P", "cores": 2, "versions": {"python": "3"}},
            "limit": {"gflops": 10.0},
            "workloads": {"one": workload},
        }
    )
    assert "| one | 2.00 | – | 2.00 |" in text
    assert "| one | 20% | 10% | not installed |" in text
