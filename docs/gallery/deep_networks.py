# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # Deep networks
#
# Why deep networks didn't train, and which methods changed that: experiments after the notes on
# training deep nets (chapter 11), on scikit-learn's 1,797 digits. `wellfit reproduce --source
# deep-nets` repeats the notes' experiments on MNIST.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.diagnose import Signals, check
from wellfit.nn import Normal
from wellfit.optim import Adam
from wellfit.transfer import Pretrained

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
DEEP = (50,) * 10
plain = {"dropout": 0.0, "early_stopping": False, "random_state": 0}

# %% [markdown]
# ## Vanishing gradients
#
# With ten layers of sigmoid units and weights drawn from N(0, 0.1²), the gradient almost vanishes
# before the first layer. With ELU units and weights scaled by the layer's width (He et al., 2015) it
# doesn't. The checks detect this before training.

# %%
ways = {
    "sigmoid, N(0, 0.1²)": {"activation": "sigmoid", "initializer": Normal(std=0.1)},
    "ELU, He": {"activation": "elu", "initializer": "he_normal"},
}
for name, way in ways.items():
    found = check(MLPClassifier(DEEP, **way, **plain), X, y, checks=[Signals()])["signals"]
    print(f"{name}: {found.outcome.value}, {found.observed}")

# %% [markdown]
# ## Initialization and batch norm in training

# %%
ways["sigmoid, N(0, 0.1²), batch norm"] = {**ways["sigmoid, N(0, 0.1²)"], "batch_norm": True}
ways["ELU, He, batch norm"] = {**ways["ELU, He"], "batch_norm": True}
figure, axes = plt.subplots(figsize=(7, 4))
for name, way in ways.items():
    clf = MLPClassifier(DEEP, epochs=15, **way, **plain).fit(X, y)
    axes.plot(range(1, 16), clf.history_["loss"], label=name)
    print(f"{name:32} test accuracy {clf.score(X_test, y_test):.3f}")
axes.set(xlabel="epoch", ylabel="training loss")
axes.legend(frameon=False)

# %% [markdown]
# Without batch norm, the sigmoid network keeps the loss of random guessing. Batch norm compensates for
# a bad initialization, because it scales the outputs of each layer; with a good initialization it
# improves less.
#
# ## Optimizers
#
# The same network with several optimizers, each with its usual learning rate.

# %%
figure, axes = plt.subplots(figsize=(7, 4))
for rule in ("sgd", "adagrad", "rmsprop", "adam", "nadam"):
    clf = MLPClassifier(
        (50,) * 3, optimizer=rule, lr_schedule="constant", epochs=15, **ways["ELU, He"], **plain
    )
    clf.fit(X, y)
    axes.plot(range(1, 16), clf.history_["loss"], label=rule)
    print(f"{rule:8} test accuracy {clf.score(X_test, y_test):.3f}")
axes.set(yscale="log", xlabel="epoch", ylabel="training loss")
axes.legend(frameon=False)

# %% [markdown]
# ## Pretrained layers
#
# A network is trained on the digits 0 to 4. Its layers are then used for the digits 5 to 9, with only
# ten images of each digit: with different numbers of frozen layers, and compared with a network trained
# from scratch.

# %%
low, high = y < 5, np.flatnonzero(y >= 5)
base = MLPClassifier((50,) * 4, epochs=30, **ways["ELU, He"], **plain).fit(X[low], y[low])
few = np.concatenate([high[y[high] == digit][:10] for digit in range(5, 10)])
tested = y_test >= 5
how = {"optimizer": Adam(0.01), "epochs": 60, "batch_size": 10, **plain}
for frozen in (4, 3, 2, 1, 0):
    clf = MLPClassifier(pretrained=Pretrained(base, freeze=frozen), **how).fit(X[few], y[few])
    score = clf.score(X_test[tested], y_test[tested])
    print(f"{frozen} frozen  {score:.3f}  computed once: {clf.pretrained_['cached']}")
fresh = MLPClassifier((50,) * 4, **ways["ELU, He"], **how).fit(X[few], y[few])
print(f"scratch   {fresh.score(X_test[tested], y_test[tested]):.3f}")

# %% [markdown]
# With more frozen layers, the network adapts less to the new digits. With so few rows and such similar
# tasks, fine-tuning all pretrained layers is rarely worse than training from scratch, and often better;
# only a comparison like this one shows it.
