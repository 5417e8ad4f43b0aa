"""Paths: listed, counted, ranked, summed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from autograd_core import Graph, NoPathError, Paths, Value, parse, paths


def layered(rng: np.random.Generator, depth: int = 4, width: int = 3) -> tuple[Value, Value]:
    x = Value(1.0, "x")
    layer = [x * float(w) for w in rng.normal(size=width)]
    for _ in range(depth - 1):
        layer = [sum((float(w) * node for w, node in zip(rng.normal(size=width), layer, strict=True)), layer[0] * 0.0)
                 for _ in range(width)]
    return x, sum(layer[1:], layer[0])


def test_example_2_has_two_paths_with_products_6_and_minus_1() -> None:
    x = Value(1.0, "x")
    a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    found = paths((2 * a_1 + a_2).named("y"), x)
    assert [path.product for path in found] == [6.0, -1.0]
    assert (found.count, found.total, found.absolute_total, found.cancellation) == (2, 5.0, 7.0, 1.4)
    assert found.table().to_text().splitlines()[2:] == ["x → a₁ → y  (2)(3)             6",
                                                        "x → a₂ → y  (1)(-1)            -1"]


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_paths_are_the_head_of_the_sorted_list(seed: int) -> None:
    x, y = layered(np.random.default_rng(seed))
    found = paths(y, x, keep_all=True)
    every = sorted((abs(path.product) for path in found), reverse=True)
    assert len(every) == found.count
    assert [abs(path.product) for path in found.largest(10)] == pytest.approx(every[:10])
    assert found.total == pytest.approx(math.fsum(path.product for path in found))
    assert found.absolute_total == pytest.approx(math.fsum(every))


def test_two_to_the_thirtieth_paths_are_counted_and_ranked_without_listing() -> None:
    x = Value(1.0, "x")
    node = x
    for _ in range(30):
        node = node + node
    found = paths(node, x, keep_all=True)
    assert found.count == 2**30
    assert found.total == 2.0**30
    assert [path.product for path in found.largest(3)] == [1.0, 1.0, 1.0]
    assert len(list(itertools.islice(found, 5))) == 5


def test_cancellation_tells_how_many_digits_are_lost() -> None:
    x = Value(1.0, "x")
    y = 1e10 * x - (1e10 - 1) * x
    assert paths(y, x, keep_all=True).cancellation == pytest.approx(2e10)
    assert paths(2 * x - 2 * x, x, keep_all=True).cancellation == math.inf


def test_paths_of_a_text_without_numbers_have_symbols_only() -> None:
    (path,) = paths(parse("y = w*a; a = v*x").graph(), "x")
    assert path.product is None
    assert [edge.symbol.text for edge in path.edges] == ["w", "v"]


def test_no_path_is_an_error_that_says_the_derivative_is_0() -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    with pytest.raises(NoPathError, match=r"dz/dy = 0: y is not part of the graph of z"):
        paths((2 * x).named("z"), y)
    both = Graph([(2 * x).named("u"), (3 * y).named("v")])
    with pytest.raises(NoPathError, match="du/dy = 0: no path leads from y to u"):
        Paths(both, both.index("u"), both.index("y"))


def test_an_end_that_wrt_hides_is_named() -> None:
    graph = parse("y = 2*x*w").graph(wrt="x")
    with pytest.raises(NoPathError, match="w is not shown in the graph as seen from x"):
        Paths(graph, graph.index("y"), graph.index("w"))


def test_a_path_of_100_000_edges_is_listed() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(100_000):
        y = y * 1.0
    (path,) = paths(y, x, keep_all=True)
    assert (len(path.edges), path.product) == (100_000, 1.0)
