"""Exact replay: every row's derivatives, kinks and ends of domains, gradients of graphs, and what it leaves alone."""

import math
import random
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mpmath
import pytest

import autograd_core as ag
from autograd_core import Graph, OperandError, Value
from autograd_core.domains import Box, Interval
from autograd_core.graph_parts import Node
from autograd_core.primitives import TABLE, find_primitive
from autograd_core.row import Primitive
from autograd_core.testing.high_precision import ExactReplay
from autograd_core.testing.numbers import OracleError
from tests.core.reference import draw_operands, exact_partials, exact_value

TINY = mpmath.mpf(10) ** -330  # no float is less, and not zero


def alone(row: Primitive, operands: Sequence[float]) -> ExactReplay:
    """The replay of one operation on leaves, whose index is their number."""
    leaves = [Node(at, None, (), None, x, None) for at, x in enumerate(operands)]
    only = Node(len(leaves), row, tuple(range(len(leaves))), None, 0.0, None)
    return ExactReplay(Graph.of_nodes([*leaves, only], [len(leaves)]))


def of(name: str) -> Primitive:
    row = find_primitive(name)
    assert row is not None
    return row


def apart(one: Any, other: Any) -> Any:
    """The relative distance of two numbers in high precision."""
    with mpmath.workdps(60):
        return mpmath.mpf(0) if one == other else abs(one - other) / max(abs(one), abs(other), TINY)


# --- one operation ------------------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_derivatives_and_values_are_those_of_the_reference(row: Primitive) -> None:
    for operands in draw_operands(row, 8, seed=4):
        if row.name == "pow" and abs(operands[1]) > 1e12:
            continue  # the reference's fixed step is too long for it: see the closed forms
        replay, result = alone(row, operands), len(operands)
        assert apart(replay.value(result), exact_value(row, operands)) < 1e-45
        for got, expected in zip(replay.local_derivatives(result), exact_partials(row, operands), strict=True):
            not_real = isinstance(expected, mpmath.mpc)  # the power of a negative number, to its exponent
            assert mpmath.isnan(got) if not_real else apart(got, expected) < 1e-40, (operands, got, expected)


HARD: list[tuple[str, tuple[float, ...], int, Callable[..., Any]]] = [
    ("sigmoid", (700.0,), 0, lambda x: 1 / (mpmath.exp(x) + 2 + mpmath.exp(-x))),
    ("tanh", (18.0,), 0, lambda x: mpmath.sech(x) ** 2),
    ("log1p", (1e-20,), 0, lambda x: 1 / (1 + x)),
    ("log1p", (-1.0 + 2.0**-53,), 0, lambda x: 1 / (1 + x)),
    ("asin", (1.0 - 2.0**-53,), 0, lambda x: 1 / mpmath.sqrt((1 - x) * (1 + x))),
    ("acosh", (1.0 + 2.0**-52,), 0, lambda x: 1 / mpmath.sqrt((x - 1) * (x + 1))),
    ("atanh", (2.0**-53 - 1.0,), 0, lambda x: 1 / ((1 - x) * (1 + x))),
    ("atan", (1e200,), 0, lambda x: 1 / (1 + x * x)),
    ("atan2", (1e-200, 1e150), 0, lambda y, x: x / (x * x + y * y)),
    ("hypot", (0.0, 1e-200), 1, lambda x, y: mpmath.mpf(1)),
    ("pow", (1.0, 1e300), 0, lambda x, y: y),
    ("pow", (1.0 + 2.0**-52, 1e15), 0, lambda x, y: y * x ** (y - 1)),
    ("pow", (1e-150, 1e140), 1, lambda x, y: x**y * mpmath.log(x)),
    ("pow", (-3.0, 41.0), 0, lambda x, y: y * x ** (y - 1)),
    ("pow", (0.0, 1.0), 0, lambda x, y: mpmath.mpf(1)),
    ("pow", (0.0, 1.0 + 2.0**-52), 0, lambda x, y: mpmath.mpf(0)),
    ("pow", (0.0, 1.0 - 2.0**-53), 0, lambda x, y: mpmath.inf),
    ("sqrt", (5e-324,), 0, lambda x: 1 / (2 * mpmath.sqrt(x))),
    ("log", (5e-324,), 0, lambda x: 1 / x),
    ("sin", (1e300,), 0, mpmath.cos),
    ("tan", (math.pi / 2,), 0, lambda x: mpmath.sec(x) ** 2),
    ("erf", (20.0,), 0, lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)),
    ("erfc", (-3e-70,), 0, lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)),
    ("gelu", (-37.0,), 0, lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x)),
    ("silu", (-700.0,), 0, lambda x: (1 + mpmath.exp(-x) * (1 + x)) / (1 + mpmath.exp(-x)) ** 2),
    ("logsumexp", (0.0, -700.0), 1, lambda a, b: mpmath.exp(b) / (mpmath.exp(a) + mpmath.exp(b))),
    ("total", (1e300, 3.0, -1e300), 1, lambda *terms: mpmath.mpf(1)),
]


@pytest.mark.parametrize("case", HARD, ids=[f"{name}{operands}" for name, operands, *_ in HARD])
def test_hard_points_against_closed_forms(case: tuple[str, tuple[float, ...], int, Callable[..., Any]]) -> None:
    name, operands, position, form = case
    found = alone(of(name), operands).local_derivatives(len(operands))[position]
    with mpmath.workdps(900):
        expected = form(*map(mpmath.mpf, operands))
    assert apart(found, expected) < 1e-35, (found, expected)


def test_values_that_cancel_are_exact() -> None:
    assert apart(alone(of("total"), (1e300, 1e-100, -1e300, 1e-200)).value(4), mpmath.mpf(1e-100)) < 1e-45
    assert alone(of("dot"), (1e200, 1.0, -1e200, 1e200, 1e-200, 1e200)).value(6) == 1e-200
    assert alone(of("sub"), (0.3, 0.3)).value(2) == 0


@pytest.mark.parametrize("row", [row for row in TABLE if row.special], ids=lambda row: row.name)
def test_the_engine_s_disputed_points_lie_between_the_sides(row: Primitive) -> None:
    for special in row.special:
        if not all(map(math.isfinite, special.operands)):
            continue
        replay, result = alone(row, special.operands), len(special.operands)
        assert replay.value(result) == pytest.approx(special.value)
        for position, partial in enumerate(special.partials):
            local = replay.local_derivatives(result)[position]
            sides = [side for side in replay.one_sided(result, position) if side is not None]
            assert min(sides) <= partial <= max(sides) or partial == pytest.approx(float(local)), special
            if not mpmath.isnan(local):
                assert partial == pytest.approx(float(local)), special


KINKS: list[tuple[str, tuple[float, ...], int, tuple[float | None, float | None]]] = [
    ("abs", (0.0,), 0, (-1, 1)),
    ("relu", (0.0,), 0, (0, 1)),
    ("elu", (0.0, 2.0), 0, (2, 1)),
    ("maximum", (1e-300, 1e-300), 0, (0, 1)),
    ("minimum", (1e200, 1e200), 1, (1, 0)),
    ("clip", (1.0, 0.0, 1.0), 0, (1, 0)),
    ("clip", (1.0, 1.0, 1.0), 1, (0, None)),
    ("hypot", (0.0, 0.0), 0, (-1, 1)),
    ("sign", (0.0,), 0, (0, 0)),
    ("where", (0.0, 2.0, 3.0), 2, (1, 1)),
    ("sqrt", (0.0,), 0, (None, math.inf)),
    ("asin", (1.0,), 0, (math.inf, None)),
    ("acos", (-1.0,), 0, (None, -math.inf)),
    ("acosh", (1.0,), 0, (None, math.inf)),
    ("pow", (0.0, 1.5), 0, (None, 0)),
    ("pow", (0.0, 0.5), 0, (None, math.inf)),
    ("pow", (-2.0, 3.0), 1, (None, None)),
    ("tanh", (0.5,), 0, (1 - math.tanh(0.5) ** 2, 1 - math.tanh(0.5) ** 2)),
]


@pytest.mark.parametrize("case", KINKS, ids=[f"{name}{operands}" for name, operands, *_ in KINKS])
def test_one_sided(case: tuple[str, tuple[float, ...], int, tuple[float | None, float | None]]) -> None:
    name, operands, position, expected = case
    found = alone(of(name), operands).one_sided(len(operands), position)
    assert [None if side is None else float(side) for side in found] == [
        None if side is None else pytest.approx(side) for side in expected
    ]


def test_kinks_declared_and_found() -> None:
    assert alone(of("abs"), (0.0,)).is_at_kink(1) and not alone(of("abs"), (5e-324,)).is_at_kink(1)
    assert alone(of("hypot"), (0.0, 0.0)).is_at_kink(2)  # not declared: the sides differ
    assert not alone(of("sqrt"), (0.0,)).is_at_kink(1)  # the end of a domain has one side
    assert not alone(of("sqrt"), (0.0,)).is_at_kink(0)  # a leaf
    assert alone(of("elu"), (0.0, 1.0)).is_at_kink(2)  # declared, though both sides agree ...
    assert alone(of("elu"), (0.0, 1.0)).local_derivatives(2)[0] == 1  # ... and so there is a derivative
    assert not alone(of("mul"), (math.inf, 2.0)).is_at_kink(2)
    assert all(map(mpmath.isnan, alone(of("mul"), (math.inf, 2.0)).local_derivatives(2)))


def test_a_constant_has_no_derivative() -> None:
    assert list(map(float, ExactReplay(Graph(Value(-2.0) ** 3)).local_derivatives(1))) == [12.0, 0.0]


# --- rows of the user's own ---------------------------------------------------------------------


def own(exact: Any, domain: Any = ag.sin.domain) -> Primitive:
    return replace(ag.sin, name="own", exact=exact, domain=domain)


OWN: list[tuple[Any, float, float]] = [
    (lambda mp, x: mp.fabs(x) * x, -0.3, 0.6),  # not analytic: a complex step would say 0.3
    (lambda mp, x: x * x if x > 0 else 3 * x, -1.0, 3.0),  # complex numbers have no order
    (lambda mp, x: mp.exp(x) - 1, 1e-300, 1.0),
    (lambda mp, x: mp.exp(mp.exp(x) - 1) - 1, -1e-100, 1.0),
    (lambda mp, x: 1 / (1 + mp.exp(-x)), 600.0, 2.6503965530043108e-261),
    (lambda mp, x: (1 - mp.cos(x)) / x, 1e-30, 0.5),
    (lambda mp, x: x * mp.log(x), 1e-200, math.log(1e-200) + 1.0),
]


@pytest.mark.parametrize(("exact", "x", "expected"), OWN)
def test_rows_of_one_s_own_need_not_be_analytic(exact: Any, x: float, expected: float) -> None:
    assert float(alone(own(exact), (x,)).local_derivatives(1)[0]) == pytest.approx(expected, rel=1e-14)


def test_a_kink_nobody_declared_is_found() -> None:
    replay = alone(own(lambda mp, x: mp.fabs(x)), (0.0,))
    assert replay.is_at_kink(1) and [float(side) for side in replay.one_sided(1, 0)] == [-1.0, 1.0]


def test_the_end_of_one_s_own_domain() -> None:
    replay = alone(own(lambda mp, x: x * mp.sqrt(x), Box((Interval(0.0, includes_low=True),))), (0.0,))
    assert replay.one_sided(1, 0) == (None, 0) and replay.local_derivatives(1) == [0]
    steep = alone(own(lambda mp, x: x * mp.log(x) if x else x), (0.0,))
    assert steep.one_sided(1, 0) == (None, -mpmath.inf)


def test_partials_are_never_read() -> None:
    wrong = replace(ag.tanh, name="wrong", partials=(lambda out, x: 1 / 0,))
    assert apart(alone(wrong, (18.0,)).local_derivatives(1)[0], alone(ag.tanh, (18.0,)).local_derivatives(1)[0]) == 0


def test_rows_without_an_exact_form_are_named() -> None:
    opaque = replace(ag.sin, name="opaque", exact=None)
    broken = own(lambda mp, x: mp.no_such_function(x))
    x = Value(0.5)
    graph = Graph(opaque(x) + broken(x) + opaque(x) * ag.tanh(x))
    assert ExactReplay.uncovered(graph) == (opaque, broken)
    assert ExactReplay.uncovered(graph) == (opaque, broken)
    assert ExactReplay.uncovered(Graph(ag.tanh(x))) == ()
    replay = ExactReplay(Graph(ag.tanh(opaque(x))))
    assert replay.local_derivatives(2)  # the node above has one
    for ask in (replay.value, replay.local_derivatives, replay.is_at_kink):
        with pytest.raises(OracleError, match=r"The row 'opaque' has no `exact`, so it cannot be replayed"):
            ask(1)
    with pytest.raises(OracleError, match="has no `exact`"):
        replay.replayed()


# --- graphs -------------------------------------------------------------------------------------

SMOOTH = (ag.sin, ag.tanh, ag.sigmoid, ag.exp, ag.softplus, ag.square, ag.atan, ag.silu, ag.gelu, ag.neg)
JOINING = (ag.add, ag.mul, ag.sub, ag.atan2, ag.hypot)
POLYNOMIAL = (ag.add, ag.mul, ag.sub)


def random_graph(seed: int, unary: Sequence[Primitive], binary: Sequence[Primitive], integers: bool = False) -> Graph:
    """Three inputs and eight operations, of which the last takes up what is left over."""
    draw = random.Random(seed)
    nodes = [Value(float(draw.randint(1, 5)) if integers else draw.uniform(0.2, 2.0)) for _ in range(3)]
    for _ in range(8):
        if unary and draw.random() < 0.5:
            nodes.append(draw.choice(unary)(draw.choice(nodes)))
        else:
            nodes.append(draw.choice(binary)(draw.choice(nodes), draw.choice(nodes)))
    return Graph(ag.total([*nodes[:3], *nodes[-4:]]))


@pytest.mark.parametrize("seed", range(25))
def test_the_chain_rule_agrees_with_the_engine_and_with_listing_paths(seed: int) -> None:
    graph = random_graph(seed, SMOOTH, JOINING)
    output, inputs = graph.outputs[0], [node.index for node in graph.record]
    replay = ExactReplay(graph)
    gradient, scale, engine = replay.gradient(output, inputs), replay.path_scale(output, inputs), graph.adjoints()
    listed = replay.sum_over_paths(output, inputs[:3], most=100_000)
    for at in inputs:
        assert abs(engine[at] - gradient[at]) <= 1e-13 * scale[at]
    for at in inputs[:3]:
        assert abs(listed[at] - gradient[at]) <= 1e-45 * scale[at]


@pytest.mark.parametrize("seed", range(25))
def test_a_difference_of_whole_replays_is_the_gradient(seed: int) -> None:
    """On integers, where the floats the graph saw are the exact values."""
    graph = random_graph(seed, (ag.square, ag.neg), POLYNOMIAL, integers=True)
    output, replay = graph.outputs[0], ExactReplay(graph)
    assert max(map(abs, replay.replayed())) < 2**53
    gradient = replay.gradient(output, range(3))
    direction = {0: 1.0, 1: -0.5, 2: 3.0}
    expected = sum(gradient[at] * mpmath.mpf(by) for at, by in direction.items())
    for side in (-1, 0, 1):
        assert apart(replay.directional(output, direction, side), expected) < 1e-25
        assert apart(replay.directional(output, {1: 1.0}, side), gradient[1]) < 1e-25


WHOLE: list[tuple[Callable[..., Any], Callable[..., Any], tuple[float, ...]]] = [
    (lambda x, y: ag.sin(x * y) * ag.exp(-x), lambda x, y: mpmath.sin(x * y) * mpmath.exp(-x), (0.7, 1e5)),
    (lambda x, y: ag.sigmoid(x) + 1e-300 * y, lambda x, y: 1 / (1 + mpmath.exp(-x)) + mpmath.mpf(1e-300) * y,
     (690.0, 0.1)),
    (lambda x, y: ag.log(x) / ag.sqrt(y), lambda x, y: mpmath.log(x) / mpmath.sqrt(y), (1e-300, 1e200)),
    (lambda x, y: (x + 1e20) - 1e20 + y, lambda x, y: x + y, (0.1, 0.2)),
    (lambda x, y: ag.asin(x) * y**7.5, lambda x, y: mpmath.asin(x) * y ** mpmath.mpf(7.5), (1.0 - 2.0**-53, 3.0)),
]


@pytest.mark.parametrize(("f", "same", "point"), WHOLE)
def test_directional_derivatives_need_no_chain_rule(
    f: Callable[..., Any], same: Callable[..., Any], point: tuple[float, ...]
) -> None:
    graph = Graph(f(*(leaves := [Value(x) for x in point])))
    replay, output = ExactReplay(graph), graph.outputs[0]
    with mpmath.workdps(700):
        exact = list(map(mpmath.mpf, point))
        steps = [abs(x) * mpmath.mpf(10) ** -60 for x in exact]
        slopes = [
            (same(*moved(exact, at, step)) - same(*moved(exact, at, -step))) / (2 * step)
            for at, step in enumerate(steps)
        ]
        value = same(*exact)
    assert apart(replay.replayed()[output], value) < 1e-45
    for side in (-1, 0, 1):
        for leaf, slope in zip(leaves, slopes, strict=True):
            assert apart(replay.directional(output, {graph.index(leaf): 1.0}, side), slope) < 1e-25


def moved(point: Sequence[Any], at: int, step: Any) -> list[Any]:
    return [*point[:at], point[at] + step, *point[at + 1 :]]


def test_directions_at_a_kink_of_the_whole() -> None:
    x, y = Value(1.5), Value(3.0)
    graph = Graph(ag.maximum(2 * x, y) * y)
    replay, output = ExactReplay(graph), graph.outputs[0]
    along_x = [float(replay.directional(output, {graph.index(x): 1.0}, side)) for side in (-1, 0, 1)]
    assert along_x == [0.0, 3.0, 6.0]
    both = {graph.index(x): 1.0, graph.index(y): 2.0}  # along the kink there is none
    assert [float(replay.directional(output, both, side)) for side in (-1, 0, 1)] == [12.0, 12.0, 12.0]
    assert replay.directional(output, {}) == 0 and replay.directional(output, {graph.index(x): 0.0}) == 0
    with pytest.raises(OperandError, match=r"side is -1 \(behind\), 0 \(both\) or 1 \(ahead\); got 2"):
        replay.directional(output, both, 2)


def test_directions_out_of_the_domain_have_no_derivative() -> None:
    graph = Graph(ag.sqrt(Value(0.0)) * 2)
    replay = ExactReplay(graph)
    assert replay.directional(2, {0: 1.0}, 1) == mpmath.inf
    assert all(mpmath.isnan(replay.directional(2, {0: 1.0}, side)) for side in (-1, 0))


def test_the_signature_says_which_branches_are_taken() -> None:
    x = Value(1.0)
    graph = Graph(ag.relu(x - 1.0) + ag.clip(x * 3.0, -1.0, 3.0))
    replay, tiny = ExactReplay(graph), mpmath.mpf(10) ** -80
    assert replay.signature({}) == (0, 1, 0)
    assert replay.signature({graph.index(x): tiny}) == (1, 1, 1)
    assert replay.signature({graph.index(x): -tiny}) == (-1, 1, -1)
    assert replay.signature({graph.index(x): -2}) == (-1, -1, -1)


def test_the_signature_is_not_fooled_by_rounding() -> None:
    graph = Graph(ag.relu(ag.square(ag.sqrt(Value(2.0))) - 2.0))
    assert graph.record[2].data != 2.0
    assert ExactReplay(graph).signature({}) == (0,)


def test_replay_leaves_floats_behind() -> None:
    x = Value(0.1)
    replay = ExactReplay(Graph(ag.exp(ag.exp(ag.exp(ag.exp(x * 100.0))))))
    assert replay.replayed()[-1] == mpmath.inf  # beyond what can be held
    assert float(replay.replayed()[1] - 10) == pytest.approx(100 * 5.551115123125783e-18)
    inner = ExactReplay(Graph((x + 1e20) - 1e20))
    assert inner.replayed()[-1] == 0.1 and inner.value(2) == 0.0


def test_what_does_not_depend_on_an_input_has_derivative_zero() -> None:
    x, y = Value(0.0, "x"), Value(2.0, "y")
    graph = Graph([abs(x), y * y])
    replay = ExactReplay(graph)
    assert replay.gradient(graph.outputs[1], range(2)) == {0: 0, 1: 4}  # the kink above x is none of y's business


def test_infinities_and_nan_pass_through_the_chain_rule() -> None:
    x = Value(0.0)
    root = Graph(ag.sqrt(x) * 3.0)
    assert ExactReplay(root).gradient(2, [0])[0] == mpmath.inf
    assert mpmath.isnan(ExactReplay(Graph(abs(x) * 3.0)).gradient(2, [0])[0])
    assert mpmath.isnan(ExactReplay(Graph(ag.square(ag.sqrt(x)))).gradient(2, [0])[0])  # 0 times infinity


# --- manners ------------------------------------------------------------------------------------


def test_the_global_precision_is_left_alone_and_threads_do_not_meet() -> None:
    graph = random_graph(3, SMOOTH, JOINING)
    expected = ExactReplay(graph).gradient(graph.outputs[0], range(3))
    shared, found, before = ExactReplay(graph), [], mpmath.mp.prec

    def work() -> None:
        for digits in (30, 50, 90):
            ExactReplay(graph, digits).gradient(graph.outputs[0], range(3))
        found.append(shared.gradient(graph.outputs[0], range(3)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert mpmath.mp.prec == before
    assert all(type(each) is mpmath.mpf for each in expected.values())


def test_without_mpmath_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)
    with pytest.raises(ImportError, match=r"needs mpmath.* extra 'testing': pip install \"autograd-core\[testing\]\""):
        ExactReplay(Graph(Value(1.0) * 2.0))


def test_graphs_without_numbers_and_few_digits_are_refused() -> None:
    with pytest.raises(OperandError, match="no numbers to replay"):
        ExactReplay(ag.parse("y = 2*x").graph())
    with pytest.raises(OperandError, match="30 digits or more; got digits=15"):
        ExactReplay(Graph(Value(1.0) * 2.0), digits=15)
    with pytest.raises(OperandError, match="Node 0 is a leaf"):
        ExactReplay(Graph(Value(1.0) * 2.0)).one_sided(0, 0)
