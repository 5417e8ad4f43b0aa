r"""The table of primitives: one row is one operation, and the row is the public function.

To add an operation add a row; everything else (``Value``, drawings, tests, generated code) reads it
from here.  Partials are functions ``(out, *operands)`` written with other rows, so that they too can be
recorded and differentiated, and they are as accurate as the values: ``1 - out * out`` would lose every
digit of tanh' at 18.  The rows of ordinary mathematics come from ``elementary.py``; those of machine
learning, and of any number of operands, are here.  The rows ``abs`` and ``pow`` hide the builtins.
"""
# ruff: noqa: F403, F405 - the same table, in two files

from __future__ import annotations

import copyreg
import math
import operator
import pickle
from functools import reduce
from typing import Any

from autograd_core import special_functions as functions
from autograd_core.elementary import *
from autograd_core.errors import OperandError
from autograd_core.row import Primitive, SpecialValue

# --- activations --------------------------------------------------------------------------------

sigmoid: Primitive = Primitive(
    "sigmoid", functions.sigmoid, functions.sigmoid_array, lambda mp, x: 1 / (1 + mp.exp(-x)),
    partials=(lambda out, x: sigmoid(x) * sigmoid(-x),), domain=ONE_REAL, head=(r"\sigma", "σ"), primed=True,
    textbook=(lambda out, x: out * (1.0 - out),), javascript=functions.JS_SIGMOID)

softplus = Primitive(
    "softplus", functions.softplus, functions.softplus_array, lambda mp, x: mp.log1p(mp.exp(x)),
    partials=(lambda out, x: sigmoid(x),), domain=ONE_REAL, javascript=functions.JS_SOFTPLUS)

logsigmoid = Primitive(
    "logsigmoid", lambda x: -functions.softplus(-x),
    lambda x: -functions.softplus_array(-x), lambda mp, x: -mp.log1p(mp.exp(-x)),
    partials=(lambda out, x: sigmoid(-x),), domain=ONE_REAL, written=lambda x: log(sigmoid(x)),
    javascript=functions.JS_LOGSIGMOID)

relu = Primitive(
    "relu", lambda x: x if x > 0.0 or x != x else 0.0, functions.relu_array,
    lambda mp, x: x if mp.re(x) > 0 else mp.mpf(0),
    partials=(lambda out, x: heaviside(x, 0.0),), domain=ONE_REAL, kinks=(lambda x: x,), primed=True,
    special=(SpecialValue((0.0,), 0.0, (0.0,), "inside the subdifferential [0, 1], as PyTorch and JAX"),),
    javascript="x => x > 0 || x !== x ? x : 0")


def _negative_part(x: Any) -> Any:
    # minimum(x, 0), but x at 0, too, so that all derivatives there are those from the left.
    return where(heaviside(x, 0.0), 0.0, x)


leaky_relu = Primitive(
    "leaky_relu", lambda x, slope: x if x > 0.0 else slope * x, functions.leaky_relu_array,
    lambda mp, x, slope: x if mp.re(x) > 0 else slope * x, defaults=(0.01,), primed=True,
    partials=(lambda out, x, slope: where(heaviside(x, 0.0), 1.0, slope),
              lambda out, x, slope: _negative_part(x)),
    textbook=(lambda out, x, slope: where(heaviside(x, 0.0), 1.0, slope), lambda out, x, slope: -relu(-x)),
    domain=ONE_REAL, kinks=(lambda x, slope: x,), javascript="(x, s) => x > 0 ? x : s * x",
    special=(SpecialValue((0.0, 0.01), 0.0, (0.01, 0.0), "the slope from the left, as PyTorch"),))

elu = Primitive(
    "elu", lambda x, alpha: x if x > 0.0 else alpha * math.expm1(x),
    functions.elu_array,
    lambda mp, x, alpha: x if mp.re(x) > 0 else alpha * mp.expm1(x), defaults=(1.0,), primed=True,
    partials=(lambda out, x, alpha: where(heaviside(x, 0.0), 1.0, alpha * exp(_negative_part(x))),
              lambda out, x, alpha: expm1(_negative_part(x))),
    textbook=(lambda out, x, alpha: where(heaviside(x, 0.0), 1.0, alpha * exp(minimum(x, 0.0))),
              lambda out, x, alpha: expm1(minimum(x, 0.0))),
    domain=ONE_REAL, kinks=(lambda x, alpha: x,), javascript="(x, a) => x > 0 ? x : a * Math.expm1(x)",
    special=(SpecialValue((0.0, 1.0), 0.0, (1.0, 0.0), "both sides agree when alpha is 1"),))

# The derivatives of silu and gelu have a term x * (what vanishes at both infinities); beyond 1000 it is 0,
# and clipping x there gives the limits instead of inf * 0.
silu = Primitive(
    "silu", functions.silu, functions.silu_array, lambda mp, x: x / (1 + mp.exp(-x)),
    partials=(lambda out, x: sigmoid(x) * (1.0 + clip(x, -1e3, 1e3) * sigmoid(-x)),), domain=ONE_REAL,
    textbook=(lambda out, x: sigmoid(x) * (1.0 + x * sigmoid(-x)),), conditioned=True, primed=True,
    special=(SpecialValue((math.inf,), math.inf, (1.0,), "the limit"),
             SpecialValue((-math.inf,), 0.0, (0.0,), "the limit")), javascript=functions.JS_SILU)

_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)

erf = Primitive(
    "erf", math.erf, functions.erf_array, lambda mp, x: mp.erf(x),
    partials=(lambda out, x: 2.0 / math.sqrt(math.pi) * exp(-(x * x)),), domain=ONE_REAL, conditioned=True,
    head=(r"\mathrm{erf}", "erf"), javascript=functions.JS_ERF)

erfc = Primitive(
    "erfc", math.erfc, functions.erfc_array, functions.exact_erfc,
    partials=(lambda out, x: -2.0 / math.sqrt(math.pi) * exp(-(x * x)),), domain=ONE_REAL, conditioned=True,
    head=(r"\mathrm{erfc}", "erfc"), javascript=functions.JS_ERFC)


def _gelu_slope(out: Any, x: Any) -> Any:
    # 0.5 + 0.5 * erf(x / sqrt(2)) would lose every digit of the tail below -9.
    near = clip(x, -1e3, 1e3)
    return 0.5 * erfc(-x * functions.ROOT_HALF) + near * (_DENSITY * exp(-0.5 * (x * x)))


gelu = Primitive(
    "gelu", functions.gelu, functions.gelu_array,
    lambda mp, x: x * functions.exact_erfc(mp, -x / mp.sqrt(2)) / 2,
    partials=(_gelu_slope,), domain=ONE_REAL, conditioned=True, primed=True,
    textbook=(lambda out, x: 0.5 + 0.5 * erf(x / sqrt(2.0)) + x * exp(-0.5 * x**2) / sqrt(2.0 * math.pi),),
    special=(SpecialValue((math.inf,), math.inf, (1.0,), "the limit"),
             SpecialValue((-math.inf,), 0.0, (0.0,), "the limit")), javascript=functions.JS_GELU)


# --- any number of operands ---------------------------------------------------------------------


def _written_total(*terms: Any) -> Any:
    return reduce(operator.add, terms)


total = Primitive(
    "total", functions.total, functions.total_array, lambda mp, *terms: sum(terms, mp.mpf(0)),
    partials=lambda out, *terms: [1.0] * len(terms), domain=ONE_REAL, conditioned=True,
    written=_written_total, javascript=functions.JS_TOTAL)

mean = Primitive(
    "mean", functions.mean, functions.mean_array, lambda mp, *terms: sum(terms, mp.mpf(0)) / len(terms),
    partials=lambda out, *terms: [1.0 / len(terms)] * len(terms), domain=ONE_REAL, conditioned=True,
    written=lambda *terms: _written_total(*terms) / float(len(terms)), javascript=functions.JS_MEAN)

# The same numbers as mean; a compiled program takes it across its examples (batch normalization).
batch_mean = Primitive(
    "batch_mean", mean.scalar, mean.array, mean.exact, partials=mean.partials, domain=ONE_REAL,
    conditioned=True, written=mean.written, javascript=mean.javascript)

dot = Primitive(
    "dot", functions.dot, functions.dot_array,
    lambda mp, *terms: sum((x * y for x, y in functions.pairs(terms)), mp.mpf(0)), lists=2,
    partials=lambda out, *terms: [*terms[len(terms) // 2 :], *terms[: len(terms) // 2]], domain=ONE_REAL,
    conditioned=True, written=lambda *terms: _written_total(*(x * y for x, y in functions.pairs(terms))),
    javascript=functions.JS_DOT)


def _shares(out: Any, *terms: Any) -> list[Any]:
    # Near 1e4 the rounding of out is 1e-12 of every share; dividing by what they add up to takes it out.
    shares = [exp(term - out) for term in terms]
    whole = total(shares)
    return [share / whole for share in shares]


logsumexp = Primitive(
    "logsumexp", functions.logsumexp, functions.logsumexp_array,
    lambda mp, *terms: mp.log(sum(map(mp.exp, terms), mp.mpf(0))), partials=_shares, domain=ONE_REAL,
    stacked=functions.logsumexp_of, stacked_partials=functions.logsumexp_shares,
    textbook=lambda out, *terms: [exp(term - out) for term in terms], conditioned=True,
    written=lambda *terms: log(_written_total(*map(exp, terms))), javascript=functions.JS_LOGSUMEXP)


TABLE: tuple[Primitive, ...] = tuple(row for row in list(globals().values()) if isinstance(row, Primitive))
_BY_NAME = {name: row for row in TABLE for name in (row.name, *row.aliases)}


def find_primitive(name: str) -> Primitive | None:
    """The row called ``name``, or by NumPy's name for it (``arcsin``), or None.

    >>> find_primitive("arcsin")
    <primitive asin>
    """
    return _BY_NAME.get(name)


def _restore(name: str, shown_as: tuple[str, tuple[str, str] | None] | None = None) -> Primitive:
    row = _BY_NAME.get(name)
    if row is None:
        raise LookupError(
            f"This graph uses the operation {name!r}, which the table of primitives here does not have. "
            "Load it with the version, and the rows of your own, that it was saved with."
        )
    return row.renamed(*shown_as) if shown_as else row


def _reduce(row: Primitive) -> Any:
    if row.alias_of is None and _BY_NAME.get(row.name) is not row:
        raise pickle.PicklingError(
            f"The row {row.name!r} is not in the table of primitives, so a pickle could not name it. "
            "Put it into the table, or save the numbers instead of the graph."
        )
    if row.alias_of is not None:
        return _restore, (row.alias_of.name, (row.name, row.head))
    return _restore, (row.name,)


copyreg.pickle(Primitive, _reduce)  # a row travels by name: its functions cannot, and must not, be copied


def softmax(values: Any) -> list[Any]:
    r"""The shares :math:`e^{x_i} / \sum_j e^{x_j}` of a list of operands; they add up to 1.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    if not hasattr(values, "__iter__"):
        raise OperandError(f"softmax takes a list of operands, such as softmax([a, b, c]); it got {values!r}.")
    terms = list(values)
    return logsumexp.partials_at(logsumexp(terms), terms)
