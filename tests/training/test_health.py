"""What is written of layers, against figures computed from the trained networks themselves."""

import json

import numpy as np
import pytest
import torch

from engine import member, run, table
from wellfit.core.errors import InputError
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.nn.initializers import Constant
from wellfit.optim import SGD, Adam
from wellfit.training import Callback, EpochLogs, Stream
from wellfit.training.callbacks import Health

ROWS = table(SoftmaxCrossEntropy(), rows=60)
STREAM = Stream(np.arange(40), np.arange(40, 60))
ALWAYS = 1.0  # share of the time: every epoch is looked at, or nearly
PLAIN = {"network": mlp(4, (6, 5), 3), "epochs": 3}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "health.jsonl"


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def layers(line):
    return {layer.pop("layer"): layer for layer in line["layers"]}


class Slow(Callback):
    """Keeps the weights of each epoch, and takes so long that there is time for every look."""

    def on_train_begin(self, run, state):
        self.kept.clear()

    def on_epoch_end(self, logs: EpochLogs, state):
        self.kept.append(logs.view.weights())
        torch.randn(600, 600) @ torch.randn(600, 600)

    kept = []  # noqa: RUF012


def test_norms_and_changes_are_those_of_the_weights(file):
    run([member(**PLAIN)], ROWS, [STREAM], callbacks=[Slow(), Health(str(file), share=ALWAYS)])
    told = lines(file)
    assert [line["epoch"] for line in told] == [1, 2, 3]
    last, before = Slow.kept[2].blocks(0)[2][:6], Slow.kept[1].blocks(0)[2][:6]
    layer = layers(told[2])["3-linear"]
    assert layer["norm"] == pytest.approx(float(last.norm()))
    assert layer["deviation"] == pytest.approx(float(last.numpy().std()))
    assert layer["change"] == pytest.approx(float((last - before).norm() / last.norm()))
    assert "change" not in layers(told[0])["3-linear"]  # nothing to compare with


def test_every_member_has_its_own_line(file):
    members = [member(seed=seed, **PLAIN) for seed in range(2)]
    run(members, ROWS, [STREAM], callbacks=[Slow(), Health(str(file), share=ALWAYS)])
    first, second = lines(file)[:2]
    assert (first["member"], second["member"]) == (0, 1)
    assert layers(first)["1-linear"]["norm"] != layers(second)["1-linear"]["norm"]


@pytest.mark.parametrize(("bias", "dead"), [(-1e6, 1.0), (1e6, 0.0)])
def test_units_that_no_row_moves_are_dead(file, bias, dead):
    network = mlp(4, (6,), 3, bias_initializer=Constant(bias))
    run([member(network=network, epochs=1)], ROWS, [STREAM], callbacks=[Health(str(file))])
    layer = layers(lines(file)[0])["2-activation"]
    assert (layer["dead"], layer["flat"]) == (dead, dead)


def test_spread_is_that_of_the_outputs(file):
    run([member(**PLAIN)], ROWS, [STREAM], callbacks=[Slow(), Health(str(file), share=ALWAYS)])
    weights = Slow.kept[-1].blocks(0)[0].numpy()
    x = ROWS.features(torch.arange(40, 60))[..., :-1].numpy().reshape(20, 4)
    outputs = np.maximum(x @ weights[:4] + weights[4], 0)
    told = layers(lines(file)[-1])["2-activation"]["spread"]
    assert told == pytest.approx(sorted(outputs.std(0))[2])  # the lower median of six units


def test_figures_that_are_no_numbers_are_null(file):
    wild = member(network=mlp(4, (6,), 3), epochs=2, optimizer=SGD(1e200))
    run([wild], ROWS, [STREAM], callbacks=[Health(str(file))])
    assert "NaN" not in file.read_text()
    assert layers(lines(file)[0])["1-linear"]["norm"] is None


def test_looking_keeps_to_its_share_of_the_time(file):
    epochs = 400
    result = run(
        [member(network=mlp(4, (6, 5), 3), epochs=epochs, optimizer=Adam(0.01))],
        ROWS,
        [STREAM],
        callbacks=[Health(str(file), share=0.03)],
    )
    assert 1 < len(lines(file)) < epochs / 4  # an epoch here takes little longer than a look
    spent = next(s["spent"] for s in result.callbacks if "spent" in s)
    assert spent <= 0.06 * result.history(0)["seconds"][-1]


def test_another_runs_file_is_left_alone(file):
    file.write_text('{"epoch": 1}\n')
    with pytest.raises(InputError, match="log of another run"):
        run([member(**PLAIN)], ROWS, [STREAM], callbacks=[Health(str(file))])
