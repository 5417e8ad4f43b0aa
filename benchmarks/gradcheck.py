"""How often gradient checkers are wrong: ``python -m benchmarks.gradcheck [--graphs 10000] [--seed 0]``.

All checkers see the same random functions at the same points, in one run.  Peers that are not installed are
skipped and said so.  A *false alarm* is a failure reported for a gradient that is right; an error is *missed* if a
gradient whose exact change is of the stated size, relative to the sum of absolute path products into the input, is
passed.  Points at a kink are counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_core import Graph, Value
from autograd_core import primitives as rows
from autograd_core.testing import MUTANTS, Expression, Report, draw_expression, gradcheck
from autograd_core.testing.mutants import is_equivalent
from autograd_core.watching import altering

NAMES = (
    "add", "sub", "mul", "div", "neg", "square", "sin", "cos", "tanh", "exp", "log", "sqrt", "sigmoid", "softplus",
    "relu", "abs", "maximum", "minimum", "atan", "log1p", "expm1",
)
SIZES = (1e-2, 1e-3, 1e-4, 1e-6, 1e-9)
ALARM, PASSED, KINK, UNDECIDED = "alarm", "passed", "kink", "undecided"

Check = Callable[[Expression, "Spoiled | None"], str]


@dataclass(frozen=True)
class Spoiled:
    """A step of an expression whose local derivatives are multiplied by ``factor``."""

    step: int
    factor: float


# --- the checkers -------------------------------------------------------------------------------


def ours(oracle: str) -> Check:
    """Ours with one of its two oracles."""

    def check(f: Expression, spoiled: Spoiled | None) -> str:
        with spoiling(f, spoiled) if spoiled else contextlib.nullcontext():
            return said_by(gradcheck(f, *f.point, oracle=oracle))

    return check


def said_by(report: Report) -> str:
    """One word for all verdicts; a kink with an illegal gradient is an alarm."""
    verdicts = {entry.verdict for entry in report.entries}
    if any(entry.verdict == "fail" or (entry.verdict == "kink" and not entry.legal) for entry in report.entries):
        return ALARM
    return KINK if "kink" in verdicts else UNDECIDED if "inconclusive" in verdicts else PASSED


def ours_of_plain(f: Expression, spoiled: Spoiled | None) -> str:
    """Ours on the expression as a function of plain numbers, of which nothing is known, with a gradient given."""
    def plain(*inputs: Any) -> float:
        return float(f(*map(float, inputs)))

    return said_by(gradcheck(plain, *f.point, gradient=lambda *inputs: tuple(engine_gradient(f, spoiled))))


def spoiling(f: Expression, spoiled: Spoiled) -> Any:
    """Within the block, the step's local derivatives are multiplied, whenever the expression is computed."""
    count = 0

    def alter(node: Value) -> None:
        nonlocal count
        if node.op is None:
            return
        if count % len(f.steps) == spoiled.step:
            node.partials = tuple(spoiled.factor * each for each in node.partials)
        count += 1

    return altering(alter)


def textbook(h: float, rtol: float, atol: float) -> Check:
    """Central differences with one step and tolerance for everything, as in minitorch (1e-6, 1e-2, 1e-2)."""

    def check(f: Expression, spoiled: Spoiled | None) -> str:
        found = engine_gradient(f, spoiled)
        for at, x in enumerate(f.point):
            try:
                high, low = (f(*f.point[:at], x + turn * h, *f.point[at + 1 :]) for turn in (1.0, -1.0))
            except ArithmeticError:
                return ALARM
            difference = (high - low) / (2.0 * h)
            if not abs(found[at] - difference) <= atol + rtol * abs(difference):
                return ALARM
        return PASSED

    return check


def torch_checker() -> Check:
    """PyTorch's ``gradcheck`` with its defaults, in float64."""
    import torch

    def tensor(x: Any) -> Any:
        return x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)

    special = {
        "neg": torch.neg, "div": torch.div, "sub": torch.sub, "softplus": lambda x: torch.logaddexp(x, 0.0 * x),
        "maximum": torch.maximum, "minimum": torch.minimum,
    }

    def wrong(out: Any, factor: float) -> Any:
        return out.detach() + factor * (out - out.detach())

    def check(f: Expression, spoiled: Spoiled | None) -> str:
        inputs = tuple(torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in f.point)
        ops = Namespace(lambda name: special.get(name) or getattr(torch, name), tensor, wrong, spoiled)
        function = ops.function(f)
        return PASSED if torch.autograd.gradcheck(function, inputs, raise_exception=False) else ALARM

    return check


def jax_checker() -> Check:
    """JAX's ``check_grads`` with its defaults, reverse mode, in float64."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from jax.test_util import check_grads

    special = {
        "neg": jnp.negative, "sub": jnp.subtract, "mul": jnp.multiply, "div": jnp.divide, "atan": jnp.arctan,
        "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus, "relu": jax.nn.relu,
    }

    def wrong(out: Any, factor: float) -> Any:
        kept = jax.lax.stop_gradient(out)
        return kept + factor * (out - kept)

    def check(f: Expression, spoiled: Spoiled | None) -> str:
        ops = Namespace(lambda name: special.get(name) or getattr(jnp, name), lambda x: x, wrong, spoiled)
        try:
            check_grads(ops.function(f), tuple(map(jnp.float64, f.point)), order=1, modes=["rev"])
        except AssertionError:
            return ALARM
        return PASSED

    return check


def autograd_checker() -> Check:
    """HIPS autograd's ``check_grads`` with its defaults, reverse mode."""
    import autograd.numpy as anp
    from autograd.extend import defvjp
    from autograd.extend import primitive as primitive_of
    from autograd.test_util import check_grads

    special = {
        "neg": anp.negative, "sub": anp.subtract, "mul": anp.multiply, "div": anp.divide, "atan": anp.arctan,
        "sigmoid": lambda x: 0.5 * (anp.tanh(0.5 * x) + 1.0), "softplus": lambda x: anp.logaddexp(x, 0.0),
        "relu": lambda x: anp.maximum(x, 0.0),
    }
    scaled = primitive_of(lambda out, factor: out)
    defvjp(scaled, lambda ans, out, factor: lambda g: factor * g, argnums=(0,))

    def check(f: Expression, spoiled: Spoiled | None) -> str:
        ops = Namespace(lambda name: special.get(name) or getattr(anp, name), lambda x: x, scaled, spoiled)
        try:
            check_grads(ops.function(f), modes=["rev"], order=1)(*map(float, f.point))
        except AssertionError:
            return ALARM
        return PASSED

    return check


class Namespace:
    """Another engine's operations by our rows' names, one call of them spoiled."""

    def __init__(self, find: Callable[[str], Any], wrap: Callable[[Any], Any], wrong: Callable[[Any, float], Any],
                 spoiled: Spoiled | None) -> None:
        self.find, self.wrap, self.wrong, self.spoiled = find, wrap, wrong, spoiled

    def function(self, f: Expression) -> Callable[..., Any]:
        """The expression as a function of the other engine's numbers."""

        def run(*inputs: Any) -> Any:
            calls = iter(range(len(f.steps)))

            def operation(name: str) -> Callable[..., Any]:
                def call(*operands: Any) -> Any:
                    out = self.find(name)(*map(self.wrap, operands))
                    at = next(calls)
                    return self.wrong(out, self.spoiled.factor) if self.spoiled and self.spoiled.step == at else out

                return call

            return f(*inputs, ops={name: operation(name) for name in NAMES})

        return run


# --- the functions ------------------------------------------------------------------------------


def functions(count: int, seed: int, scale: str, kinks: str) -> Iterator[Expression]:
    """So many random functions of up to three inputs and 1 to 12 operations."""
    rng = np.random.default_rng([seed, len(scale), len(kinks)])
    for _ in range(count):
        yield draw_expression(rng, 3, NAMES, 12, kinks=kinks, scale=scale, sharing=bool(rng.integers(2)))


def engine_gradient(f: Expression, spoiled: Spoiled | None) -> list[float]:
    """The gradient as the engine has it, with or without the spoiled step."""
    leaves = [Value(x) for x in f.point]
    with spoiling(f, spoiled) if spoiled else contextlib.nullcontext():
        f(*leaves).backward()
    return [leaf.grad for leaf in leaves]


def spoil(f: Expression, size: float, rng: np.random.Generator) -> Spoiled | None:
    """A step spoiled so that the gradient changes by ``size`` relative to the paths; None if nothing would change."""
    step = int(rng.integers(len(f.steps)))
    right, doubled = engine_gradient(f, None), engine_gradient(f, Spoiled(step, 2.0))
    scales = path_scales(f)
    shares = [abs(two - one) / scale for one, two, scale in zip(right, doubled, scales, strict=True) if scale > 0.0]
    share = max((each for each in shares if math.isfinite(each)), default=0.0)
    return Spoiled(step, 1.0 + size / share) if share > 1e-3 else None


def path_scales(f: Expression) -> list[float]:
    """The sum of absolute path products into each input."""
    leaves = [Value(x) for x in f.point]
    graph = Graph(f(*leaves))
    sums = dict.fromkeys(range(len(graph.record)), 0.0)
    sums[graph.outputs[0]] = 1.0
    for node in reversed(graph.record):
        for operand, partial in zip(node.operands, node.partials or (), strict=False):
            if type(operand) is int:
                sums[operand] += sums[node.index] * abs(partial)
    return [sums[graph.index(leaf)] if leaf in graph_values(graph) else 0.0 for leaf in leaves]


def graph_values(graph: Graph) -> set[Value]:
    """The Values a graph was made of."""
    return set(graph._values or ())


# --- the tables ---------------------------------------------------------------------------------


@dataclass
class Tally:
    """What one checker said, and how long it took."""

    said: dict[str, int] = field(default_factory=lambda: dict.fromkeys((ALARM, PASSED, KINK, UNDECIDED), 0))
    seconds: list[float] = field(default_factory=list)

    def take(self, check: Check, f: Expression, spoiled: Spoiled | None) -> str:
        started = time.perf_counter()
        with np.errstate(all="ignore"):
            verdict = check(f, spoiled)
        self.seconds.append(time.perf_counter() - started)
        self.said[verdict] += 1
        return verdict


def available() -> dict[str, Check]:
    """The checkers that are installed."""
    checkers: dict[str, Check] = {
        "ours, replay": ours("replay"), "ours, differences": ours("differences"),
        "minitorch's settings": textbook(1e-6, 1e-2, 1e-2),
    }
    peers = {
        "PyTorch gradcheck": torch_checker, "JAX check_grads": jax_checker, "autograd check_grads": autograd_checker,
    }
    for name, make in peers.items():
        try:
            checkers[name] = make()
        except ImportError as missing:
            print(f"{name} is skipped: {missing}")
    return checkers


def false_alarms(checkers: dict[str, Check], graphs: int, seed: int) -> None:
    """Print what each checker says of gradients that are right."""
    kinds = [("unit", "avoid"), ("integer", "avoid"), ("wide", "avoid"), ("integer", "force")]
    count = graphs // len(kinds)
    print(f"\nCorrect gradients, {count:,} functions of each kind: alarms / kinks reported / undecided\n")
    header = [f"{scale}{', at a kink' if kinks == 'force' else ''}" for scale, kinks in kinds]
    print(f"| checker | {' | '.join(header)} | ms a check |\n|{'---|' * (len(kinds) + 2)}")
    tallies = {name: [Tally() for _ in kinds] for name in checkers}
    for column, (scale, kinks) in enumerate(kinds):
        for f in functions(count, seed, scale, kinks):
            for name, check in checkers.items():
                tallies[name][column].take(check, f, None)
    for name, row in tallies.items():
        cells = [f"{t.said[ALARM]} / {t.said[KINK]} / {t.said[UNDECIDED]}" for t in row]
        spent = statistics.median(second for t in row for second in t.seconds) * 1e3
        print(f"| {name} | {' | '.join(cells)} | {spent:.1f} |", flush=True)


def missed_errors(checkers: dict[str, Check], count: int, seed: int) -> None:
    """Print how many errors of each size each checker misses."""
    for scale in ("unit", "wide"):
        print(f"\nOne operation's derivatives off, {scale} inputs, smooth points: missed / undecided of all\n")
        print(f"| checker | {' | '.join(f'{size:.0e}' for size in SIZES)} |\n|{'---|' * (len(SIZES) + 1)}")
        tallies = {name: [Tally() for _ in SIZES] for name in checkers}
        rng = np.random.default_rng([seed, 7])
        equivalent = 0
        for f in functions(count, seed + 1, scale, "avoid"):
            for column, size in enumerate(SIZES):
                spoiled = spoil(f, size, rng)
                if spoiled is None:
                    equivalent += 1
                    continue
                for name, check in checkers.items():
                    tallies[name][column].take(check, f, spoiled)
        for name, row in tallies.items():
            cells = [f"{t.said[PASSED] + t.said[KINK]} / {t.said[UNDECIDED]} of {len(t.seconds)}" for t in row]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
        print(f"\nEquivalent (the gradient does not change), not counted: {equivalent}")


def plain_functions(count: int, seed: int) -> None:
    """Print what ours says of the gradients of functions of plain numbers, right ones and wrong ones."""
    sizes = SIZES[:3]
    print(f"\nFunctions of plain numbers, {count:,} of each kind: alarms / undecided, then missed / undecided of all\n")
    print(f"| inputs | right | {' | '.join(f'{size:.0e}' for size in sizes)} |\n|{'---|' * (len(sizes) + 2)}")
    for scale in ("unit", "integer", "wide"):
        right, wrong = Tally(), [Tally() for _ in sizes]
        rng = np.random.default_rng([seed, 13])
        for f in functions(count, seed + 2, scale, "avoid"):
            right.take(ours_of_plain, f, None)
            for tally, size in zip(wrong, sizes, strict=True):
                spoiled = spoil(f, size, rng)
                if spoiled is not None:
                    tally.take(ours_of_plain, f, spoiled)
        cells = [f"{t.said[PASSED] + t.said[KINK]} / {t.said[UNDECIDED]} of {len(t.seconds)}" for t in wrong]
        alarms = right.said[ALARM] + right.said[KINK]  # there are no kinks here
        print(f"| {scale} | {alarms} / {right.said[UNDECIDED]} | {' | '.join(cells)} |", flush=True)


def mutants(seed: int, count: int) -> None:
    """Print how often ours catches each classic mistake, with either oracle."""
    print(f"\nClassic mistakes planted in the engine, {count} functions each: caught of those whose gradient changes\n")
    print("| mistake | replay | differences | equivalent |\n|---|---|---|---|")
    whole = [0, 0, 0]
    for mutant in MUTANTS:
        names = NAMES if mutant.row is None else list(dict.fromkeys((mutant.row.name, "add", "mul", "sin")))
        rng = np.random.default_rng([seed, 11])
        caught, changed, equivalent = [0, 0], 0, 0
        for _ in range(30 * count):
            f = draw_expression(rng, 2, names, 6, sharing=mutant.row is None)
            if all(is_equivalent(mutant, f, f.point, sweeps=sweeps) for sweeps in (1, 2)):
                equivalent += 1
                continue
            changed += 1
            for at, oracle in enumerate(("replay", "differences")):
                with mutant.applied():
                    report = gradcheck(f, *f.point, oracle=oracle)
                caught[at] += any(not each.is_good and each.verdict != "inconclusive" for each in report.entries)
            if changed == count:
                break
        print(f"| {mutant.name} | {caught[0]} of {changed} | {caught[1]} of {changed} | {equivalent} |", flush=True)
        whole = [whole[0] + caught[0], whole[1] + caught[1], whole[2] + changed]
    print(f"| **all** | {whole[0]} of {whole[2]} | {whole[1]} of {whole[2]} | |")


def main(argv: Sequence[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=10_000, help="correct functions in all (10000)")
    parser.add_argument("--errors", type=int, default=500, help="functions per size of error and scale (500)")
    parser.add_argument("--plain", type=int, default=500, help="functions of plain numbers of each kind (500)")
    parser.add_argument("--mutants", type=int, default=40, help="functions per mutant (40)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    assert all(name in {row.name for row in rows.TABLE} for name in NAMES)
    checkers = available()
    false_alarms(checkers, options.graphs, options.seed)
    missed_errors(checkers, options.errors, options.seed)
    plain_functions(options.plain, options.seed)
    mutants(options.seed, options.mutants)


if __name__ == "__main__":
    main()
