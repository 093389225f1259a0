"""Searches by stacks against those of other libraries; ``python -m benchmarks.searches``."""
