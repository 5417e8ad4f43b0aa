"""A chain of a million links and a sum of a million terms: nothing recurses, and nothing is left behind.

One test per graph, because building and releasing it is part of what is tested.  The cyclic collector is
off meanwhile; what it then finds would be a cycle.
"""

import copy
import gc
import pickle
import sys
from collections.abc import Callable, Iterator

import pytest

import autograd_core as ag
from autograd_core.errors import StaleGraphError
from autograd_core.value import Value

MILLION = 10**6


@pytest.fixture(autouse=True)
def no_cycles() -> Iterator[None]:
    """Nothing in the test may wait for the collector, and a recursion of a few hundred calls fails."""
    gc.collect()
    gc.disable()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        left = gc.collect()
        gc.enable()
        assert left == 0, f"{left} objects waited for the cyclic collector"


def chain() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    y = x
    for _ in range(MILLION):
        y = y + 1.0
    return x, y


def additions() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    y = x
    for _ in range(MILLION):
        y = y + Value(1.0)
    return x, y


def one_total() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    return x, ag.total([x] + [Value(1.0) for _ in range(MILLION)])


each_graph = pytest.mark.parametrize("build", [chain, additions, one_total])


@each_graph
def test_a_million_links_or_terms_forward_backward_repr_recompute_and_release(
    build: Callable[[], tuple[Value, Value]],
) -> None:
    x, y = build()
    assert y.data == MILLION + 1.0
    y.backward()
    assert x.grad == 1.0
    assert repr(y) == f"Value({MILLION + 1.0}, grad=1.0)"
    x.data = 2.0
    assert repr(y) == f"Value({MILLION + 1.0}, grad=1.0, stale)"
    with pytest.raises(StaleGraphError, match="'x'"):
        y.backward()
    assert y.recompute().data == MILLION + 2.0
    before = sys.getrefcount(x)
    del y
    assert sys.getrefcount(x) == before - 1


@each_graph
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y))], ids=["deepcopy", "pickle"])
def test_a_million_links_or_terms_are_copied_and_released(
    build: Callable[[], tuple[Value, Value]], duplicate: Callable[[Value], Value]
) -> None:
    x, y = build()
    references = sys.getrefcount(x)
    twin = duplicate(y)
    assert sys.getrefcount(x) == references
    assert copy.copy(y).operands == y.operands
    del y
    assert sys.getrefcount(x) == references - 1
    twin.backward()
    assert (twin.data, twin.grad, x.grad) == (MILLION + 1.0, 1.0, 0.0)


def test_no_ordinary_use_of_a_graph_leaves_anything_for_the_collector() -> None:
    x, w = Value(0.5, "x"), Value(2.0, "w")
    for _ in range(20):
        y = ag.logsumexp([(w * x).tanh(), x**2, 3 / x, ag.maximum(x, w), abs(x)])
        y.backward()
        w.data = w.data + 0.125
        with pytest.raises(StaleGraphError):
            y.backward()
        y.recompute().zero_grad()
        twin = pickle.loads(pickle.dumps(copy.deepcopy(y)))
        assert repr(twin) == repr(y)
        with pytest.raises(TypeError):
            y + "1"
        with pytest.raises(ValueError, match="log"):
            (x * 0.0).log()
        assert gc.collect() == 0
