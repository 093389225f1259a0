# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # A first network: is it right, is it large enough, when to stop?
#
# The questions of the Deep Learning Indaba's practical 2 (2017), answered by runs. The practical works
# on MNIST; here it is scikit-learn's 1,797 digits, so that everything runs in seconds.
# `wellfit reproduce --source indaba` does the practical's own experiments on MNIST.

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
print(len(X), "rows to learn from,", len(X_val), "to judge by,", len(X_test), "for the end")

# %% [markdown]
# ## Is the network what it should be?
#
# Before training, a network that tells ten classes apart knows nothing: its loss is about log 10 =
# 2.303. Its gradients are those that finite differences give. It can learn a few rows by heart, and it
# can't learn labels that were shuffled. A bug in any part shows in one of these.

# %%
for finding in check(MLPClassifier((128,), random_state=0), X, y).findings:
    if finding.check in ("initial_loss", "gradients", "overfits_few", "shuffled_labels"):
        print(f"{finding.outcome.value}  {finding.check}: {finding.observed}")

# %% [markdown]
# ## Why not start all weights alike?
#
# Units that start alike get the same gradient, and stay alike. From zeros, none of them ever learns: only
# the output's biases do, and every row gets the same answer. The check sees it before any training.

# %%
for start in ("zeros", "glorot_uniform"):
    clf = MLPClassifier((128,), initializer=start, dropout=0.0, optimizer=SGD(0.1), random_state=0)
    print(check(clf, X, y, checks=[Symmetry()]))
    print(f"{clf.fit(X, y).score(X_val, y_val):.3f} of the other rows are named rightly")

# %% [markdown]
# ## Can it learn a few rows by heart?
#
# Thirty rows, and no means against over-fitting. It should get all of them right. This is over-fitting on
# purpose: other rows fare far worse, and their loss soon stays where it is.

# %%
plain = {"dropout": 0.0, "early_stopping": False, "random_state": 0}
few = train_test_split(np.arange(len(X)), train_size=30, stratify=y, random_state=0)[0]
clf = MLPClassifier((128,), epochs=60, **plain).fit(X[few], y[few], X_val=X_val, y_val=y_val)
axes = clf.plot.learning_curve()

# %% [markdown]
# ## What do hidden layers add?
#
# Soft-max alone, one hidden layer and two, on more and more rows. Each point is the mean of four
# networks that start from other weights; the four are one stack.


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
axes.set(xscale="log", xlabel="rows to learn from", ylabel="other rows named rightly (%)")
axes.set_xticks(sizes, sizes)
axes.minorticks_off()
axes.legend(frameon=False)

# %% [markdown]
# ## When to stop?
#
# After one epoch without improvement, after ten, or never, with the best of all epochs in the end?

# %%
for patience in (1, 3, 10, None):
    stop = EarlyStopping(patience=patience)
    clf = MLPClassifier(
        (128,), dropout=0.0, optimizer=SGD(0.1, momentum=0.9), lr_schedule="constant", epochs=100,
        early_stopping=stop, random_state=0,
    )  # fmt: skip
    clf.fit(X[:250], y[:250], X_val=X_val, y_val=y_val)
    print(f"patience {patience!s:4}: {len(clf.history_['loss']):3} epochs, kept {clf.best_epoch_:3},"
          f" validation loss {min(clf.history_['val_loss']):.3f}")  # fmt: skip

# %% [markdown]
# ## How much depends on the settings?
#
# Thirty draws of learning rate, L2 and layers, each trained for 20 epochs by SGD with momentum, and
# judged on two folds.

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
