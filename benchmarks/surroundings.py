"""What the times depend on: machine, versions, and the state of Python's collector."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

PEERS = ("torch", "jax", "autograd", "casadi", "ddx-ad", "micrograd", "numba", "scikit-learn")


def described(cpu_time: bool) -> str:
    """The surroundings in a few sentences."""
    versions = [f"{name} {version}" for name in PEERS if (version := _version(name))]
    load = f", load {os.getloadavg()[0]:.1f} when started" if hasattr(os, "getloadavg") else ""
    return "\n".join([
        f"Python {platform.python_version()}, NumPy {np.__version__} ({_blas()}), {', '.join(versions)}.",
        f"{_processor()}, one of {os.cpu_count()} cores{load}; float64 everywhere.",
        "Times are of the process's own processor." if cpu_time else "Times are by the clock on the wall.",
        "Medians over turns; contenders take turns in one process, and a ratio is the median of the turns' ratios.",
        "Python's cyclic collector is on unless a row says otherwise; before each turn it is run, and what libraries",
        "made on import is frozen before, so that nobody pays for another's modules.",
    ])


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _blas() -> str:
    blas = np.show_config("dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
