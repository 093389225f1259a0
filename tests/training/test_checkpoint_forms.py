"""Checkpoints changed and sealed again: refused by the name of the field."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hostile import reseal_checkpoint
from test_old_files import FILES, LABELS, RAW
from wellfit import MLPClassifier
from wellfit.core.errors import InputError, ModelFileError
from wellfit.training import CSVLog, EarlyStopping, Health, JSONLines
from wellfit.training.callbacks import Run
from wellfit.training.checkpoint import latest, seeds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = shutil.copytree(FILES / "checkpoints", tmp_path / "checkpoints")
    (found,) = Path(folder).iterdir()
    return found


def resume(path: Path) -> MLPClassifier:
    return MLPClassifier(
        (3,),
        numeric_embedding=None,
        ema_decay=0.0,
        epochs=4,
        random_state=0,
        preprocess=None,
        early_stopping=EarlyStopping(patience=3),
        validation_fraction=0.2,
    ).fit(RAW, LABELS, resume_from=path)


def result(**changes):
    return lambda document: document["result"].update(changes)


DOCUMENTS = {
    "result.epoch is -1": result(epoch=-1),
    "result.step is": result(step=10**40),
    "result.position is True": result(position=True),
    r"result.status\[0\] is 'over'": result(status=["over"]),
    "status holds 2 items": result(status=["running", "running"]),
    "result.callbacks is": result(callbacks={}),
    "result has a field 'more'": result(more=1),
    "callbacks is empty": result(callbacks=[]),
    "'kept' is of type object": result(kept=None),
    "kept: tensor 'nothing' is missing": result(kept={"array": "nothing"}),
    "'kept' is of type": result(kept={"array": "scale"}),
    "scale is .'array': 'scale', 'tensor'": result(scale={"array": "scale", "tensor": "scale"}),
    "metric_sums is .'code'": result(metric_sums={"code": "print()"}),
    "'metric_sums' has shape": result(metric_sums={"array": "scale"}),
    "a field 'device'": lambda document: document["members"][0].update(device="cuda"),
    "members.0..seed is 3": lambda document: document["members"][0].update(seed=3),
    "of 0 members": lambda document: document.update(members=[]),
    "upgrade wellfit": lambda document: document.update(format_version=2),
    "result is missing": lambda document: document.pop("result"),
    "the seed": lambda document: document["members"][0].update(seed="1"),
    "history|callbacks.0..loss": lambda document: document["result"]["observers"][0].update(
        loss=[1.0, 2.0]
    ),
}


@pytest.mark.parametrize("message", DOCUMENTS)
def test_a_document_of_another_form_is_refused(message, path):
    reseal_checkpoint(path, DOCUMENTS[message])
    with pytest.raises(InputError, match=message):
        resume(path)


TENSORS = {
    "'last.parameters' is missing": lambda tensors: tensors.pop("last.parameters"),
    "the weights are 3": lambda tensors: tensors.update({"last.parameters": torch.zeros(3)}),
    "'last.statistics' is of": lambda tensors: tensors.update({"last.statistics": torch.zeros(3)}),
    "slots of last": lambda tensors: tensors.pop(
        next(name for name in tensors if name.startswith("last.slot"))
    ),
    "'last.slot": lambda tensors: tensors.update(
        {name: torch.zeros(2) for name in tensors if name.startswith("last.slot")}
    ),
    "float16": lambda tensors: tensors.update(
        {name: tensor.half() for name, tensor in tensors.items() if name.startswith("last.")}
    ),
    "same precision": lambda tensors: tensors.update(
        {
            name: tensor.double()
            for name, tensor in tensors.items()
            if name.startswith(("last.", "best."))
        }
    ),
    "'epochs' has shape": lambda tensors: tensors.update(epochs=torch.zeros(3, dtype=torch.int64)),
    "'scale' holds NaN": lambda tensors: tensors["scale"].fill_(float("nan")),
    "tensor 'best' has shape": lambda tensors: tensors.update(
        {name: torch.zeros(7).double() for name in tensors if name.endswith(".best")}
    ),
    "tensor 'waited' is of type": lambda tensors: tensors.update(
        {name: torch.zeros(1).double() for name in tensors if name.endswith(".waited")}
    ),
    "callbacks.0..loss has shape": lambda tensors: tensors.update(
        {name: torch.zeros(9, 1).double() for name in tensors if name.endswith("0.loss")}
    ),
}


@pytest.mark.parametrize("message", TENSORS)
def test_tensors_are_compared_with_the_members(message, path):
    reseal_checkpoint(path, change_tensors=TENSORS[message])
    with pytest.raises(InputError, match=message):
        resume(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(members=[]),
        lambda document: document["members"][0].update(seed="-1"),
        lambda document: document["members"][0].update(seed="9" * 5000),
    ],
)
def test_seeds_are_whole_numbers_of_one_member_at_least(change, path):
    assert seeds(path) == [209652396]
    with pytest.raises(ModelFileError, match=r"seed|no members"):
        seeds(reseal_checkpoint(path, change))


def test_what_is_resealed_unchanged_is_taken_up(path):
    before = resume(path).predict_proba(RAW)
    np.testing.assert_array_equal(resume(reseal_checkpoint(path)).predict_proba(RAW), before)


def test_only_regular_files_of_the_declared_size_are_read(path, tmp_path):
    with path.open("ab") as file:
        file.truncate(100 << 30)
    with pytest.raises(ModelFileError, match="not what its header declares"):
        resume(path)
    assert latest(path.parent) is None
    path.unlink()
    with path.open("wb") as file:
        file.truncate(100 << 30)
    with pytest.raises(ModelFileError, match="no checkpoint"):
        resume(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ModelFileError, match="is a pipe"):
        resume(path)
    assert latest(path.parent) is None


@pytest.mark.parametrize("log", [JSONLines, CSVLog, Health])
@pytest.mark.parametrize(
    "text", ["[1]\n", "{}\n", "[" * 10**5 + "\n", "\0\n\0\n", '{"epoch": "1"}\n']
)
def test_a_log_of_another_form_is_not_gone_on_with(log, text, tmp_path):
    path = tmp_path / "log"
    resumed = Run([None], 3, 1, first_epoch=2, has_validation=False)
    path.write_text(text * 2)
    if log is CSVLog and not text.isprintable():
        text = "epoch\nlast\n"
        path.write_text(text)
    with pytest.raises(InputError, match="can go on with"):
        log(str(path)).on_train_begin(resumed, {"begun": True})
    assert path.read_text() in (text, text * 2)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a pipe"):
        log(str(path)).on_train_begin(resumed, {"begun": True})
