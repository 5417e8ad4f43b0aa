"""Everybody's times on the same work, on one core: ``python -m benchmarks [W1 ... W7] [--quick] [--markdown]``.

Without names all are run.  Peers that are not installed are skipped and said so; values and gradients of all are
compared before anything is timed.  ``python -m benchmarks.gradcheck`` and ``.stepper`` are programs of their own.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace

WORKLOADS = {
    "W1": "w1_eager", "W2": "w2_training_step", "W3": "w3_rosenbrock", "W4": "w4_chains", "W5": "w5_written_out",
    "W6": "w6_digits", "W7": "w7_growth",
}


def stay_on_one_core() -> None:
    """Bind the process, and what it starts, to its last core; libraries read the rest when they are imported."""
    assert "numpy" not in sys.modules, "NumPy reads its number of threads when it is imported"
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="W", type=str.upper, help=", ".join(WORKLOADS))
    parser.add_argument("--quick", action="store_true", help="few turns and small sizes, for a look")
    parser.add_argument("--cpu-time", action="store_true",
                        help="count the process's own time and not what other programs take: for a busy machine")
    parser.add_argument("--markdown", action="store_true", help="print the tables as README.md has them")
    options = parser.parse_args(argv)
    unknown = set(options.workloads).difference(WORKLOADS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    stay_on_one_core()
    warnings.simplefilter("ignore")
    from benchmarks.surroundings import described
    from benchmarks.timing import QUICK, THOROUGH

    effort = QUICK if options.quick else THOROUGH
    if options.cpu_time:
        effort = replace(effort, clock=time.process_time)
    print(described(options.cpu_time), end="\n\n", flush=True)
    for workload in options.workloads or WORKLOADS:
        tables = importlib.import_module(f"benchmarks.{WORKLOADS[workload]}").tables
        for table in tables(effort):
            print(table.markdown() if options.markdown else table, flush=True)


if __name__ == "__main__":
    main()
