"""How the operations without a library function are computed: on floats, on arrays, in JavaScript.

Each is written so that nothing is lost where the textbook formula overflows or cancels.  The table of
primitives is the only reader.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_core.errors import OperandError

ROOT_HALF = math.sqrt(0.5)
_ZERO = np.zeros(())  # NumPy takes an array of no axes faster than a float

# --- branches -----------------------------------------------------------------------------------


def heaviside(x: float, at_zero: float) -> float:
    return 1.0 if x > 0.0 else 0.0 if x < 0.0 else at_zero if x == 0.0 else x


def greater(x: float, y: float) -> float:
    return 1.0 if x > y else 0.0 if x < y else 0.5 if x == y else math.nan


def greater_array(x: Any, y: Any) -> Any:
    # Not heaviside(x - y): two equal infinities have no difference.
    return np.where(np.isnan(x) | np.isnan(y), np.nan, 0.5 * np.greater(x, y) + 0.5 * np.greater_equal(x, y))


def where(condition: float, a: float, b: float) -> float:
    return a if condition > 0.0 or condition < 0.0 else b if condition == 0.0 else condition


def where_array(condition: Any, a: Any, b: Any) -> Any:
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0, a, b))


def maximum(x: float, y: float) -> float:
    return x if x > y or x != x else y


def minimum(x: float, y: float) -> float:
    return x if x < y or x != x else y


def clip(x: float, low: float, high: float) -> float:
    if low > high:
        raise ValueError("an empty interval")
    if x != x or low != low or high != high:
        return math.nan
    return min(max(x, low), high)


def clip_array(x: Any, low: Any, high: Any) -> Any:
    return np.where(low > high, np.nan, np.clip(x, low, high))


# --- angles -------------------------------------------------------------------------------------


def atan2(y: float, x: float) -> float:
    if y == 0.0 and x == 0.0:
        raise ValueError("the angle of the origin")
    return math.atan2(y, x)


def atan2_array(y: Any, x: Any) -> Any:
    return np.where((y == 0) & (x == 0), np.nan, np.arctan2(y, x))


def exact_atan2(mp: Any, y: Any, x: Any) -> Any:
    """Of complex numbers too; ``mp.atan2`` takes real ones only."""
    if mp.fabs(mp.re(x)) > mp.fabs(mp.re(y)):
        half_turn = 0 if mp.re(x) > 0 else mp.pi if mp.re(y) >= 0 else -mp.pi
        return mp.atan(y / x) + half_turn
    return mp.sign(mp.re(y)) * mp.pi / 2 - mp.atan(x / y)


# --- activations --------------------------------------------------------------------------------


def sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    tail = math.exp(x)
    return tail / (1.0 + tail)


def sigmoid_array(x: Any) -> Any:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, tail) / (1.0 + tail)


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-math.fabs(x)))


def softplus_array(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def silu(x: float) -> float:
    return x * sigmoid(x) if x > -math.inf or x != x else -0.0


def silu_array(x: Any) -> Any:
    return np.where(x == -np.inf, -0.0, x * sigmoid_array(x))


def relu_array(x: Any, out: Any = None) -> Any:
    return np.maximum(x, _ZERO, out=out)


def leaky_relu_array(x: Any, slope: Any) -> Any:
    return np.where(x > 0.0, x, slope * x)


def elu_array(x: Any, alpha: Any) -> Any:
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0)))


erf_array = np.vectorize(math.erf, otypes=[float])
erfc_array = np.vectorize(math.erfc, otypes=[float])


def exact_erfc(mp: Any, x: Any) -> Any:
    """mpmath's own cannot take numbers above 1e100, where the tail is less than anything."""
    if mp.fabs(mp.re(x)) > 10**6:
        return mp.mpf(0 if mp.re(x) > 0 else 2)
    return mp.erfc(x)


def gelu(x: float) -> float:
    return 0.5 * x * math.erfc(-x * ROOT_HALF) if x > -math.inf or x != x else -0.0


def gelu_array(x: Any) -> Any:
    return np.where(x == -np.inf, -0.0, 0.5 * x * erfc_array(-x * ROOT_HALF))


# --- any number of operands ---------------------------------------------------------------------


def stacked(terms: tuple[Any, ...]) -> Any:
    if len({np.shape(term) for term in terms}) > 1:
        terms = tuple(np.broadcast_arrays(*terms))
    return np.stack(terms) if terms else np.zeros(1)


def total(*terms: float) -> float:
    return math.fsum(terms)


def total_array(*terms: Any) -> Any:
    return stacked(terms).sum(axis=0)


def mean(*terms: float) -> float:
    if not terms:
        raise OperandError("mean needs at least one operand; the list was empty.")
    return math.fsum(terms) / len(terms)


def mean_array(*terms: Any) -> Any:
    return stacked(terms).mean(axis=0)


def pairs(terms: tuple[Any, ...]) -> Iterable[tuple[Any, Any]]:
    """The operands of a dot product, which come as one list after the other."""
    half = len(terms) // 2
    return zip(terms[:half], terms[half:], strict=True)


def dot(*terms: float) -> float:
    return math.fsum(x * y for x, y in pairs(terms))


def dot_array(*terms: Any) -> Any:
    return stacked(tuple(x * y for x, y in pairs(terms))).sum(axis=0)


def logsumexp(*terms: float) -> float:
    if not terms:
        raise OperandError("logsumexp needs at least one operand; the list was empty.")
    # Loops, because a compiler of numbers takes them.
    largest = 0
    for at, term in enumerate(terms):
        if term != term:
            return math.nan
        if term > terms[largest]:
            largest = at
    peak = terms[largest]
    if math.isinf(peak):
        return peak
    rest = math.fsum([math.exp(term - peak) for at, term in enumerate(terms) if at != largest])
    return peak + math.log1p(rest)


def logsumexp_array(*terms: Any) -> Any:
    return logsumexp_of(stacked(terms))


def logsumexp_of(terms: Any) -> Any:
    """logsumexp of terms along the first axis."""
    largest_last = np.partition(terms, -1, axis=0)
    rest, peak = largest_last[:-1], largest_last[-1]
    if np.isfinite(peak).all():
        return peak + np.log1p(np.exp(rest - peak).sum(axis=0))
    shift = np.where(np.isinf(peak), 0.0, peak)
    with np.errstate(over="ignore"):  # of what a peak of inf makes idle
        found = peak + np.log1p(np.exp(rest - shift).sum(axis=0))
    return np.where(np.isinf(peak), peak, found)


def logsumexp_shares(out: Any, terms: Any) -> Any:
    """The partials of logsumexp, of all terms at once along the first axis."""
    # As of single terms: dividing by what the shares add up to takes the rounding of out away.
    shares = np.exp(terms - out)
    return shares / shares.sum(axis=0)


# --- the same in JavaScript ---------------------------------------------------------------------

# ECMAScript leaves pow(1, nan), pow(1, inf) and pow(-1, inf) nan; IEEE 754 and C make them 1.
JS_POW = "(x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y)"
JS_HEAVISIDE = "(x, z) => x > 0 ? 1 : x < 0 ? 0 : x === 0 ? z : x"
JS_GREATER = "(x, y) => x > y ? 1 : x < y ? 0 : x === y ? 0.5 : NaN"
JS_WHERE = "(c, a, b) => c > 0 || c < 0 ? a : c === 0 ? b : c"
JS_ATAN2 = "(y, x) => y === 0 && x === 0 ? NaN : Math.atan2(y, x)"
JS_CLIP = "(x, a, b) => x !== x || !(a <= b) ? NaN : Math.min(Math.max(x, a), b)"
JS_SIGMOID = "x => { const t = Math.exp(-Math.abs(x)); return (x >= 0 ? 1 : t) / (1 + t); }"
JS_SOFTPLUS = "x => (x > 0 || x !== x ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)))"
JS_LOGSIGMOID = f"x => -({JS_SOFTPLUS})(-x)"
JS_SILU = f"x => x === -Infinity ? -0 : x * ({JS_SIGMOID})(x)"

# Abramowitz and Stegun 7.1.5 (series) and 7.1.14 (continued fraction, by Lentz's method).
_JS_ERFC_AND_ERF = """function erfc(x) {
  if (x < 1) return 1 - erf(x);
  if (!(x < 28)) return x > 0 ? 0 : x;
  const tiny = 1e-300;
  let f = x, c = x, d = 0;
  for (let k = 1; k < 500; k++) {
    d = x + (k / 2) * d; d = 1 / (d || tiny);
    c = x + (k / 2) / c;
    f *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * f);
}
function erf(x) {
  if (x !== x) return x;
  if (Math.abs(x) >= 1) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
  let term = x, sum = x;
  for (let k = 1; k < 40; k++) { term *= -x * x / k; sum += term / (2 * k + 1); }
  return 2 / Math.sqrt(Math.PI) * sum;
}"""
JS_ERF = f"x => {{ {_JS_ERFC_AND_ERF} return erf(x); }}"
JS_ERFC = f"x => {{ {_JS_ERFC_AND_ERF} return erfc(x); }}"
JS_GELU = (
    f"x => {{ {_JS_ERFC_AND_ERF} return x === -Infinity ? -0 : 0.5 * x * erfc(-x * Math.SQRT1_2); }}"
)
JS_TOTAL = "xs => xs.reduce((a, b) => a + b, 0)"
JS_MEAN = "xs => xs.reduce((a, b) => a + b, 0) / xs.length"
JS_DOT = "(xs, ys) => xs.reduce((sum, x, i) => sum + x * ys[i], 0)"
JS_LOGSUMEXP = """xs => {
  if (xs.some(x => x !== x)) return NaN;
  const peak = xs.reduce((a, b) => a > b ? a : b);
  if (!Number.isFinite(peak)) return peak;
  const at = xs.indexOf(peak);
  return peak + Math.log1p(xs.reduce((sum, x, i) => i === at ? sum : sum + Math.exp(x - peak), 0));
}"""
