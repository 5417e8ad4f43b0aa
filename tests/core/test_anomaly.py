"""`detect_anomaly` stops at the first nan, and `recording_lines` knows where each node was made."""

import inspect
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import watching
from autograd_core.errors import AnomalyError, DomainError
from autograd_core.value import Value, detect_anomaly, recording_lines, topological_order

NAN, INF = math.nan, math.inf


def here() -> int:
    """The line that calls this."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


# --- detect_anomaly -------------------------------------------------------------------------------


def test_outside_the_block_a_nan_is_recorded_and_never_hidden() -> None:
    x = Value(INF)
    y = (x - x) * 0.0 + 1.0
    assert math.isnan(y.data)
    y.backward()
    assert x.grad == 0.0
    z = Value(0.0).sqrt() * 0.0
    z.backward()
    assert math.isnan(z.operands[0].operands[0].grad)


MAKERS: list[tuple[Callable[[Value, Value], Any], str]] = [
    (lambda x, y: x - x, "sub(inf, inf) became nan. Its operands: x = inf, x = inf."),
    (lambda x, y: x * y, "mul(inf, 0) became nan. Its operands: x = inf, y = 0."),
    (lambda x, y: x * 0, "mul(inf, 0) became nan. Its operands: x = inf, 0."),
    (lambda x, y: 0.0 * x, "mul(0, inf) became nan. Its operands: 0, x = inf."),
    (lambda x, y: x / x, "div(inf, inf) became nan."),
    (lambda x, y: x.sin(), "sin(inf) became nan. Its operands: x = inf."),
    (lambda x, y: y + NAN, "add(0, nan) became nan. Its operands: y = 0, nan."),
    (lambda x, y: ag.total([x, y, -INF]), "total(inf, 0, -inf) became nan. Its operands: x = inf, y = 0, -inf."),
    (lambda x, y: Value(NAN, "z"), "the leaf z was set to nan."),
    (lambda x, y: Value(NAN), "a leaf was set to nan."),
    (lambda x, y: setattr(y, "data", NAN), "the leaf y was set to nan."),
]


@pytest.mark.parametrize(("make", "wording"), MAKERS)
def test_the_first_node_to_become_nan_stops_the_block(make: Callable[[Value, Value], Any], wording: str) -> None:
    make(Value(INF, "x"), Value(0.0, "y"))
    x, y = Value(INF, "x"), Value(0.0, "y")
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        make(x, y)
    assert wording in str(caught.value)


def test_a_leaf_refused_for_its_nan_keeps_its_number() -> None:
    x = Value(1.0)
    y = 2 * x
    with pytest.raises(AnomalyError), detect_anomaly():
        x.data = NAN
    y.backward()
    assert x.data == 1.0


def test_the_message_for_many_operands_is_short() -> None:
    terms = [Value(INF), Value(-INF)] + [Value(1.0)] * 10**5
    wording = r"total\(inf, -inf, 1, 1, 1, 1, \.\.\.\) became nan"
    with pytest.raises(AnomalyError, match=wording) as caught, detect_anomaly():
        ag.total(terms)
    assert len(str(caught.value)) < 200


def test_who_only_hands_on_a_nan_from_before_the_block_did_not_make_it() -> None:
    x = Value(NAN)
    with detect_anomaly():
        y = x * 2 + 1
    assert math.isnan(y.data)


def test_the_backward_pass_names_the_first_nan_adjoint_and_writes_nothing() -> None:
    x = Value(0.0, "x")
    h = x.sqrt().named("h")
    y = h * 0.0
    y.grad, x.grad = 7.0, 8.0
    wording = r"the adjoint of x \(data 0\) became nan in the backward pass"
    with pytest.raises(AnomalyError, match=wording), detect_anomaly():
        y.backward()
    assert (y.grad, h.grad, x.grad) == (7.0, 0.0, 8.0)
    y.backward()
    assert math.isnan(x.grad)


def test_an_unnamed_node_is_named_by_its_operation() -> None:
    x = Value(0.0)
    y = (x * 1.0).sqrt() * 0.0
    with pytest.raises(AnomalyError, match=r"the adjoint of mul \(data 0\) became nan"), detect_anomaly():
        y.backward()


def test_a_replay_that_makes_a_nan_stops_and_changes_nothing() -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    h = x * w
    y = h - x
    x.data, w.data = INF, 3.0
    with pytest.raises(AnomalyError, match=r"sub\(inf, inf\) became nan"), detect_anomaly():
        y.recompute()
    assert (h.data, y.data) == (2.0, 1.0)
    assert "stale" in repr(y)
    assert math.isnan(y.recompute().data)


def test_a_replay_lets_through_a_nan_set_before_the_block() -> None:
    x = Value(1.0)
    y = (x * 2.0) * 3.0
    x.data = NAN
    with detect_anomaly():
        assert math.isnan(y.recompute().data)


def test_infinities_and_domain_errors_are_no_anomalies() -> None:
    with detect_anomaly():
        assert (Value(1000.0).exp() + 1.0).data == INF
        with pytest.raises(DomainError):
            Value(0.0).log()
        x = Value(3.0)
        (x * x).backward()
    assert x.grad == 6.0


def test_the_block_ends_where_it_ends_also_after_an_error() -> None:
    x = Value(INF)
    for _ in range(3):
        with pytest.raises(AnomalyError), detect_anomaly(), detect_anomaly():
            x - x
        assert math.isnan((x - x).data)
        with pytest.raises(RuntimeError, match="mine"), detect_anomaly():
            raise RuntimeError("mine")
        assert math.isnan((x - x).data)
    assert watching.observers == []


def test_an_inner_block_does_not_end_the_outer_one() -> None:
    x = Value(INF)
    with detect_anomaly():
        with detect_anomaly():
            pass
        with pytest.raises(AnomalyError):
            x - x


def test_another_thread_is_not_watched() -> None:
    x = Value(INF)
    found: list[float] = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: found.append((x - x).data))
        thread.start()
        thread.join()
    assert math.isnan(found[0])


def test_copies_of_a_nan_are_copies() -> None:
    import copy
    import pickle

    y = Value(INF) - INF
    with detect_anomaly():
        for twin in (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
            assert math.isnan(twin.data)


# --- recording_lines ------------------------------------------------------------------------------


def user_function(x: Value) -> Value:
    return x.tanh() * 2  # both nodes are of this line


def test_each_new_node_knows_the_users_line() -> None:
    with recording_lines() as lines:
        x, first = Value(1.0), here()
        y, second = x * x + 1, here()
        z, third = ag.logsumexp([y, x, 2.0]), here()
        w = user_function(z)
    assert lines[x] == f"{__file__}:{first}"
    assert lines[y] == lines[y.operands[0]] == f"{__file__}:{second}"
    assert lines[z] == f"{__file__}:{third}"
    assert lines[w] == lines[w.operands[0]] == f"{__file__}:{user_function.__code__.co_firstlineno + 1}"
    assert set(lines) == set(topological_order((w,)))


OPERATIONS: list[Callable[[Value], Any]] = [
    lambda x: x + 1, lambda x: 1 + x, lambda x: x - 1, lambda x: 1 - x, lambda x: x * 2, lambda x: 2 * x,
    lambda x: x / 2, lambda x: 2 / x, lambda x: x**2, lambda x: 2**x, lambda x: -x, lambda x: abs(x),
    lambda x: x.sin(), lambda x: ag.sin(x), lambda x: ag.softmax([x, 1.0])[0], lambda x: np.float64(2) * x,
    lambda x: x * np.array(2.0), lambda x: (np.array([x, x]) * 2)[0], lambda x: np.exp(np.array([x]))[0],
    lambda x: np.array([[1.0, 2.0]]) @ np.array([x, x]), lambda x: sum([x, x]),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_operation_makes_the_node(operation: Callable[[Value], Any]) -> None:
    x = Value(0.5)
    with recording_lines() as lines:
        operation(x)
    first = operation.__code__.co_firstlineno
    assert lines
    assert set(lines.values()) == {f"{__file__}:{first}"}


def test_nodes_made_outside_the_block_are_not_in_it() -> None:
    x = Value(1.0)
    with recording_lines() as lines:
        y = x * 2
    z = y * 2
    assert set(lines) == {y}
    assert x not in lines
    assert z not in lines


def test_blocks_nest_and_each_has_its_own_nodes() -> None:
    x = Value(1.0)
    with recording_lines() as outer:
        a = x + 1
        with recording_lines() as inner:
            b = x + 2
        c = x + 3
    assert (set(outer), set(inner)) == ({a, b, c}, {b})
    assert watching.observers == []


def test_another_threads_nodes_are_not_recorded() -> None:
    x = Value(1.0)
    made: list[Value] = []
    with recording_lines() as lines:
        thread = threading.Thread(target=lambda: made.append(x * 2))
        thread.start()
        thread.join()
    assert not lines


def test_two_threads_record_each_their_own() -> None:
    results: list[bool] = []

    def work() -> None:
        with recording_lines() as lines:
            made = [Value(float(n)) * 2 for n in range(200)]
        results.append(set(lines) == {each for node in made for each in (node, node.operands[0])})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_both_blocks_work_together_and_the_culprit_is_recorded() -> None:
    x = Value(INF)
    with pytest.raises(AnomalyError), recording_lines() as lines, detect_anomaly():
        x + 1
        x - x
    assert [node.op for node in lines] == [ag.add, ag.sub]


def test_sweeps_and_replays_make_no_nodes() -> None:
    x = Value(1.0)
    y = x * 2
    with recording_lines() as lines:
        y.backward()
        x.data = 2.0
        y.recompute()
        repr(y)
        y.zero_grad()
    assert not lines
