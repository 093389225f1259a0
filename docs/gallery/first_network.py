# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # A first network
#
# How to check a network, choose its size and stop training: experiments after practical 2 of the Deep
# Learning Indaba (2017). The practical uses MNIST; this notebook uses scikit-learn's 1,797 digits, so
# that it runs in seconds. `wellfit reproduce --source indaba` repeats the practical's experiments on
# MNIST.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.diagnose import Symmetry, check, verdict
from wellfit.model_selection import GridSearchCV, RandomizedSearchCV
from wellfit.optim import SGD
from wellfit.training import EarlyStopping

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=397, stratify=y, random_state=0)
X, X_val, y, y_val = train_test_split(X, y, test_size=400, stratify=y, random_state=0)
print(len(X), "training rows,", len(X_val), "validation rows,", len(X_test), "test rows")

# %% [markdown]
# ## Is the implementation correct?
#
# An untrained network for ten classes has a loss of about log 10 = 2.303. Its gradients equal finite
# differences. It can over-fit a few rows, and it can't predict shuffled labels on other rows. A bug
# usually shows in one of these checks.

# %%
for finding in check(MLPClassifier((128,), random_state=0), X, y).findings:
    if finding.check in ("initial_loss", "gradients", "overfits_few", "shuffled_labels"):
        print(f"{finding.outcome.value}  {finding.check}: {finding.observed}")

# %% [markdown]
# ## Why not initialize all weights equally?
#
# Units with equal weights have equal gradients and stay equal. From zeros, no hidden unit ever learns:
# only the output biases do, and the predictions are the same for all rows. The check detects this
# before training.

# %%
for start in ("zeros", "glorot_uniform"):
    clf = MLPClassifier((128,), initializer=start, dropout=0.0, optimizer=SGD(0.1), random_state=0)
    print(check(clf, X, y, checks=[Symmetry()]))
    print(f"validation accuracy {clf.fit(X, y).score(X_val, y_val):.3f}")

# %% [markdown]
# ## Can it over-fit a few rows?
#
# With thirty rows and no regularization, the training accuracy should reach 100 %. This is over-fitting
# on purpose: the validation loss is much higher and soon stops falling.

# %%
plain = {"dropout": 0.0, "early_stopping": False, "random_state": 0}
few = train_test_split(np.arange(len(X)), train_size=30, stratify=y, random_state=0)[0]
clf = MLPClassifier((128,), epochs=60, **plain).fit(X[few], y[few], X_val=X_val, y_val=y_val)
axes = clf.plot.learning_curve()

# %% [markdown]
# ## The effect of hidden layers
#
# Softmax regression, one hidden layer and two hidden layers, with increasing numbers of rows. Each
# point is the mean of four networks with different initial weights, trained as one stack.


# %%
def score(clf, rows):
    """Return the mean accuracy on the validation rows, of four networks."""
    split = [(np.arange(rows), np.arange(len(X), len(X) + len(X_val)))]
    grid = GridSearchCV(clf, {"random_state": [0, 1, 2, 3]}, cv=split, refit=False)
    return grid.fit(np.r_[X, X_val], np.r_[y, y_val]).cv_results_["mean_test_score"].mean()


figure, axes = plt.subplots(figsize=(7, 4))
sizes = [60, 125, 250, 500, 1000]
for name, hidden in {"linear": (), "128": (128,), "128-128": (128, 128)}.items():
    scores = [score(MLPClassifier(hidden, **plain), rows) for rows in sizes]
    axes.plot(sizes, [100 * value for value in scores], "o-", label=name)
    print(f"{name:8}", "  ".join(f"{value:.3f}" for value in scores))
axes.set(xscale="log", xlabel="training rows", ylabel="validation accuracy (%)")
axes.set_xticks(sizes, sizes)
axes.minorticks_off()
axes.legend(frameon=False)

# %% [markdown]
# ## Early stopping
#
# Training stops after one epoch without improvement, after ten, or never; in each case the weights of
# the best epoch are kept.

# %%
for patience in (1, 3, 10, None):
    stop = EarlyStopping(patience=patience)
    clf = MLPClassifier(
        (128,), dropout=0.0, optimizer=SGD(0.1, momentum=0.9), lr_schedule="constant", epochs=100,
        early_stopping=stop, random_state=0,
    )  # fmt: skip
    clf.fit(X[:250], y[:250], X_val=X_val, y_val=y_val)
    print(f"patience {patience!s:4}: {len(clf.history_['loss']):3} epochs, best {clf.best_epoch_:3},"
          f" validation loss {min(clf.history_['val_loss']):.3f}")  # fmt: skip

# %% [markdown]
# ## The effect of hyper-parameters
#
# Thirty random choices of learning rate, L2 and layers, each trained for 20 epochs by SGD with
# momentum, with two-fold cross-validation.

# %%
space = {
    "optimizer__learning_rate": loguniform(1e-4, 1),
    "l2": loguniform(1e-5, 1e-1),
    "hidden_layer_sizes": [(64,), (64, 64)],
}
sgd = {"optimizer": SGD(momentum=0.9), "lr_schedule": "constant", "gradient_clipping": 1.0}
search = RandomizedSearchCV(MLPClassifier(epochs=20, **sgd, **plain), space, n_iter=30, cv=2,
                            random_state=0).fit(X, y)  # fmt: skip
found = np.sort(search.cv_results_["mean_test_score"])
print("worst, quarter, median, best:", np.round(np.quantile(found, [0, 0.25, 0.5, 1]), 3))
print(search.best_params_)
axes = search.plot.slices()

# %% [markdown]
# ## Is it well fit?

# %%
best = search.best_estimator_.set_params(early_stopping=True).fit(X, y, X_val=X_val, y_val=y_val)
print(verdict(best, X, y, X_test=X_val, y_test=y_val))

# %%
best.plot.confusion(X_test, y_test)
