r"""The table's first half: arithmetic, exponentials, angles, and the branches the other rows are made with.

``primitives.py`` holds the other half and says how to add a row.  The rows ``abs`` and ``pow`` hide the
builtins in this file.
"""

from __future__ import annotations

import math
import operator
import sys
from typing import Any

import numpy as np

from autograd_core import special_functions as functions
from autograd_core.domains import NON_NEGATIVE, NON_ZERO, POSITIVE, REALS, Box, Interval, Region
from autograd_core.row import Notation, Primitive, SpecialValue

ONE_REAL = Box((REALS,))

# --- arithmetic ---------------------------------------------------------------------------------

_SUM = Notation("sum", "<sum> + <sum!>")
_DIFFERENCE = Notation("sum", "<sum> - <quotient!>")
_MINUS = Notation("quotient", "-<quotient!>")


def _product(x: Any, y: Any, sign: str) -> Notation:
    between = f" {sign} " if y.number is not None else " "
    return Notation("product", f"<product>{between}<product!>")


def _latex_product(x: Any, y: Any) -> Notation:
    # Without a little space tanh(a) w would read as tanh(a w), and two words as one.
    after_function = x.primitive is not None and (x.primed or not (x.primitive.latex or x.primitive.written))
    words = any(each.name is not None and each.name.latex.startswith(r"\mathrm") for each in (x, y))
    spaced = after_function or (words and x.number is None)
    return Notation("product", r"<product> \, <product!>") if spaced else _product(x, y, r"\cdot")


def _text_product(x: Any, y: Any) -> Notation:
    # 2x, but 1e-7 x and inf x
    glued = x.number is not None and y.name is not None and 1e-4 <= abs(x.number) < 1e4
    return Notation("product", "<product><product!>") if glued else _product(x, y, "·")


add = Primitive(
    "add", operator.add, np.add, lambda mp, x, y: x + y,
    partials=(lambda out, x, y: 1.0, lambda out, x, y: 1.0), domain=ONE_REAL, latex=_SUM, text=_SUM,
    python=(_code := Notation("sum", "<sum> + <product>")), javascript=_code)

sub = Primitive(
    "sub", operator.sub, np.subtract, lambda mp, x, y: x - y,
    partials=(lambda out, x, y: 1.0, lambda out, x, y: -1.0), domain=ONE_REAL,
    latex=_DIFFERENCE, text=_DIFFERENCE,
    python=(_code := Notation("sum", "<sum> - <product>")), javascript=_code)

mul = Primitive(
    "mul", operator.mul, np.multiply, lambda mp, x, y: x * y,
    partials=(lambda out, x, y: y, lambda out, x, y: x), domain=ONE_REAL,
    latex=_latex_product, text=_text_product,
    python=(_code := Notation("product", "<product> * <unary>")), javascript=_code)

div = Primitive(
    "div", operator.truediv, np.divide, lambda mp, x, y: x / y,
    partials=(lambda out, x, y: 1.0 / y, lambda out, x, y: -(out / y)), domain=Box((REALS, NON_ZERO)),
    textbook=(lambda out, x, y: 1.0 / y, lambda out, x, y: -x / y**2),
    latex=Notation("product", r"\frac{<>}{<>}"), text=Notation("quotient", "<product>/<power!>"),
    python=(_code := Notation("product", "<product> / <unary>")), javascript=_code)

neg = Primitive(
    "neg", operator.neg, np.negative, lambda mp, x: -x,
    partials=(lambda out, x: -1.0,), domain=ONE_REAL, latex=_MINUS, text=_MINUS,
    python=(_code := Notation("unary", "-<unary!>")), javascript=_code)


def _python_power(x: Any, y: Any) -> Notation | None:
    # Python's own ** answers (-8.0) ** (1 / 3) with a complex number.
    return Notation("power", "<call> ** <unary>") if y.number and y.number.is_integer() else None


def _draw_power(rng: np.random.Generator) -> tuple[float, ...]:
    if rng.random() < 0.25:
        return float(rng.uniform(-4, 4)), float(rng.integers(1, 6))
    return POSITIVE.sample(rng), float(rng.uniform(-6, 6))


_SMALLEST, _LARGEST = math.ulp(0.0), sys.float_info.max


def _is_recorded(operand: Any) -> bool:
    """Whether what is made of an operand may be differentiated again: not numbers, and not symbols to be written."""
    return hasattr(operand, "apply_primitive") and not hasattr(operand, "number")


def _power_slope(out: Any, x: Any, y: Any) -> Any:
    if _is_recorded(y):
        # The exponent of 0**0 alone is not lowered; at any other x the slope must depend on y, at y = 0 too.
        return y * pow(x, y - where(x, 1.0, where(y, 1.0, 0.0)))
    slope = y * pow(x, where(y, y - 1.0, 0.0))
    # y - 1 is rounded unless y >= 0.5, which costs 345 ulp at x = 1e-300: x**rest makes up for it.
    rest = y - ((y - 1.0) + 1.0)
    if isinstance(rest, float) and rest == 0.0:
        return slope
    size = clip(abs(x), _SMALLEST, _LARGEST)
    return slope * (1.0 + rest * where(rest, log(size), 0.0))


pow: Primitive = Primitive(
    "pow", math.pow, np.power, lambda mp, x, y: x**y,
    partials=(_power_slope, lambda out, x, y: out * log(where(x, x, 1.0))),
    domain=Region("x > 0, or x = 0 and y >= 0, or x < 0 and y an integer",
                  lambda x, y: (x > 0) | ((x == 0) & (y >= 0)) | ((x < 0) & (y == np.floor(y))), _draw_power,
                  "(x, y) => x > 0 || (x === 0 && y >= 0) || (x < 0 && y === Math.floor(y))"),
    special=(SpecialValue((0.0, 0.0), 1.0, (0.0, 0.0), "the empty product is 1; x**0 is constant"),
             SpecialValue((0.0, 1.0), 0.0, (1.0, 0.0), "x**1 is x"),
             SpecialValue((0.0, 2.0), 0.0, (0.0, 0.0), "0**y is 0 for every y > 0"),
             SpecialValue((0.0, 0.5), 0.0, (math.inf, 0.0), "the limit from the right, as for sqrt")),
    textbook=(lambda out, x, y: y * pow(x, y - 1.0), lambda out, x, y: out * log(x)),
    latex=Notation("power", "<call>^{<>}"), text=Notation("power", "<call>^<call!>"), python=_python_power,
    javascript=functions.JS_POW)

square = Primitive(
    "square", lambda x: x * x, np.square, lambda mp, x: x * x,
    partials=(lambda out, x: 2.0 * x,), domain=ONE_REAL, written=lambda x: pow(x, 2.0),
    javascript="x => x * x")

reciprocal = Primitive(
    "reciprocal", lambda x: 1.0 / x, np.reciprocal, lambda mp, x: 1 / x,
    partials=(lambda out, x: -out / x,), domain=Box((NON_ZERO,)), textbook=(lambda out, x: -1.0 / x**2,),
    written=lambda x: 1.0 / x, javascript="x => 1 / x")

sqrt = Primitive(
    "sqrt", math.sqrt, np.sqrt, lambda mp, x: mp.sqrt(x),
    partials=(lambda out, x: 0.5 / out,), domain=Box((NON_NEGATIVE,)),
    textbook=(lambda out, x: 1.0 / (2.0 * out),),
    special=(SpecialValue((0.0,), 0.0, (math.inf,), "the limit from the right"),),
    latex=Notation("call", r"\sqrt{<>}"), text=Notation("power", "√(<>)"), javascript="Math.sqrt")


# --- exponentials and logarithms ----------------------------------------------------------------

exp: Primitive = Primitive(
    "exp", math.exp, np.exp, lambda mp, x: mp.exp(x),
    partials=(lambda out, x: out,), domain=ONE_REAL, latex=Notation("power", "e^{<>}"),
    textbook=(lambda out, x: exp(x),), javascript="Math.exp")

expm1 = Primitive(
    "expm1", math.expm1, np.expm1, lambda mp, x: mp.expm1(x),
    partials=(lambda out, x: exp(x),), domain=ONE_REAL, written=lambda x: exp(x) - 1.0,
    javascript="Math.expm1")

log: Primitive = Primitive(
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

cos: Primitive = Primitive(
    "cos", math.cos, np.cos, lambda mp, x: mp.cos(x),
    partials=(lambda out, x: -sin(x),), domain=ONE_REAL, head=(r"\cos", "cos"), javascript="Math.cos")

tan = Primitive(
    "tan", math.tan, np.tan, lambda mp, x: mp.tan(x),
    partials=(lambda out, x: 1.0 / square(cos(x)),), domain=ONE_REAL, head=(r"\tan", "tan"),
    javascript="Math.tan")

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


def _draw_off_origin(rng: np.random.Generator) -> tuple[float, ...]:
    return NON_ZERO.sample(rng), NON_ZERO.sample(rng)


atan2 = Primitive(
    "atan2", functions.atan2, functions.atan2_array, functions.exact_atan2,
    partials=(lambda out, y, x: x / hypot(y, x) / hypot(y, x),
              lambda out, y, x: -y / hypot(y, x) / hypot(y, x)),
    textbook=(lambda out, y, x: x / (x**2 + y**2), lambda out, y, x: -y / (x**2 + y**2)),
    domain=Region("x and y not both 0", lambda y, x: (y != 0) | (x != 0), _draw_off_origin,
                  "(y, x) => y !== 0 || x !== 0"),
    kinks=(lambda y, x: y if x.real < 0 else 1.0,),
    aliases=("arctan2",), javascript=functions.JS_ATAN2)

sinh = Primitive(
    "sinh", math.sinh, np.sinh, lambda mp, x: mp.sinh(x),
    partials=(lambda out, x: cosh(x),), domain=ONE_REAL, head=(r"\sinh", "sinh"), javascript="Math.sinh")

cosh: Primitive = Primitive(
    "cosh", math.cosh, np.cosh, lambda mp, x: mp.cosh(x),
    partials=(lambda out, x: sinh(x),), domain=ONE_REAL, head=(r"\cosh", "cosh"), javascript="Math.cosh")


def _tanh_slope(out: Any, x: Any) -> Any:
    # Beyond 400 it is 0; there its own derivative would be inf / inf, from the overflow of cosh.
    return square(1.0 / cosh(clip(x, -400.0, 400.0) if _is_recorded(x) else x))


tanh = Primitive(
    "tanh", math.tanh, np.tanh, lambda mp, x: mp.tanh(x),
    partials=(_tanh_slope,), domain=ONE_REAL, ulp=6, head=(r"\tanh", "tanh"),
    primed=True,
    textbook=(lambda out, x: 1.0 - out**2,), javascript="Math.tanh")

asinh = Primitive(
    "asinh", math.asinh, np.arcsinh, lambda mp, x: mp.asinh(x),
    partials=(lambda out, x: 1.0 / hypot(1.0, x),), domain=ONE_REAL, aliases=("arcsinh",),
    textbook=(lambda out, x: 1.0 / sqrt(1.0 + x**2),), head=(r"\mathrm{arsinh}", "asinh"),
    javascript="Math.asinh")

acosh = Primitive(
    "acosh", math.acosh, np.arccosh, lambda mp, x: mp.acosh(x),
    partials=(lambda out, x: 1.0 / sqrt(x - 1.0) / sqrt(x + 1.0),),
    domain=Box((Interval(low=1.0, includes_low=True),)), aliases=("arccosh",),
    textbook=(lambda out, x: 1.0 / sqrt(x**2 - 1.0),), head=(r"\mathrm{arcosh}", "acosh"),
    javascript="Math.acosh",
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
    "heaviside", functions.heaviside, np.heaviside,
    lambda mp, x, at_zero: mp.mpf(1) if mp.re(x) > 0 else mp.mpf(0) if mp.re(x) < 0 else at_zero,
    partials=(lambda out, x, at_zero: 0.0, lambda out, x, at_zero: 1.0 - abs(sign(x))), domain=ONE_REAL,
    kinks=(lambda x, at_zero: x,), head=("H", "H"), javascript=functions.JS_HEAVISIDE,
    special=(SpecialValue((0.0, 0.5), 0.5, (0.0, 1.0), "a constant on either side"),))

greater = Primitive(
    "greater", functions.greater, functions.greater_array,
    lambda mp, x, y: (1 + mp.sign(mp.re(x) - mp.re(y))) / 2,
    partials=(lambda out, x, y: 0.0, lambda out, x, y: 0.0), domain=ONE_REAL, kinks=(lambda x, y: x - y,),
    special=(SpecialValue((1.0, 1.0), 0.5, (0.0, 0.0), "one half of a tie goes to either side"),
             SpecialValue((math.inf, math.inf), 0.5, (0.0, 0.0), "equal, though they have no difference")),
    latex=Notation("call", r"\left[<> > <>\right]"), text=Notation("call", "[<> > <>]"),
    javascript=functions.JS_GREATER)

where: Primitive = Primitive(
    "where", functions.where, functions.where_array,
    lambda mp, condition, a, b: a if mp.re(condition) != 0 else b,
    partials=(lambda out, condition, a, b: 0.0, lambda out, condition, a, b: where(condition, 1.0, 0.0),
              lambda out, condition, a, b: where(condition, 0.0, 1.0)),
    domain=ONE_REAL, kinks=(lambda condition, a, b: condition,), javascript=functions.JS_WHERE)

abs: Primitive = Primitive(
    "abs", math.fabs, np.abs, lambda mp, x: x if mp.re(x) >= 0 else -x,
    partials=(lambda out, x: sign(x),), domain=ONE_REAL, kinks=(lambda x: x,), aliases=("absolute",),
    special=(SpecialValue((0.0,), 0.0, (0.0,), "the middle of the subdifferential [-1, 1]"),),
    latex=Notation("call", r"\left|<>\right|"), text=Notation("call", "|<>|"), javascript="Math.abs")


_TIE = "a tie is shared equally"

maximum = Primitive(
    "maximum", functions.maximum, np.maximum, lambda mp, x, y: x if mp.re(x) >= mp.re(y) else y,
    partials=(lambda out, x, y: greater(x, y), lambda out, x, y: greater(y, x)), domain=ONE_REAL,
    kinks=(lambda x, y: x - y,), head=(r"\max", "max"), javascript="(x, y) => x > y || x !== x ? x : y",
    special=(SpecialValue((1.0, 1.0), 1.0, (0.5, 0.5), _TIE),
             SpecialValue((-math.inf, -math.inf), -math.inf, (0.5, 0.5), _TIE)))

minimum = Primitive(
    "minimum", functions.minimum, np.minimum, lambda mp, x, y: x if mp.re(x) <= mp.re(y) else y,
    partials=(lambda out, x, y: greater(y, x), lambda out, x, y: greater(x, y)), domain=ONE_REAL,
    kinks=(lambda x, y: x - y,), head=(r"\min", "min"), javascript="(x, y) => x < y || x !== x ? x : y",
    special=(SpecialValue((1.0, 1.0), 1.0, (0.5, 0.5), _TIE),
             SpecialValue((math.inf, math.inf), math.inf, (0.5, 0.5), _TIE)))


def _draw_clip(rng: np.random.Generator) -> tuple[float, ...]:
    low, high = sorted(rng.uniform(-4, 4, size=2))
    return float(rng.uniform(-5, 5)), float(low), float(high)


_CLIP = "minimum(maximum(x, low), high): a tie is shared"

clip = Primitive(
    "clip", functions.clip, functions.clip_array,
    lambda mp, x, low, high: low if mp.re(x) < mp.re(low) else high if mp.re(x) > mp.re(high) else x,
    partials=(lambda out, x, low, high: greater(x, low) * greater(high, x),
              lambda out, x, low, high: greater(low, x) * greater(high, x),
              lambda out, x, low, high: greater(x, high)),
    domain=Region("low <= high", lambda x, low, high: low <= high, _draw_clip,
                  "(x, low, high) => low <= high"),
    kinks=(lambda x, low, high: x - low, lambda x, low, high: x - high),
    special=(SpecialValue((0.0, 0.0, 1.0), 0.0, (0.5, 0.5, 0.0), _CLIP),
             SpecialValue((1.0, 0.0, 1.0), 1.0, (0.5, 0.0, 0.5), _CLIP)), javascript=functions.JS_CLIP)

hypot: Primitive = Primitive(
    "hypot", math.hypot, np.hypot, lambda mp, x, y: mp.sqrt(x * x + y * y),
    partials=(lambda out, x, y: x / where(out, out, 1.0), lambda out, x, y: y / where(out, out, 1.0)),
    textbook=(lambda out, x, y: x / out, lambda out, x, y: y / out), domain=ONE_REAL,
    kinks=(lambda x, y: x if y == 0 else 1.0,),
    special=(SpecialValue((0.0, 0.0), 0.0, (0.0, 0.0), "the middle of the subdifferential, the unit disc"),),
    written=lambda x, y: sqrt(pow(x, 2.0) + pow(y, 2.0)), javascript="Math.hypot")
