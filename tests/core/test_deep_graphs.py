"""A chain of a million links and a sum of a million terms: nothing recurses, and nothing is left behind.

The cyclic collector is off meanwhile; what it finds afterwards would be a cycle.
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
        y = -y
    return x, y


def additions() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    terms = [x, *(Value(0.0) for _ in range(999))]
    return x, sum(terms * (MILLION // 1000), Value(0.0)) * 1e-3


def one_total() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    return x, ag.total([x, *(Value(0.0) for _ in range(MILLION))])


@pytest.mark.parametrize("build", [chain, additions, one_total])
def test_a_million_links_or_terms(build: Callable[[], tuple[Value, Value]]) -> None:
    x, y = build()
    references = sys.getrefcount(x)
    assert y.data == 1.0
    y.backward()
    assert x.grad == pytest.approx(1.0, rel=1e-12)
    assert copy.copy(y).operands == y.operands
    assert copy.deepcopy(y).data == 1.0
    assert pickle.loads(pickle.dumps(y)).grad == 1.0
    x.data = 2.0
    assert repr(y) == "Value(1.0, grad=1.0, stale)"
    assert y.recompute().data == 2.0
    assert sys.getrefcount(x) == references
    del y
    assert sys.getrefcount(x) == 2  # its name here, and the argument of getrefcount


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
