# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # Regularization
#
# Over-fitting and remedies: experiments after the third assignment of Udacity's deep learning course
# (TensorFlow, 2016). The assignment uses notMNIST; this notebook trains on a hundred of scikit-learn's
# digits, so that networks over-fit, and evaluates on all others. `wellfit reproduce --all` repeats the
# assignment's experiments if its data are available.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.diagnose import verdict
from wellfit.model_selection import GridSearchCV
from wellfit.optim import SGD, Exponential

X, y = load_digits(return_X_y=True)
known, other = train_test_split(np.arange(len(X)), train_size=100, stratify=y, random_state=0)
plain = {
    "optimizer": SGD(0.05, momentum=0.9), "lr_schedule": "constant", "gradient_clipping": 1.0,
    "epochs": 80, "dropout": 0.0, "early_stopping": False, "random_state": 0,
}  # fmt: skip

# %% [markdown]
# ## Over-fitting
#
# The training accuracy soon reaches 100 %, and the training loss approaches 0. The test loss rises
# again, because the network becomes more and more confident in its errors.

# %%
clf = MLPClassifier((128, 128), **plain)
clf.fit(X[known], y[known], X_val=X[other], y_val=y[other])
axes = clf.plot.learning_curve()

# %%
print(verdict(clf, X[known], y[known], X_test=X[other], y_test=y[other]))

# %% [markdown]
# ## The strength of L2
#
# Nine strengths with three initializations each: 27 networks in one stack, for softmax regression and
# for two hidden layers.


# %%
def means(clf, grid):
    """Return the mean accuracies of three networks each, on training rows and on others."""
    split, seeds = [(known, other)], {"random_state": [0, 1, 2]}
    search = GridSearchCV(clf, grid | seeds, cv=split, refit=False, return_train_score=True)
    found = search.fit(X, y).cv_results_
    return [
        100 * found[f"mean_{which}_score"].reshape(-1, 3).mean(1) for which in ("train", "test")
    ]


def curve(axes, values, clf, grid):
    """Draw accuracies by a parameter's values, and say which does best."""
    train, test = means(clf, grid)
    axes.plot(values, train, "--", color="#0072B2", label="training")
    axes.plot(values, test, "o-", color="#D55E00", label="test")
    axes.set(ylabel="accuracy (%)")
    axes.grid(alpha=0.25)
    print(
        f"lowest value: {test[0]:.1f} %; best: {test.max():.1f} %, at {values[test.argmax()]:.2g}"
    )


# %%
strengths = np.logspace(-4, 0, 9)
figure, both = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for axes, hidden in zip(both, [(), (128, 128)], strict=True):
    curve(axes, strengths, MLPClassifier(hidden, **plain), {"l2": strengths.tolist()})
    axes.set(xscale="log", xlabel="strength of L2", title=f"hidden layers: {hidden or 'none'}")
both[0].legend(frameon=False)

# %% [markdown]
# The network profits more than softmax regression, because it over-fits more. With too strong a
# penalty, the training accuracy falls too: under-fitting, at the right of both figures.
#
# ## Dropout
#
# The same network; the training rows are scored without dropout.

# %%
shares = [0.0, 0.1, 0.2, 0.35, 0.5, 0.7]
figure, axes = plt.subplots(figsize=(6, 4))
curve(axes, shares, MLPClassifier((128, 128), **plain), {"dropout": shares})
axes.set(xlabel="dropout rate")
axes.legend(frameon=False)

# %% [markdown]
# ## Learning-rate decay, and all methods together

# %%
schedules = {"constant": "constant", "exponential": Exponential(0.95), "one cycle": "one_cycle"}
print(f"{'':12}  neither     L2  dropout   both")
for name, schedule in schedules.items():
    clf = MLPClassifier((128, 128), **plain).set_params(lr_schedule=schedule)
    test = means(clf, {"dropout": [0.0, 0.2], "l2": [0.0, 0.01]})[1]
    print(f"{name:12}  " + "  ".join(f"{value:5.1f} %" for value in test))
