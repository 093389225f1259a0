"""One file per library, each with the same ``fit`` (harness.py), each in its own process."""
