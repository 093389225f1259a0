"""The compiled step against PyTorch's: the same numbers from everything that it covers."""

import ctypes
import os
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import (
    every,
    label,
    member,
    parameters,
    press_ctrl_c_after,
    run,
    table,
    targets,
    train_by_pytorch,
)
from processes import in_child
from wellfit import MLPClassifier
from wellfit.core import registry
from wellfit.nn import (
    GELU,
    AbsoluteError,
    AlphaDropout,
    BatchNorm,
    Dropout,
    EntityEmbedding,
    GaussianNoise,
    Huber,
    Identity,
    LeakyReLU,
    MaskingNoise,
    MeanAndQuantiles,
    MiniTabM,
    Network,
    Periodic,
    PiecewiseLinear,
    PiecewiseWithJumps,
    Poisson,
    PReLU,
    Quantile,
    ReLU,
    SigmoidCrossEntropy,
    SigmoidSquaredError,
    SoftmaxCrossEntropy,
    SquaredError,
    TabM,
    Tanh,
    mlp,
)
from wellfit.optim import (
    FTRL,
    L1,
    L2,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    ClipByLayerNorm,
    ClipByNorm,
    ClipByValue,
    LayerRates,
    Lion,
    MaxNorm,
    Minimizer,
    Muon,
    Nadam,
    OneCycle,
    RMSProp,
)
from wellfit.training import (
    Rows,
    Status,
    Stream,
    load_checkpoint,
    save_checkpoint,
    streams,
    train,
)
from wellfit.training.native import NativeStep, layers, obstacle, paced_calls, plan, structures
from wellfit.training.native.library import instructions, library, missing
from wellfit.training.stack import Stack, Weights
from wellfit.training.streams import Batches

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"the compiled step is {missing()}")

LOSS = SoftmaxCrossEntropy()
ROWS = table(LOSS, rows=150, inputs=11)
# The same with two columns of codes, some of which are beyond those that a layer has.
CODES = Rows(
    np.hstack(
        [
            np.random.default_rng(0).normal(size=(150, 9)),
            np.random.default_rng(1).integers(-1, 11, (150, 2)),
        ]
    ),
    targets(LOSS, 150, 3),
    dtype=torch.float64,
)
STREAM = Stream(np.arange(110), np.arange(110, 150), seed=3)
FUNCTIONS = [*every("activation"), GELU(approximate="tanh")]
PENALTIES = [
    (each(0.01, decoupled=decoupled),) for each in (L1, L2) for decoupled in (False, True)
]
RULES = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    Adam(0.01),
    AdamW(0.01, weight_decay=0.1),
    RMSProp(0.01),
    RMSProp(0.01, momentum=0.9),
    RMSProp(0.01, centered=True),
    RMSProp(0.01, momentum=0.9, centered=True),
    AMSGrad(0.01),
    AdaGrad(0.01),
    AdaGrad(0.01, initial=0.1),
    AdaDelta(),
    Lion(0.001, weight_decay=0.1),
    Nadam(0.01),
    Adamax(0.01),
    FTRL(),
    FTRL(0.2, l1=0.3, l2=0.1),
    FTRL(0.2, l1=0.01, power=0.3),
    Muon(0.01, weight_decay=0.1),
    Muon(0.01, momentum=0.8, nesterov=False, iterations=2),
]
CLIPPINGS = [
    (ClipByValue(0.01),),
    (ClipByNorm(0.1),),
    (ClipByLayerNorm(0.05),),
    (ClipByNorm(0.2), ClipByValue(0.02), ClipByLayerNorm(0.05)),
]
NOISES = [Dropout(0.2), MaskingNoise(0.3), AlphaDropout(0.1), GaussianNoise(0.2)]


def net(*hidden, before=(), **options):
    network = mlp(11, hidden or (33, 17), 3, **options)
    return network.replace(layers=(*before, *network.layers))


def with_codes(*above):
    """A network of numbers and codes, which the last columns hold."""
    layer = EntityEmbedding(3, levels=(5, 9), std=0.5)
    width = layer.width(11)
    for each in above:
        width = each.width(width)
    return Network(11, (layer, *above, *mlp(width, (20,), 3).layers))


def of_submodels(kind, n=5, **options):
    """A network of some submodels."""
    return kind.applied(net(**options), n, LOSS)


def embedded(layer):
    width = layer.width(11)
    return Network(11, (layer, *mlp(width, (20,), 3).layers))


def both(monkeypatch, members, rows=ROWS, streams=(STREAM,), **options):
    """Train natively, then by PyTorch; return both results."""
    took, move = [], NativeStep.move
    with monkeypatch.context() as patch:
        patch.setattr(NativeStep, "move", lambda *args: took.append(move(*args)) or took[-1])
        ours = run(members, rows, list(streams), **options)
    assert took, "the compiled step wasn't used"
    with monkeypatch.context() as patch:
        train_by_pytorch(patch)
        theirs = run(members, rows, list(streams), **options)
    return ours, theirs


def assert_alike(ours, theirs, atol=1e-12):
    for k in range(len(ours.members)):
        np.testing.assert_allclose(
            parameters(ours, k), parameters(theirs, k), rtol=1e-11, atol=atol
        )
        assert set(ours.history(k)) == set(theirs.history(k))
        for name in {"loss", "val_loss", "accuracy", "val_accuracy"} & set(ours.history(k)):
            np.testing.assert_allclose(
                ours.history(k)[name], theirs.history(k)[name], rtol=max(1e-10, atol)
            )
    np.testing.assert_allclose(
        ours.weights().statistics, theirs.weights().statistics, rtol=1e-11, atol=1e-12
    )


# SGD, since rules that divide by the gradient's size make noise of gradients that ought to be 0.
PLAIN = {"optimizer": SGD(0.1, momentum=0.9)}
CASES = {
    **{f"{label(each)}": {"network": net(activation=each)} for each in FUNCTIONS},
    **{f"rule {each}": {"optimizer": each} for each in RULES},
    **{f"penalty {each[0]}": {"penalties": each} for each in PENALTIES},
    **{f"clipping {each}": {"gradient_clipping": each} for each in CLIPPINGS},
    "clipping and penalties": {
        "gradient_clipping": (ClipByNorm(0.1),),
        "penalties": (L2(0.1), L1(0.01, decoupled=True)),
        "ema_decay": 0.9,
    },
    "clipping frozen layers": {
        "gradient_clipping": (ClipByNorm(0.1),),
        "layer_rates": LayerRates((0.0, 1.0, 0.5)),
    },
    "max norm": {"constraints": (MaxNorm(0.5),), "ema_decay": 0.9},
    "max norm of some": {
        "constraints": (MaxNorm(0.5, only=(1,)), MaxNorm(0.9)),
        "gradient_clipping": (ClipByValue(0.1),),
        "penalties": (L1(0.01, decoupled=True),),
        "layer_rates": LayerRates((1.0, 1.0, 0.0)),
    },
    **{f"{each} of inputs": {"network": net(before=(each,))} for each in NOISES},
    **{f"{each} of units": {"network": net(dropout=each)} for each in NOISES},
    "noise and embedding": {
        "network": Network(11, (GaussianNoise(0.2), *embedded(PiecewiseLinear(n_bins=16)).layers))
    },
    "codes": {"network": with_codes()},
    "codes, noise and embedding": {
        "network": with_codes(Dropout(0.2), PiecewiseLinear(3, "relu", 5, columns=(1, 4)))
    },
    **{f"{each}": {"network": of_submodels(each)} for each in every("submodels")},
    "submodels with all else": {
        "network": of_submodels(TabM(), activation=PReLU(), batch_norm=True, dropout=0.2),
        "penalties": (L2(0.1),),
        "constraints": (MaxNorm(0.5),),
        "gradient_clipping": (ClipByNorm(1.0),),
        "ema_decay": 0.9,
    },
    "submodels of codes": {
        "network": MiniTabM().applied(with_codes(PiecewiseLinear(n_bins=8)), 4, LOSS)
    },
    "frozen submodels": {
        "network": of_submodels(TabM(), n=2),
        "layer_rates": LayerRates((0.0, 1.0, 1.0)),
    },
    "one penalty of a layer": {"penalties": (L2(0.1, only=(1,)), L1(0.01, only=(0, 2)))},
    "dropout": {"network": net(dropout=0.3, input_dropout=0.1)},
    "batch norm before": {"network": net(batch_norm=True)},
    "batch norm after": {"network": net(batch_norm=BatchNorm(place="after", momentum=0.5))},
    "batch norm of logits": {"network": net(batch_norm=BatchNorm(output=True))},
    "averages": {"ema_decay": 0.9},
    "smoothed labels": {"loss": SoftmaxCrossEntropy(label_smoothing=0.1)},
    "no hidden layer": {"network": mlp(11, (), 3)},
    "wide": {"network": net(513, 300)},
    "one unit": {"network": net(1)},
    "few outputs of whole vectors": {"network": net(32, 16)},
    "submodels with few outputs": {"network": TabM().applied(net(32, 48), 5, LOSS)},
    "one cycle": {"lr_schedule": OneCycle()},
    "frozen": {"layer_rates": LayerRates((0.0, 1.0, 0.5))},
    "unfrozen": {"layer_rates": LayerRates((1.0, 1.0, 1.0), start_epochs=(3, 1, 2))},
    "frozen batch norm": {
        "network": net(batch_norm=True),
        "layer_rates": LayerRates((0.0, 1.0, 1.0), start_epochs=(1, 2, 1)),
    },
    "embedding": {"network": embedded(PiecewiseLinear(n_bins=16))},
    "embedding of some": {
        "network": embedded(PiecewiseLinear(3, "relu", 5, columns=(1, 4, 7), lr_multiplier=2.0))
    },
    "muon with all else": {
        "network": of_submodels(TabM(), activation=PReLU()),
        "optimizer": Muon(0.01),
        "penalties": (L2(0.1), L1(0.01, decoupled=True)),
        "gradient_clipping": (ClipByValue(0.01),),
        "layer_rates": LayerRates((0.0, 1.0, 0.5)),
        "ema_decay": 0.9,
    },
    "periodic": {"network": embedded(Periodic())},
    "periodic of some": {
        "network": embedded(Periodic(3, "relu", 5, columns=(1, 4, 7), lr_multiplier=2.0)),
        "gradient_clipping": (ClipByNorm(0.1),),
    },
    "noise and periodic": {
        "network": with_codes(Dropout(0.2), Periodic(4, "relu", 5, sigma=2.0, columns=(0, 2)))
    },
    "periodic below batch norm": {
        "network": Network(
            11, (BatchNorm(), Periodic(2, columns=(1, 3)), *mlp(13, (20,), 3).layers)
        )
    },
    "periodic of submodels": {"network": MiniTabM().applied(embedded(Periodic()), 4, LOSS)},
    "jumps": {"network": embedded(PiecewiseWithJumps(n_bins=16))},
    "jumps of some": {
        "network": embedded(
            PiecewiseWithJumps(3, "relu", 5, columns=(1, 4, 7), jumping=(4,), lr_multiplier=2.0)
        ),
        "gradient_clipping": (ClipByNorm(0.1),),
    },
    "jumps of submodels": {"network": MiniTabM().applied(embedded(PiecewiseWithJumps()), 4, LOSS)},
    "one row a batch": {"batch_size": 1},
    "all rows a batch": {"batch_size": 1000},
}


@pytest.mark.usefixtures("jumps_everywhere")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_everything_it_covers_is_as_by_pytorch(case, monkeypatch):
    options = {"network": net(), "batch_size": 32, "epochs": 3, **PLAIN, **case}
    # PyTorch's derivative of hard_sigmoid is 1/6 in single precision.
    atol = 1e-8 if "HardSigmoid" in str(case) else 1e-12
    members = [member(seed=seed, **options) for seed in range(2)]
    rows = CODES if EntityEmbedding in map(type, options["network"].layers) else ROWS
    assert_alike(*both(monkeypatch, members, rows), atol=atol)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (SquaredError(), 1),
        (SquaredError(), 4),
        (SigmoidCrossEntropy(), 1),
        (SigmoidCrossEntropy(label_smoothing=0.2), 5),
        (SigmoidSquaredError(), 3),
        (AbsoluteError(), 3),
        (Huber(0.5), 3),
        (Quantile((0.1, 0.5, 0.8)), 6),
        (MeanAndQuantiles((0.1, 0.5, 0.8)), 8),
        (Poisson(), 2),
        (SoftmaxCrossEntropy(), 3),
    ],
    ids=label,
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("picked", [False, True])
def test_losses_are_as_by_pytorch(loss, outputs, weighted, picked, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 7)), targets(loss, 150, outputs)
    rows = Rows(x, y, rng.uniform(size=150) if weighted else None, dtype=torch.float64)
    ours = member(network=mlp(7, (40,), outputs), loss=loss, **PLAIN)
    monkeypatch.setattr(Batches, "can_be_picked", picked)
    assert_alike(*both(monkeypatch, [ours], rows))


@pytest.mark.parametrize("picked", [False, True])
def test_few_outputs_of_the_inputs_themselves_are_as_by_pytorch(picked, monkeypatch):
    monkeypatch.setattr(Batches, "can_be_picked", picked)
    rows = table(LOSS, rows=150, inputs=16)
    assert_alike(*both(monkeypatch, [member(network=mlp(16, (), 3), **PLAIN)], rows))


def test_every_loss_is_covered():
    assert {type(each) for each in every("loss")} == set(plan._LOSSES)


def test_every_update_rule_is_covered_and_tested():
    rules = {type(each) for each in every("optimizer") if not isinstance(each, Minimizer)}
    assert rules == set(plan._RULES) == {type(each) for each in RULES}


def test_every_layer_is_covered_but_those_of_joint_networks():
    lacking = {each.name for each in every("layer") if not layers.covered(each, 0)}
    assert lacking == {"concat_rows", "grouped_linear"}


@pytest.mark.parametrize("loss", [SigmoidCrossEntropy(), SigmoidSquaredError(), LOSS], ids=label)
@pytest.mark.parametrize("probable", [False, True])
def test_classes_are_judged_as_by_pytorch(loss, probable, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (150, 11), dtype=np.uint8)
    shares = rng.dirichlet(np.ones(3), 150)
    shares[:50] = 0.25, 0.5, 0.25
    y = shares if probable else rng.integers(0, 3, 150)
    rows = Rows(x, y, dtype=torch.float64)
    assert_alike(*both(monkeypatch, [member(network=net(), loss=loss, **PLAIN)], rows))


def test_members_that_share_rows_of_a_large_table_have_them_gathered(monkeypatch):
    shared, other = Stream(np.arange(100), seed=1), Stream(np.arange(30, 130), seed=2)
    members = [member(network=net(), seed=k, **PLAIN) for k in range(3)]
    picked = run(members, ROWS, [shared, other, shared])
    monkeypatch.setattr(streams, "PICKED_BYTES", 0)
    gathered = run(members, ROWS, [shared, other, shared])
    for k in range(3):
        np.testing.assert_array_equal(parameters(picked, k), parameters(gathered, k))
        assert picked.history(k)["loss"] == gathered.history(k)["loss"]


def test_sums_dont_depend_on_where_an_epoch_was_cut(monkeypatch):
    ours = [member(network=net(), **PLAIN)]
    whole = run(ours, ROWS, [STREAM])
    with monkeypatch.context() as patch:
        press_ctrl_c_after(3, patch)
        cut = run(ours, ROWS, [STREAM])
    assert cut.status == [Status.INTERRUPTED]
    resumed = run(ours, ROWS, [STREAM], resume=cut)
    for name in ("loss", "accuracy"):
        assert resumed.history(0)[name] == whole.history(0)[name]
    np.testing.assert_array_equal(parameters(resumed, 0), parameters(whole, 0))


def test_members_have_their_own_numbers(monkeypatch):
    members = [
        member(
            network=net(
                activation=LeakyReLU(0.1 * k),
                dropout=0.1 * k + 0.1,
                before=(EntityEmbedding(3, levels=(4,), unknown_rate=0.2 * k), GaussianNoise(k)),
            ),
            optimizer=SGD(0.05 * (k + 1), momentum=0.3 * k),
            penalties=(L2(0.01 * k),),
            gradient_clipping=(ClipByValue(0.05 + 0.01 * k), ClipByNorm(0.1 + 0.1 * k)),
            constraints=(MaxNorm(0.6 + 0.1 * k),),
            loss=SoftmaxCrossEntropy(label_smoothing=0.1 * k),
            ema_decay=0.5 * (k > 0),
            epochs=2 + k,
            seed=k,
        )
        for k in range(3)
    ]
    assert_alike(*both(monkeypatch, members))


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_are_as_by_pytorch(weighted, monkeypatch):
    weights = np.random.default_rng(1).uniform(size=150) if weighted else None
    rows = table(LOSS, rows=150, inputs=11, weight=weights)
    shared, other = Stream(np.arange(100), seed=1), Stream(np.arange(30, 141), seed=2)
    members = [member(network=net(dropout=0.2), seed=k, **PLAIN) for k in range(3)]
    assert_alike(*both(monkeypatch, members, rows, (shared, other, shared)))


@pytest.mark.usefixtures("jumps_everywhere")
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "kind",
    [
        "batch norm",
        "embedding",
        "periodic",
        "jumps",
        "prelu",
        "one row",
        "codes",
        "submodels",
        "clipped",
        "muon",
    ],
)
def test_alone_is_together_to_the_bit_on_any_number_of_threads(threads, kind, monkeypatch):
    networks = {
        "embedding": embedded(PiecewiseLinear(n_bins=16)),
        "periodic": embedded(Periodic(3, "relu", 5)),
        "jumps": embedded(PiecewiseWithJumps(n_bins=16, jumping=(2, 3, 9))),
        "prelu": net(activation=PReLU()),
        "codes": with_codes(GaussianNoise(0.2), PiecewiseLinear(3, "relu", 5, columns=(1, 4))),
        "submodels": of_submodels(TabM(), activation=PReLU(), batch_norm=True, dropout=0.2),
    }
    network = networks.get(kind, net(dropout=0.2, batch_norm=kind != "one row"))
    options = {"network": network, "batch_size": 1 if kind == "one row" else 30, "epochs": 2}
    if kind == "clipped":
        options |= {"gradient_clipping": (ClipByNorm(0.1),), "constraints": (MaxNorm(0.5),)}
    if kind == "muon":
        options |= {"optimizer": Muon(0.01), "penalties": (L2(0.1),)}
    members = [member(seed=k, ema_decay=0.9, **options) for k in range(3)]
    rows = CODES if kind == "codes" else ROWS
    alone = [parameters(run([each], rows, [STREAM]), 0) for each in members]
    # As many as asked for, though so little work isn't worth them.
    monkeypatch.setattr(paced_calls, "threads_for", lambda *args: threads)
    together = run(members, rows, [STREAM])
    for k, each in enumerate(members):
        np.testing.assert_array_equal(alone[k], parameters(together, k))
        np.testing.assert_array_equal(alone[k], parameters(run([each], rows, [STREAM]), 0))


def test_a_member_that_diverges_leaves_the_others(monkeypatch):
    rates = [0.1, 1e300, 0.2]
    members = [member(optimizer=SGD(rate), network=net(), seed=k) for k, rate in enumerate(rates)]
    ours, theirs = both(monkeypatch, members)
    assert ours.status == theirs.status
    assert ours.status == [Status.FINISHED, Status.DIVERGED, Status.FINISHED]
    np.testing.assert_allclose(parameters(ours, 2), parameters(theirs, 2), atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_stay_what_they_are(bad, monkeypatch):
    x = np.random.default_rng(0).normal(size=(60, 4))
    x[7, 2] = bad
    rows = Rows(x, np.arange(60) % 3, dtype=torch.float64)
    members = [member(network=mlp(4, (8,), 3, activation=each)) for each in (ReLU(), Tanh())]
    for each in members:
        ours, theirs = both(monkeypatch, [each], rows, [Stream(np.arange(60))])
        assert ours.status == theirs.status == [Status.DIVERGED]


def test_single_precision_is_near(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(150, 11)), np.arange(150) % 3
    rows, ours = Rows(x, y), member(network=net(activation=Tanh()), **PLAIN)
    one = train([ours], rows, [STREAM])
    train_by_pytorch(monkeypatch)
    other = train([ours], rows, [STREAM])
    np.testing.assert_allclose(parameters(one, 0), parameters(other, 0), atol=2e-5)


def test_a_derived_class_is_not_taken_for_its_base(monkeypatch, caplog):
    # Other tests of this process list the registered classes.
    copied = {family: dict(members) for family, members in registry._families.items()}
    monkeypatch.setattr(registry, "_families", copied)

    class Doubled(Identity, name="doubled_for_a_test"):
        """Twice the identity."""

    caplog.set_level("DEBUG", logger="wellfit.training.bound_stack")
    run([member(network=net(activation=Doubled()))], ROWS, [STREAM])
    assert "PyTorch takes the steps: activation 'doubled_for_a_test'" in caplog.text


def test_threads_of_python_may_train_at_once():
    results = {}

    def fit(seed):
        results[seed] = parameters(run([member(network=net(), seed=seed)], ROWS, [STREAM]), 0)

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for seed in range(4):
        alone = parameters(run([member(network=net(), seed=seed)], ROWS, [STREAM]), 0)
        np.testing.assert_array_equal(results[seed], alone)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="signals come to the main thread")
def test_threads_end_with_their_training(monkeypatch):
    def threads():
        return len(os.listdir("/proc/self/task"))

    seen, move = [], NativeStep.move
    monkeypatch.setattr(paced_calls, "threads_for", lambda *args: 3)
    ours = [member(network=net(), seed=seed, epochs=2 + seed) for seed in range(2)]
    run(ours, ROWS, [STREAM])
    before = threads()
    monkeypatch.setattr(NativeStep, "move", lambda *args: (seen.append(threads()), move(*args))[1])
    run(ours, ROWS, [STREAM])
    assert set(seen) == {before + 2}  # also after a member has left
    assert threads() == before
    monkeypatch.setattr(NativeStep, "move", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(ours, ROWS, [STREAM])
    assert threads() == before


def fitted(epochs=2, **params):
    """Return what a classifier learned, in a process of a test."""
    x = np.random.default_rng(0).normal(size=(80, 3))
    clf = MLPClassifier((8,), epochs=epochs, random_state=0, **params)
    return clf.fit(x, x[:, 0] > 0).predict_proba(x)


def fork_within_a_training():
    torch.set_num_threads(1)
    expected = fitted(epochs=3)
    paced_calls.threads_for = lambda *args: 3
    forked, move = [], NativeStep.move

    def forking(*args):
        done = move(*args)
        if not forked:
            forked.append(os.fork())
        return done

    NativeStep.move = forking
    same = np.array_equal(fitted(epochs=3), expected)
    if not forked[0]:
        os._exit(0 if same else 1)
    return same, os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1])


def fork_after_a_training():
    torch.set_num_threads(3)
    before = fitted(bagging=4)
    child = os.fork()
    if not child:
        torch.set_num_threads(1)  # OpenMP's threads are gone
        os._exit(0 if np.allclose(fitted(bagging=4), before) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train_without_the_library():
    os.environ["WELLFIT_NATIVE"] = "0"
    missing.cache_clear()
    library.cache_clear()
    return missing(), fitted()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals come to the main thread")
def test_a_process_that_forked_within_a_training_goes_on():
    assert in_child(fork_within_a_training) == (True, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals come to the main thread")
def test_a_process_that_forked_trains_on():
    assert in_child(fork_after_a_training) == 0


def test_without_the_library_training_goes_on():
    why, probabilities = in_child(train_without_the_library)
    assert why == "WELLFIT_NATIVE is 0"
    np.testing.assert_allclose(probabilities, fitted(), rtol=1e-4)


def test_the_plan_is_in_python_what_it_is_in_c():
    """Fields have the same names in the same order, and all are eight bytes wide."""
    header = (Path(structures.__file__).parent / "plan.h").read_text()
    header = re.sub(r"//.*", "", header)
    sizes = (ctypes.c_int64 * 7)()
    library().wellfit_sizes(sizes)
    plans = {
        "Layer": structures.LayerPlan,
        "Penalty": structures.PenaltyPlan,
        "Clipping": structures.ClippingPlan,
        "Constraint": structures.ConstraintPlan,
        "Plan": structures.StepPlan,
        "Group": structures.GroupPlan,
        "Call": structures.CallPlan,
    }
    for (name, plan_class), size in zip(plans.items(), sizes, strict=True):
        body = re.search(rf"struct {name} {{(.*?)}};", header, re.DOTALL)[1]
        fields = re.findall(r"[*\s](\*?)(\w+)(?:\[\d+\])?(?=[,;])", body)
        assert [field for _, field in fields] == [field[0] for field in plan_class._fields_]
        for (star, field), (_, kind) in zip(fields, plan_class._fields_, strict=True):
            is_pointer = getattr(kind, "_type_", kind) in (ctypes.c_void_p, "P")
            assert bool(star) == is_pointer, f"{name}.{field}"
        assert size == ctypes.sizeof(plan_class), name


def sorted_rules():
    """Return one update rule for each place; AdamW and AMSGrad share Adam's."""
    first = {rule.place: each for each, rule in reversed(plan._RULES.items())}
    return [first[place] for place in sorted(first)]


@pytest.mark.parametrize(
    ("enum", "names"),
    [
        ("Function", [*(each.name for each in layers._FUNCTIONS), "gelu_tanh"]),
        ("Rule", [each.name for each in sorted_rules()]),
        ("ClippingKind", [each.name for each in plan._CLIPPINGS]),
        ("Silence", ["scaled", "masked", "alpha"]),
    ],
)
def test_numbers_of_kinds_are_in_python_what_they_are_in_c(enum, names):
    header = (Path(structures.__file__).parent / "plan.h").read_text()
    body = re.search(rf"enum {enum} : i64 {{(.*?)}};", header, re.DOTALL)[1]
    assert re.findall(r"\w+", body) == [name.upper() for name in names]


def test_the_instructions_have_a_name():
    assert instructions() in ("AVX-512", "AVX2", "SSE2", "NEON", "generic")


def test_a_checkpoint_says_which_step_made_it(monkeypatch, caplog):
    caplog.set_level("INFO", logger="wellfit.training.loop")
    ours = [member(network=net(), **PLAIN)]
    first = run(ours, ROWS, [STREAM], until=2)
    assert first.trained_by == "compiled step"
    first = load_checkpoint(ours, *save_checkpoint(first))
    np.testing.assert_array_equal(
        parameters(run(ours, ROWS, [STREAM], resume=first), 0),
        parameters(run(ours, ROWS, [STREAM]), 0),
    )
    assert not caplog.records
    train_by_pytorch(monkeypatch)
    rest = run(ours, ROWS, [STREAM], resume=first)
    assert rest.trained_by == "PyTorch"
    assert "PyTorch goes on where compiled step ended" in caplog.text


@pytest.mark.parametrize(
    ("instructions", "threads", "units", "taken"),
    [
        ("AVX-512", 2, 2000, True),
        ("AVX2", 2, 2000, True),
        ("NEON", 1, 2000, True),
        ("NEON", 2, 2000, False),
        ("NEON", 2, 200, True),
    ],
)
def test_large_networks_go_to_pytorch_where_its_products_may_be_faster(
    instructions, threads, units, taken, monkeypatch
):
    monkeypatch.setattr(plan, "instructions", lambda: instructions)
    monkeypatch.setattr(plan, "available_threads", lambda: threads)
    members = [member(network=net(units, units))]
    stack = Stack(members, Weights.initial(members, torch.float32, torch.device("cpu")))
    assert bool(obstacle(stack, 16)) != taken
