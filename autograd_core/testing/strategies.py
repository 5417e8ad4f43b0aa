"""Hypothesis strategies: numbers, leaves, operands of a row, expressions and graphs.

They need the extra ``testing``.  Everything is drawn through Hypothesis' own choices, the simplest first, so
that a failure shrinks to few operations, to ``add`` and ``mul`` rather than to ``gelu``, and to
small integers; and nothing is filtered, so that no health check fires.  A failing :class:`Expression` prints as
runnable Python, with a line that draws it::

    from hypothesis import given
    from autograd_core.testing import strategies

    @given(strategies.expressions())
    def test_my_engine(expression):
        leaves = [MyValue(x) for x in expression.point]
        assert expression(*leaves, ops=my_engine).number == expression(*expression.point)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError("The strategies need Hypothesis: pip install 'autograd-core[testing]'.") from error

from autograd_core.row import Primitive
from autograd_core.testing.expressions import Expression
from autograd_core.testing.random_programs import Drawing, Options, draw_scalar, find_row, require_one_of
from autograd_core.value import Value

SCALES = ("unit", "integer", "wide", "tiny")
_NAMES = ("x", "y", "z", "a_1", "w_12", r"\delta_2", r"\hat{y}")


class _HypothesisChooser:
    """Choices that Hypothesis records and shrinks: each towards the simplest."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw

    def index(self, count: int) -> int:
        return int(self.draw(_below(count))) if count > 1 else 0

    def chance(self, probability: float) -> bool:
        return int(self.draw(_below(100))) >= 100.0 * (1.0 - probability)

    def number(self, low: float, high: float) -> float:
        return float(self.draw(_between(low, high)))


_below = lru_cache(lambda count: st.integers(0, count - 1))
_between = lru_cache(lambda low, high: st.floats(low, high))


def scalars(*scales: str, zero: bool = True) -> SearchStrategy[float]:
    """Finite floats that are fair to a numerical method, of the named scales, by default of all.

    ``"unit"`` has magnitudes 1e-3 to 2, ``"integer"`` -3 to 3, ``"wide"`` 1e-6 to 1e4 and ``"tiny"`` 1e-30 to
    1e-6; nothing is subnormal.  With ``zero=False`` none is 0.  They shrink towards 1.  Raises
    :class:`OperandError` for an unknown scale.

    >>> from hypothesis import find
    >>> find(scalars("integer"), lambda x: x < -2.0)
    -3.0
    """
    for scale in scales:
        require_one_of("scale", scale, SCALES)
    of_scales = st.sampled_from(scales or SCALES)

    @st.composite
    def drawn(draw: Any) -> float:
        x = draw_scalar(_HypothesisChooser(draw), draw(of_scales))
        return x if x or zero else 4.0

    return drawn()


def leaves(numbers: SearchStrategy[float] | None = None, names: Sequence[str] = _NAMES) -> SearchStrategy[Value]:
    """Values that were given, not computed: a number and a name of these.

    >>> from hypothesis import find
    >>> find(leaves(scalars("integer"), ["b"]), lambda leaf: leaf.data > 2.0)
    Value(3.0, 'b')
    """
    return st.builds(Value, scalars() if numbers is None else numbers, st.sampled_from(list(names)))


def domain(primitive: Primitive | str, kinks: str = "avoid", scale: str = "unit") -> SearchStrategy[tuple[float, ...]]:
    """Operands inside the domain of a row (or of the row of that name), as a tuple.

    They keep off the domain's ends by 1e-3 of their size (at least 1e-3, if the scale is not wide), and with
    ``kinks="avoid"`` off the row's kinks; ``"allow"`` does not care for kinks, ``"force"`` gives operands
    exactly at one.  ``scale`` is "unit", "integer" or "wide", where the domain lets the operands have it.  A row
    of any number of operands gets 2 to 4 (``dot`` in each list).  Raises :class:`OperandError` for an
    unknown row or option, and for the kink of a row that has none.

    >>> from hypothesis import find
    >>> find(domain("acosh"), lambda operands: True)
    (1.5,)
    """
    row = find_row(primitive)
    options = Options(1, [row], 1, False, kinks, scale)

    @st.composite
    def drawn(draw: Any) -> tuple[float, ...]:
        return Drawing(options, _HypothesisChooser(draw)).operands()

    return drawn()


def expressions(
    variables: int | Sequence[str] = 3, primitives: Iterable[Primitive | str] | None = None, max_ops: int = 12,
    sharing: bool = True, kinks: str = "avoid", scale: str = "unit",
) -> SearchStrategy[Expression]:
    """Expressions as :func:`draw_expression` draws them, with the same options and errors.

    With ``sharing=False``, which still shares often, a failure can shrink to a single operation.

    >>> from hypothesis import find
    >>> find(expressions(primitives=["mul", "sin"]), lambda expression: True).text
    'x = 1; v_1 = x*x; y = v_1*v_1'
    """
    options = Options(variables, primitives, max_ops, sharing, kinks, scale)

    @st.composite
    def drawn(draw: Any) -> Expression:
        return Expression(*Drawing(options, _HypothesisChooser(draw)).program())

    return drawn()


def graphs(
    variables: int | Sequence[str] = 3, primitives: Iterable[Primitive | str] | None = None, max_ops: int = 12,
    sharing: bool = True, kinks: str = "avoid", scale: str = "unit",
) -> SearchStrategy[Value]:
    """The outputs of recorded expressions, for what takes a graph: ``Graph(y)``, ``paths``, ``draw``.

    The options and errors are those of :func:`expressions`; the leaves are named as the variables.

    >>> from hypothesis import find
    >>> find(graphs(primitives=["add"], scale="integer"), lambda y: y.data > 6.0)
    Value(8.0)
    """
    return expressions(variables, primitives, max_ops, sharing, kinks, scale).map(Expression.record)
