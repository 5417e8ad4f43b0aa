"""Within `detect_anomaly` a call of a program, or a replay of a tape, stops at the first nan and says where it is."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Value, detect_anomaly, record, recording_lines
from autograd_core.errors import AnomalyError, DomainError

NAN, INF = math.nan, math.inf
BACKWARD = ("became nan in the backward pass: an infinite local derivative met an adjoint of 0, infinities cancelled, "
            "or a local derivative is nan.")


def line_of(f: Callable[..., Any], after: int = 0) -> str:
    return f"{__file__}:{f.__code__.co_firstlineno + after}"


def message(call: Callable[[], Any]) -> str:
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        call()
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    return str(caught.value)


FORWARD: list[tuple[Callable[..., Any], tuple[float, ...], str]] = [
    (lambda x, y: x - x, (INF, 1.0), "sub(inf, inf) became nan. Its operands: x = inf, x = inf."),
    (lambda x, y: x * y, (INF, 0.0), "mul(inf, 0) became nan. Its operands: x = inf, y = 0."),
    (lambda x, y: x * 0.0 + y, (INF, 0.0), "mul(inf, 0) became nan. Its operands: x = inf, 0."),
    (lambda x, y: (x.exp() - y.exp()).named("h") * 2.0, (1e3, 1e3),
     "sub(inf, inf) became nan. Its operands: inf, inf. It is h and"),
    (lambda x, y: x.exp().named("a") / y.exp().named("b"), (1e3, 1e3),
     "div(inf, inf) became nan. Its operands: a = inf, b = inf."),
    (lambda x, y: y + NAN, (1.0, 0.0), "add(0, nan) became nan. Its operands: y = 0, nan."),
    (lambda x, y: ag.total([x, y, -INF]), (INF, 0.0),
     "total(inf, 0, -inf) became nan. Its operands: x = inf, y = 0, -inf."),
    (lambda x, y: ag.total([x] * 9 + [-x]), (INF, 0.0), "total(inf, inf, inf, inf, inf, inf, ...) became nan."),
    (lambda x, y: ag.where(y, 1.0, x - x), (INF, 1.0), "sub(inf, inf) became nan. Its operands: x = inf, x = inf."),
]


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("f, given, wording", FORWARD)
def test_a_call_stops_at_the_first_nan_as_eager_does(
    f: Callable[..., Any], given: tuple[float, ...], wording: str, optimize: bool
) -> None:
    program = ag.compile(f, optimize=optimize)
    program(0.5, 0.25)  # recorded before the block
    program.value_and_grad(0.5, 0.25)
    before = program(*given)
    eager = message(lambda: f(*map(Value, given, ("x", "y"))))
    for call in (program, program.value_and_grad, ag.compile(f)):
        found = message(lambda call=call: call(*given))
        # An operand named on the way has its name in eager's message too.
        assert found.startswith(wording) and found.startswith(eager) and found.endswith(f"at {line_of(f)}.")
    np.testing.assert_equal(program(*given), before)


def slope_of_a_root(w: Any, x: Any) -> Any:
    h = ag.sqrt(w * x).named("h")
    return h * 0.0


def test_the_backward_pass_names_the_first_nan_adjoint() -> None:
    program = ag.compile(slope_of_a_root)
    with detect_anomaly():
        assert program(0.0, 1.0) == 0.0  # the value alone has none
    assert message(lambda: program.value_and_grad(0.0, 1.0)) == (
        f"the adjoint of mul (data 0) {BACKWARD} It was written at {line_of(slope_of_a_root, 1)}.")
    assert message(lambda: ag.compile(lambda x: ag.sqrt(x) * 0.0).value_and_grad(0.0)).startswith(
        f"the adjoint of x (data 0) {BACKWARD}")
    assert message(lambda: slope_of_a_root(Value(0.0), 1.0).backward()).endswith(BACKWARD)


def difference(w: Any, x: Any) -> Any:
    return ag.exp(w * x) - ag.exp(x)


@pytest.mark.parametrize("kind", [list, np.array])
def test_the_lane_of_the_first_nan_is_named(kind: Callable[[Any], Any]) -> None:
    program = ag.compile(difference, lanes="x")
    lanes = kind([1.0, 2.0, 1e3, 2e3])
    for call in (program, program.value_and_grad, program.per_example):
        assert message(lambda call=call: call(1.0, lanes)) == (
            "sub(inf, inf) became nan in lane 2. Its operands: inf, inf. "
            f"It was written at {line_of(difference, 1)}.")
    roots = ag.compile(slope_of_a_root, lanes="x")
    for call in (roots.value_and_grad, roots.per_example):
        assert message(lambda call=call: call(1.0, kind([2.0, 0.0, 1.0]))) == (
            f"the adjoint of mul (data 0 in lane 1) {BACKWARD} "
            f"It was written at {line_of(slope_of_a_root, 1)}.")
    with detect_anomaly():
        assert roots(1.0, kind([2.0, 0.0, 1.0])) == 0.0
        assert program.value_and_grad(0.5, kind([0.0, 0.0])) == (0.0, 0.0)


def test_the_lane_is_named_where_the_nan_is_in_what_lanes_share() -> None:
    program = ag.compile(lambda x, w: ag.hypot(w, x), lanes="x")
    assert "the adjoint of w (data inf in lane 0)" in message(lambda: program.value_and_grad([1.0, 2.0, INF], INF))


def test_infinite_lanes_may_have_no_mean() -> None:
    program = ag.compile(lambda w, x: w * x, lanes="x")
    for call in (program, program.value_and_grad):
        assert message(lambda call=call: call(1.0, [INF, 2.0, -INF])) == (
            "mean(inf, -inf) became nan over the lanes. Its operands: lane 0 = inf, lane 2 = -inf.")
    with detect_anomaly():
        assert program.per_example(1.0, [INF, 2.0, -INF])[0].tolist() == [INF, 2.0, -INF]


def test_coupled_lanes_are_watched_too() -> None:
    program = ag.compile(lambda w, x: (w * x - ag.batch_mean([w * x])) ** 2, lanes="x")
    assert "sub(inf, inf) became nan in lane 1. Its operands: inf, inf." in message(
        lambda: program.value_and_grad(1.0, [1.0, INF]))
    assert "batch_mean(" not in message(lambda: program(1.0, [NAN, 1.0]))


def test_a_closed_over_parameter_is_named() -> None:
    w, b = Value(2.0, "w"), Value(1.0, "b")
    h = (w * b).named("h")

    def f(x: Any) -> Any:
        return h * x + b

    program = ag.compile(f)
    with detect_anomaly():
        assert program.value_and_grad(0.0)[0] == 1.0
    w.data = INF
    for call in (program, program.value_and_grad):
        assert message(lambda call=call: call(0.0)) == (
            f"mul(inf, 0) became nan. Its operands: h = inf, x = 0. It was written at {line_of(f, 1)}.")
    b.data = 0.0
    assert message(lambda: program(1.0)) == "mul(inf, 0) became nan. Its operands: w = inf, b = 0. It is h."
    lanes = ag.compile(f, lanes="x")
    b.data = 1.0
    assert "mul(inf, 0) became nan in lane 1. Its operands: h = inf, x = 0." in message(lambda: lanes([1.0, 0.0]))


def test_an_argument_that_is_nan_is_named_and_a_leaf_that_was_is_let_through() -> None:
    program = ag.compile(lambda w, x: w[0] * x + w[1], lanes="x")
    assert message(lambda: program([1.0, NAN], [2.0])) == "the input w_{1} is nan."
    assert message(lambda: program.value_and_grad([1.0, 2.0], [2.0, NAN, NAN])) == "the input x is nan in lane 1."
    w = Value(NAN, "w")
    handing_on = ag.compile(lambda x: w * x + 1.0)
    with detect_anomaly():
        assert math.isnan(handing_on(2.0))
    assert message(lambda: handing_on.value_and_grad(2.0)).startswith("the adjoint of x (data 2) became nan")  # times w


def test_infinities_and_domain_errors_are_no_anomalies() -> None:
    program = ag.compile(lambda x: ag.exp(x) + ag.log(x))
    with detect_anomaly():
        assert program(1e3) == INF and program.value_and_grad(1e3) == (INF, INF)
        with pytest.raises(DomainError, match=r"log\(-1\)"):
            program.value_and_grad(-1.0)
        with pytest.raises(DomainError, match=r"div\(1, 0\)"):
            ag.compile(lambda x: 1.0 / x)(0.0)
        assert program.value_and_grad(2.0) == pytest.approx((math.exp(2.0) + math.log(2.0), math.exp(2.0) + 0.5))


def test_comparisons_and_branches_stay_as_they_were_recorded() -> None:
    scale = [2.0]
    program = ag.compile(lambda x: ag.where(x > 1.0, x - x, x) * scale[0])
    assert program(0.5) == 1.0
    scale[0] = 3.0
    with detect_anomaly():
        assert program(0.5) == 1.0
    assert message(lambda: program(INF)).startswith("sub(inf, inf) became nan. Its operands: x = inf, x = inf. It was")


def test_a_function_that_records_otherwise_now_or_not_at_all_has_no_lines() -> None:
    state = ["once"]

    def f(x: Any) -> Any:
        if not state:
            raise RuntimeError("only once")
        return x - x if state.pop() == "once" else x + 1.0

    program = ag.compile(f)
    program(1.0)
    plain = "sub(inf, inf) became nan. Its operands: x = inf, x = inf."
    assert message(lambda: program(INF)) == plain
    state.append("otherwise")
    assert message(lambda: program(INF)) == plain


def test_another_thread_and_what_follows_are_not_watched() -> None:
    program = ag.compile(lambda x: x - x)
    found: list[float] = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: found.append(program.value_and_grad(INF)[0]))
        thread.start()
        thread.join()
    assert math.isnan(found[0]) and math.isnan(program.value_and_grad(INF)[0]) and math.isnan(program(INF))


def test_long_and_vector_programs_are_watched() -> None:
    program = ag.compile(lambda w, x: ag.total([ag.exp(a) - ag.exp(b) for a, b in zip(w, x, strict=True)]))
    w, x = np.zeros(500), np.ones(500)
    with detect_anomaly():
        watched = program.value_and_grad(w, x)
    assert watched[0] == pytest.approx(program.value_and_grad(w, x)[0])
    w[77] = x[77] = 1e3
    assert message(lambda: program.value_and_grad(w, x)).startswith("sub(inf, inf) became nan. Its operands: inf, inf.")


# --- tapes by themselves ------------------------------------------------------------------------


def test_a_replay_of_a_tape_stops_at_the_first_nan() -> None:
    tape = record(lambda x, y: (x - y).named("d") * 2.0, ["x", "y"])
    assert math.isnan(tape.forward([INF, INF])[-1])
    assert message(lambda: tape.forward([INF, INF])) == (
        "sub(inf, inf) became nan. Its operands: x = inf, y = inf. It is d.")
    with recording_lines():
        tape = record(slope_of_a_root, ["w", "x"])
    data = tape.forward([0.0, 1.0])
    assert message(lambda: tape.reverse(data)) == (
        f"the adjoint of mul (data 0) {BACKWARD} It was written at {line_of(slope_of_a_root, 1)}.")


def test_a_recorded_graph_stops_where_eager_did() -> None:
    x, y = Value(INF, "x"), Value(INF)
    tape = record((x - y) * 2.0)
    assert message(tape.forward) == "sub(inf, inf) became nan. Its operands: x = inf, inf."
    root = record(Value(0.0).sqrt() * 0.0)
    assert message(lambda: root.reverse(root.forward())) == f"the adjoint of a leaf (data 0) {BACKWARD}"
