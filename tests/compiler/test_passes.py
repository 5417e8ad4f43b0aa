"""The passes: each gives a new tape with the same answers, and changes what it says and nothing else."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from autograd_core import Value
from autograd_core import primitives as rows
from autograd_core.compiler.linear import fuse_linear
from autograd_core.compiler.passes import (
    drop_dead,
    fold_constants,
    optimization_steps,
    optimized,
    share_common,
    told_apart,
)
from autograd_core.errors import DomainError
from autograd_core.tape import Input, Instruction, Tape
from autograd_core.testing import Expression
from autograd_core.testing.strategies import expressions
from autograd_core.tracing import record
from tests.compiler.agreement import assert_agrees, eager_answer, with_noise

Pass = Callable[[Tape], Tape]
PASSES: list[Pass] = [fold_constants, share_common, drop_dead, optimized, fuse_linear]


def replayed(tape: Tape, point: Any) -> tuple[float, list[float]]:
    data = tape.forward(list(point))
    output = tape.outputs[0]
    return data[output] if type(output) is int else float(output), tape.reverse(data)[: len(tape.inputs)]


def snapshot(tape: Tape) -> Any:
    return copy.copy(tape.inputs), copy.copy(tape.instructions), tape.outputs, dict(tape.names)


@pytest.mark.parametrize("change", PASSES)
@given(f=expressions(max_ops=10))
def test_a_pass_is_pure_and_keeps_the_answers(change: Pass, f: Expression) -> None:
    tape = record(f, f.variables)
    before = snapshot(tape)
    found = change(tape)
    assert snapshot(tape) == before
    assert found.inputs == tape.inputs
    assert_agrees(replayed(found, f.point), with_noise(eager_answer(f, f.point), f, f.point))


@pytest.mark.parametrize("change", [fold_constants, share_common, drop_dead, optimized])
@given(f=expressions(max_ops=10, kinks="allow"))
def test_a_pass_keeps_the_value_to_the_last_bit_and_never_adds(change: Pass, f: Expression) -> None:
    tape = record(f, f.variables)
    found = change(tape)
    assert replayed(found, f.point)[0] == replayed(tape, f.point)[0]
    assert len(found) <= len(tape)
    assert change(found) is found


@pytest.mark.parametrize("change", PASSES)
def test_an_empty_tape_stays_empty(change: Pass) -> None:
    for f in (lambda x: x, lambda x: 2.0):
        tape = record(f, ["x"])
        assert change(tape).outputs == tape.outputs and len(change(tape)) == 0


@pytest.mark.parametrize("change", PASSES)
def test_all_outputs_are_followed(change: Pass) -> None:
    tape = record(lambda x, y: (x * y + 1.0) + rows.sin(x * y), ["x", "y"])
    several = Tape(tape.inputs, tape.instructions, (tape.outputs[0], 2, 0, 7.0), tape.names)
    found = change(several)
    data = found.forward([0.5, 3.0])
    values = [data[each] if type(each) is int else each for each in found.outputs]
    assert values == pytest.approx([2.5 + math.sin(1.5), 1.5, 0.5, 7.0])


# The function, and the number of instructions before and after the pass.
COUNTS: list[tuple[Pass, Callable[..., Any], int, int]] = [
    (fold_constants, lambda x, y: x + 0.0, 1, 0),
    (fold_constants, lambda x, y: 0.0 + x, 1, 0),
    (fold_constants, lambda x, y: x - 0.0, 1, 0),
    (fold_constants, lambda x, y: 0.0 - x, 1, 1),
    (fold_constants, lambda x, y: 1.0 * x * 1.0, 2, 0),
    (fold_constants, lambda x, y: x / 1.0, 1, 0),
    (fold_constants, lambda x, y: 1.0 / x, 1, 1),
    (fold_constants, lambda x, y: x**1, 1, 0),
    (fold_constants, lambda x, y: 1.0**x, 1, 1),
    (fold_constants, lambda x, y: x * 0.0, 1, 1),
    (fold_constants, lambda x, y: x + y, 1, 1),
    (share_common, lambda x, y: rows.sin(x) * rows.sin(x), 3, 2),
    (share_common, lambda x, y: (x + y) * (y + x), 3, 3),
    (share_common, lambda x, y: (x + 1.0) * (x + 1), 3, 2),
    (share_common, lambda x, y: rows.atan2(x, 0.0) + rows.atan2(x, -0.0), 3, 3),
    (share_common, lambda x, y: (x + math.nan) * (x + math.nan), 3, 2),
    (share_common, lambda x, y: rows.exp(rows.sin(x)) + rows.exp(rows.sin(x)), 5, 3),
    (share_common, lambda x, y: rows.total([x, y]) + rows.total([x, y]), 3, 2),
    (drop_dead, lambda x, y: (rows.exp(x + y), x * y)[1], 3, 1),
    (drop_dead, lambda x, y: (rows.exp(x + y), 1.0)[1], 2, 0),
    (drop_dead, lambda x, y: (rows.exp(x + y), x)[1], 2, 0),
    (drop_dead, lambda x, y: rows.exp(x + y), 2, 2),
    (optimized, lambda x, y: (x * 1.0 + 0.0) * (x + 0.0) + x * x, 6, 2),
    (optimized, lambda x, y: sum([x, y]), 2, 1),
    (fuse_linear, lambda x, y: x * y + y * y + 2.0 * x, 5, 1),
    (fuse_linear, lambda x, y: x + y + 2.0 + x, 3, 1),
    (fuse_linear, lambda x, y: x * y + y, 2, 2),
    (fuse_linear, lambda x, y: x + y, 1, 1),
]


@pytest.mark.parametrize("change, f, before, after", COUNTS)
def test_how_many_instructions_are_left(change: Pass, f: Callable[..., Any], before: int, after: int) -> None:
    tape = record(f, ["x", "y"])
    assert (len(tape), len(change(tape))) == (before, after)


@given(f=expressions(max_ops=10))
def test_the_steps_are_the_passes_one_after_another(f: Expression) -> None:
    tape = record(f, f.variables)
    steps = optimization_steps(tape)
    assert [each.name for each in steps] == ["fold_constants", "share_common", "drop_dead", "fuse_linear"]
    assert [each.after for each in steps[:-1]] == [each.before for each in steps[1:]]
    assert (steps[0].before, steps[2].after, steps[3].after) == (
        len(tape), len(optimized(tape)), len(fuse_linear(optimized(tape))))


def test_the_counts_of_a_careless_function() -> None:
    def careless(w: Any, x: Any) -> Any:
        rows.exp(w)
        return (w * x + w * (2.0 * 0.5)) + (w * x + w) * 1.0

    assert [(each.before, each.after) for each in optimization_steps(record(careless, ["w", "x"]))] == [
        (8, 6), (6, 4), (4, 3), (3, 3)]


@pytest.mark.parametrize("left, right, are_alike", [
    ((1,), (1,), True), ((1,), (1.0,), False), ((1, 2.0), (1.0, 2), False), ((0.0,), (-0.0,), False),
    ((float("nan"),), (float("nan"),), True), ((0.1, 3), (0.1, 3), True),
])
def test_operands_are_told_apart(left: Any, right: Any, are_alike: bool) -> None:
    assert (told_apart(left) == told_apart(right)) is are_alike


@pytest.mark.parametrize("change", PASSES)
def test_lines_stay_with_what_they_wrote(change: Pass) -> None:
    tape = record(lambda x, y: rows.sin(x * 1.0 + y * 2.0 + x) + rows.sin(x * 1.0 + y * 2.0 + x), ["x", "y"])
    lines = {slot: str(number) for slot, number in enumerate(tape.forward([2.0, 3.0])) if slot > 1}
    found = change(replace(tape, lines=lines))
    numbers = found.forward([2.0, 3.0])
    assert found.lines and all(str(numbers[slot]) == line for slot, line in found.lines.items())


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308])
@pytest.mark.parametrize("change", PASSES)
def test_unusual_numbers_go_through_unchanged(change: Pass, x: float) -> None:
    for f in (lambda x: x * 1.0 - 0.0, lambda x: x / 1.0, lambda x: x * 0.0, lambda x: x - x, lambda x: x * x + x * x):
        tape = record(f, ["x"])
        assert np.array_equal(replayed(change(tape), [x])[0], replayed(tape, [x])[0], equal_nan=True)


@pytest.mark.parametrize("change", PASSES)
def test_an_operation_outside_its_domain_still_raises(change: Pass) -> None:
    hidden = Value(1.0, "w")
    tape = change(record(lambda x: x + rows.log(hidden * 1.0), ["x"]))
    with pytest.raises(DomainError, match="log"):
        tape.forward([1.0, -1.0])


def test_folding_keeps_what_would_raise() -> None:
    instructions = (
        Instruction(rows.log, (-1.0,)), Instruction(rows.mul, (1, 2.0)), Instruction(rows.exp, (800.0,)),
        Instruction(rows.add, (2, 3)))
    folded = fold_constants(Tape((Input("x"),), instructions, (4,), {}))
    assert [each.op.name for each in folded.instructions] == ["log", "mul", "add"]
    assert folded.instructions[-1].operands == (2, math.inf)
    with pytest.raises(DomainError, match=r"log\(-1\)"):
        folded.forward([0.0])


@pytest.mark.parametrize("change", PASSES)
def test_names_stay_with_what_they_name(change: Pass) -> None:
    def f(x: Any, y: Any) -> Any:
        a = (x * y).named("a")
        (x + y).named("unused")
        b = (x * y).named("b")
        return (a + b * 1.0).named("out")

    found = change(record(f, ["x", "y"]))
    assert "out" in found.names.values()
    assert replayed(found, [2.0, 3.0]) == (12.0, [6.0, 4.0])
    for slot, name in found.names.items():
        value = {"a": 6.0, "b": 6.0, "unused": 5.0, "out": 12.0}[name]
        assert found.forward([2.0, 3.0])[slot] == value


def test_passes_take_long_tapes() -> None:
    def f(x: Any) -> Any:
        for _ in range(20_000):
            x = x * 1.0001 + 0.0
        return x

    tape = record(f, ["x"])
    assert (len(tape), len(optimized(tape)), len(fuse_linear(optimized(tape)))) == (40_000, 20_000, 20_000)
    wide = record(lambda x: sum((x * float(k) for k in range(5_000)), 0.0), ["x"])
    assert len(fuse_linear(optimized(wide))) == 2
    assert replayed(fuse_linear(optimized(wide)), [2.0]) == (2 * 12497500.0, [12497500.0])
