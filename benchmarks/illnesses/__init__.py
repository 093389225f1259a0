"""The bench of verdicts: real trainings, ill and healthy, judged by wellfit and by an expert.

    python -m benchmarks.illnesses --data-dir DIR

See ``data`` for the data sets and their split into halves, ``plans`` for the trainings, ``expert``
for the ground truth, and ``__main__`` for the table.
"""
