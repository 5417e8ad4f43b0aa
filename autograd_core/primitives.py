r"""The table of primitives: one row is one operation, and the row is the public function.

To add an operation add a row; everything else (``Value``, drawings, tests, generated code) reads it
from here.  Partials are functions ``(out, *operands)`` written with other rows, so that they too can be
recorded and differentiated, and they are as accurate as the values: ``1 - out * out`` would lose every
digit of tanh' at 18.  The row ``abs`` and ``pow`` hide the builtins in this file.
"""

from __future__ import annotations

import math
import operator
from functools import reduce
from typing import Any

import numpy as np

from autograd_core.domains import NON_NEGATIVE, NON_ZERO, POSITIVE, REALS, Box, Interval, Region
from autograd_core.errors import OperandError
from autograd_core.row import Notation, Primitive, SpecialValue

ONE_REAL = Box((REALS,))

# --- arithmetic ---------------------------------------------------------------------------------

_SUM = Notation("sum", "<sum> + <sum!>")
_DIFFERENCE = Notation("sum", "<sum> - <quotient!>")
_MINUS = Notation("quotient", "-<quotient!>")


def _product(x: Any, y: Any, sign: str) -> Notation:
    return Notation("product", f"<product> {sign} <product!>" if y.number is not None else "<product> <product!>")


def _text_product(x: Any, y: Any) -> Notation:
    glued = x.number is not None and y.name is not None
    return Notation("product", "<product><product!>") if glued else _product(x, y, "·")


add = Primitive(
    "add", operator.add, np.add, lambda mp, x, y: x + y,
    partials=(lambda out, x, y: 1.0, lambda out, x, y: 1.0), domain=ONE_REAL, latex=_SUM, text=_SUM,
    python=(code := Notation("sum", "<sum> + <product>")), javascript=code)

sub = Primitive(
    "sub", operator.sub, np.subtract, lambda mp, x, y: x - y,
    partials=(lambda out, x, y: 1.0, lambda out, x, y: -1.0), domain=ONE_REAL, latex=_DIFFERENCE, text=_DIFFERENCE,
    python=(code := Notation("sum", "<sum> - <product>")), javascript=code)

mul = Primitive(
    "mul", operator.mul, np.multiply, lambda mp, x, y: x * y,
    partials=(lambda out, x, y: y, lambda out, x, y: x), domain=ONE_REAL,
    latex=lambda x, y: _product(x, y, r"\cdot"), text=_text_product,
    python=(code := Notation("product", "<product> * <unary>")), javascript=code)

div = Primitive(
    "div", operator.truediv, np.divide, lambda mp, x, y: x / y,
    partials=(lambda out, x, y: 1.0 / y, lambda out, x, y: -(out / y)), domain=Box((REALS, NON_ZERO)),
    textbook=(lambda out, x, y: 1.0 / y, lambda out, x, y: -x / y**2),
    latex=Notation("product", r"\frac{<>}{<>}"), text=Notation("quotient", "<product>/<power!>"),
    python=(code := Notation("product", "<product> / <unary>")), javascript=code)

neg = Primitive(
    "neg", operator.neg, np.negative, lambda mp, x: -x,
    partials=(lambda out, x: -1.0,), domain=ONE_REAL, latex=_MINUS, text=_MINUS,
    python=(code := Notation("unary", "-<unary!>")), javascript=code)


def _draw_power(rng: np.random.Generator) -> tuple[float, ...]:
    if rng.random() < 0.25:
        return float(rng.uniform(-4, 4)), float(rng.integers(1, 6))
    return POSITIVE.sample(rng), float(rng.uniform(-6, 6))


pow = Primitive(  # noqa: A001
    "pow", math.pow, np.power, lambda mp, x, y: x**y,
    partials=(lambda out, x, y: y * pow(x, where(y, y - 1.0, 0.0)),
              lambda out, x, y: out * log(where(x, x, 1.0))),
    domain=Region("x > 0, or x = 0 and y >= 0, or x < 0 and y an integer",
                  lambda x, y: (x > 0) | ((x == 0) & (y >= 0)) | ((x < 0) & (y == np.floor(y))), _draw_power),
    special=(SpecialValue((0.0, 0.0), 1.0, (0.0, 0.0), "the empty product is 1; x**0 is constant"),
             SpecialValue((0.0, 1.0), 0.0, (1.0, 0.0), "x**1 is x"),
             SpecialValue((0.0, 2.0), 0.0, (0.0, 0.0), "0**y is 0 for every y > 0"),
             SpecialValue((0.0, 0.5), 0.0, (math.inf, 0.0), "the limit from the right, as for sqrt")),
    textbook=(lambda out, x, y: y * pow(x, y - 1.0), lambda out, x, y: out * log(x)),
    latex=Notation("power", "<call>^{<>}"), text=Notation("power", "<call>^<call!>"),
    python=lambda x, y: Notation("power", "<call> ** <unary>") if (y.number or 0.5).is_integer() else None,
    javascript="Math.pow")

square = Primitive(
    "square", lambda x: x * x, np.square, lambda mp, x: x * x,
    partials=(lambda out, x: 2.0 * x,), domain=ONE_REAL, written=lambda x: pow(x, 2.0), javascript="x => x * x")

reciprocal = Primitive(
    "reciprocal", lambda x: 1.0 / x, np.reciprocal, lambda mp, x: 1 / x,
    partials=(lambda out, x: -out / x,), domain=Box((NON_ZERO,)), textbook=(lambda out, x: -1.0 / x**2,),
    written=lambda x: 1.0 / x, javascript="x => 1 / x")

sqrt = Primitive(
    "sqrt", math.sqrt, np.sqrt, lambda mp, x: mp.sqrt(x),
    partials=(lambda out, x: 0.5 / out,), domain=Box((NON_NEGATIVE,)), textbook=(lambda out, x: 1.0 / (2.0 * out),),
    special=(SpecialValue((0.0,), 0.0, (math.inf,), "the limit from the right"),),
    latex=Notation("call", r"\sqrt{<>}"), text=Notation("call", "√(<>)"), javascript="Math.sqrt")


# --- exponentials and logarithms ----------------------------------------------------------------

exp = Primitive(
    "exp", math.exp, np.exp, lambda mp, x: mp.exp(x),
    partials=(lambda out, x: out,), domain=ONE_REAL, latex=Notation("power", "e^{<>}"),
    textbook=(lambda out, x: exp(x),), javascript="Math.exp")

expm1 = Primitive(
    "expm1", math.expm1, np.expm1, lambda mp, x: mp.expm1(x),
    partials=(lambda out, x: exp(x),), domain=ONE_REAL, written=lambda x: exp(x) - 1.0, javascript="Math.expm1")

log = Primitive(
    "log", math.log, np.log, lambda mp, x: mp.log(x),
    partials=(lambda out, x: 1.0 / x,), domain=Box((POSITIVE,)), head=(r"\log", "log"), javascript="Math.log")

log1p = Primitive(
    "log1p", math.log1p, np.log1p, lambda mp, x: mp.log1p(x),
    partials=(lambda out, x: 1.0 / (1.0 + x),), domain=Box((Interval(low=-1.0),)),
    written=lambda x: log(1.0 + x), javascript="Math.log1p")

log2 = Primitive(
    "log2", math.log2, np.log2, lambda mp, x: mp.log(x) / mp.log(2),
    partials=(lambda out, x: math.log2(math.e) / x,), domain=Box((POSITIVE,)), head=(r"\log_2", "log2"),
    javascript="Math.log2")

log10 = Primitive(
    "log10", math.log10, np.log10, lambda mp, x: mp.log(x) / mp.log(10),
    partials=(lambda out, x: math.log10(math.e) / x,), domain=Box((POSITIVE,)), head=(r"\log_{10}", "log10"),
    javascript="Math.log10")


# --- trigonometric and hyperbolic ---------------------------------------------------------------

_UNIT = Interval(-1.0, 1.0, includes_low=True, includes_high=True)

sin = Primitive(
    "sin", math.sin, np.sin, lambda mp, x: mp.sin(x),
    partials=(lambda out, x: cos(x),), domain=ONE_REAL, head=(r"\sin", "sin"), javascript="Math.sin")

cos = Primitive(
    "cos", math.cos, np.cos, lambda mp, x: mp.cos(x),
    partials=(lambda out, x: -sin(x),), domain=ONE_REAL, head=(r"\cos", "cos"), javascript="Math.cos")

tan = Primitive(
    "tan", math.tan, np.tan, lambda mp, x: mp.tan(x),
    partials=(lambda out, x: 1.0 / square(cos(x)),), domain=ONE_REAL, head=(r"\tan", "tan"), javascript="Math.tan")

asin = Primitive(
    "asin", math.asin, np.arcsin, lambda mp, x: mp.asin(x),
    partials=(lambda out, x: 1.0 / sqrt((1.0 - x) * (1.0 + x)),), domain=Box((_UNIT,)), aliases=("arcsin",),
    textbook=(lambda out, x: 1.0 / sqrt(1.0 - x**2),), head=(r"\arcsin", "asin"), javascript="Math.asin",
    special=(SpecialValue((1.0,), math.pi / 2, (math.inf,), "the limit from the left"),
             SpecialValue((-1.0,), -math.pi / 2, (math.inf,), "the limit from the right")))

acos = Primitive(
    "acos", math.acos, np.arccos, lambda mp, x: mp.acos(x),
    partials=(lambda out, x: -1.0 / sqrt((1.0 - x) * (1.0 + x)),), domain=Box((_UNIT,)), aliases=("arccos",),
    textbook=(lambda out, x: -1.0 / sqrt(1.0 - x**2),), head=(r"\arccos", "acos"), javascript="Math.acos",
    special=(SpecialValue((1.0,), 0.0, (-math.inf,), "the limit from the left"),
             SpecialValue((-1.0,), math.pi, (-math.inf,), "the limit from the right")))

atan = Primitive(
    "atan", math.atan, np.arctan, lambda mp, x: mp.atan(x),
    partials=(lambda out, x: square(1.0 / hypot(1.0, x)),), domain=ONE_REAL, aliases=("arctan",),
    textbook=(lambda out, x: 1.0 / (1.0 + x**2),), head=(r"\arctan", "atan"), javascript="Math.atan")


def _atan2(y: float, x: float) -> float:
    if y == 0.0 and x == 0.0:
        raise ValueError("the angle of the origin")
    return math.atan2(y, x)


def _exact_atan2(mp: Any, y: Any, x: Any) -> Any:
    if mp.fabs(mp.re(x)) > mp.fabs(mp.re(y)):
        half_turn = 0 if mp.re(x) > 0 else mp.pi if mp.re(y) >= 0 else -mp.pi
        return mp.atan(y / x) + half_turn
    return mp.sign(mp.re(y)) * mp.pi / 2 - mp.atan(x / y)


def _draw_off_origin(rng: np.random.Generator) -> tuple[float, ...]:
    return NON_ZERO.sample(rng), NON_ZERO.sample(rng)


atan2 = Primitive(
    "atan2", _atan2, lambda y, x: np.where((y == 0) & (x == 0), np.nan, np.arctan2(y, x)), _exact_atan2,
    partials=(lambda out, y, x: x / hypot(y, x) / hypot(y, x), lambda out, y, x: -y / hypot(y, x) / hypot(y, x)),
    textbook=(lambda out, y, x: x / (x**2 + y**2), lambda out, y, x: -y / (x**2 + y**2)),
    domain=Region("x and y not both 0", lambda y, x: (y != 0) | (x != 0), _draw_off_origin),
    aliases=("arctan2",), javascript="Math.atan2")

sinh = Primitive(
    "sinh", math.sinh, np.sinh, lambda mp, x: mp.sinh(x),
    partials=(lambda out, x: cosh(x),), domain=ONE_REAL, head=(r"\sinh", "sinh"), javascript="Math.sinh")

cosh = Primitive(
    "cosh", math.cosh, np.cosh, lambda mp, x: mp.cosh(x),
    partials=(lambda out, x: sinh(x),), domain=ONE_REAL, head=(r"\cosh", "cosh"), javascript="Math.cosh")

tanh = Primitive(
    "tanh", math.tanh, np.tanh, lambda mp, x: mp.tanh(x),
    partials=(lambda out, x: square(1.0 / cosh(x)),), domain=ONE_REAL, head=(r"\tanh", "tanh"), primed=True,
    textbook=(lambda out, x: 1.0 - out**2,), javascript="Math.tanh")

asinh = Primitive(
    "asinh", math.asinh, np.arcsinh, lambda mp, x: mp.asinh(x),
    partials=(lambda out, x: 1.0 / hypot(1.0, x),), domain=ONE_REAL, aliases=("arcsinh",),
    textbook=(lambda out, x: 1.0 / sqrt(1.0 + x**2),), head=(r"\mathrm{arsinh}", "asinh"), javascript="Math.asinh")

acosh = Primitive(
    "acosh", math.acosh, np.arccosh, lambda mp, x: mp.acosh(x),
    partials=(lambda out, x: 1.0 / sqrt(x - 1.0) / sqrt(x + 1.0),),
    domain=Box((Interval(low=1.0, includes_low=True),)), aliases=("arccosh",),
    textbook=(lambda out, x: 1.0 / sqrt(x**2 - 1.0),), head=(r"\mathrm{arcosh}", "acosh"), javascript="Math.acosh",
    special=(SpecialValue((1.0,), 0.0, (math.inf,), "the limit from the right"),))

atanh = Primitive(
    "atanh", math.atanh, np.arctanh, lambda mp, x: mp.atanh(x),
    partials=(lambda out, x: 1.0 / ((1.0 - x) * (1.0 + x)),), domain=Box((Interval(-1.0, 1.0),)),
    aliases=("arctanh",), textbook=(lambda out, x: 1.0 / (1.0 - x**2),), head=(r"\mathrm{artanh}", "atanh"),
    javascript="Math.atanh")


# --- branches -----------------------------------------------------------------------------------
# A comparison inside a formula is one of these rows, so that a recorded graph can be replayed.

sign = Primitive(
    "sign", lambda x: 1.0 if x > 0 else -1.0 if x < 0 else x * 0.0, np.sign, lambda mp, x: mp.sign(mp.re(x)),
    partials=(lambda out, x: 0.0,), domain=ONE_REAL, kinks=(lambda x: x,), head=(r"\mathrm{sign}", "sign"),
    special=(SpecialValue((0.0,), 0.0, (0.0,), "odd; a constant on either side"),), javascript="Math.sign")

heaviside = Primitive(
    "heaviside", lambda x, at_zero: 1.0 if x > 0 else 0.0 if x < 0 else at_zero if x == 0 else x, np.heaviside,
    lambda mp, x, at_zero: mp.mpf(1) if mp.re(x) > 0 else mp.mpf(0) if mp.re(x) < 0 else at_zero,
    partials=(lambda out, x, at_zero: 0.0, lambda out, x, at_zero: 1.0 - abs(sign(x))), domain=ONE_REAL,
    kinks=(lambda x, at_zero: x,), head=("H", "H"), javascript="(x, z) => x > 0 ? 1 : x < 0 ? 0 : x === 0 ? z : x",
    special=(SpecialValue((0.0, 0.5), 0.5, (0.0, 1.0), "a constant on either side"),))

where = Primitive(
    "where", lambda condition, a, b: a if condition > 0 or condition < 0 else b if condition == 0 else condition,
    lambda condition, a, b: np.where(np.isnan(condition), np.nan, np.where(condition != 0, a, b)),
    lambda mp, condition, a, b: a if mp.re(condition) != 0 else b,
    partials=(lambda out, condition, a, b: 0.0, lambda out, condition, a, b: where(condition, 1.0, 0.0),
              lambda out, condition, a, b: where(condition, 0.0, 1.0)),
    domain=ONE_REAL, kinks=(lambda condition, a, b: condition,),
    javascript="(c, a, b) => c > 0 || c < 0 ? a : c === 0 ? b : c")

abs = Primitive(  # noqa: A001
    "abs", math.fabs, np.abs, lambda mp, x: x if mp.re(x) >= 0 else -x,
    partials=(lambda out, x: sign(x),), domain=ONE_REAL, kinks=(lambda x: x,), aliases=("absolute",),
    special=(SpecialValue((0.0,), 0.0, (0.0,), "the middle of the subdifferential [-1, 1]"),),
    latex=Notation("call", r"\left|<>\right|"), text=Notation("call", "|<>|"), javascript="Math.abs")


def _maximum(x: float, y: float) -> float:
    return x if x > y or x != x else y


maximum = Primitive(
    "maximum", _maximum, np.maximum, lambda mp, x, y: x if mp.re(x) >= mp.re(y) else y,
    partials=(lambda out, x, y: heaviside(x - y, 0.5), lambda out, x, y: heaviside(y - x, 0.5)), domain=ONE_REAL,
    kinks=(lambda x, y: x - y,), head=(r"\max", "max"), javascript="(x, y) => x > y || x !== x ? x : y",
    special=(SpecialValue((1.0, 1.0), 1.0, (0.5, 0.5), "a tie is shared equally"),))

minimum = Primitive(
    "minimum", lambda x, y: x if x < y or x != x else y, np.minimum,
    lambda mp, x, y: x if mp.re(x) <= mp.re(y) else y,
    partials=(lambda out, x, y: heaviside(y - x, 0.5), lambda out, x, y: heaviside(x - y, 0.5)), domain=ONE_REAL,
    kinks=(lambda x, y: x - y,), head=(r"\min", "min"), javascript="(x, y) => x < y || x !== x ? x : y",
    special=(SpecialValue((1.0, 1.0), 1.0, (0.5, 0.5), "a tie is shared equally"),))


def _clip(x: float, low: float, high: float) -> float:
    if low > high:
        raise ValueError("an empty interval")
    if x != x or low != low or high != high:
        return math.nan
    return min(max(x, low), high)


def _draw_clip(rng: np.random.Generator) -> tuple[float, ...]:
    low, high = sorted(rng.uniform(-4, 4, size=2))
    return float(rng.uniform(-5, 5)), float(low), float(high)


clip = Primitive(
    "clip", _clip, lambda x, low, high: np.where(low > high, np.nan, np.clip(x, low, high)),
    lambda mp, x, low, high: low if mp.re(x) < mp.re(low) else high if mp.re(x) > mp.re(high) else x,
    partials=(lambda out, x, low, high: heaviside(x - low, 0.5) * heaviside(high - maximum(x, low), 0.5),
              lambda out, x, low, high: heaviside(low - x, 0.5) * heaviside(high - maximum(x, low), 0.5),
              lambda out, x, low, high: heaviside(maximum(x, low) - high, 0.5)),
    domain=Region("low <= high", lambda x, low, high: low <= high, _draw_clip),
    kinks=(lambda x, low, high: x - low, lambda x, low, high: x - high),
    special=(SpecialValue((0.0, 0.0, 1.0), 0.0, (0.5, 0.5, 0.0), "minimum(maximum(x, low), high): a tie is shared"),
             SpecialValue((1.0, 0.0, 1.0), 1.0, (0.5, 0.0, 0.5), "minimum(maximum(x, low), high): a tie is shared")),
    javascript="(x, a, b) => x !== x || a !== a || b !== b ? NaN : Math.min(Math.max(x, a), b)")

hypot = Primitive(
    "hypot", math.hypot, np.hypot, lambda mp, x, y: mp.sqrt(x * x + y * y),
    partials=(lambda out, x, y: x / where(out, out, 1.0), lambda out, x, y: y / where(out, out, 1.0)),
    textbook=(lambda out, x, y: x / out, lambda out, x, y: y / out), domain=ONE_REAL,
    special=(SpecialValue((0.0, 0.0), 0.0, (0.0, 0.0), "the middle of the subdifferential, the unit disc"),),
    written=lambda x, y: sqrt(pow(x, 2.0) + pow(y, 2.0)), javascript="Math.hypot")


# --- activations --------------------------------------------------------------------------------


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    tail = math.exp(x)
    return tail / (1.0 + tail)


def _sigmoid_array(x: Any) -> Any:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, tail) / (1.0 + tail)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-math.fabs(x)))


def _softplus_array(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


_JS_SIGMOID = "x => { const t = Math.exp(-Math.abs(x)); return (x >= 0 ? 1 : t) / (1 + t); }"
_JS_SOFTPLUS = "x => (x > 0 || x !== x ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)))"

sigmoid = Primitive(
    "sigmoid", _sigmoid, _sigmoid_array, lambda mp, x: 1 / (1 + mp.exp(-x)),
    partials=(lambda out, x: sigmoid(x) * sigmoid(-x),), domain=ONE_REAL, head=(r"\sigma", "σ"), primed=True,
    textbook=(lambda out, x: out * (1.0 - out),), javascript=_JS_SIGMOID)

softplus = Primitive(
    "softplus", _softplus, _softplus_array, lambda mp, x: mp.log1p(mp.exp(x)),
    partials=(lambda out, x: sigmoid(x),), domain=ONE_REAL, javascript=_JS_SOFTPLUS)

logsigmoid = Primitive(
    "logsigmoid", lambda x: -_softplus(-x), lambda x: -_softplus_array(-x), lambda mp, x: -mp.log1p(mp.exp(-x)),
    partials=(lambda out, x: sigmoid(-x),), domain=ONE_REAL, written=lambda x: log(sigmoid(x)),
    javascript=f"x => -({_JS_SOFTPLUS})(-x)")

relu = Primitive(
    "relu", lambda x: x if x > 0.0 or x != x else 0.0, lambda x: np.maximum(x, 0.0),
    lambda mp, x: x if mp.re(x) > 0 else mp.mpf(0),
    partials=(lambda out, x: heaviside(x, 0.0),), domain=ONE_REAL, kinks=(lambda x: x,), primed=True,
    special=(SpecialValue((0.0,), 0.0, (0.0,), "inside the subdifferential [0, 1], as PyTorch and JAX"),),
    javascript="x => x > 0 || x !== x ? x : 0")

leaky_relu = Primitive(
    "leaky_relu", lambda x, slope: x if x > 0.0 else slope * x, lambda x, slope: np.where(x > 0.0, x, slope * x),
    lambda mp, x, slope: x if mp.re(x) > 0 else slope * x, defaults=(0.01,), primed=True,
    partials=(lambda out, x, slope: where(heaviside(x, 0.0), 1.0, slope), lambda out, x, slope: -relu(-x)),
    domain=ONE_REAL, kinks=(lambda x, slope: x,), javascript="(x, s) => x > 0 ? x : s * x",
    special=(SpecialValue((0.0, 0.01), 0.0, (0.01, 0.0), "the slope from the left, as PyTorch"),))

elu = Primitive(
    "elu", lambda x, alpha: x if x > 0.0 else alpha * math.expm1(x),
    lambda x, alpha: np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0))),
    lambda mp, x, alpha: x if mp.re(x) > 0 else alpha * mp.expm1(x), defaults=(1.0,), primed=True,
    partials=(lambda out, x, alpha: where(heaviside(x, 0.0), 1.0, alpha * exp(minimum(x, 0.0))),
              lambda out, x, alpha: expm1(minimum(x, 0.0))),
    domain=ONE_REAL, kinks=(lambda x, alpha: x,), javascript="(x, a) => x > 0 ? x : a * Math.expm1(x)",
    special=(SpecialValue((0.0, 1.0), 0.0, (1.0, 0.0), "both sides agree when alpha is 1"),))

silu = Primitive(
    "silu", lambda x: x * _sigmoid(x) if x > -math.inf or x != x else -0.0,
    lambda x: np.where(x == -np.inf, -0.0, x * _sigmoid_array(x)), lambda mp, x: x / (1 + mp.exp(-x)),
    partials=(lambda out, x: sigmoid(x) * (1.0 + x * sigmoid(-x)),), domain=ONE_REAL, conditioned=True, primed=True,
    javascript=f"x => x === -Infinity ? -0 : x * ({_JS_SIGMOID})(x)")

_ROOT_HALF = math.sqrt(0.5)
_NORMAL = 1.0 / math.sqrt(2.0 * math.pi)
_erf_array = np.vectorize(math.erf, otypes=[float])
_erfc_array = np.vectorize(math.erfc, otypes=[float])

# Abramowitz and Stegun 7.1.5 (series) and 7.1.14 (continued fraction, by Lentz's method).
_JS_ERFC = """function erfc(x) {
  if (x < 1) return 1 - erf(x);
  const tiny = 1e-300;
  let f = x, c = x, d = 0;
  for (let k = 1; k < 500; k++) {
    d = x + (k / 2) * d; d = 1 / (d || tiny);
    c = x + (k / 2) / c;
    f *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * f);
}"""
_JS_ERF = """function erf(x) {
  if (x !== x) return x;
  if (Math.abs(x) >= 1) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
  let term = x, sum = x;
  for (let k = 1; k < 40; k++) { term *= -x * x / k; sum += term / (2 * k + 1); }
  return 2 / Math.sqrt(Math.PI) * sum;
}"""

erf = Primitive(
    "erf", math.erf, _erf_array, lambda mp, x: mp.erf(x),
    partials=(lambda out, x: 2.0 / math.sqrt(math.pi) * exp(-(x * x)),), domain=ONE_REAL, conditioned=True,
    head=(r"\mathrm{erf}", "erf"), javascript=f"x => {{ {_JS_ERFC} {_JS_ERF} return erf(x); }}")

gelu = Primitive(
    "gelu", lambda x: 0.5 * x * math.erfc(-x * _ROOT_HALF) if x > -math.inf or x != x else -0.0,
    lambda x: np.where(x == -np.inf, -0.0, 0.5 * x * _erfc_array(-x * _ROOT_HALF)),
    lambda mp, x: x * mp.erfc(-x / mp.sqrt(2)) / 2, conditioned=True, primed=True,
    partials=(lambda out, x: 0.5 + 0.5 * erf(x * _ROOT_HALF) + x * (_NORMAL * exp(-0.5 * (x * x))),),
    domain=ONE_REAL,
    javascript=f"x => {{ {_JS_ERFC} {_JS_ERF} return x === -Infinity ? -0 : 0.5 * x * erfc(-x * Math.SQRT1_2); }}")


# --- any number of operands ---------------------------------------------------------------------


def _mean(*terms: float) -> float:
    if not terms:
        raise OperandError("mean needs at least one operand; the list was empty.")
    return math.fsum(terms) / len(terms)


def _logsumexp(*terms: float) -> float:
    if not terms:
        raise OperandError("logsumexp needs at least one operand; the list was empty.")
    largest = max(range(len(terms)), key=terms.__getitem__)
    peak = terms[largest]
    if any(term != term for term in terms):
        return math.nan
    if math.isinf(peak):
        return peak
    return peak + math.log1p(math.fsum(math.exp(term - peak) for at, term in enumerate(terms) if at != largest))


def _stacked(terms: tuple[Any, ...]) -> Any:
    return np.stack(np.broadcast_arrays(*terms)) if terms else np.zeros(1)


def _logsumexp_array(*terms: Any) -> Any:
    stack = np.sort(_stacked(terms), axis=0)
    peak = stack[-1]
    shifted = np.where(np.isinf(peak), 0.0, stack[:-1] - np.where(np.isinf(peak), 0.0, peak))
    return np.where(np.isinf(peak), peak, peak + np.log1p(np.exp(shifted).sum(axis=0)))


def _half_dot(terms: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    half = len(terms) // 2
    return list(zip(terms[:half], terms[half:], strict=True))


def _written_total(*terms: Any) -> Any:
    return reduce(operator.add, terms)


total = Primitive(
    "total", lambda *terms: math.fsum(terms), lambda *terms: _stacked(terms).sum(axis=0),
    lambda mp, *terms: sum(terms, mp.mpf(0)), partials=lambda out, *terms: [1.0] * len(terms), domain=ONE_REAL,
    conditioned=True, written=_written_total, javascript="xs => xs.reduce((a, b) => a + b, 0)")

mean = Primitive(
    "mean", _mean, lambda *terms: _stacked(terms).mean(axis=0),
    lambda mp, *terms: sum(terms, mp.mpf(0)) / len(terms),
    partials=lambda out, *terms: [1.0 / len(terms)] * len(terms), domain=ONE_REAL, conditioned=True,
    written=lambda *terms: _written_total(*terms) / float(len(terms)),
    javascript="xs => xs.reduce((a, b) => a + b, 0) / xs.length")

# The same numbers as mean; a compiled program takes it across its examples (batch normalization).
batch_mean = Primitive(
    "batch_mean", _mean, mean.array, mean.exact, partials=mean.partials, domain=ONE_REAL, conditioned=True,
    written=mean.written, javascript=mean.javascript)

dot = Primitive(
    "dot", lambda *terms: math.fsum(x * y for x, y in _half_dot(terms)),
    lambda *terms: _stacked(tuple(x * y for x, y in _half_dot(terms))).sum(axis=0),
    lambda mp, *terms: sum((x * y for x, y in _half_dot(terms)), mp.mpf(0)), lists=2,
    partials=lambda out, *terms: [*terms[len(terms) // 2 :], *terms[: len(terms) // 2]], domain=ONE_REAL,
    conditioned=True, written=lambda *terms: _written_total(*(x * y for x, y in _half_dot(terms))),
    javascript="(xs, ys) => xs.reduce((sum, x, i) => sum + x * ys[i], 0)")

logsumexp = Primitive(
    "logsumexp", _logsumexp, _logsumexp_array, lambda mp, *terms: mp.log(sum(map(mp.exp, terms), mp.mpf(0))),
    partials=lambda out, *terms: [exp(term - out) for term in terms], domain=ONE_REAL, conditioned=True,
    written=lambda *terms: log(_written_total(*map(exp, terms))),
    javascript="""xs => {
  if (xs.some(x => x !== x)) return NaN;
  const peak = xs.reduce((a, b) => a > b ? a : b);
  if (!Number.isFinite(peak)) return peak;
  const at = xs.indexOf(peak);
  return peak + Math.log1p(xs.reduce((sum, x, i) => i === at ? sum : sum + Math.exp(x - peak), 0));
}""")


TABLE: tuple[Primitive, ...] = tuple(row for row in list(globals().values()) if isinstance(row, Primitive))
_BY_NAME = {name: row for row in TABLE for name in (row.name, *row.aliases)}


def find_primitive(name: str) -> Primitive | None:
    """The row called ``name``, or by NumPy's name for it (``arcsin``), or None.

    >>> find_primitive("arcsin")
    <primitive asin>
    """
    return _BY_NAME.get(name)


def restore_primitive(name: str, shown_as: tuple[str, tuple[str, str] | None] | None = None) -> Primitive:
    """The row a pickle refers to by name, renamed as it was; ``LookupError`` where there is no such row."""
    row = _BY_NAME.get(name)
    if row is None:
        raise LookupError(
            f"This graph uses the operation {name!r}, which the table of primitives here does not have. "
            "Load it with the version, and the rows of your own, that it was saved with."
        )
    return row.renamed(*shown_as) if shown_as else row


def softmax(values: Any) -> list[Any]:
    r"""The shares :math:`e^{x_i} / \sum_j e^{x_j}` of a list of operands; they add up to 1.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    terms = list(values)
    whole = logsumexp(terms)
    return [exp(term - whole) for term in terms]
