"""Names that parameters have in scikit-learn, Keras, PyTorch and the like, and what they are here.

Whoever brings such a name is told the one that wellfit has, however little the two look alike.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

# A part of a parameter stands behind two underscores, as ``set_params`` takes it.
OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        theirs: ours
        for ours, names in {
            "activation": "act activation_function activation_fn hidden_activation",
            "augment": "augmentation transforms",
            "batch_norm": "batch_normalization batchnorm bn",
            "batch_size": "batch batches batchsize bs minibatch mini_batch_size",
            "callbacks": "callback",
            "device": "cuda gpu gpus accelerator use_gpu",
            "dropout": "drop_rate dropout_rate dropout_prob p_dropout",
            "early_stopping": "earlystopping early_stop",
            "early_stopping__monitor": "monitor",
            "early_stopping__patience": "patience n_iter_no_change early_stopping_rounds",
            "ema_decay": "ema use_ema ema_momentum",
            "epochs": "epoch max_iter max_epochs max_epoch n_epochs num_epochs nb_epoch n_iter "
            "iterations num_iterations",
            "gradient_clipping": "clip clipnorm clipvalue global_clipnorm grad_clip "
            "clip_grad_norm gradient_clip_val max_grad_norm",
            "hidden_layer_sizes": "hidden hidden_size hidden_sizes hidden_units hidden_dim "
            "hidden_dims hidden_layers units n_hidden layer_sizes neurons architecture",
            "initializer": "kernel_initializer init weight_init initialization",
            "l2": "alpha weight_decay reg regularization kernel_regularizer l2_reg lambda",
            "learning_rate": "lr lrate eta learning_rate_init base_lr step_size",
            "loss": "criterion loss_fn loss_function objective",
            "lr_schedule": "scheduler lr_scheduler learning_rate_schedule",
            "max_steps": "steps n_steps num_steps max_iterations",
            "n_threads": "n_jobs threads num_threads workers num_workers nthread",
            "optimizer": "optim solver optimiser",
            "optimizer__beta_1": "beta_1 beta1 b1",
            "optimizer__beta_2": "beta_2 beta2 b2",
            "optimizer__momentum": "momentum",
            "optimizer__nesterov": "nesterov nesterovs_momentum",
            "precision": "dtype mixed_precision",
            "preprocess": "normalize normalise scale scaling scaler standardize",
            "random_state": "seed random_seed",
            "scoring": "metric metrics eval_metric",
            "validation_fraction": "validation_split val_split val_size validation_size "
            "val_fraction",
        }.items()
        for theirs in names.split()
    }
)
# Of options of the command line that aren't parameters of an estimator; commands have one of them.
OTHER_OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "folds": ("cv",),
        "k": ("cv",),
        "label": ("target",),
        "label_column": ("target",),
        "n_candidates": ("candidates",),
        "n_folds": ("cv",),
        "n_iter": ("candidates",),
        "n_jobs": ("jobs",),
        "n_splits": ("cv",),
        "n_trials": ("candidates",),
        "out": ("run",),
        "out_dir": ("run", "out"),
        "output": ("out", "run"),
        "output_dir": ("run", "out"),
        "random_seed": ("seed",),
        "random_state": ("seed",),
        "sample_weight": ("weights",),
        "save": ("run", "out"),
        "target_column": ("target",),
        "test_ratio": ("test_fraction",),
        "test_size": ("test_fraction",),
        "test_split": ("test_fraction",),
        "trials": ("candidates",),
        "weight": ("weights",),
        "weight_column": ("weights",),
        "workers": ("jobs",),
        "y": ("target",),
    }
)


def meant_by(name: str, known: Container[str]) -> str | None:
    """Return the known parameter, or the part of one, that another library calls so, if any does.

    >>> meant_by("max_iter", ["epochs"]), meant_by("lr", ["l1"])
    ('epochs', None)
    >>> meant_by("momentum", ["optimizer"])
    'optimizer__momentum'
    """
    meant = OTHER_NAMES.get(name, "")
    return meant if meant.partition("__")[0] in known else None
