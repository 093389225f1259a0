"""What the tests of reports share: calling the command line, and a table that means harm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from shortcuts import judge_by_few_trees
from wellfit.cli.app import app

# What a file may hold that means harm. Each would set window.hacked, or show a dialog.
SCRIPT = "<script>window.hacked=1;alert(1)</script>"
IMAGE = "</script><img src=x onerror='window.hacked=2'>"
LINE = "a\u2028b</title><svg onload=window.hacked=3>&amp;"
HOSTILE_RUN = "run<img src=x onerror=hacked=4>"

Wellfit = Callable[..., Result]


def call(*words: object) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        judge_by_few_trees(patch)
        return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "100"})


def done(*words: object) -> Result:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result


def table(rows: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age, job = rng.integers(18, 70, rows), rng.choice([IMAGE, LINE, "nurse"], rows)
    made = pd.DataFrame({SCRIPT: age, "job": job, LINE: rng.normal(40, 5, rows).round(1)})
    made["pay"] = (100 * age + rng.normal(0, 50, rows)).round(1)
    noisy = age + rng.normal(0, 6, rows)
    made["label"] = np.select([noisy > 50, noisy > 32], [SCRIPT, IMAGE], "plain")
    made.loc[::10, LINE] = np.nan
    return made
