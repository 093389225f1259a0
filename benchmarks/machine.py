"""What the figures were measured on, and the most it can do: its float32 matrix-product limit.

Run as a program it prints the limit as JSON; a process of its own keeps the caller small.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

_PACKAGES = ("wellfit", "numpy", "scikit-learn", "torch", "skorch", "keras", "jax", "tensorflow")

# Variables by which an environment sets the threads of BLAS and OpenMP, for all libraries alike.
THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def describe() -> dict[str, Any]:
    """Return the processor, how many cores this process may use, versions, and what was unset."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    unset = {name: os.environ[name] for name in THREAD_SETTINGS if name in os.environ}
    return {"processor": _processor(), "cores": cores, "versions": versions, "unset": unset}


def one_line(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return f"{machine['processor']}, {machine['cores']} cores; {versions}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class Disturbance:
    """How much of the machine programs other than this one's children take, from now on.

    Libraries whose threads wait for one another by spinning slow down tenfold when a third
    thread wants a core, so a figure is worth only as much as the machine was quiet.
    """

    def __init__(self) -> None:
        self.start, self.busy, self.own = perf_counter(), _busy_seconds(), _own_seconds()

    def share(self) -> float:
        """Return the share of all cores' time, 0 where /proc/stat doesn't exist."""
        others = (_busy_seconds() - self.busy) - (_own_seconds() - self.own)
        return max(0.0, others / (perf_counter() - self.start) / (os.cpu_count() or 1))


def _busy_seconds() -> float:
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system = stat.read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def matrix_limit(sizes: tuple[int, ...] = (1024, 2048, 3072)) -> dict[str, Any]:
    """Return the fastest exact float32 product of two square matrices, in GFLOP/s.

    PyTorch's product goes through MKL by default, and through oneDNN where bfloat16 is allowed,
    which some processors serve in full float32 and faster. A product counts if its relative
    error is that of float32.
    """
    import torch

    candidates = []
    for precision in ("ieee", "bf16"):
        torch.backends.mkldnn.matmul.fp32_precision = precision
        candidates += [{"precision": precision, **_product(size)} for size in sizes]
    exact = [one for one in candidates if one["relative_error"] < 1e-5]
    return {"gflops": max(one["gflops"] for one in exact), "products": candidates}


def _product(size: int, repeats: int = 7) -> dict[str, Any]:
    import torch

    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(size, size, generator=generator) for _ in range(2))
    result = torch.mm(a, b)  # warm-up
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        torch.mm(a, b, out=result)
        seconds.append(perf_counter() - start)
    exact = torch.mm(a.double(), b.double())
    error = float((result - exact).norm() / exact.norm())
    gflops = 2 * size**3 / statistics.median(seconds) / 1e9
    return {"size": size, "gflops": gflops, "relative_error": error}


if __name__ == "__main__":
    print(json.dumps(matrix_limit()))
