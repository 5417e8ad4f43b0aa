"""The numbers the oracles compute in: mpmath's, at a precision raised until results agree; complex; dual.

None of this reads a row's ``partials``.  mpmath and complex numbers need a row's ``exact`` alone, and the
dual numbers have derivative rules of their own, written by hand from a book of formulas.
"""

from __future__ import annotations

import cmath
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd_core.errors import AutogradError
from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive


class OracleError(AutogradError, ValueError):
    """An oracle cannot compute this gradient; the message says at which operation and why."""


# What a row computes is its `exact`; a row with another name or other partials is still found by it.
_NAMES = {row.exact: row.name for row in reversed(TABLE)}


def known_name(row: Primitive) -> str | None:
    """The name the table has for the function a row computes, or None for a function of the user's own."""
    return None if row.exact is None else _NAMES.get(row.exact)


def exact_of(row: Primitive) -> Callable[..., Any]:
    """The row's ``exact``; :class:`OracleError` for a row without."""
    if row.exact is None:
        raise OracleError(
            f"The row {row.name!r} has no `exact`, so it cannot be replayed in other numbers than floats. "
            "Give it one: exact=lambda mp, x: mp.tanh(x)."
        )
    return row.exact


def operand_numbers(graph: Graph, node: Node) -> tuple[float, ...]:
    """The floats a node was computed from."""
    return tuple(map(graph.number, node.operands))


def applied(row: Primitive, numbers: Sequence[Any]) -> str:
    """An operation at its operands, for a message: ``sqrt(0.0)``.

    >>> from autograd_core import pow
    >>> applied(pow, (2.0, 0.5))
    'pow(2, 0.5)'
    """
    return f"{row.name}({', '.join(format(float(each), '.6g') for each in numbers)})"


# --- mpmath -------------------------------------------------------------------------------------

FAILURES = (ArithmeticError, ValueError, TypeError, AttributeError, MemoryError)
"""What an ``exact`` may raise beside the points where it is defined."""

_LOCAL = threading.local()
_FLOAT_RANGE = 2200  # bits that hold any sum of two floats


def require_mpmath() -> Any:
    """mpmath, or an ``ImportError`` that names the extra it comes with."""
    try:
        import mpmath
    except ImportError as error:
        raise ImportError(
            "High-precision replay needs mpmath, which is not installed. It comes with the extra 'testing': "
            'pip install "autograd-core[testing]".'
        ) from error
    return mpmath


def mpmath_context() -> Any:
    """An mpmath context of this thread, whose precision may be set: mpmath's own, which is global, never changes."""
    if not hasattr(_LOCAL, "context"):
        _LOCAL.context = require_mpmath().MPContext()
    return _LOCAL.context


def magnitude(number: float) -> int:
    """The exponent of the least power of two above ``number``."""
    return math.frexp(number)[1]


def spread(numbers: Sequence[float]) -> int:
    """By how many bits the nonzero numbers differ in size: what their sum needs beyond its own precision."""
    sizes = [magnitude(each) for each in numbers if each and math.isfinite(each)]
    return max(sizes, default=0) - min(sizes, default=0)


def step_scale(x: float, around: Sequence[float]) -> int:
    """The power of two a step from ``x`` is taken relative to: small beside ``x``, and 0 beside its neighbours."""
    return min([0, magnitude(x)] if x else [0, *(magnitude(each) for each in around if each)])


def compute(context: Any, row: Primitive, operands: Sequence[Any]) -> Any:
    """A row's exact value at real operands, or None where it is not real, not defined or fails; nan in, nan out."""
    if any(map(context.isnan, operands)):
        return context.nan
    exact = exact_of(row)
    try:
        if all(map(context.isfinite, operands)) and not _is_inside(row, operands):
            return None
        value = context.convert(exact(context, *operands))
    except FAILURES:
        return None
    if context._is_complex_type(value):
        return None if value.imag else value.real
    return value


def _is_inside(row: Primitive, operands: Sequence[Any]) -> bool:
    try:
        return bool(row.domain.contains(*operands))
    except (TypeError, AttributeError):  # written for floats, as np.floor is: then a complex value tells
        return True


def agree(one: Any, other: Any, bits: int) -> bool:
    """Whether two numbers differ by no more than ``2**-bits`` of the larger; two nans agree."""
    if one == other or (one != one and other != other):
        return True
    return bool(abs(one - other) * (1 << bits) <= max(abs(one), abs(other)) < math.inf)


def settled_value(row: Primitive, numbers: Sequence[float], bits: int) -> Any:
    """The value of a row at floats, to a relative error of ``2**-bits``; nan where it is not defined."""
    context, before = mpmath_context(), None
    first = bits + 66 + spread(numbers)
    for precision in (first, 2 * first, 2 * first + _FLOAT_RANGE, 12_000 + first):
        context.prec = precision
        found = compute(context, row, list(map(context.mpf, numbers)))
        if found is None or not context.isfinite(found):
            return context.nan if found is None else found
        # An exact zero may be what a cancellation left: it is believed at a precision no float exceeds.
        if before is not None and agree(found, before, bits) and (found or precision > _FLOAT_RANGE):
            return found
        before = found
    return context.nan


def complex_step(row: Primitive, numbers: Sequence[float], position: int, bits: int) -> Any:
    """``Im f(x + ih) / h`` to a relative error of ``2**-bits``, or None where no such limit is found.

    It is taken with steps of either sign and of different lengths: where the function is analytic they
    agree, while at the end of a domain, on a cut or at the tip of ``hypot`` they do not.
    """
    context, exact, x = mpmath_context(), exact_of(row), numbers[position]
    scale, was_zero = step_scale(x, numbers), False
    for depth, spare in ((bits // 2 + 60, bits // 5), (3 * bits, _FLOAT_RANGE), (12 * bits, _FLOAT_RANGE)):
        slopes = []
        for odd in (1, -5):  # an odd factor, lest two coarse results agree by being multiples of one unit
            context.prec = bits + depth + spare + odd  # mpmath's atan loses as many bits as the step is small
            operands = list(map(context.mpf, numbers))
            step = context.ldexp(odd, scale - depth)
            operands[position] = context.make_mpc((operands[position]._mpf_, step._mpf_))
            try:
                value = exact(context, *operands)
            except FAILURES:
                return None
            if not isinstance(value, context.mpc):
                return context.zero  # a branch that does not depend on this operand
            slopes.append(value.imag / step)
        if not all(map(context.isfinite, slopes)):
            return None
        if not slopes[0] and not slopes[1]:
            if was_zero:
                return context.zero
            was_zero = True  # or lost beside something larger: believed if it stays zero
        elif agree(slopes[0], slopes[1], bits):
            return slopes[0]
    return None


def limit(slope: Callable[[int, int], Any], depths: Sequence[int], bits: int) -> Any:
    """What ``slope(depth, precision)`` tends to as the depth grows: a number, an infinity, nan, or None for no value.

    ``2**-depth`` is how near the point the slope is taken.  Two that agree to 27 digits have converged; what
    keeps growing is infinite, what keeps shrinking is 0.
    """
    found: list[Any] = []
    for at, depth in enumerate(depths):
        # What still is zero at the third precision is less than the smallest float.
        found.append(slope(depth, bits + (0, 0, 1300, 1300, 4400)[at]))
        if found[-1] is None:
            return None
        if at and agree(found[-2], found[-1], 90) and (found[-1] or at > 1):
            return found[-1]
    context, before, last = mpmath_context(), *found[-2:]
    if not (context.isfinite(before) and context.isfinite(last)):
        return context.nan
    if abs(last) > abs(before) * 1.01:
        return context.inf if last > 0 else context.ninf
    return context.zero if abs(last) < abs(before) * 0.99 else context.nan


# --- complex floats -----------------------------------------------------------------------------


class ComplexFunctions:
    """The functions an ``exact`` may ask for, on Python's complex numbers; it has no ``erf`` and no ``erfc``.

    >>> row = ComplexFunctions()
    >>> row.log1p(1e-20 + 1e-60j)
    (1e-20+1e-60j)
    """

    pi, e, mpf, mpc = math.pi, math.e, float, complex
    exp, log, sqrt = cmath.exp, cmath.log, cmath.sqrt
    sin, cos, tan, asin, acos, atan = cmath.sin, cmath.cos, cmath.tan, cmath.asin, cmath.acos, cmath.atan
    sinh, cosh, tanh, asinh, acosh, atanh = (
        cmath.sinh, cmath.cosh, cmath.tanh, cmath.asinh, cmath.acosh, cmath.atanh)
    fabs = abs

    @staticmethod
    def re(number: complex) -> float:
        """The real part."""
        return number.real

    @staticmethod
    def sign(number: float) -> float:
        """The sign of a real number, 0 at 0."""
        return math.copysign(1.0, number) if number else 0.0

    @staticmethod
    def expm1(number: complex) -> complex:
        """``exp(z) - 1`` without cancellation."""
        x, y = number.real, number.imag
        return complex(math.expm1(x) * math.cos(y) - 2.0 * math.sin(y / 2.0) ** 2, math.exp(x) * math.sin(y))

    @staticmethod
    def log1p(number: complex) -> complex:
        """``log(1 + z)`` without cancellation."""
        x, y = number.real, number.imag
        return complex(0.5 * math.log1p(x * (2.0 + x) + y * y) if abs(x) < 1.0 else cmath.log(1.0 + number).real,
                       math.atan2(y, 1.0 + x))


def complex_power(functions: Any, base: complex, exponent: complex) -> complex:
    """``base ** exponent``, keeping a tiny imaginary part also of a negative base."""
    base, exponent = complex(base), complex(exponent)
    if exponent.imag == 0.0 and exponent.real.is_integer():
        if abs(exponent.real) <= 100.0:
            return base ** int(exponent.real)
        if base.real < 0.0:
            return complex_power(functions, -base, exponent) * (-1.0 if exponent.real % 2.0 else 1.0)
    return cmath.exp(exponent * cmath.log(base)) if base else base**exponent


# --- dual numbers -------------------------------------------------------------------------------


class Dual(NamedTuple):
    """A number and its derivatives to the inputs, one each; of a constant there are none.

    >>> Dual.through(9.0, [Dual(3.0, (1.0, 0.0))], [6.0])
    Dual(value=9.0, slopes=(6.0, 0))
    """

    value: Any
    slopes: tuple[Any, ...] = ()

    @classmethod
    def through(cls, value: Any, operands: Sequence[Dual], factors: Sequence[Any]) -> Dual:
        """The result of an operation: each operand's derivatives times the operation's, added up."""
        moving = [(operand, factor) for operand, factor in zip(operands, factors, strict=True) if any(operand.slopes)]
        for position, (operand, factor) in enumerate(zip(operands, factors, strict=True)):
            if factor is None and any(operand.slopes):
                raise OracleError(f"has no derivative to operand {position + 1} there")
        if not moving:
            return cls(value)
        return cls(value, tuple(
            sum(operand.slopes[at] * factor for operand, factor in moving if operand.slopes[at])
            for at in range(len(moving[0][0].slopes))
        ))


Rule = Callable[..., tuple[Any, Sequence[Any]]]
"""From numbers to the value of an operation and its derivative to each of them; None for one it cannot give."""


def _off(kink: Any, found: tuple[Any, Sequence[Any]]) -> tuple[Any, Sequence[Any]]:
    return (found[0], (None,) * len(found[1])) if kink == 0 else found


def _between(x: Any, low: Any, high: Any) -> tuple[Any, Sequence[Any]]:
    return _off((x - low) * (x - high), (low, (0, 1, 0)) if x < low else (high, (0, 0, 1)) if x > high
                else (x, (1, 0, 0)))


def require_short(number: Any, times: int = 1) -> None:
    """Refuse fractions that would take all day; ``times`` is the power one is to be raised to."""
    if times * (number.numerator.bit_length() + number.denominator.bit_length()) > 100_000:
        raise OracleError("is a fraction of more than 100,000 bits")


def _integer_power(x: Any, y: Any) -> tuple[Any, Sequence[Any]]:
    if y != int(y) or abs(y) > 1000:
        raise OracleError(f"has the exponent {float(y):g}, and only integers up to 1000 are taken")
    n = int(y)
    require_short(x, abs(n))
    return x**n, (n * x ** (n - 1) if n else 0, None)


def _dot(*terms: Any) -> tuple[Any, Sequence[Any]]:
    left, right = terms[: len(terms) // 2], terms[len(terms) // 2 :]
    return sum(a * b for a, b in zip(left, right, strict=True)), (*right, *left)


RATIONAL: dict[str, Rule] = {
    "add": lambda x, y: (x + y, (1, 1)),
    "sub": lambda x, y: (x - y, (1, -1)),
    "mul": lambda x, y: (x * y, (y, x)),
    "div": lambda x, y: (x / y, (1 / y, -x / (y * y))),
    "neg": lambda x: (-x, (-1,)),
    "square": lambda x: (x * x, (x + x,)),
    "reciprocal": lambda x: (1 / x, (-1 / (x * x),)),
    "pow": _integer_power,
    "total": lambda *terms: (sum(terms), (1,) * len(terms)),
    "mean": lambda *terms: (sum(terms) / len(terms), (type(terms[0])(1) / len(terms),) * len(terms)),
    "dot": _dot,
    "abs": lambda x: _off(x, (x, (1,)) if x > 0 else (-x, (-1,))),
    "relu": lambda x: _off(x, (x, (1,)) if x > 0 else (x * 0, (0,))),
    "leaky_relu": lambda x, slope: _off(x, (x, (1, 0)) if x > 0 else (slope * x, (slope, x))),
    "sign": lambda x: _off(x, (type(x)((x > 0) - (x < 0)), (0,))),
    "heaviside": lambda x, at_zero: (type(x)(x > 0), (0, 0)) if x else (at_zero, (None, 1)),
    "greater": lambda x, y: _off(x - y, ((type(x)(x > y) + type(x)(x >= y)) / 2, (0, 0))),
    "where": lambda c, a, b: (a, (0, 1, 0)) if c else (b, (None, 0, 1)),
    "maximum": lambda x, y: _off(x - y, (x, (1, 0)) if x > y else (y, (0, 1))),
    "minimum": lambda x, y: _off(x - y, (x, (1, 0)) if x < y else (y, (0, 1))),
    "clip": _between,
}
"""The operations that keep fractions fractions, off their kinks; they serve floats as well."""
RATIONAL["batch_mean"] = RATIONAL["mean"]


def _logistic(x: float) -> float:
    small = math.exp(-abs(x))
    return (1.0 if x > 0.0 else small) / (1.0 + small)


def _power(x: float, y: float) -> tuple[float, Sequence[Any]]:
    value = math.pow(x, y)
    by_exponent = value * math.log(x) if x > 0.0 else 0.0 if x == 0.0 and y > 0.0 else None
    return value, (0.0 if y == 0.0 else y * value / x if x and abs(value) > 1e-290 else y * math.pow(x, y - 1.0),
                   by_exponent)


def _shares(*terms: float) -> tuple[float, Sequence[float]]:
    most = max(terms)
    sizes = [math.exp(term - most) for term in terms]
    return most + math.log(math.fsum(sizes)), [size / math.fsum(sizes) for size in sizes]


_NORMAL = math.sqrt(2.0 * math.pi)

ELEMENTARY: dict[str, Rule] = RATIONAL | {
    "pow": _power,
    "sqrt": lambda x: (math.sqrt(x), (1.0 / (2.0 * math.sqrt(x)),)),
    "exp": lambda x: (math.exp(x), (math.exp(x),)),
    "expm1": lambda x: (math.expm1(x), (math.exp(x),)),
    "log": lambda x: (math.log(x), (1.0 / x,)),
    "log1p": lambda x: (math.log1p(x), (1.0 / (x + 1.0),)),
    "log2": lambda x: (math.log2(x), (1.0 / (x * math.log(2.0)),)),
    "log10": lambda x: (math.log10(x), (1.0 / (x * math.log(10.0)),)),
    "sin": lambda x: (math.sin(x), (math.cos(x),)),
    "cos": lambda x: (math.cos(x), (-math.sin(x),)),
    "tan": lambda x: (math.tan(x), (1.0 + math.tan(x) ** 2,)),
    "asin": lambda x: (math.asin(x), (1.0 / math.sqrt((1.0 + x) * (1.0 - x)),)),
    "acos": lambda x: (math.acos(x), (-1.0 / math.sqrt((1.0 + x) * (1.0 - x)),)),
    "atan": lambda x: (math.atan(x), (1.0 / (1.0 + x * x),)),
    "sinh": lambda x: (math.sinh(x), (math.cosh(x),)),
    "cosh": lambda x: (math.cosh(x), (math.sinh(x),)),
    "tanh": lambda x: (math.tanh(x), (4.0 / (math.exp(x) + math.exp(-x)) ** 2 if abs(x) < 350.0 else 0.0,)),
    "asinh": lambda x: (math.asinh(x), (1.0 / math.hypot(x, 1.0),)),
    "acosh": lambda x: (math.acosh(x), (1.0 / math.sqrt(x - 1.0) / math.sqrt(x + 1.0),)),
    "atanh": lambda x: (math.atanh(x), (0.5 / (1.0 + x) + 0.5 / (1.0 - x),)),
    "atan2": lambda y, x: (math.atan2(y, x), (x / math.hypot(x, y) ** 2, -y / math.hypot(x, y) ** 2)),
    "hypot": lambda x, y: (math.hypot(x, y), (x / math.hypot(x, y), y / math.hypot(x, y))),
    "sigmoid": lambda x: (_logistic(x), (_logistic(x) * _logistic(-x),)),
    "softplus": lambda x: (math.log1p(math.exp(x)) if x < 30.0 else x + math.exp(-x), (_logistic(x),)),
    "logsigmoid": lambda x: (-math.log1p(math.exp(-x)) if x > -30.0 else x - math.exp(x), (_logistic(-x),)),
    "elu": lambda x, alpha: _off(
        x, (x, (1.0, 0.0)) if x > 0.0 else (alpha * math.expm1(x), (alpha * math.exp(x), math.expm1(x)))),
    "silu": lambda x: (x * _logistic(x), (_logistic(x) + x * _logistic(x) * _logistic(-x),)),
    "erf": lambda x: (math.erf(x), (math.exp(-x * x) / math.gamma(1.5),)),
    "erfc": lambda x: (math.erfc(x), (-math.exp(-x * x) / math.gamma(1.5),)),
    "gelu": lambda x: (x * math.erfc(-x / math.sqrt(2.0)) / 2.0,
                       (math.erfc(-x / math.sqrt(2.0)) / 2.0 + x * math.exp(-x * x / 2.0) / _NORMAL,)),
    "logsumexp": _shares,
}
"""The operations on floats that dual numbers know: every row of the table."""
