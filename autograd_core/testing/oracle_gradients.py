"""Gradients by other ways than the engine's: fractions, a complex step, high precision, dual numbers, paths.

Each oracle runs a function once on recording Values and replays what was recorded in numbers of its own.  None
reads a local derivative the engine computed, and none shares a rule with the table.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

from autograd_core.console import printable
from autograd_core.graph import Graph
from autograd_core.table import Table
from autograd_core.testing import numbers
from autograd_core.testing.high_precision import ExactReplay
from autograd_core.testing.numbers import Dual, OracleError, Rule, applied, known_name, operand_numbers
from autograd_core.testing.recording import Recording, record
from autograd_core.writing import ASCII, UNICODE

MOST_PATHS = 10_000
_EPSILON = sys.float_info.epsilon
_COMPLEX_STEP = 1e-50  # relative; its square is beside 1 even where x is 1e-17 from the end of a domain


def fraction_gradient(f: Callable[..., Any], *inputs: Any) -> Any:
    """The gradient of a rational function in exact fractions: no rounding anywhere, so nothing to tolerate.

    It takes + - * /, ``neg``, ``square``, ``reciprocal``, powers by constant integers, ``total``, ``mean`` and
    ``dot``, and the branches (``abs``, ``relu``, ``maximum``, ...) off their kinks.  The result has the structure of
    the input, or is a tuple for several.  Raises :class:`OracleError`, naming the first operation that is
    not rational.

    >>> fraction_gradient(lambda x, y: x**3 / y, 2.0, 5.0)
    (Fraction(12, 5), Fraction(-8, 25))
    """
    return _shaped(f, inputs, _by_fractions)


def dual_gradient(f: Callable[..., Any], *inputs: Any) -> Any:
    """The gradient by forward mode on dual numbers, with derivative rules of their own for every row of the table.

    Raises :class:`OracleError` for a row that is not the table's, at a kink, and where a rule overflows.

    >>> from autograd_core import sin
    >>> dual_gradient(lambda v: v["a"] * sin(v["b"]), {"a": 2.0, "b": 0.0})
    {'a': 0.0, 'b': 2.0}
    """
    return _shaped(f, inputs, _by_dual_numbers)


def complex_step_gradient(f: Callable[..., Any], *inputs: Any) -> Any:
    """The gradient ``Im f(x + ih) / h`` in complex floats, one run for each input: nothing is subtracted.

    Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
    Raises :class:`OracleError` at a kink, where the function is not analytic, for ``erf`` and ``erfc``, which
    Python's library does not have for complex numbers, and where an ``exact`` overflows.

    >>> from autograd_core import tanh
    >>> complex_step_gradient(lambda x: tanh(x[0]) * x[1], [18.0, 1.0])
    [9.27809132...e-16, 0.999999...]
    """
    return _shaped(f, inputs, _by_complex_step)


def replay_gradient(f: Callable[..., Any], *inputs: Any) -> Any:
    """The gradient in high precision, as ``mpmath.mpf``: see :class:`ExactReplay`, which it is made with.

    Raises :class:`OracleError` where there is none, and ``ImportError`` without mpmath.

    >>> from autograd_core import log
    >>> print(replay_gradient(lambda x: log(x), 3.0))
    0.333333333333333
    """
    return _shaped(f, inputs, _by_replay)


def path_gradient(f: Callable[..., Any], *inputs: Any, most: int = MOST_PATHS) -> Any:
    """The gradient as the sum over all paths, one by one, of the product of exact local derivatives.

    There may be exponentially many: with more than ``most`` it raises :class:`OracleError`.

    >>> print(path_gradient(lambda x: 2 * (3 * x) + -x, 1.0))
    5.0
    """
    return _shaped(f, inputs, lambda recording: _by_paths(recording, most))


def oracles(f: Callable[..., Any], *inputs: Any) -> OracleReport:
    """Differentiate ``f`` by every oracle that applies, beside the engine, and compare them all.

    ``f`` is any function of scalars, or of lists, dicts and arrays of them, that returns one scalar.

    >>> report = oracles(lambda x, y: x * y + y**2, 3.0, 0.5)
    >>> bool(report), report["engine"].gradient, report["fractions"].gradient
    (True, (0.5, 4.0), (Fraction(1, 2), Fraction(4, 1)))
    >>> print(report)
    oracle        gradient  engine  fractions  complex  dual  replay  paths
    ------------  --------  ------  ---------  -------  ----  ------  -----
    engine        0.5, 4    -       0          0        0     0       0
    fractions     0.5, 4    0       -          0        0     0       0
    complex step  0.5, 4    0       0          -        0     0       0
    dual numbers  0.5, 4    0       0          0        -     0       0
    replay        0.5, 4    0       0          0        0     -       0
    paths         0.5, 4    0       0          0        0     0       -
    largest difference of each two, relative to the sum of |paths|; ...e-14 is allowed beside noise
    """
    recording = record(f, inputs)
    adjoints = recording.graph.adjoints()
    indices = [recording.index(at) for at in range(len(recording.leaves))]
    found = [Opinion("engine", tuple(0.0 if index is None else adjoints[index] for index in indices))]
    for name, differentiate in _ORACLES.items():
        try:
            found.append(Opinion(name, tuple(differentiate(recording))))
        except (OracleError, ImportError) as obstacle:
            found.append(Opinion(name, None, str(obstacle)))
    return OracleReport(recording.names, tuple(found), *_scale_and_noise(recording))


@dataclass(frozen=True)
class Opinion:
    """What one oracle says: a gradient, a number for each scalar of the inputs, or why it has none."""

    oracle: str
    gradient: tuple[Any, ...] | None
    obstacle: str = ""


@dataclass(frozen=True)
class OracleReport:
    """The opinions of all oracles, the engine's first; true if at least one applies and all of them agree.

    ``scale`` is, for each input, the sum of the absolute path products, to which differences are relative.
    ``noise`` is by how much the gradient moves when every number the graph saw is moved by a few units in the
    last place: oracles compute those numbers each in its way.  ``rounding`` is what is allowed beside it.
    """

    names: tuple[str, ...]
    opinions: tuple[Opinion, ...]
    scale: tuple[float, ...]
    noise: tuple[float, ...]
    rounding: float

    def __getitem__(self, oracle: str) -> Opinion:
        for opinion in self.opinions:
            if opinion.oracle == oracle:
                return opinion
        raise KeyError(f"There is no oracle {oracle!r}: there are {', '.join(each.oracle for each in self.opinions)}.")

    @property
    def applicable(self) -> tuple[Opinion, ...]:
        """The opinions that are gradients."""
        return tuple(opinion for opinion in self.opinions if opinion.gradient is not None)

    def difference(self, one: str, other: str) -> float:
        """The largest distance between two gradients, relative to the sum of |paths| into the input.

        nan if either has none; infinite where they differ and there is no scale, or one is not a number.
        """
        left, right = self[one].gradient, self[other].gradient
        if left is None or right is None:
            return math.nan
        triples = zip(left, right, self.scale, strict=True)
        return max((_relative(_apart(a, b), scale) for a, b, scale in triples), default=0.0)

    @property
    def disagreements(self) -> tuple[tuple[str, str, str], ...]:
        """The pairs of oracles that differ by more than rounding explains, each with the input where they do."""
        found = []
        for at, one in enumerate(self.applicable):
            for other in self.applicable[at + 1 :]:
                pairs = zip(one.gradient or (), other.gradient or (), self.scale, self.noise, strict=True)
                for name, (a, b, scale, noise) in zip(self.names, pairs, strict=True):
                    apart = _apart(a, b)
                    if apart == math.inf or apart > self.rounding * scale + 8.0 * noise + 1e-300:
                        found.append((one.oracle, other.oracle, name))
        return tuple(found)

    def __bool__(self) -> bool:
        return len(self.applicable) > 1 and not self.disagreements

    @property
    def table(self) -> Table:
        """The gradient of each oracle and its differences from all others; below it, why some do not apply."""
        shown = self.applicable
        rows = tuple(
            (one.oracle, _listed(one.gradient or ()),
             *("-" if one is other else f"{self.difference(one.oracle, other.oracle):.0e}".replace("0e+00", "0")
               for other in shown))
            for one in shown
        )
        notes = ["largest difference of each two, relative to the sum of |paths|; "
                 f"{self.rounding:.1g} is allowed" + (" beside noise" if any(self.noise) else "")]
        for one in dict.fromkeys(pair[0] for pair in self.disagreements):
            others, names = (dict.fromkeys(pair[at] for pair in self.disagreements if pair[0] == one) for at in (1, 2))
            notes.append(f"{one} disagrees with {', '.join(others)} about {', '.join(names)}")
        notes += [f"{opinion.oracle}: {opinion.obstacle}" for opinion in self.opinions if opinion.gradient is None]
        header = ("oracle", "gradient", *(opinion.oracle.split()[0] for opinion in shown))
        return Table(header, rows, "\n".join(notes))

    def __str__(self) -> str:
        return printable(self.table.to_text(UNICODE), lambda: self.table.to_text(ASCII))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table.to_html()


# --- the oracles on a recording -----------------------------------------------------------------


def _shaped(f: Callable[..., Any], inputs: Sequence[Any], differentiate: Callable[[Recording], Sequence[Any]]) -> Any:
    recording = record(f, inputs)
    parts = recording.rebuild(list(differentiate(recording)))
    return parts[0] if len(parts) == 1 else parts


def _by_fractions(recording: Recording) -> list[Any]:
    return _forward(recording, numbers.RATIONAL, Fraction, "is not rational")


def _by_dual_numbers(recording: Recording) -> list[Any]:
    slopes = _forward(recording, numbers.ELEMENTARY, float, "is a row of your own, for which dual numbers have no rule")
    if any(map(math.isnan, slopes)):
        raise OracleError("the dual numbers give nan: an infinity met a zero or another infinity.")
    return slopes


def _forward(recording: Recording, rules: dict[str, Rule], number: Callable[[Any], Any], lack: str) -> list[Any]:
    """Forward mode through the record, for all inputs at once."""
    graph, inputs = recording.graph, range(len(recording.leaves))
    seats = {recording.index(at): at for at in inputs}
    found: list[Dual] = []
    for node in graph.record:
        what = applied(node.op, operand_numbers(graph, node)) if node.op else f"the input {node.data}"
        try:
            if node.op is None:
                slopes = tuple(number(at == seats[node.index]) for at in inputs) if node.index in seats else ()
                found.append(Dual(number(graph.number(node.index)), slopes))
                continue
            operands = [found[each] if type(each) is int else Dual(number(each)) for each in node.operands]
            rule = rules.get(known_name(node.op) or "")
            if rule is None:
                raise OracleError(lack)
            value, factors = rule(*(operand.value for operand in operands))
            if isinstance(value, Fraction):
                numbers.require_short(value)
            found.append(Dual.through(value, operands, factors))
        except (ArithmeticError, ValueError) as error:
            raise OracleError(f"{what} {'' if isinstance(error, OracleError) else 'fails: '}{error}.") from None
    slopes = found[graph.outputs[0]].slopes
    return [number(slopes[at] if slopes else 0) for at in inputs]


def _by_complex_step(recording: Recording) -> list[float]:
    return [_complex_slope(recording, at, recording.index(at)) for at in range(len(recording.leaves))]


def _complex_slope(recording: Recording, at: int, index: int | None) -> float:
    if index is None:
        return 0.0
    graph, name, x = recording.graph, recording.names[at], recording.point[at]
    step = _COMPLEX_STEP * (min(1.0, abs(x)) or 1.0)
    if step < 1e-290:
        raise OracleError(f"{name} = {x:g} is so small that floats hold no step beside it.")
    one, other = (_complex_replay(graph, index, turned).imag / turned for turned in (step, -0.75 * step))
    # At the end of a domain and at the tip of hypot there is no limit; steps of either sign tell.
    noise = 1e-9 * _float_scale(graph)[index]
    if not abs(one - other) <= 1e-6 * abs(one) + (noise if math.isfinite(noise) else 0.0):
        raise OracleError(f"two complex steps give {one:g} and {other:g}: along {name} the function is not analytic, "
                          "or it overflows.")
    return one


def _complex_replay(graph: Graph, index: int, step: float) -> complex:
    """The output with an imaginary step added to one node; what does not depend on it stays as it was."""
    functions, moved = numbers.ComplexFunctions(), {index: complex(graph.number(index), step)}
    for node in graph.record:
        if node.op is None or moved.keys().isdisjoint(node.parents):
            continue
        what, name = applied(node.op, operand_numbers(graph, node)), known_name(node.op)
        operands = [moved.get(each, graph.number(each)) if type(each) is int else each for each in node.operands]
        if name is None:
            raise OracleError(f"{what} is a row of your own, whose `exact` may not be analytic.")
        for kink in node.op.kinks:
            height = complex(kink(*operands))
            if height.real == 0.0 and height.imag != 0.0:
                raise OracleError(f"{what} is at a kink.")
        try:
            compute = numbers.complex_power if name == "pow" else numbers.exact_of(node.op)
            moved[node.index] = complex(compute(functions, *operands))
        except AttributeError:
            raise OracleError(f"{what} has no complex form in Python's library.") from None
        except numbers.FAILURES as error:
            raise OracleError(f"{what} fails in complex floats: {error}.") from None
    return moved.get(graph.outputs[0], 0j)


def _by_replay(recording: Recording) -> list[Any]:
    return _replayed(recording, ExactReplay(recording.graph), ExactReplay.gradient)


def _by_paths(recording: Recording, most: int = MOST_PATHS) -> list[Any]:
    return _replayed(recording, ExactReplay(recording.graph), partial(ExactReplay.sum_over_paths, most=most))


def _replayed(recording: Recording, replay: ExactReplay, differentiate: Callable[..., dict[int, Any]]) -> list[Any]:
    indices = [recording.index(at) for at in range(len(recording.leaves))]
    found = differentiate(replay, recording.graph.outputs[0], [index for index in indices if index is not None])
    if any(each != each for each in found.values()):
        raise OracleError(_why_none(recording.graph, replay))
    zero = numbers.require_mpmath().mp.zero
    return [zero if index is None else found[index] for index in indices]


def _why_none(graph: Graph, replay: ExactReplay) -> str:
    for node in graph.record:
        if node.op is not None and any(each != each for each in replay.local_derivatives(node.index)):
            why = "is at a kink" if replay.is_at_kink(node.index) else "has no derivative there"
            return f"{applied(node.op, operand_numbers(graph, node))} {why}."
    return "the chain rule gives nan: an infinite local derivative met a zero."


_ORACLES: dict[str, Callable[[Recording], Any]] = {
    "fractions": _by_fractions,
    "complex step": _by_complex_step,
    "dual numbers": _by_dual_numbers,
    "replay": _by_replay,
    "paths": _by_paths,
}


# --- what differences are measured by -----------------------------------------------------------


def _scale_and_noise(recording: Recording) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    graph, count = recording.graph, len(recording.leaves)
    indices = [recording.index(at) for at in range(count)]
    present = [index for index in indices if index is not None]
    floats, noise = _float_scale(graph), [0.0] * count
    scale = [0.0 if index is None else floats[index] for index in indices]
    try:
        exact = ExactReplay(graph, 30).path_scale(graph.outputs[0], present)
        moved = [ExactReplay(_moved(graph, seed), 30).gradient(graph.outputs[0], present) for seed in range(3)]
    except (OracleError, ImportError):
        return tuple(scale), tuple(noise), 1e-9
    for at, index in enumerate(indices):
        if index is not None:
            scale[at] = float(exact[index]) if math.isfinite(float(exact[index])) else scale[at]
            found = [float(each[index]) for each in moved if math.isfinite(float(each[index]))]
            noise[at] = max(found, default=0.0) - min(found, default=0.0)
    return tuple(scale), tuple(noise), 16.0 * _EPSILON * (1 + len(graph.record))


def _moved(graph: Graph, seed: int) -> Graph:
    """The graph with every number in it moved by up to four units in the last place."""
    draw = random.Random(seed)
    return Graph.of_nodes(
        [replace(node, data=graph.number(node.index) * (1.0 + 4.0 * _EPSILON * draw.uniform(-1.0, 1.0)))
         for node in graph.record], graph.outputs)


def _float_scale(graph: Graph) -> list[float]:
    """The sum of the absolute path products to every node; only a yardstick, so the engine's partials may serve."""
    sums = [0.0] * len(graph.record)
    sums[graph.outputs[0]] = 1.0
    for node in reversed(graph.record):
        for operand, slope in zip(node.operands, node.partials or (), strict=False):
            if type(operand) is int and sums[node.index]:
                sums[operand] += sums[node.index] * abs(slope)
    return sums


def _apart(one: Any, other: Any) -> float:
    a, b = _float(one), _float(other)
    return 0.0 if a == b else abs(a - b) if math.isfinite(a) and math.isfinite(b) else math.inf


def _relative(apart: float, scale: float) -> float:
    return 0.0 if apart == 0.0 else math.inf if apart == math.inf or scale == 0.0 else apart / scale


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _listed(gradient: Sequence[Any]) -> str:
    return ", ".join([f"{_float(each):.6g}" for each in gradient[:3]] + ["..."] * (len(gradient) > 3))
