"""W7: how time and memory grow with nodes and with lanes, each size in a process of its own.

``python -m benchmarks.w7_growth KIND SIZE time|memory`` is such a process; it prints its numbers as JSON.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import autograd_core as ag
from benchmarks.network import EXAMPLES, PARAMETERS, TARGETS, X, margin_error
from benchmarks.timing import Effort, Table, duration

Numbers = dict[str, float]
TIMES = ("eager", "first", "again")
NODES = (1_000, 10_000, 100_000, 1_000_000)
LANES = (1, 10, 100, 1_000, 10_000, 100_000)
LIMIT = 0.015
MOST_SECONDS, MOST_MB = 120.0, 4000.0


def tables(effort: Effort) -> Iterator[Table]:
    """The table of the small network, and one table for each way to grow."""
    yield first_call(effort)
    nodes, lanes = (NODES[:3], LANES[:5]) if effort.quick else (NODES, LANES)
    clock = "cpu" if effort.clock is time.process_time else "wall"
    yield growth("W7: irregular graphs (+, *, sin, tanh of random earlier nodes)", "irregular", "nodes", nodes, clock)
    yield growth("W7: regular graphs (W2's network on more and more examples written out)", "regular", "nodes", nodes,
                 clock)
    yield growth("W7: lanes (W2 declared, compiled once)", "lanes", "lanes", lanes, clock)


def first_call(effort: Effort) -> Table:
    """From call to callable for one example of W2 without the penalty: 983 nodes, its 340 inputs included."""

    def error(w: Any, x: Any, target: Any) -> Any:
        return margin_error(w, x, target, ag.relu)

    def compiled(lanes: tuple[str, ...], *arguments: Any) -> tuple[float, int]:
        begun = effort.clock()
        made = ag.compile(error, lanes=lanes, backend="python").trace(*arguments)
        spent = effort.clock() - begun
        return spent, len(made.recorded.inputs) + len(made.recorded.instructions)

    one = PARAMETERS, X[0], float(TARGETS[0])
    rows, below = [], []
    for name, lanes, arguments in (("lanes declared", ("x", "target"), (PARAMETERS, X, TARGETS)),
                                   ("one example, no lanes", (), one)):
        gc.collect()
        found = [compiled(lanes, *arguments) for _ in range(5 if effort.quick else 41)]
        middle = statistics.median(spent for spent, _ in found)
        rows.append((name, f"{found[0][1]:,}", duration(found[0][0]), duration(middle)))
        below.append(f"{'met' if middle <= LIMIT else 'MISSED'}: {name} {duration(middle)}, at most {duration(LIMIT)}")
    return Table("From call to callable: one example of the network 2-16-16-1 with its error", ("", "nodes", "first",
                                                                                                "median"), rows, below)


def growth(heading: str, kind: str, what: str, sizes: tuple[int, ...], clock: str) -> Table:
    """A row for each size, and the exponents that fit: 1 is linear."""
    found: list[Numbers] = []
    for size in sizes:
        if found and not _is_bearable(found[-1], size):
            left_out = f"{size:,} {what} are left out: they would take over {MOST_SECONDS:g} s or {MOST_MB:,g} MB."
            break
        found.append(_child(kind, size, clock) | _child(kind, size, "memory"))
    else:
        left_out = ""
    names = [name for name in TIMES if name in found[0]]
    rows = [(f"{round(each['size']):,} {what}", *(duration(each[name]) for name in names), f"{each['memory']:,.1f} MB")
            for each in found]
    last = found[-2:]
    for title, part in (("exponent over all sizes", found), ("exponent of the last step", last)):
        exponents = [_exponent(part, name) for name in (*names, "memory")]
        rows.append((title, *(f"{each:.2f}" for each in exponents)))
    titles = {"eager": "eager, both ways", "first": "compile and first call", "again": "next call"}
    return Table(heading, ("", *(titles[name] for name in names), "peak allocated"), rows,
                 [left_out] if left_out else [])


def _is_bearable(last: Numbers, size: int) -> bool:
    factor = size / last["size"]
    return factor * last["first"] <= MOST_SECONDS and factor * last["memory"] <= MOST_MB


def _exponent(found: list[Numbers], name: str) -> float:
    sizes, taken = [each["size"] for each in found], [each[name] for each in found]
    return float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])


def _child(kind: str, size: int, measured: str) -> Numbers:
    command = [sys.executable, "-m", "benchmarks.w7_growth", kind, str(size), measured]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    numbers: Numbers = json.loads(finished.stdout)
    return numbers


# --- in the child -------------------------------------------------------------------------------


def irregular(nodes: int) -> Callable[[Any], Any]:
    """A function of ten scalars with so many nodes, each made of nodes at most a hundred before it."""
    rng = np.random.default_rng(7)
    kinds = rng.integers(4, size=nodes).tolist()
    first, second = (rng.integers(1, 100, nodes).tolist() for _ in range(2))

    def f(x: Any) -> Any:
        made = list(x)
        for kind, left, right in zip(kinds[len(made) :], first, second, strict=False):
            a, b = made[-min(left, len(made))], made[-min(right, len(made))]
            made.append(0.5 * a + b if kind == 0 else a * b if kind == 1 else ag.sin(a) if kind == 2 else ag.tanh(a))
        return ag.total(made[-100:])

    return f


def regular(nodes: int) -> Callable[[Any], Any]:
    """W2's error, the penalty left out, on as many examples as give so many nodes."""
    count = max(1, round((nodes - len(PARAMETERS)) / 643))
    rng = np.random.default_rng(8)
    examples = list(zip(rng.normal(size=(count, 2)).tolist(), rng.choice([-1.0, 1.0], count).tolist(), strict=True))

    def f(w: Any) -> Any:
        losses = [margin_error(w, x, target, ag.relu) for x, target in examples]
        return sum(losses[1:], losses[0]) * (1.0 / count)

    return f


def written_out(kind: str, size: int, clock: Callable[[], float]) -> Numbers:
    """Times of a graph that is recorded node by node."""
    f, point = (irregular(size), np.linspace(-1.0, 1.0, 10)) if kind == "irregular" else (regular(size), PARAMETERS)
    begun = clock()
    y = f([ag.Value(each) for each in point.tolist()])
    y.backward()
    eager = clock() - begun
    del y
    return {"size": size, "eager": eager, **_compiled(lambda: ag.compile(f, backend="python"), (point,), clock)}


def lanes(size: int, clock: Callable[[], float]) -> Numbers:
    """Times of a declared program on so many lanes."""

    def error(w: Any, x: Any, target: Any) -> Any:
        return margin_error(w, x, target, ag.relu)

    chosen = np.arange(size) % EXAMPLES
    arguments = PARAMETERS, X[chosen], TARGETS[chosen]
    return {"size": size, **_compiled(lambda: ag.compile(error, lanes=("x", "target"), backend="python"), arguments,
                                      clock)}


def _compiled(make: Callable[[], Any], arguments: tuple[Any, ...], clock: Callable[[], float]) -> Numbers:
    begun = clock()
    program = make()
    program.value_and_grad(*arguments)
    first = clock() - begun
    calls = []
    for _ in range(1000 if first < 0.1 else 5):
        begun = clock()
        program.value_and_grad(*arguments)
        calls.append(clock() - begun)
        if sum(calls) > 1.0:
            break
    return {"first": first, "again": statistics.median(calls)}


def main(kind: str, size: int, measured: str) -> None:
    """Print what the child found."""
    clock = time.process_time if measured == "cpu" else time.perf_counter
    if measured == "memory":
        tracemalloc.start()
    found = lanes(size, clock) if kind == "lanes" else written_out(kind, size, clock)
    if measured == "memory":
        found = {"memory": tracemalloc.get_traced_memory()[1] / 1e6}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
