"""Keras on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is first imported

from benchmarks.peers.harness import main
from benchmarks.peers.keras_fit import fit

if __name__ == "__main__":
    main(fit)
