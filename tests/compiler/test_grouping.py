"""Plans: how many vector instructions known functions become, and the blocks and views they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import autograd_core as ag
from autograd_core import primitives as rows
from autograd_core.compiler.grouping import groups_of, plan_of
from autograd_core.compiler.linear import fuse_linear
from autograd_core.compiler.passes import optimized
from autograd_core.compiler.plan import Plan
from autograd_core.tape import Tape, applied
from autograd_core.testing import Expression
from autograd_core.testing.strategies import expressions
from autograd_core.tracing import Recorder, record


def planned(f: Callable[..., Any], arguments: Sequence[tuple[str, int]], lanes: Sequence[str] = ()) -> Plan:
    """The plan of a function of lists, of so many scalars each."""
    recorder = Recorder()
    lists, slots = [], []
    for name, count in arguments:
        start = len(recorder.inputs)
        lists.append([recorder.argument(f"{name}_{at}", name in lanes) for at in range(count)])
        slots.append((name, range(start, start + count)))
    tape = recorder.finish([recorder.slot_of(f(*lists), "f")])
    return plan_of(fuse_linear(optimized(tape)), slots)


def layers(weights: Sequence[Any], sizes: Sequence[int], inputs: Sequence[Any], activation: Any = ag.tanh) -> list[Any]:
    """A network of scalars: of each layer first the weights of every unit, then the biases."""
    at = 0
    for layer, (width, units) in enumerate(pairwise(sizes)):
        matrix = [weights[at + unit * width : at + (unit + 1) * width] for unit in range(units)]
        at += units * width
        biases = weights[at : at + units]
        at += units
        inputs = [sum((w * x for w, x in zip(row, inputs, strict=True)), 0.0) + b
                  for row, b in zip(matrix, biases, strict=True)]
        if layer < len(sizes) - 2:
            inputs = [activation(each) for each in inputs]
    return list(inputs)


def count_of(sizes: Sequence[int]) -> int:
    return sum(units * (width + 1) for width, units in pairwise(sizes))


SIZES = [2, 5, 4, 1]


def loss_of_one(weights: Any, x: Any, y: Any) -> Any:
    [out] = layers(weights, SIZES, x)
    return ag.square(out - y[0]) * 0.5


def kinds(plan: Plan) -> Counter[str]:
    return Counter(each.kind for each in plan.instructions)


def test_a_network_with_lanes_is_a_product_a_sum_and_an_activation_per_layer() -> None:
    plan = planned(loss_of_one, [("w", count_of(SIZES)), ("x", 2), ("y", 1)], ["x", "y"])
    assert kinds(plan) == {"product": 3, "elementwise": 3 + 2 + 3}
    products = [each for each in plan.instructions if each.kind == "product"]
    assert [each.operands[0].shape for each in products] == [(5, 2), (4, 5), (1, 4)] or [
        each.operands[0].shape for each in products] == [(5, 2), (4, 5), (4,)]
    assert all(plan.blocks[each.out].is_lane for each in plan.instructions)


@pytest.mark.parametrize("examples", [7, 100])
def test_examples_written_out_give_the_same_products(examples: int) -> None:
    """What lanes= declares is found: weights are shared by dot products with different inputs."""

    def f(weights: Any, x: Any, y: Any) -> Any:
        losses = [loss_of_one(weights, x[2 * at : 2 * at + 2], [y[at]]) for at in range(examples)]
        return ag.mean(losses)

    plan = planned(f, [("w", count_of(SIZES)), ("x", 2 * examples), ("y", examples)])
    products = [each for each in plan.instructions if each.kind == "product"]
    assert [(each.operands[0].shape, each.operands[1].shape) for each in products] == [
        ((5, 2), (2, examples)), ((4, 5), (5, examples)), ((1, 4), (4, examples))]
    assert len(plan.instructions) <= 15


def test_the_micrograd_loop_of_a_hundred_examples_is_a_handful_of_instructions() -> None:
    """The demo's own: max-margin and L2, summed by the builtin."""

    def f(weights: Any, x: Any, y: Any) -> Any:
        scores = [layers(weights, [2, 8, 8, 1], x[2 * at : 2 * at + 2], ag.relu)[0] for at in range(100)]
        losses = [(1 + -label * score).relu() for label, score in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in weights)

    plan = planned(f, [("w", count_of([2, 8, 8, 1])), ("x", 200), ("y", 100)])
    assert len(plan.tape) > 2_000 and len(plan.instructions) <= 20
    # Three layers, the penalty's w @ w, and the scaled sum of both.
    assert kinds(plan)["product"] == 5


def test_a_penalty_is_computed_once_for_all_lanes() -> None:
    plan = planned(lambda w, x: w[0] * x[0] + 0.1 * (w[0] * w[0] + w[1] * w[1]), [("w", 2), ("x", 1)], ["x"])
    penalty = plan.instructions[0]
    assert penalty.kind == "product" and not plan.blocks[penalty.out].is_lane
    assert plan.blocks[plan.instructions[-1].out].is_lane


def test_batch_mean_is_a_lane_mean_whose_result_all_lanes_share() -> None:
    plan = planned(lambda x: ag.logsumexp([each - ag.batch_mean([each]) for each in x]), [("x", 3)], ["x"])
    [mean] = [each for each in plan.instructions if each.kind == "lane mean"]
    assert plan.blocks[mean.out].shape == (3,) and not plan.blocks[mean.out].is_lane
    assert kinds(plan) == {"lane mean": 1, "elementwise": 1, "reduction": 1}


# The function of w (4 shared scalars) and x (2 lane scalars), and the kinds of its instructions.
PLANS: list[tuple[Callable[[Any, Any], Any], dict[str, int]]] = [
    (lambda w, x: ag.total([each.sin() for each in w]), {"elementwise": 1, "reduction": 1}),
    (lambda w, x: ag.total([w[0].sin(), w[1].cos()]), {"elementwise": 2, "stack": 1, "reduction": 1}),
    (lambda w, x: ag.dot(w, w), {"product": 1}),
    (lambda w, x: ag.dot(x, x), {"rowwise": 1}),
    (lambda w, x: ag.dot(w[:2], x), {"product": 1}),
    (lambda w, x: ag.dot(w[:2], x) * ag.dot(w[2:], x), {"product": 1, "elementwise": 1}),
    (lambda w, x: ag.dot([w[0], x[0]], [x[1], w[1]]), {"stack": 2, "rowwise": 1}),
    (lambda w, x: ag.logsumexp([w[0] * x[0], w[1] * x[1], 0.0]), {"elementwise": 1, "stack": 1, "reduction": 1}),
    (lambda w, x: ag.mean([*w]), {"reduction": 1}),
    (lambda w, x: w[0], {}),
    (lambda w, x: 3.0, {}),
]


@pytest.mark.parametrize("f, expected", PLANS)
def test_kinds_of_instructions(f: Callable[[Any, Any], Any], expected: dict[str, int]) -> None:
    plan = planned(f, [("w", 4), ("x", 2)], ["x"])
    assert kinds(plan) == expected, str(plan)


def test_equal_dot_products_after_fusing_are_each_computed() -> None:
    """x*a + y*b and a*x + y*b become equal dots: the pairs do not make a full table of products."""

    def f(w: Any, x: Any) -> Any:
        def sine(first: tuple[Any, Any], second: tuple[Any, Any]) -> Any:
            return ag.sin(first[0] * first[1] + second[0] * second[1])

        a, b, c, d = w
        return (sine((a, x[0]), (b, x[1])) + sine((x[0], a), (b, x[1])) * 2.0
                + sine((c, x[0]), (d, x[1])) * 3.0 + sine((a, x[1]), (b, x[0])) * 4.0)

    program = ag.compile(f, lanes=("x",))
    w, x = np.array([0.3, -0.7, 1.1, 0.2]), np.array([[0.5, 1.5], [-1.0, 0.25]])

    def exact(row: Any) -> float:
        one, two = np.sin(w[:2] @ row), np.sin(w[2:] @ row)
        return float(one * 3.0 + two * 3.0 + 4.0 * np.sin(w[:2] @ row[::-1]))

    assert program(w, x) == pytest.approx(np.mean([exact(row) for row in x]))
    assert kinds(program.plan)["rowwise"] == 1


def test_equal_dot_products_beside_others_make_no_table() -> None:
    """Four dot products of two and two lists of operands, but two of them are the same and one is missing."""

    def f(w: Any, x: Any) -> Any:
        a, b, c, d = w
        return (ag.sin(a * x[0] + b * x[1]) + 2.0 * ag.sin(x[0] * a + x[1] * b)
                + 3.0 * ag.sin(c * x[0] + d * x[1]) + 4.0 * ag.sin(a * x[1] + b * x[0]))

    program = ag.compile(f, lanes=("x",))
    w, x = np.array([0.3, -0.7, 1.1, 0.2]), np.array([[0.5, 1.5], [-1.0, 0.25]])
    assert program(w, x) == pytest.approx(np.mean([f(w, row) for row in x]))
    assert kinds(program.plan)["rowwise"] == 1


def test_a_constant_is_not_the_slot_of_that_number() -> None:
    """The operands x_1, 7.0 and 5.0, x_3 would be equal lists: x_1 is slot 5 and x_3 slot 7."""

    def f(w: Any, x: Any, y: Any) -> Any:
        return (ag.sin(w[0] * x[1] + w[1] * 7.0) + ag.sin(w[2] * 5.0 + w[3] * x[3])) * y

    w, x = [0.3, -0.7, 1.1, 0.2], [0.5, 1.5, -1.0, 0.25]
    program = ag.compile(f, lanes=("y",))
    assert program(w, x, [1.0, 2.0]) == pytest.approx(f(w, x, 1.5))
    assert {(0, 5), (3, 7)} <= {each.operands for each in program.tape.instructions}


# --- every plan, of any function ----------------------------------------------------------------


@given(f=expressions(max_ops=12, kinks="allow"))
@settings(max_examples=60)
def test_every_slot_lies_in_one_block_and_every_view_reads_its_operands(f: Expression) -> None:
    plan = planned(lambda *lists: f(*(each[0] for each in lists)), [(name, 1) for name in f.variables])
    assert_plan_is_its_tape(plan)


@given(f=expressions(max_ops=12, kinks="allow"))
@settings(max_examples=60)
def test_the_groups_are_what_the_instructions_compute(f: Expression) -> None:
    arguments = [(name, range(at, at + 1)) for at, name in enumerate(f.variables)]
    tape = fuse_linear(optimized(record(f, f.variables)))
    groups = groups_of(tape, arguments)
    plan = plan_of(tape, arguments)
    computed = [plan.blocks[each.out].slots for each in plan.instructions if each.kind != "stack"]
    assert [sorted(each) for each in computed] == groups
    assert str(plan_of(tape, arguments, groups=groups)) == str(plan)


@given(f=expressions(max_ops=6))
@settings(max_examples=40)
def test_copies_of_an_expression_share_instructions(f: Expression) -> None:
    """Eight copies at different points need no more instructions than one copy and the final sum."""

    def copies(count: int) -> Plan:
        def g(*lists: Any) -> Any:
            return ag.total([f(*(each[at] for each in lists)) for at in range(count)])

        return planned(g, [(name, count) for name in f.variables])

    few, many = copies(3), copies(8)
    assert len(many.instructions) == len(few.instructions), f"{few}\n{many}"
    assert_plan_is_its_tape(many)


def assert_plan_is_its_tape(plan: Plan) -> None:
    """Run the plan number by number, and compare every slot with the tape's own."""
    tape: Tape = plan.tape
    point = np.random.default_rng(0).uniform(0.3, 0.9, len(tape.inputs)).tolist()
    try:
        data = tape.forward(point)
    except ag.DomainError:
        return
    held: dict[int, list[float]] = {}
    seen: set[int] = set()
    for at, block in enumerate(plan.blocks):
        assert len(block.slots) in (0, int(np.prod(block.shape)))
        assert seen.isdisjoint(block.slots)
        seen.update(block.slots)
        assert {tape.lanes[slot] for slot in block.slots} <= {block.is_lane}
        if block.source is not None:
            held[at] = [data[slot] for slot in block.slots]
    assert seen == set(range(len(tape.inputs) + len(tape)))
    for instruction in plan.instructions:
        views = [view.constant if view.constant is not None else np.array(held[view.block or 0])[view.index]
                 for view in instruction.operands]
        found = _by_kind(instruction, views)
        held[instruction.out] = np.ravel(found).tolist()
        for slot, number in zip(plan.blocks[instruction.out].slots, held[instruction.out], strict=False):
            assert number == pytest.approx(data[slot], rel=1e-12, abs=1e-12, nan_ok=True)
    for output, place in zip(tape.outputs, plan.outputs, strict=True):
        if isinstance(place, tuple):
            assert held[place[0]][place[1]] == pytest.approx(data[output], rel=1e-12, abs=1e-12, nan_ok=True)  # type: ignore[index]
        else:
            assert place == output


def _by_kind(instruction: Any, views: list[np.ndarray]) -> Any:
    if instruction.kind == "stack":
        out = np.empty(sum(each.size for each in views))
        for view, places in zip(views, instruction.places, strict=True):
            out[places] = np.ravel(view)
        return out
    if instruction.kind == "product":
        return views[0] @ views[1]
    if instruction.kind == "rowwise":
        return (views[0] * views[1]).sum(axis=-1)
    if instruction.kind == "reduction":
        shape = views[0].shape[:-1]
        flat = views[0].reshape(-1, views[0].shape[-1])
        return np.reshape([applied(instruction.op, row.tolist()) for row in flat], shape)
    columns = np.broadcast_arrays(*views)
    return [applied(instruction.op, [float(column.flat[at]) for column in columns]) for at in range(columns[0].size)]


def test_planning_is_linear_enough_for_a_written_out_network() -> None:
    def f(weights: Any, x: Any) -> Any:
        return sum(layers(weights, [2, 8, 8, 1], x[2 * at : 2 * at + 2])[0] for at in range(200))

    plan = planned(f, [("w", count_of([2, 8, 8, 1])), ("x", 400)])
    assert len(plan.tape) > 6_000 and len(plan.instructions) < 15


def test_a_plan_prints_its_shapes() -> None:
    plan = planned(loss_of_one, [("w", count_of(SIZES)), ("x", 2), ("y", 1)], ["x", "y"])
    text = str(plan)
    assert text.startswith(f"{len(plan.instructions)} vector instructions for {len(plan.tape)} scalar ones")
    assert "5 x lanes" in text and "w (5 x 2)" in text and rows.tanh.name in text
