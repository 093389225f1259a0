"""K networks as one stack against K single fits, one after another, in the same process.

    python -m benchmarks.stack --members 32

The networks are those of the table workload (64-64-2, batch 64, Adam), each with a learning
rate and a seed of its own. Both ways are warmed up and then timed in turn; what is printed are
medians, and the ratio of each pair of runs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from benchmarks import workloads
from wellfit.nn import mlp
from wellfit.optim import Adam
from wellfit.training import Member, Rows, Stream, train


def members(count: int, epochs: int) -> list[Member]:
    """Return the trainings: networks that differ in seed and learning rate."""
    rates = np.geomspace(3e-4, 3e-3, count)
    return [
        Member(
            mlp(20, (64, 64), 2),
            optimizer=Adam(float(rate)),
            batch_size=64,
            epochs=epochs,
            seed=seed,
        )
        for seed, rate in enumerate(rates)
    ]


def seconds(work: list[Member], rows: Rows, stream: Stream) -> float:
    """Return how long one call of ``train`` takes."""
    start = perf_counter()
    train(work, rows, [stream])
    if rows.device.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start


def main() -> None:
    """Measure, print a line, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", help="where to write the seconds as JSON")
    args = parser.parse_args()

    x, y = workloads.make_rows(workloads.WORKLOADS["table"], Path())
    rows, stream = Rows(x, y, device=args.device), Stream(np.arange(len(x)))
    work = members(args.members, args.epochs)
    seconds(work[:1], rows, stream)
    seconds(work, rows, stream)
    pairs = [
        (
            seconds(work, rows, stream),
            sum(seconds([member], rows, stream) for member in work),
        )
        for _ in range(args.repeats)
    ]
    together, alone = (median(times) for times in zip(*pairs, strict=True))
    share = median(a / b for a, b in pairs)
    steps = args.epochs * -(-len(x) // 64)
    print(
        f"{args.members} networks on {args.device}: together {together:.2f} s "
        f"({together / steps / args.members * 1e6:.1f} µs a network's step), alone {alone:.2f} s "
        f"({alone / steps / args.members * 1e6:.1f} µs); together takes {share:.0%} of alone"
    )
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump({**vars(args), "together": together, "alone": alone, "share": share}, file)


if __name__ == "__main__":
    main()
