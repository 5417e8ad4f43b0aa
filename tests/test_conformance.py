"""The lecture, row by row: what its slides print is what this package computes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from autograd_core import Value
from viz.lecture import (
    CATALOGUE,
    backward,
    example_1,
    example_2,
    example_3,
    forward,
    mini_network,
    scalar_network,
    three_steps,
)
from viz.rendering.inspection import faults

WORKED = [row for row in CATALOGUE if row.example]


def test_all_24_rows_have_a_place_in_their_order() -> None:
    assert [row.number for row in CATALOGUE] == list(range(1, 25))
    assert len({row.id for row in CATALOGUE}) == 24
    assert [row.number for row in WORKED] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 20, 21, 22]


@pytest.mark.parametrize("row", WORKED, ids=lambda row: row.id)
def test_every_published_number_and_line_comes_out(row) -> None:
    assert row.published, "a worked row without anything to hold it against proves nothing"
    assert {check.what: (check.expected, check.shown) for check in row.checks() if not check.passed} == {}


@pytest.mark.parametrize("row", WORKED, ids=lambda row: row.id)
def test_no_picture_has_an_overlap_or_a_clipped_label(row) -> None:
    for picture in row.example().pictures:
        assert faults(picture.scene) == []


@pytest.mark.parametrize("row", WORKED, ids=lambda row: row.id)
def test_the_code_shown_is_the_code_that_ran(row) -> None:
    namespace: dict[str, object] = dict(vars(__import__(row.example.__module__, fromlist=["_"])))
    exec(compile("from __future__ import annotations\n" + row.example().code, "shown", "exec"), namespace)
    again = namespace[row.example.__name__]()
    assert again.results == row.example().results


def test_a_wrong_number_is_not_passed() -> None:
    from viz.lecture import Check

    assert not Check("dy/dx", "0.0829875535", 0.0829875635).passed
    assert not Check("dy/dx", "6", 6.2).passed
    assert not Check("rule", "a b", "a c").passed
    assert not Check("dy/dx", "6", None).passed


def by_differences(f, at: list[float], index: int) -> float:
    def shifted(step: float) -> float:
        moved = list(at)
        moved[index] += step
        return f(*moved)

    h = 1e-5
    return (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h)


@pytest.mark.parametrize("x", [-2.0, 0.0, 0.3, 1e6])
def test_the_first_two_examples_are_linear_in_x(x: float) -> None:
    assert example_1(x).results["dy/dx"] == 6.0
    assert example_2(x).results["dy/dx"] == 5.0
    assert example_2(x).y.data == pytest.approx(5 * x)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 12, 30])
def test_example_3_holds_for_any_number_of_paths(n: int) -> None:
    example = example_3(x=1.5, n=n)
    assert example.results["dy/dx"] == pytest.approx(math.fsum(0.1 * j * 0.2 * j for j in range(1, n + 1)))
    i = min(2, n)
    assert example.results["dy/dw_i^(2)"] == f"a_{i}"
    assert example.results["dy/dw_i^(1)"] == f"w_{i}^(2) x"
    if n >= 3:
        assert example.results["general term"] == f"sum_{{j=1}}^{{{n}}} w_j^(2) w_j^(1)"


@pytest.mark.parametrize("seed", range(5))
def test_the_scalar_network_matches_finite_differences_elsewhere(seed: int) -> None:
    at = list(np.random.default_rng(seed).normal(size=4))

    def error(w_1: float, w_2: float, z_0: float, y: float) -> float:
        def sigma(a: float) -> float:
            return 1 / (1 + math.exp(-a))

        return 0.5 * (sigma(w_2 * sigma(w_1 * z_0)) - y) ** 2

    results = scalar_network(*at).results
    assert results["E"] == pytest.approx(error(*at))
    assert results["dE/dw_1"] == pytest.approx(by_differences(error, at, 0), rel=1e-7, abs=1e-10)
    assert results["dE/dw_2"] == pytest.approx(by_differences(error, at, 1), rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_mini_network_is_its_matrix_form_elsewhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, W, w, y = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=3), float(rng.normal())
    z = np.tanh(W @ x)
    delta = (w @ z - y) * w * (1 - z * z)
    results = mini_network(x, W, w, y).results
    assert [results[f"dE/da_{i}"] for i in range(3)] == pytest.approx(list(delta))
    assert [results[f"dE/dw_{i}"] for i in range(3)] == pytest.approx(list((w @ z - y) * z))
    assert results["largest |dE/dw_ij - dE/da_i x_j|"] < 1e-14


@pytest.mark.parametrize("units", [(1, 1), (3, 2, 1), (2, 4, 3, 2, 1)])
def test_the_quick_reference_holds_for_networks_of_any_depth(units: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(units))
    W = [rng.normal(size=(after, before)) for before, after in itertools.pairwise(units)]
    X, Y = rng.normal(size=(4, units[0])), rng.normal(size=4)
    ahead, back = forward(X[0], W).results, backward(X[0], Y[0], W).results
    assert max(results[name] for results in (ahead, back) for name in results if name.startswith("largest")) < 1e-15
    assert back["steps"].count(", ") == 2 * len(W)

    def error(*first_row: float) -> float:
        z = np.array([first_row, *W[0][1:]]) @ X[0]
        for later in W[1:]:
            z = later @ (1 / (1 + np.exp(-z)))
        return 0.5 * (1 / (1 + math.exp(-z[0])) - Y[0]) ** 2

    slope = by_differences(error, list(W[0][0]), 0)
    assert back["dE/dw_11^(1)"] == pytest.approx(slope, rel=1e-7, abs=1e-10)
    batch = three_steps(X, Y, W).results
    alone = [backward(x, y, W).results["dE/dw_11^(1)"] for x, y in zip(X, Y, strict=True)]
    assert batch["sum of dE_n/dw_11^(1)"] == pytest.approx(math.fsum(alone))
    assert batch["mean of dE_n/dw_11^(1)"] == pytest.approx(math.fsum(alone) / 4)


def test_the_nodes_of_an_example_are_its_attributes() -> None:
    example = example_2(x=1.0)
    assert isinstance(example.a_1, Value)
    with pytest.raises(AttributeError, match="its nodes are x, a_1, a_2, y"):
        _ = example.q
