"""BaseMLP: what classifier, regressor and pretraining share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from wellfit.estimators import persistence
from wellfit.estimators.bagging import trained
from wellfit.estimators.batch_problems import warn_of
from wellfit.estimators.build import JobBuilder
from wellfit.estimators.display import model_plots, with_summary
from wellfit.estimators.encoding import SOMETIMES, learned_attributes, refuse_preprocessing
from wellfit.estimators.parameters import Parameters
from wellfit.estimators.transferring import estimator_from
from wellfit.estimators.undo import rollback_on_error
from wellfit.fitting import Compute, FittedNetwork, TargetEncoder, TrainingJob
from wellfit.fitting.validation import validate_features
from wellfit.training.sparse import zero_shares


class BaseMLP(Parameters):
    """A multi-layer perceptron; subclasses say what their targets are.

    Attributes:
        target_encoder: how targets are encoded.
        job_builder: what makes training jobs of the parameters.
        network_: after ``fit``, the fitted network: all that predictions need.
    """

    target_encoder: ClassVar[type[TargetEncoder]]
    job_builder: ClassVar[type[JobBuilder]] = JobBuilder

    network_: FittedNetwork
    classes_: NDArray[Any]
    n_features_in_: int
    _warned: frozenset[str] = frozenset()  # of these problems

    @rollback_on_error
    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on rows X and targets y, from fresh weights unless ``warm_start``.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars, dask), an array, a sparse
                matrix, or a :class:`~wellfit.datasets.Dataset`, which needn't fit in memory.
            y: (n_samples,) or (n_samples, n_outputs); None of a data set.
            sample_weight: (n_samples,), at least 0; a row of weight 0 counts as absent.
            X_val: rows to judge every epoch by, like X; else some of X's may be held out.
            y_val: their targets.
            resume_from: checkpoints of an earlier fit of the same parameters to the same data,
                to go on from the newest whole one: a folder of
                :class:`~wellfit.training.Checkpoint`, or a file of it.

        Returns:
            The estimator itself.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
            ModelFileError: no whole checkpoint to resume from.
            DivergedError: the loss became infinite before any epoch was worth keeping.
        """
        if not (self.warm_start and hasattr(self, "network_")):
            self._warned = frozenset()
            self.__dict__.pop("preprocessing_", None)
        builder = self.job_builder(self, alone=True)
        return self._run(builder, builder.job(X, y, sample_weight, X_val, y_val, resume_from))

    @rollback_on_error
    def _partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, first_targets: ArrayLike
    ) -> Self:
        """Train one epoch on these rows; ``first_targets`` is what the first call learns from."""
        builder = self.job_builder(self)
        return self._run(builder, builder.epoch(X, y, sample_weight, first_targets))

    def _run(self, builder: JobBuilder, job: TrainingJob) -> Self:
        warn_of(builder.problems, self._warned, stacklevel=6)
        self._warned |= builder.problems.keys()
        return self.keep(trained(builder, job))

    def prepare(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
    ) -> TrainingJob:
        """Return the training that ``fit`` would run, for :func:`wellfit.fitting.run`."""
        return self.job_builder(self).job(X, y, sample_weight, X_val, y_val)

    def keep(self, network: FittedNetwork) -> Self:
        """Become what a training of this estimator's has led to; the last step of ``fit``."""
        self.network_, record = network, network.record
        self.history_, self.status_ = record.history, record.status
        self.n_epochs_, self.best_epoch_ = record.n_epochs, record.best_epoch
        self.precision_, self.batch_size_ = record.precision, record.batch_size
        self.n_parameters_ = network.n_parameters
        for name in SOMETIMES:
            self.__dict__.pop(name, None)
        self.__dict__.update(learned_attributes(network))
        return self

    @rollback_on_error
    def fit_preprocessing(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn how rows are scaled and encoded, for ``partial_fit`` to use; train nothing.

        Without it, the first batch of ``partial_fit`` sets the medians, levels and so on of all
        later ones. Data that don't fit in memory are trained on in batches after a sample of
        them, drawn from all over, has been read here. ``fit`` learns anew.

        Args:
            X: (n_samples, n_features) rows like all that will come.
            y: their targets, whose scale a regressor then learns from these; None for the scale
                of the first batch.

        Returns:
            The estimator itself, still without weights.

        Raises:
            InputError: it is trained already, or reads rows as a pretrained model does.

        >>> from wellfit import MLPRegressor
        >>> X = np.linspace(0, 100, 1000)[:, None]
        >>> y = X[:, 0] ** 2
        >>> reg = MLPRegressor((16,), random_state=0).fit_preprocessing(X[::10], y[::10])
        >>> for start in range(0, 1000, 100):
        ...     reg = reg.partial_fit(X[start : start + 100], y[start : start + 100])
        >>> reg.predict(X).shape
        (1000,)
        """
        refuse_preprocessing(self)
        self.preprocessing_ = self.job_builder(self).encoders(X, y)
        self._warned = frozenset()
        return self

    def outputs(self, X: Any) -> NDArray[np.floating]:
        """Return the network's outputs (n_samples, n_outputs): probabilities, or scaled estimates.

        ``predict`` makes labels and numbers of them.

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "network_")
        x = validate_features(self, X, self.network_.features)
        return self.network_.outputs(x, Compute.of(self))

    @property
    def coefs_(self) -> list[NDArray[np.floating]]:
        """The (first network's) linear layers' weights (inputs, units), submodels side by side."""
        check_is_fitted(self, "network_")
        return [block[:-1].cpu().numpy() for block in self.network_.linear]

    @property
    def intercepts_(self) -> list[NDArray[np.floating]]:
        """The (first network's) linear layers' biases, from the input on, each (units,)."""
        check_is_fitted(self, "network_")
        return [block[-1].cpu().numpy() for block in self.network_.linear]

    @property
    def sparsity_(self) -> float:
        """The share of weights (not biases) that are exactly zero."""
        check_is_fitted(self, "network_")
        return float(zero_shares(self.network_.weights).mean())

    def prune(self, *, threshold: float = 0.0, share: float = 0.0) -> Self:
        """Set small weights to zero, and predict by sparse matrices from here on.

        Args:
            threshold: weights up to this size become zero, at least 0.
            share: the smallest so many of a network's weights become zero, in [0, 1).

        Returns:
            The estimator itself. Saved and loaded, it predicts the same, by full matrices; as
            several networks do that are averaged, each of which is pruned.

        Raises:
            HyperparameterError: a number out of its range.

        >>> from sklearn.datasets import load_iris
        >>> from wellfit import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MLPClassifier(random_state=0).fit(X, y).prune(share=0.9)
        >>> clf.score(X, y) > 0.9, round(clf.sparsity_, 2)
        (True, 0.9)
        """
        check_is_fitted(self, "network_")
        self.network_ = self.network_.pruned(threshold, share)
        return self

    def densify(self) -> Self:
        """Predict by full matrices again; weights that are zero stay zero."""
        check_is_fitted(self, "network_")
        self.network_ = replace(self.network_, sparse=False)
        return self

    def transfer(
        self,
        n_layers: int | str | None = None,
        freeze: int | Literal["auto"] = 0,
        head: Literal["new", "keep"] = "new",
        *,
        unfreeze: Any = None,
        layerwise_lr_decay: float = 1.0,
        **params: Any,
    ) -> Self:
        """Return an unfitted estimator that will start from this one's (first network's) layers.

        Args:
            n_layers: how many hidden layers to take, or up to which; None for all.
            freeze: how many of them stay as they are; ``"auto"`` finds out.
            head: ``"new"``, or ``"keep"`` for the output layer of the same classes.
            unfreeze: the epoch from which frozen layers learn too; see
                :class:`wellfit.transfer.Pretrained` for this and ``layerwise_lr_decay``.
            layerwise_lr_decay: each layer's rate over that of the layer above, in (0, 1].
            params: what is to differ from this estimator's own parameters, such as ``epochs``.

        Raises:
            UnknownNameError: naming the nearest parameter, of the estimator or of this method.
            InputError: this one isn't fitted, or of a kind that can't start from another.

        >>> from sklearn.datasets import load_iris
        >>> from wellfit import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MLPClassifier((16, 16), random_state=0).fit(X, y > 0)
        >>> clf.transfer(freeze=1, epochs=20).fit(X, y).pretrained_["frozen"]
        1
        """
        taken = {"n_layers": n_layers, "freeze": freeze, "unfreeze": unfreeze, "head": head}
        taken["layerwise_lr_decay"] = layerwise_lr_decay
        return estimator_from(self, taken, params)

    save = persistence.save_model

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the model that :meth:`save` wrote. Runs no code that the folder carries.

        Raises:
            ModelFileError: no model there, or a damaged, altered, newer or different one.
        """
        return persistence.load_as(cls, path)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return the fitted estimator that a model folder's document describes.

        Raises:
            ModelFileError: the document or a tensor isn't of the declared form; names the field.
        """
        params = persistence.restored(cls, document.get("params"))
        return persistence.filled(cls(**params), document, tensors)

    plot = property(model_plots)

    def _html_repr(self) -> str:
        """Return scikit-learn's diagram, and below it what came of the training."""
        return with_summary(super()._html_repr(), getattr(self, "network_", None))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")
