"""What a Value is: construction, names, edges, setters, comparison, and the wording of every refusal."""

import math
import operator
import random
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import primitives as rows
from autograd_core.errors import NamingError, OperandError, StaleGraphError
from autograd_core.primitives import TABLE
from autograd_core.value import Edge, Value, topological_order

HUGE = 10**400
UNPRINTABLE = 10**5000  # Python refuses to write more than 4300 digits


class Celsius(float):
    """A float of the user's own that shows itself differently."""

    def __repr__(self) -> str:
        return f"{float(self)} C"

    def __add__(self, other: Any) -> Any:
        return Celsius(float(self) + other) if isinstance(other, float) else NotImplemented

    __radd__ = __add__


class Count(int):
    """An int of the user's own."""


# --- construction ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [3, 3.0, np.float64(3), np.float32(3), np.float16(3), np.longdouble(3), np.int8(3), np.uint64(3), np.array(3.0),
     np.array(3), Celsius(3.0), Count(3)],
    ids=lambda number: type(number).__name__,
)
def test_every_real_number_becomes_a_plain_float(number: Any) -> None:
    assert type(Value(number).data) is float
    assert Value(number).data == 3.0


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, -0.0, 5e-324, 2**1023])
def test_every_float_is_kept_to_the_last_bit(number: float) -> None:
    assert np.float64(Value(number).data).tobytes() == np.float64(number).tobytes()


NOT_NUMBERS: list[tuple[Any, str]] = [
    ("3", "A Value holds a number; got the text '3'. Write float('3'), or name= for a name."),
    (True, "A Value holds a number; got the bool True. Write 1.0 if you mean it."),
    (np.True_, "A Value holds one real number; got an array of shape () and type bool."),
    (1j, "A Value holds a real number; got 1j of type complex. Write a float or an int."),
    (np.complex128(1j), "A Value holds one real number; got an array of shape () and type complex128."),
    (None, "A Value holds a real number; got None of type NoneType."),
    (Fraction(1, 2), "A Value holds a real number; got Fraction(1, 2) of type Fraction. Write a float or an int."),
    (Decimal(1), "A Value holds a real number; got Decimal('1') of type Decimal. Write a float or an int."),
    ([1.0] * 1000, "A Value holds a real number; got [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, ...] of type list."),
    (np.array([1.0, 2.0]), "got an array of shape (2,) and type float64. For an array of Values write np.vectorize"),
    (np.array([3.0]), "A Value holds one real number; got an array of shape (1,) and type float64."),
    (Value(2.0, "x"), "got Value(2.0, 'x'). Write Value(v.data) for an independent leaf."),
    (HUGE, "A Value holds a float, at most 1.8e308; got an integer of 1329 bits. Scale it, or compute with its"),
    (UNPRINTABLE, "A Value holds a float, at most 1.8e308; got an integer of 16610 bits."),
]
each_thing = pytest.mark.parametrize(("thing", "wording"), NOT_NUMBERS, ids=[type(t).__name__ for t, _ in NOT_NUMBERS])


@each_thing
def test_what_is_not_one_real_number_is_refused_with_advice(thing: Any, wording: str) -> None:
    x = Value(1.0)
    attempts: list[Callable[[], Any]] = [
        lambda: Value(thing), lambda: setattr(x, "data", thing), lambda: setattr(x, "grad", thing),
        lambda: x.backward(thing), lambda: x.backward(seed=thing),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError) as caught:
            attempt()
        assert isinstance(caught.value, OperandError)
        assert wording in str(caught.value)
        assert len(str(caught.value)) < 250
    assert repr(x) == "Value(1.0)"


def test_a_new_value_is_a_leaf_without_a_gradient() -> None:
    x = Value(3.0)
    assert (x.data, x.grad, x.name, x.op, x.operands, x.edges, x.is_leaf) == (3.0, 0.0, None, None, (), (), True)


# --- repr -----------------------------------------------------------------------------------------


def test_repr_shows_number_name_gradient_and_staleness() -> None:
    x = Value(1.5, "x")
    y = (2 * x).named("a_1")
    assert (repr(Value(3)), repr(x), repr(y)) == ("Value(3.0)", "Value(1.5, 'x')", "Value(3.0, 'a_1')")
    y.backward(2.0)
    assert (repr(x), repr(y)) == ("Value(1.5, 'x', grad=4.0)", "Value(3.0, 'a_1', grad=2.0)")
    x.data = 2.0
    assert (repr(x), repr(y)) == ("Value(2.0, 'x', grad=4.0)", "Value(3.0, 'a_1', grad=2.0, stale)")
    assert repr(y + 1.0) == "Value(4.0, stale)"
    y.recompute()
    y.zero_grad()
    assert (repr(x), repr(y)) == ("Value(2.0, 'x')", "Value(4.0, 'a_1')")


def test_a_gradient_of_zero_is_shown_after_a_sweep() -> None:
    x = Value(1.0)
    (x * 0.0).backward()
    assert repr(x) == "Value(1.0, grad=0.0)"


# --- names ----------------------------------------------------------------------------------------


def test_named_names_in_place_and_returns_the_node() -> None:
    x = Value(1.0)
    assert x.named("a_1") is x
    assert x.name == "a_1"
    assert x.named("a_1") is x


def test_renaming_a_named_node_raises() -> None:
    x: Any
    for x in (Value(1.0, "x"), Value(1.0).named("x")):
        with pytest.raises(NamingError, match=r"already named 'x'.*cannot become 'y'.*Name a node where it is made"):
            x.named("y")
        with pytest.raises(AttributeError):
            x.name = "y"
        assert x.name == "x"


@pytest.mark.parametrize("name", ["", "  ", "\n", 3, b"x", ["x"]])
def test_a_name_is_text(name: Any) -> None:
    for attempt in (lambda: Value(1.0, name), lambda: Value(1.0).named(name)):
        with pytest.raises(NamingError, match="A name is a non-empty string such as 'a_1'"):
            attempt()


def test_no_name_at_all_is_none() -> None:
    assert Value(1.0, None).name is None
    assert Value(1.0, name=None).name is None
    with pytest.raises(NamingError):
        Value(1.0).named(None)


# --- edges ----------------------------------------------------------------------------------------


def test_edges_are_ordered_by_argument_and_a_repeated_operand_has_two() -> None:
    a, b = Value(3.0), Value(5.0)
    assert (a * b).edges == (Edge(a, 5.0), Edge(b, 3.0))
    assert (a - b).edges == (Edge(a, 1.0), Edge(b, -1.0))
    assert (a * a).edges == (Edge(a, 3.0), Edge(a, 3.0))
    assert ag.total([a, b, a]).edges == (Edge(a, 1.0), Edge(b, 1.0), Edge(a, 1.0))
    assert ag.dot([a, b], [b, a]).edges == (Edge(a, 5.0), Edge(b, 3.0), Edge(b, 3.0), Edge(a, 5.0))
    edge = (a * b).edges[0]
    assert (edge.parent, edge.partial) == (a, 5.0)


ONE_EDGE: list[tuple[Callable[[Value], Value], tuple[Any, ...], float]] = [
    (lambda x: 3 * x, (3.0, "x"), 3.0), (lambda x: x * 3, ("x", 3.0), 3.0),
    (lambda x: 3 + x, (3.0, "x"), 1.0), (lambda x: x + 3, ("x", 3.0), 1.0),
    (lambda x: 3 - x, (3.0, "x"), -1.0), (lambda x: x - 3, ("x", 3.0), 1.0),
    (lambda x: 8 / x, (8.0, "x"), -2.0), (lambda x: x / 4, ("x", 4.0), 0.25),
    (lambda x: 1**x, (1.0, "x"), 0.0), (lambda x: x**3, ("x", 3.0), 12.0),
    (lambda x: ag.total([1.0, x, 2.0]), (1.0, "x", 2.0), 1.0), (lambda x: ag.maximum(5, x), (5.0, "x"), 0.0),
]


@pytest.mark.parametrize(("build", "operands", "partial"), ONE_EDGE)
def test_a_constant_is_an_operand_but_no_edge(build: Any, operands: tuple[Any, ...], partial: float) -> None:
    x = Value(2.0)
    node = build(x)
    assert [each if type(each) is float else "x" for each in node.operands] == list(operands)
    assert node.edges == (Edge(x, partial),)
    assert all(each is x for each in node.operands if type(each) is not float)


def test_every_binary_operator_makes_one_node() -> None:
    a, b = Value(3.0), Value(2.0)
    for apply, row in ((operator.add, rows.add), (operator.sub, rows.sub), (operator.mul, rows.mul),
                       (operator.truediv, rows.div), (operator.pow, rows.pow)):
        node = apply(a, b)
        assert (node.op, node.operands) == (row, (a, b))
        assert apply(a, 2).operands[0] is a
        assert apply(2, a).operands[1] is a
    assert (-a).op is rows.neg
    assert +a is a


def test_every_unary_row_is_a_method_under_numpys_names_too() -> None:
    x = Value(0.5)
    for row in TABLE:
        if row.arity is None:
            with pytest.raises(AttributeError):
                getattr(x, row.name)
            continue
        rest = [0.25, 0.75][: row.arity - 1 - len(row.defaults)]
        point = Value(1.5) if row is rows.acosh else x
        for name in (row.name, *row.aliases):
            node = getattr(point, name)(*rest)
            assert node.op is row
            assert node.data == row(point.data, *rest)


# --- setters --------------------------------------------------------------------------------------


def test_the_data_of_a_leaf_may_be_set() -> None:
    x = Value(1.0)
    x.data = np.float32(2.5)
    assert type(x.data) is float
    assert x.data == 2.5


def test_the_data_of_a_computed_node_may_not_be_set() -> None:
    y = Value(1.0).exp().named("y")
    with pytest.raises(AttributeError, match=r"Value\(2\.718\d*, 'y'\) was computed by exp, so its data cannot be set"):
        y.data = 3.0
    assert y.data == math.e


def test_a_gradient_may_be_set_on_any_node() -> None:
    x = Value(1.0)
    y = 2 * x
    x.grad, y.grad = 3, np.float32(0.5)
    assert (x.grad, y.grad) == (3.0, 0.5)
    y.backward()
    assert (x.grad, y.grad) == (5.0, 1.0)


def test_nothing_else_can_be_hung_on_a_node() -> None:
    with pytest.raises(AttributeError):
        setattr(Value(1.0), "colour", "red")  # noqa: B010


# --- operators beside every kind of thing ---------------------------------------------------------

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
each_operator = pytest.mark.parametrize("apply", ARITHMETIC, ids=lambda apply: apply.__name__)


@each_operator
@pytest.mark.parametrize("kind", [Celsius, Count, np.float64, np.float32, np.longdouble, np.int64, np.uint8, np.array])
def test_whatever_kind_a_number_is_data_operands_and_partials_are_plain_floats(apply: Any, kind: Any) -> None:
    for node in (apply(Value(3.0), kind(2)), apply(kind(2), Value(3.0))):
        assert type(node) is Value
        assert type(node.data) is float
        assert {type(partial) for partial in node.partials} == {float}
        assert sorted(type(each).__name__ for each in node.operands) == ["Value", "float"]


@each_operator
@pytest.mark.parametrize("thing", [Fraction(1, 2), Decimal(1), 1j, np.complex64(1), "2", None, True, np.True_])
def test_an_operand_the_rows_do_not_take_is_refused_by_name(apply: Any, thing: Any) -> None:
    for left, right in ((Value(2.0), thing), (thing, Value(2.0))):
        if apply is operator.pow and isinstance(left, Fraction):
            continue  # Fraction's own ** makes itself a float first
        with pytest.raises(OperandError, match=f"{'div' if apply is operator.truediv else apply.__name__} got"):
            apply(left, right)


@each_operator
@pytest.mark.parametrize("number", [HUGE, -HUGE, UNPRINTABLE], ids=["huge", "-huge", "unprintable"])
def test_an_integer_beyond_floats_is_refused_in_words(apply: Any, number: int) -> None:
    for left, right in ((Value(2.0), number), (number, Value(2.0))):
        with pytest.raises(OperandError, match=r"at most 1.8e308; got an integer of \d+ bits"):
            apply(left, right)


@each_operator
@pytest.mark.parametrize("thing", [[1.0], (1.0,), {}, object()], ids=lambda thing: type(thing).__name__)
def test_what_is_no_number_at_all_is_left_to_python(apply: Any, thing: Any) -> None:
    for left, right in ((Value(2.0), thing), (thing, Value(2.0))):
        with pytest.raises(TypeError, match=r"unsupported operand|concatenate|multiply sequence|as an integer"):
            apply(left, right)


def test_what_is_not_recorded_is_not_computed_either() -> None:
    v: Any = Value(7.5)
    attempts: list[Callable[[], Any]] = [
        lambda: v % 2, lambda: 2 % v, lambda: v // 2, lambda: 2 // v, lambda: divmod(v, 2), lambda: divmod(2, v),
        lambda: round(v), lambda: int(v), lambda: math.floor(v), lambda: math.ceil(v), lambda: math.trunc(v),
        lambda: complex(v), lambda: pow(v, 2, 5), lambda: v @ v, lambda: ~v, lambda: v << 1, lambda: range(v),
        lambda: math.sin(v), lambda: operator.mod("%f", v), lambda: len(v), lambda: list(v), lambda: v[0], lambda: v(),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError):
            attempt()


def test_an_augmented_assignment_on_a_shared_name_leaves_the_other_name_alone() -> None:
    first = second = Value(2.0, "x")
    for apply in (operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow):
        second = apply(second, 3.0)
    assert repr(first) == "Value(2.0, 'x')"
    second.backward()
    assert first.grad == 3 * (5.0 - 3.0) ** 2


def test_pythons_sum_starts_from_zero_and_is_right() -> None:
    leaves = [Value(float(n)) for n in range(5)]
    y = sum(leaves)
    y.backward()
    assert y.data == 10.0
    assert [leaf.grad for leaf in leaves] == [1.0] * 5


# --- comparison and conversion --------------------------------------------------------------------


def test_equality_and_hash_are_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert operator.eq(a, a) is True
    assert operator.eq(a, b) is False
    assert operator.ne(a, a) is False
    assert operator.ne(a, b) is True
    assert len({a, b, a}) == 2
    assert [b, a].index(a) == 1
    assert a in (b, a)
    assert a not in [b]
    assert hash(a) == hash(a)
    hash_before = hash(a)
    a.data = 7.0
    assert hash(a) == hash_before


@pytest.mark.parametrize(
    "number", [1, 1.0, True, 1j, np.float64(1), np.int64(1), np.True_, Fraction(1), Decimal(1), HUGE, UNPRINTABLE],
    ids=lambda number: type(number).__name__,
)
def test_equality_with_a_number_raises_from_both_sides(number: Any) -> None:
    v = Value(1.0)
    for attempt in (lambda: v == number, lambda: number == v, lambda: v != number, lambda: number != v):
        with pytest.raises(TypeError, match=r"== between Values is identity. Write v.data == "):
            attempt()
    with pytest.raises(OperandError):
        assert v in [number]


def test_a_value_equals_nothing_that_is_not_a_number() -> None:
    for thing in ("1.0", None, [1.0], object()):
        assert operator.eq(Value(1.0), thing) is False
        assert operator.ne(Value(1.0), thing) is True


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
@pytest.mark.parametrize(
    "kind", [float, int, np.float64, np.float32, np.int64, np.array, Fraction, Decimal, Value, Celsius]
)
def test_an_order_comparison_compares_data_from_both_sides(compare: Any, kind: Any) -> None:
    for x, y in ((1.0, 2), (2.0, 2), (3.0, 2)):
        assert bool(compare(Value(x), kind(y))) is compare(x, y)
        assert bool(compare(kind(y), Value(x))) is compare(y, x)


def test_a_comparison_with_an_integer_beyond_floats_is_exact() -> None:
    assert Value(1e308) < HUGE
    assert Value(-1e308) > -HUGE
    assert Value(math.inf) > HUGE


@pytest.mark.parametrize("thing", ["1", None, 1j])
def test_a_comparison_with_what_is_no_real_number_raises(thing: Any) -> None:
    for compare in COMPARISONS:
        with pytest.raises(OperandError, match=r"v (<|<=|>|>=) .*: a Value compares with Values and numbers"):
            compare(Value(1.0), thing)
    with pytest.raises(TypeError):
        assert Value(1.0) < [2.0]


def test_nan_is_ordered_with_nothing() -> None:
    nan, one = Value(math.nan), Value(1.0)
    assert not any(compare(nan, one) or compare(one, nan) for compare in COMPARISONS)


def test_sorted_and_max_pick_operands() -> None:
    values = [Value(x) for x in (3.0, 1.0, 2.0)]
    assert [v.data for v in sorted(values)] == [1.0, 2.0, 3.0]
    assert max(values) is values[0]
    assert min(values) is values[1]


def test_a_value_has_no_truth_value() -> None:
    for attempt in (lambda: bool(Value(1.0)), lambda: not Value(1.0), lambda: Value(0.0) or 1.0):
        with pytest.raises(TypeError, match=r"Compare v\.data, or write where\(v, a, b\) or heaviside\(v, at_zero\)"):
            attempt()


@pytest.mark.parametrize("cut", [float, math.sin, math.floor, np.float64, lambda v: np.array([v], dtype=float)])
def test_nothing_turns_a_value_into_a_float_by_itself(cut: Any) -> None:
    with pytest.raises(TypeError, match=r"would cut the graph without a word. Write v.data for the number"):
        cut(Value(1.0))


def test_formatting_formats_the_number() -> None:
    v = Value(3.14159, "x")
    assert f"{v:.3f}|{v:>8.2f}|{v:e}|{v:+g}" == "3.142|    3.14|3.141590e+00|+3.14159"
    assert f"{v}" == f"{v!r}" == str(v) == "Value(3.14159, 'x')"
    with pytest.raises(ValueError, match="format"):
        f"{v:d}"


FOREIGN = [
    ("item", "v.data"), ("numpy", "v.data"), ("tolist", "v.data"), ("value", "v.data"), ("detach", "Value(v.data)"),
    ("requires_grad", "plain float for a constant"), ("requires_grad_", "plain float"), ("grad_fn", "v.op"),
    ("label", "v.named('a_1')"), ("children", "v.operands"), ("parents", "v.edges"),
]


@pytest.mark.parametrize(("attribute", "advice"), FOREIGN)
def test_what_other_engines_call_it_is_answered_with_what_to_write(attribute: str, advice: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(Value(1.0), attribute)
    assert f"Value has no .{attribute}: " in str(caught.value)
    assert advice in str(caught.value)


def test_an_unknown_attribute_is_an_ordinary_attribute_error() -> None:
    assert not hasattr(Value(1.0), "sinn")
    assert not hasattr(Value(1.0), "__array_ufunc__")
    assert not hasattr(Value(1.0), "__array_priority__")
    assert not hasattr(Value(1.0), "__dict__")
    with pytest.raises(AttributeError, match="Value has no attribute 'sinn'"):
        Value(1.0).sinn()


# --- life and death -------------------------------------------------------------------------------


def test_a_dropped_graph_gives_back_its_references_at_once() -> None:
    x = Value(1.0)
    before = sys.getrefcount(x)
    y = ag.total([x * x, x.exp(), 3 - x, x / x])
    y.backward()
    assert sys.getrefcount(x) > before
    del y
    assert sys.getrefcount(x) == before


def test_a_failed_operation_leaves_nothing_behind() -> None:
    x = Value(0.0)
    before = sys.getrefcount(x)
    for attempt in (lambda: 1 / x, lambda: x.log(), lambda: x**-1, lambda: x + "1"):
        with pytest.raises((ArithmeticError, TypeError)):
            attempt()
    assert sys.getrefcount(x) == before
    assert repr(x) == "Value(0.0)"


def test_operands_are_older_than_results_whatever_is_set_in_between() -> None:
    rng = random.Random(0)
    leaves = [Value(rng.random()) for _ in range(5)]
    nodes = list(leaves)
    for _ in range(200):
        nodes.append(rng.choice(nodes) * rng.choice(nodes))
        if rng.random() < 0.1:
            rng.choice(leaves).data = rng.random()
    y = ag.total(nodes)
    with pytest.raises(StaleGraphError):
        y.backward()
    order = topological_order((y.recompute(),))
    place = {id(node): at for at, node in enumerate(order)}
    assert all(place[id(edge.parent)] < place[id(node)] for node in order for edge in node.edges)
