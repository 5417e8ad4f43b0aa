"""The strategies: what they draw is as promised, and failures shrink to what a person would write."""

import random
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from autograd_core import Graph, OperandError, Value, parse
from autograd_core import primitives as rows
from autograd_core.row import Primitive
from autograd_core.testing import strategies
from autograd_core.testing.expressions import Expression
from tests.core.test_expressions import calls, reads, value

# The zeros of these two are jumps, which nothing is drawn onto.
KINKED = [row for row in rows.TABLE if row.kinks and row not in (rows.where, rows.atan2)]


def anything(drawn: object) -> bool:
    return True


def shrunk(strategy: SearchStrategy[Any], condition: Callable[[Any], bool], examples: int = 300) -> Any:
    options = settings(database=None, max_examples=10 if condition is anything else examples)
    return hypothesis.find(strategy, condition, settings=options, random=random.Random(0))


def uses(*wanted: Primitive) -> Callable[[Expression], bool]:
    return lambda expression: set(wanted) <= set(expression.primitives)


# --- what is drawn ------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(["avoid", "allow", "force"]), st.sampled_from(["unit", "integer", "wide"]))
def test_expressions_are_safe(data: st.DataObject, kinks: str, scale: str) -> None:
    expression = data.draw(strategies.expressions(kinks=kinks, scale=scale))
    count = len(expression.variables)
    assert any(times > 1 for place, times in reads(expression).items() if place >= count)
    for row, operands, _ in calls(expression):
        assert row.domain.contains(*operands)
    at_kinks = [kink(*operands) == 0.0 for row, operands, _ in calls(expression) for kink in row.kinks]
    assert kinks == "allow" or any(at_kinks) == (kinks == "force")
    (output,) = parse(expression.text).outputs
    assert parse(expression.text)[output].data == value(expression)


@given(strategies.expressions(variables=["a", "b"], primitives=["add", "log", rows.abs], max_ops=4, sharing=False))
def test_expressions_are_as_asked(expression: Expression) -> None:
    assert set(expression.variables) <= {"a", "b"}
    assert set(expression.primitives) <= {rows.add, rows.log, rows.abs}
    assert len(expression.steps) <= 4


@given(strategies.graphs(max_ops=6))
def test_graphs_are_recorded(y: Value) -> None:
    names = {str(node.name) for node in Graph(y).record if node.op is None}
    assert names <= {"x", "y", "z"} and y.op is not None


@pytest.mark.parametrize("scale", ["unit", "integer", "wide"])
@pytest.mark.parametrize("row", rows.TABLE, ids=lambda row: row.name)
def test_operands_are_inside_the_domain_and_off_the_kinks(row: Primitive, scale: str) -> None:
    @settings(max_examples=6)
    @given(strategies.domain(row, scale=scale))
    def check(operands: tuple[float, ...]) -> None:
        assert len(operands) == row.arity or (row.arity is None and len(operands) % row.lists == 0)
        assert row.domain.contains(*operands)
        assert all(kink(*operands) != 0.0 for kink in row.kinks)

    check()


@pytest.mark.parametrize("scale", ["unit", "integer", "wide"])
@pytest.mark.parametrize("row", KINKED, ids=lambda row: row.name)
def test_operands_can_be_forced_to_a_kink(row: Primitive, scale: str) -> None:
    @settings(max_examples=6)
    @given(strategies.domain(row.name, kinks="force", scale=scale))
    def check(operands: tuple[float, ...]) -> None:
        assert row.domain.contains(*operands)
        assert any(kink(*operands) == 0.0 for kink in row.kinks)

    check()


RANGES = {"unit": (2.0**-10, 2.0), "integer": (1.0, 3.0), "wide": (1e-6, 1e4), "tiny": (0.99e-30, 1.01e-6)}


@pytest.mark.parametrize("scale", RANGES)
def test_scalars_are_of_their_scale(scale: str) -> None:
    low, high = RANGES[scale]

    @given(strategies.scalars(scale))
    def check(x: float) -> None:
        assert low <= abs(x) <= high or (scale == "integer" and x == 0.0)

    check()
    assert shrunk(strategies.scalars(scale), lambda x: x < 0.0) < 0.0


@given(strategies.scalars("integer", "unit", zero=False), strategies.leaves(), strategies.leaves(names=["p"]))
def test_scalars_without_zero_and_leaves(x: float, leaf: Value, p: Value) -> None:
    assert x != 0.0
    assert leaf.is_leaf and leaf.name and p.name == "p"


@pytest.mark.parametrize("options", [{}, {"kinks": "force", "scale": "wide"}, {"primitives": ["acosh", "div"]}],
                         ids=str)
def test_no_health_check_fires(options: dict[str, Any]) -> None:
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])  # this machine may be busy
    @given(strategies.expressions(**options))
    def check(expression: Expression) -> None:
        assert expression.steps

    check()


def test_errors_come_when_the_strategy_is_made() -> None:
    with pytest.raises(OperandError, match="scale is one of 'unit', 'integer', 'wide', 'tiny'; got 'small'"):
        strategies.scalars("small")
    with pytest.raises(OperandError, match="such as relu; got sin"):
        strategies.domain("sin", kinks="force")
    with pytest.raises(OperandError, match="sharing=True needs"):
        strategies.expressions(primitives=["sin"])
    with pytest.raises(OperandError, match="max_ops=1 is too small"):
        strategies.graphs(max_ops=1)


# --- what it shrinks to -------------------------------------------------------------------------

alone = strategies.expressions(sharing=False)


@pytest.mark.parametrize(("strategy", "condition", "text"), [
    (alone, anything, "x = 1; y = x + x"),
    (alone, uses(rows.sin), "x = 1; y = sin(x)"),
    (strategies.expressions(), uses(rows.sin), "x = 1; v_1 = sin(x); y = v_1 + v_1"),
    (strategies.expressions(), anything, "x = 1; v_1 = x + x; y = v_1 + v_1"),
    (strategies.expressions(kinks="force", sharing=False), anything, "x = 0; y = abs(x)"),
    (strategies.expressions(variables=["w", "b"], primitives=["mul", "add"], sharing=False),
     lambda expression: len(expression.variables) == 2, "w = 1; b = 1; y = w + b"),
], ids=["anything", "sin", "shared sin", "shared", "kink", "two variables"])
def test_a_failure_shrinks_to_a_small_expression(
    strategy: SearchStrategy[Expression], condition: Callable[[Expression], bool], text: str
) -> None:
    assert shrunk(strategy, condition).text == text


def test_a_node_read_twice_shrinks_to_two_operations() -> None:
    def is_shared(expression: Expression) -> bool:
        return max(times for place, times in reads(expression).items() if place >= len(expression.variables)) > 1

    found = shrunk(alone, lambda expression: len(expression.steps) > 1 and is_shared(expression))
    assert len(found.steps) == 2 and found.point == (1.0,)


def test_two_operations_far_apart_shrink_to_these_two_or_three() -> None:
    found = shrunk(strategies.expressions(primitives=["add", "mul", "sub", "sin", "exp", "tanh"], sharing=False),
                   uses(rows.sin, rows.exp))
    assert len(found.steps) <= 3 and set(found.point) == {1.0}


def test_a_wrong_derivative_shrinks_to_its_operation() -> None:
    wrong = rows.sigmoid

    def fails(expression: Expression) -> bool:
        return any(row is wrong and not abs(operands[0]) < 1e-9 for row, operands, _ in calls(expression))

    assert shrunk(alone, fails).text == "x = 1; y = sigmoid(x)"


def test_operands_and_leaves_shrink_to_small_numbers() -> None:
    assert shrunk(strategies.domain("div"), anything) == (1.0, 1.0)
    assert shrunk(strategies.domain("maximum", kinks="force"), anything) == (1.0, 1.0)
    assert repr(shrunk(strategies.leaves(), anything)) == "Value(1.0, 'x')"


def test_a_failing_example_prints_as_python_and_as_text() -> None:
    @settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
    @given(strategies.expressions(sharing=False))
    def check(expression: Expression) -> None:
        assert rows.cos not in expression.primitives

    with pytest.raises(AssertionError) as caught:
        check()
    notes = "\n".join(caught.value.__notes__)
    lines = [line.strip() for line in notes.split("\n")]
    start = next(at for at, line in enumerate(lines) if line.endswith("from autograd_core import cos"))
    assert lines[start + 1 : start + 7] == [
        "", "def f(x):", "return cos(x)", "", "point = (1.0,)", '# viz.draw("x = 1; y = cos(x)"),']
