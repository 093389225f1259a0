"""The same laws on a GPU, where there is one."""

import numpy as np
import pytest
import torch

from engine import every, label, member, network, parameters, table
from wellfit.nn import SoftmaxCrossEntropy, mlp
from wellfit.optim import L2, SGD, Adam
from wellfit.training import EarlyStopping, Rows, Stream, predict, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def rows_on(device: str, loss, dtype=torch.float64) -> Rows:
    host = table(loss)
    return Rows(
        host._table.numbers[:, :-1].numpy(),
        host._y.numpy(),
        np.linspace(0.5, 1.5, 50),
        dtype=dtype,
        device=device,
    )


@pytest.mark.parametrize("loss", every("loss"), ids=label)
@pytest.mark.parametrize("optimizer", every("optimizer"), ids=label)
def test_gpu_is_cpu(loss, optimizer):
    members = [
        member(
            seed=k,
            loss=loss,
            optimizer=optimizer.replace(learning_rate=0.01 * (k + 1)),
            penalties=(L2(1e-3),),
        )
        for k in range(3)
    ]
    streams = [Stream(np.arange(k, 40 + k), np.arange(40, 50), seed=k) for k in range(3)]
    results = [
        train(
            members,
            rows_on(device, loss),
            streams,
            precision="float64",
            callbacks=[EarlyStopping(patience=2)],
        )
        for device in ("cpu", "cuda")
    ]
    for k in range(3):
        cpu, gpu = (
            np.concatenate([b.cpu().flatten().numpy() for b in result.weights().blocks(k)])
            for result in results
        )
        np.testing.assert_allclose(gpu, cpu, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(
            results[1].history(k)["loss"], results[0].history(k)["loss"], rtol=1e-7
        )


@pytest.mark.parametrize("activation", every("activation"), ids=label)
def test_hundreds_together_are_each_alone(activation):
    members = [
        member(seed=k, network=network(activation=activation), optimizer=Adam(0.001 * (k + 1)))
        for k in range(300)
    ]
    loss = SoftmaxCrossEntropy()
    stream = [Stream(np.arange(50))]
    together = train(members, rows_on("cuda", loss), stream, precision="float64")
    for k in (0, 137, 299):
        alone = train([members[k]], rows_on("cuda", loss), stream, precision="float64")
        ours, theirs = (
            np.concatenate([b.cpu().flatten().numpy() for b in result.weights().blocks(m)])
            for result, m in ((together, k), (alone, 0))
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_pixels_and_predictions():
    x = np.random.default_rng(0).integers(0, 256, (500, 20)).astype(np.uint8)
    y = (x[:, 0] > 127).astype(int)
    one = member(network=mlp(20, (32,), 2), optimizer=SGD(0.5), epochs=30)
    result = train([one], Rows(x, y, device="cuda"), [Stream(np.arange(500))])
    assert result.history()["accuracy"][-1] > 0.95
    probability = predict(result.weights(), x, one.loss.predict)[0]
    assert (probability.argmax(1) == y).mean() > 0.95
    assert parameters(predict_on_cpu(result), 0).shape == (one.network.size,)


def predict_on_cpu(result):
    result.last = result.last.to(torch.float32, torch.device("cpu"))
    return result
