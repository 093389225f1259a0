"""JAX by hand: one jitted call an epoch, which scans over the batches.

The fastest form that JAX has for a network this small: no Python between steps, and the update
rule written out, so that the compiler sees the whole epoch.
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.harness import Array, Trained, main
from benchmarks.workloads import Workload

Tree = Any


def initial_weights(workload: Workload) -> Tree:
    """He's normal weights and zero biases, a pair for each layer."""
    rng = np.random.default_rng(0)
    pairs = zip(workload.widths, workload.widths[1:], strict=False)
    return [
        (
            jnp.asarray(rng.normal(0, (2 / inputs) ** 0.5, (inputs, outputs)), jnp.float32),
            jnp.zeros(outputs, jnp.float32),
        )
        for inputs, outputs in pairs
    ]


def logits(weights: Tree, X: jax.Array) -> jax.Array:
    for W, b in weights[:-1]:
        X = jax.nn.relu(X @ W + b)
    W, b = weights[-1]
    return X @ W + b


def mean_loss(weights: Tree, X: jax.Array, y: jax.Array) -> jax.Array:
    log_p = jax.nn.log_softmax(logits(weights, X))
    return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()


def updated(workload: Workload, state: Tree, gradients: Tree) -> Tree:
    """Return weights, moments and the step's number after one step of Adam or SGD."""
    weights, first, second, step = state
    step = step + 1
    rate, tree = workload.learning_rate, jax.tree_util.tree_map
    if workload.optimizer == "sgd":
        first = tree(lambda m, g: workload.momentum * m + g, first, gradients)
        return tree(lambda w, m: w - rate * m, weights, first), first, second, step
    first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    first_scale, second_scale = 1 / (1 - 0.9**step), 1 / (1 - 0.999**step)
    weights = tree(
        lambda w, m, v: w - rate * m * first_scale / (jnp.sqrt(v * second_scale) + 1e-8),
        weights,
        first,
        second,
    )
    return weights, first, second, step


def one_epoch(
    workload: Workload, state: Tree, X: jax.Array, y: jax.Array, key: jax.Array
) -> tuple[Tree, jax.Array]:
    """Return the state after every row was seen once, and the mean loss before each step."""

    def step(state: Tree, batch: jax.Array) -> tuple[Tree, jax.Array]:
        loss, gradients = jax.value_and_grad(mean_loss)(state[0], X[batch], y[batch])
        if workload.l2:
            gradients = [
                (dW + workload.l2 * W, db)
                for (dW, db), (W, _) in zip(gradients, state[0], strict=True)
            ]
        return updated(workload, state, gradients), loss * len(batch)

    order = jax.random.permutation(key, len(X))
    whole = len(X) // workload.batch_size * workload.batch_size
    batches = order[:whole].reshape(-1, workload.batch_size)
    state, losses = jax.lax.scan(step, state, batches)
    total = losses.sum()
    if whole < len(X):
        state, last = step(state, order[whole:])
        total = total + last
    return state, total / len(X)


def fit(workload: Workload, X: Array, y: Array, epochs: int) -> Trained:
    rows, classes = jnp.asarray(X), jnp.asarray(y, jnp.int32)
    weights = initial_weights(workload)
    zeros = [jax.tree_util.tree_map(jnp.zeros_like, weights) for _ in range(2)]
    state = (weights, *zeros, jnp.float32(0))
    compiled = jax.jit(partial(one_epoch, workload), donate_argnums=0)
    ends, losses = [], []
    for key in jax.random.split(jax.random.key(0), epochs):
        state, loss = compiled(state, rows, classes, key)
        losses.append(float(loss))  # waits for the result
        ends.append(perf_counter())
    return Trained(ends, losses, lambda X: np.asarray(logits(state[0], jnp.asarray(X))))


if __name__ == "__main__":
    main(fit)
