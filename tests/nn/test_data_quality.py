"""``data_report``: what it finds in tables with planted faults, and what it leaves alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nn import Standardization, digits, iris
from nn.data_quality import data_report
from nn.errors import DataError

CLEAN = np.random.default_rng(0).normal(size=(40, 3))
LABELS = np.arange(40) % 4


def test_clean_data_need_no_repair() -> None:
    found = data_report(CLEAN, LABELS)
    assert found.ok
    assert (found.missing, found.outliers, found.duplicates, found.constant_columns) == ((), (), (), ())
    assert found.classes == {"0": 10, "1": 10, "2": 10, "3": 10}
    assert found.verdict.startswith("Nothing has to be repaired.")


def test_every_fault_is_found_in_its_place() -> None:
    X = np.c_[CLEAN, np.full(40, 7.0), 1000.0 * CLEAN[:, 0]]
    X[5, 1], X[9, 2] = math.nan, math.inf
    X[20, 0] = 99.0
    X[31] = X[30]
    X[32] = X[30]
    found = data_report(X, LABELS, features=["a", "b", "c", "d", "e"], classes=["k", "l", "m", "n"])
    assert not found.ok
    assert found.missing == ((5, 1), (9, 2))
    assert found.outliers == ((20, 0),)
    assert found.constant_columns == ("d",)
    assert found.duplicates == found.contradictions == ((30, 31, 32),)
    assert found.classes == {"k": 10, "l": 10, "m": 10, "n": 10}
    assert found.scale_ratio > 50
    for said in ("2 missing numbers, the first in row 5, column 1 (b)",
                 "rows 30 = 31 = 32, equal examples with different labels", "use Standardization",
                 "1 constant column can be left out", "1 outlier"):
        assert said in found.verdict


def test_a_column_s_numbers_are_those_of_its_finite_entries() -> None:
    [column] = data_report([[1.0], [math.nan], [4.0], [-math.inf], [7.0]], [0.5, 1.0, 1.5, 2.0, 2.5]).columns
    assert (column.lowest, column.highest, column.mean, column.missing) == (1.0, 7.0, 4.0, (1, 3))
    assert column.deviation == pytest.approx(math.sqrt(6))


def test_a_column_without_numbers() -> None:
    found = data_report([[math.nan, 1.0], [math.nan, 2.0]], [0.0, 1.0])
    assert math.isnan(found.columns[0].mean)
    assert found.missing == ((0, 0), (1, 0))
    assert "nan" in str(found)


@pytest.mark.parametrize(("y", "classes", "is_labels"), [
    ([0, 1, 0, 1], (), True), ([True, False, True, True], (), True), ([0.0, 1.0, 0.0, 1.0], (), False),
    ([0.0, 1.0, 0.0, 1.0], ("no", "yes"), True), ([3, 5, 8, 9], (), False), ([[1, 0], [0, 1]] * 2, (), False),
    ([0, None, 0, 0], (), True), ([0, math.nan, 0, 1], ("no", "yes"), True),
])
def test_what_counts_as_labels(y: Any, classes: tuple[str, ...], is_labels: bool) -> None:
    found = data_report(CLEAN[:4], y, classes=classes)
    assert bool(found.classes) is is_labels
    assert bool(found.target_columns) is not is_labels


@pytest.mark.parametrize(("y", "classes", "said"), [
    ([0, 0, 0, 0], (), "all examples have the same target"),
    ([2.5] * 4, (), "all examples have the same target"),
    ([0, 0, 0, 0], ("no", "yes"), "there is no example of yes"),
    ([0, None, 0, 0], (), "1 missing number, the first in the label of row 1"),
    ([0.5, math.inf, 1.0, 2.0], (), "1 missing number, the first in row 1 of y"),
])
def test_targets_that_cannot_be_learned(y: Any, classes: tuple[str, ...], said: str) -> None:
    found = data_report(CLEAN[:4], y, classes=classes)
    assert not found.ok
    assert said in found.verdict


def test_repeated_inputs_with_different_numbers_are_no_contradiction() -> None:
    found = data_report([[1.0], [1.0], [2.0]], [0.1, 0.2, 0.3])
    assert found.duplicates == ((0, 1),)
    assert found.contradictions == ()
    assert found.ok


def test_imbalance_is_told() -> None:
    found = data_report(CLEAN, [0] * 36 + [1] * 4)
    assert "Always answering 0 is right for 90 %; the most frequent has 9 times as many examples" in found.verdict


def test_iris_as_it_is_known() -> None:
    X, y = iris()
    found = data_report(X, y, iris().features, iris().classes)
    assert found.duplicates == ((101, 142),)
    assert found.ok
    assert "use Standardization" in found.verdict
    assert found.classes == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert "use Standardization" not in data_report(Standardization.of(X).transform(X), y).verdict


def test_many_columns_are_not_all_printed() -> None:
    X, y = digits()
    found = data_report(X, y)
    assert found.constant_columns == ("x_1", "x_33", "x_40")
    assert "... 52 more" in str(found)
    assert len(str(found).splitlines()) < 45


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)),
                     elements=st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, math.inf, 1e308, -1e308])))
def test_any_table_of_floats_is_described(X: np.ndarray) -> None:
    found = data_report(X, np.zeros(len(X), dtype=int))
    assert found.missing == tuple(map(tuple, np.argwhere(~np.isfinite(X)).tolist()))
    rows = [tuple(row) for row in X.tolist()]
    equal = {tuple(at for at, other in enumerate(rows) if other == row) for row in rows if np.isfinite(row).all()}
    assert set(found.duplicates) == {group for group in equal if len(group) > 1}
    assert str(found)
    assert found._repr_html_()


def test_the_data_are_not_changed() -> None:
    X, y = CLEAN.copy(), LABELS.copy()
    X[0, 0] = math.nan
    before = X.copy()
    data_report(X, y)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(y, LABELS)


def test_names_are_escaped_in_html() -> None:
    assert "<script>" not in data_report([[1.0], [2.0]], [0.5, 1.0], features=["<script>"])._repr_html_()


BAD_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"X": CLEAN[:4], "y": LABELS}, "one row per example each; got the shapes (4, 3) and (40,)"),
    ({"X": CLEAN, "y": LABELS, "features": ["a"]}, "features must name each of the 3 columns of X; got 1 name: a."),
    ({"X": CLEAN, "y": LABELS, "classes": ["a", "b"]}, "y holds the labels 0 to 1; row 2 (counted from 0) has 2"),
    ({"X": [[1, 2], [3]], "y": [0, 1]}, "X must have rows of equal length"),
    ({"X": [["a"], ["b"]], "y": [0, 1]}, "X must hold real numbers; row 0, column 0 (counted from 0) is 'a'"),
    ({"X": CLEAN[:2], "y": ["a", "b"]}, "y must hold real numbers; entry 0 (counted from 0) is 'a'. Number the"),
    ({"X": [1.0, 2.0], "y": [0, 1]}, "X must have one row per example"),
    ({"X": [], "y": []}, "X must hold at least one number"),
]


@pytest.mark.parametrize("at", range(len(BAD_CALLS)))
def test_bad_calls_say_what_to_do(at: int) -> None:
    call, message = BAD_CALLS[at]
    with pytest.raises(DataError) as caught:
        data_report(**call)
    assert message in str(caught.value)
