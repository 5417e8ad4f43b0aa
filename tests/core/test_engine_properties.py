"""The engine under random expressions: every way to a derivative is the same one, by this package's own strategies."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given, settings

import autograd_core as ag
from autograd_core import Graph, Value, backward_events, grad, jvp, parse, paths
from autograd_core.testing import Expression, gradcheck, oracles
from autograd_core.testing.strategies import expressions
from autograd_core.value import topological_order

smooth = given(expressions(max_ops=8))
any_point = given(expressions(max_ops=8, kinks="allow"))


def gradients(f: Expression) -> list[float]:
    leaves = [Value(x) for x in f.point]
    f(*leaves).backward()
    return [leaf.grad for leaf in leaves]


@smooth
def test_the_checker_confirms_every_gradient_at_smooth_points(f: Expression) -> None:
    assert set(gradcheck(f, *f.point).verdicts.values()) <= {"pass"}


@any_point
def test_at_any_point_a_gradient_passes_or_is_at_a_kink(f: Expression) -> None:
    assert set(gradcheck(f, *f.point).verdicts.values()) <= {"pass", "kink"}


@settings(max_examples=40)
@smooth
def test_all_oracles_that_apply_agree_with_the_engine(f: Expression) -> None:
    report = oracles(f, *f.point)
    assert report, str(report)


@smooth
def test_the_events_and_the_transforms_are_the_backward_pass(f: Expression) -> None:
    found = gradients(f)
    y = f.record()
    y.backward()
    assert list(backward_events(y).adjoints().values()) == [node.grad for node in topological_order([y])]
    assert list(grad(f, tuple(range(len(f.point))))(*f.point)) == found
    value, slope = jvp(f, f.point, (1.0,) * len(f.point))
    assert value == y.data
    scale = sum(abs(node.grad) for node in topological_order([y]))
    assert slope == pytest.approx(math.fsum(found), rel=1e-9, abs=1e-12 * scale)


@smooth
def test_the_sum_over_paths_is_the_gradient_and_contraction_keeps_it(f: Expression) -> None:
    y = f.record()
    whole = Graph(y)
    of_y = whole.adjoints()
    for tail in whole.inputs:
        seen = whole.seen_from([tail])
        found = paths(seen, whole.name(tail).ascii)
        assert found.total == pytest.approx(of_y[tail], rel=1e-9, abs=1e-12 * found.absolute_total)
        contracted = seen.contract(keep=[])
        direct = sum(edge.partial for edge in contracted.edges)
        assert direct == pytest.approx(of_y[tail], rel=1e-9, abs=1e-12 * found.absolute_total)


@smooth
def test_text_copies_and_replays_give_the_same_numbers(f: Expression) -> None:
    y = f.record()
    again = parse(f.text)
    assert again[again.outputs[0]].data == pytest.approx(y.data, rel=1e-12)
    twin = copy.deepcopy(y)
    for leaf in (node for node in topological_order([twin]) if node.op is None):
        leaf.data = leaf.data
    assert twin.recompute().data == y.data
    assert f(*f.point) == y.data


@smooth
def test_second_derivatives_are_symmetric(f: Expression) -> None:
    count = len(f.point)
    hessian = ag.hessian(lambda x: f(*x))(list(f.point))
    # The entries may be sums of terms that cancel, which at these points are of unit size.
    scale = max(abs(each) for row in [*hessian, [1.0, f(*f.point)]] for each in row if math.isfinite(each))
    for i in range(count):
        for j in range(i):
            if math.isfinite(hessian[i][j]) and math.isfinite(hessian[j][i]):
                assert hessian[i][j] == pytest.approx(hessian[j][i], rel=1e-6, abs=1e-9 * scale)
