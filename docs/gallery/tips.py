# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # Training tips
#
# Rules of thumb from Colin Raffel's "Neural network training tips and tricks", after chapter 3 of
# Michael Nielsen's book, each tested on scikit-learn's digits. `wellfit reproduce --all` repeats the
# notes' example on MNIST.

# %%
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.diagnose import learning_rate_range
from wellfit.model_selection import GridSearchCV
from wellfit.nn import LecunNormal, Normal
from wellfit.optim import SGD

X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X, y, test_size=500, stratify=y, random_state=0)
plain = {
    "activation": "sigmoid", "optimizer": SGD(0.1), "lr_schedule": "constant", "batch_size": 32,
    "epochs": 30, "dropout": 0.0, "early_stopping": False, "random_state": 0,
}  # fmt: skip


def race(axes, ways, **settings):
    """Train a network in each way, and draw how it does on the validation rows by epoch."""
    for name, way in ways.items():
        clf = MLPClassifier((100,), **(plain | settings | way)).fit(X, y, X_val=X_val, y_val=y_val)
        right = [100 * share for share in clf.history_["val_accuracy"]]
        axes.plot(range(1, len(right) + 1), right, label=name)
        print(f"{name:34} after 5 epochs {right[4]:5.1f} %, at the end {right[-1]:5.1f} %")
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(0, 100))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower right")


# %% [markdown]
# ## Loss and initial weights
#
# With weights of standard deviation 1, the inputs of the units are large, and sigmoids saturate. The
# gradient of the squared error contains the sigmoid's derivative, so that a saturated wrong output
# learns slowly; in the gradient of cross-entropy this factor cancels. Weights of standard deviation
# 1/√n, for n inputs, avoid saturation.

# %%
figure, axes = plt.subplots(figsize=(7, 4))
costs = {"squared error": "sigmoid_squared_error", "cross-entropy": "sigmoid_cross_entropy"}
starts = {"deviation 1": Normal(1.0), "deviation 1/√n": LecunNormal()}
race(axes, {
    f"{cost}, {start}": {"loss": costs[cost], "initializer": starts[start]}
    for cost in costs for start in starts
})  # fmt: skip

# %% [markdown]
# ## Learning rate
#
# With too low a rate the loss hardly falls; with too high a rate it doesn't converge. A range test
# tries many rates at the same time for a hundred steps, and suggests one. Five rates are then trained
# fully, in one stack.

# %%
clf = MLPClassifier((100,), **(plain | {"activation": "relu"}))
test = learning_rate_range(clf, X, y)
print(test)
axes = test.plot()

# %%
rates = [0.001, 0.01, 0.1, 1.0]
grid = GridSearchCV(
    clf, {"optimizer__learning_rate": rates}, cv=2, refit=False, error_score=0.0
).fit(X, y)
figure, axes = plt.subplots(figsize=(7, 4))
for rate, folds in zip(rates, grid.histories_, strict=True):
    axes.plot(folds[0]["loss"], label=f"learning rate {rate:g}")
axes.set(yscale="log", xlabel="epoch", ylabel="training loss")
axes.legend(frameon=False)

# %% [markdown]
# ## Batch size
#
# All networks train for the same number of epochs, so small batches take many more steps.

# %%
figure, axes = plt.subplots(figsize=(7, 4))
sizes = [8, 32, 128, 1297]
race(axes, {f"{size} rows, {-(-len(X) // size)} steps": {"batch_size": size} for size in sizes},
     loss="sigmoid_cross_entropy", initializer=LecunNormal())  # fmt: skip

# %% [markdown]
# ## Momentum

# %%
figure, axes = plt.subplots(figsize=(7, 4))
momenta = [0.0, 0.5, 0.9, 0.99]
race(axes, {f"momentum {m:g}": {"optimizer": SGD(0.02, momentum=m)} for m in momenta},
     loss="sigmoid_cross_entropy", initializer=LecunNormal())  # fmt: skip

# %% [markdown]
# ## Early stopping
#
# With a hundred rows and many epochs, the validation loss rises again. Early stopping keeps the weights
# of its minimum.

# %%
clf = MLPClassifier(
    (100,), **(plain | {"epochs": 200, "early_stopping": True, "activation": "relu"})
)
clf.fit(X[:100], y[:100], X_val=X_val, y_val=y_val)
print(
    f"stopped after {len(clf.history_['loss'])} epochs, with the weights of epoch {clf.best_epoch_}"
)
axes = clf.plot.learning_curve()
