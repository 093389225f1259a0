# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # Optimization
#
# Optimizers on a test function, momentum and learning-rate decay in a network, and the effect of
# initial weights: experiments after CS109B's lab 3 (Harvard, 2019). This notebook uses scikit-learn's
# 1,797 digits, so that it runs in seconds; `wellfit reproduce --source cs109b` repeats the lab's
# experiments on MNIST.

# %%
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.landscapes import Beale, at_best_rate, compare_optimizers
from wellfit.model_selection import GridSearchCV
from wellfit.optim import LBFGS, SGD, Adam, RMSProp
from wellfit.report.landscape import landscape_figure

# %% [markdown]
# ## Beale's function
#
# From (4, 4) the function falls steeply into a long flat valley. L-BFGS, which the lab takes from
# SciPy, estimates the curvature from earlier gradients, and reaches the minimum after about twenty
# evaluations. The other optimizers use their best learning rate.

# %%
beale, start = Beale(), (4.0, 4.0)
rules = [at_best_rate(beale, rule, start) for rule in (SGD(momentum=0.9), RMSProp(), Adam())]
paths = compare_optimizers(beale, [*rules, LBFGS()], [start], steps=2000)
for path in paths:
    x, y = path.points[-1]
    print(f"{path.rule.name:8} ends at ({x:.3f}, {y:.3f}), height {path.heights[-1]:.2g}")

# %%
landscape_figure(beale, paths)

# %% [markdown]
# ## Momentum and learning-rate decay
#
# One network with three optimizers. The learning rate of the last one is divided by 1 + decay · step,
# as in the lab.

# %%
X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
ways = {
    "plain": {"optimizer": SGD(0.01), "lr_schedule": "constant"},
    "momentum 0.9": {"optimizer": SGD(0.01, momentum=0.9), "lr_schedule": "constant"},
    "momentum, decaying rate": {"optimizer": SGD(0.01, momentum=0.9), "lr_schedule": "time_based"},
}
figure, axes = plt.subplots(figsize=(7, 4))
for name, way in ways.items():
    clf = MLPClassifier((64,), epochs=15, early_stopping=False, random_state=0, **way).fit(X, y)
    axes.plot(range(1, 16), clf.history_["loss"], label=name)
    print(f"{name:24} test accuracy {clf.score(X_test, y_test):.3f}")
axes.set(yscale="log", xlabel="epoch", ylabel="training loss")
axes.legend(frameon=False)

# %% [markdown]
# Momentum has the largest effect: it multiplies the effective learning rate by up to ten in directions
# in which the gradient keeps its sign, but not in directions in which it alternates.
#
# ## Initial weights
#
# Eight initializers, three folds each: 24 networks, trained in one stack.

# %%
names = ["uniform", "lecun_uniform", "normal", "zeros"]
names += ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform"]
clf = MLPClassifier((64, 64), dropout=0.2, epochs=15, early_stopping=False, random_state=0)
grid = GridSearchCV(clf, {"initializer": names}, cv=3, refit=False).fit(X, y)
scores = grid.cv_results_["mean_test_score"]
for name, score in sorted(zip(names, scores, strict=True), key=lambda pair: -pair[1]):
    print(f"{name:16} {score:.3f}")

# %% [markdown]
# All but one do well. From zeros, all units of a layer have equal gradients and stay equal: the network
# is as wide as one unit. The lab finds the same on MNIST: 11 % with zeros, 95 % with the others.
