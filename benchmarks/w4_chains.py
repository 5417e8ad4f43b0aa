"""W4: chains of 1e4 to 1e6 links: the first value and gradient, and one more of those that keep a program."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import autograd_core as ag
from benchmarks.timing import Effort, Table, duration, frozen

LENGTHS = (10_000, 100_000, 1_000_000)
POINT = [0.5, 0.999999, 1e-6]

Start = Callable[[int], Callable[[], tuple[float, Any]]]
"""What makes a graph and a program of so many links, and gives its call."""


def tables(effort: Effort) -> Iterator[Table]:
    """Each length by each contender, unless a tenth of it took more than a tenth of what is bearable."""
    starts: dict[str, Start] = {}
    skipped = []
    for make in (ours, ours_eager, pytorch, autograd, casadi, ddx_ad, micrograd):
        try:
            starts.update(make())
        except ImportError as missing:
            skipped.append(f"Skipped, {make.__name__.replace('_', ' ')}: {missing}.")
    firsts: dict[str, list[str]] = {name: [] for name in starts}
    agains: dict[str, list[str]] = {name: [] for name in starts}
    bearable = 15.0 if effort.quick else 60.0
    expected = dict.fromkeys(starts, 0.0)
    for links in LENGTHS:
        running = {name: start for name, start in starts.items() if expected[name] <= bearable}
        taken = _measured(running, links, effort)
        for name in starts:
            first, again = taken.get(name, (f"over {duration(bearable)}" if expected[name] < math.inf else "", ""))
            firsts[name].append(duration(first) if isinstance(first, float) else first)
            agains[name].append(duration(again) if isinstance(again, float) else again)
            expected[name] = 10.0 * first if isinstance(first, float) else math.inf
    columns = ("", *(f"{links:,}" for links in LENGTHS))
    yield Table("W4: chains of multiplications and additions: graph, program, first value and gradient", columns,
                [(name, *firsts[name]) for name in starts], skipped)
    yield Table("W4: the same chain once more, where a program was kept", columns,
                [(name, *agains[name]) for name in starts if any(agains[name])])


Taken = tuple[float | str, float | str]


def _measured(starts: dict[str, Start], links: int, effort: Effort) -> dict[str, Taken]:
    """Medians of the first and of the next call, in seconds, or what went wrong."""
    expected = by_hand(links)
    firsts: dict[str, list[float]] = {name: [] for name in starts}
    agains: dict[str, list[float]] = {name: [] for name in starts}
    failed: dict[str, Taken] = {}
    with frozen():
        for _ in range(1 if effort.quick or links == LENGTHS[-1] else 5):
            for name, start in starts.items():
                if name in failed:
                    continue
                begun = effort.clock()
                try:
                    call = start(links)
                    found = call()
                except RecursionError:
                    failed[name] = ("RecursionError", "")
                    continue
                firsts[name].append(effort.clock() - begun)
                _require(name, links, found, expected)
                if getattr(start, "keeps", True):
                    begun = effort.clock()
                    call()
                    agains[name].append(effort.clock() - begun)
                del call, found
    return failed | {name: (statistics.median(taken), statistics.median(agains[name]) if agains[name] else "")
                     for name, taken in firsts.items() if name not in failed}


def _require(name: str, links: int, found: tuple[float, Any], expected: tuple[float, list[float]]) -> None:
    value, gradient = found
    for mine, theirs in zip([value, *gradient], [expected[0], *expected[1]], strict=True):
        if not math.isclose(float(mine), theirs, rel_tol=1e-8):
            raise AssertionError(f"{name} at {links} links: {float(mine)}, where {theirs} is expected.")


def chain(links: int, y: Any, w: Any, b: Any) -> Any:
    """``links`` operations in turn: times w, plus b."""
    for _ in range(links // 2):
        y = y * w + b
    return y


def by_hand(links: int) -> tuple[float, list[float]]:
    """The value and gradient, forward."""
    y, w, b = POINT
    of_y, of_w, of_b = 1.0, 0.0, 0.0
    for _ in range(links // 2):
        of_y, of_w, of_b = of_y * w, of_w * w + y, of_b * w + 1.0
        y = y * w + b
    return y, [of_y, of_w, of_b]


# --- contenders ---------------------------------------------------------------------------------


def anew(call: Callable[[int], tuple[float, Any]]) -> Start:
    """Of a contender that keeps no program."""

    def start(links: int) -> Callable[[], tuple[float, Any]]:
        return lambda: call(links)

    start.keeps = False  # type: ignore[attr-defined]
    return start


def ours() -> dict[str, Start]:
    """A compiled function of a list."""

    def start(links: int) -> Callable[[], tuple[float, Any]]:
        program = ag.compile(lambda x: chain(links, *x), backend="python")
        return lambda: program.value_and_grad(POINT)

    return {"ours, compiled": start}


def ours_eager() -> dict[str, Start]:
    """Values."""

    def call(links: int) -> tuple[float, Any]:
        leaves = [ag.Value(each) for each in POINT]
        y = chain(links, *leaves)
        y.backward()
        return y.data, [each.grad for each in leaves]

    return {"ours, eager": anew(call)}


def micrograd() -> dict[str, Start]:
    """Its Values."""
    from micrograd.engine import Value

    def call(links: int) -> tuple[float, Any]:
        leaves = [Value(each) for each in POINT]
        y = chain(links, *leaves)
        y.backward()
        return y.data, [each.grad for each in leaves]

    return {"micrograd": anew(call)}


def pytorch() -> dict[str, Start]:
    """Tensors of no dimension."""
    import torch

    torch.set_num_threads(1)

    def call(links: int) -> tuple[float, Any]:
        leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in POINT]
        y = chain(links, *leaves)
        return y.item(), [each.item() for each in torch.autograd.grad(y, leaves)]

    return {"PyTorch eager": anew(call)}


def autograd() -> dict[str, Start]:
    """Floats."""
    from autograd import value_and_grad

    def call(links: int) -> tuple[float, Any]:
        value, gradient = value_and_grad(lambda x: chain(links, *x))(POINT)
        return value, gradient

    return {"HIPS autograd": anew(call)}


def casadi() -> dict[str, Start]:
    """A function of the graph and its gradient."""
    import casadi as ca

    def start(links: int) -> Callable[[], tuple[float, Any]]:
        x = ca.SX.sym("x", 3)
        y = chain(links, *ca.vertsplit(x))
        function = ca.Function("f", [x], [y, ca.gradient(y, x)])

        def call() -> tuple[float, Any]:
            value, gradient = function(POINT)
            return float(value), gradient.full().ravel()

        return call

    return {"CasADi SX": start}


def ddx_ad() -> dict[str, Start]:
    """An interpreted equation."""
    import ddx

    def start(links: int) -> Callable[[], tuple[float, Any]]:
        equation = ddx.equation(lambda: chain(links, *(ddx.var(name) for name in "ywb")))
        return lambda: equation.jacobian(POINT)

    return {"ddx-ad, interpreted": start}
