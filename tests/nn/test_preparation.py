"""Checks, splits, standardization and shifts: as properties, and what they refuse by its words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autograd_core import Value
from nn.data import moons
from nn.errors import DataError, SettingError, ShapeError
from nn.preparation import Standardization, examples, one_pixel_shifts, paired, split, targets

NAN, INF = math.nan, math.inf
MISSING = "Leave such rows out of X and y, or fill in what is missing."
CATEGORY = "A category becomes one column of 0 and 1 for each of its values."


class Frame:
    """A table that becomes an array as a DataFrame does, of objects where its columns are of several kinds."""

    def __init__(self, rows: Any, dtype: Any = object) -> None:
        self.table = np.array(rows, dtype=dtype)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return self.table if dtype is None else self.table.astype(dtype)


class Sparse:
    """What a sparse matrix shows of itself."""

    def toarray(self) -> None: ...

    def __repr__(self) -> str:
        return "<sparse>"


TABLES = [
    [[1, 2], [3, 4]],
    ((1.0, 2.0), (3.0, 4.0)),
    [np.array([1, 2]), (3, 4)],
    np.array([[1, 2], [3, 4]]),
    np.array([[1, 2], [3, 4]], dtype=np.uint8),
    np.array([[1, 2], [3, 4]], dtype=np.float32),
    np.array([[1, 2], [3, 4.0]], dtype=object),
    np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]),
    np.ma.masked_equal([[1, 2], [3, 4]], 99),
    Frame([[1, 2.0], [3, 4.0]]),
    Frame([[1, 2], [3, 4]], float),
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table).__name__)
def test_every_kind_of_table_is_the_same_examples(table: Any) -> None:
    found = examples(table)
    assert (found.dtype, found.tolist()) == (np.float64, [[1, 2], [3, 4]])


def test_examples_of_float64_are_not_copied_and_never_changed() -> None:
    X = np.array([[1.0, 2.0]])
    assert examples(X) is X


@pytest.mark.parametrize(
    "given_targets, dtype, found",
    [
        ([0, 1, 2], np.int64, [0, 1, 2]),
        ((True, False), np.int64, [1, 0]),
        (np.array([0, 255], dtype=np.uint8), np.int64, [0, 255]),  # left as uint8, 2 y - 1 would wrap
        (np.array([0, 1], dtype=object), np.int64, [0, 1]),
        (Frame([0, 1]), np.int64, [0, 1]),
        ([-1.0, 1.0], np.float64, [-1, 1]),
        ([1, 2.5], np.float64, [1, 2.5]),
        (np.array([1, 2], dtype=np.float32), np.float64, [1, 2]),
        ([[1], [0]], np.int64, [[1], [0]]),
        ([[0.5, 1], [2, 3]], np.float64, [[0.5, 1], [2, 3]]),
        ([2**70, 1], np.float64, [2.0**70, 1]),
    ],
)
def test_whole_targets_stay_whole_and_others_become_floats(given_targets: Any, dtype: Any, found: Any) -> None:
    y = targets(given_targets)
    assert (y.dtype, y.tolist()) == (dtype, found)


X_SHAPE = "X must have one row per example and one column per feature; got "
EMPTY = "X must hold at least one number; got the shape {}. Check how it was read."
BAD_EXAMPLES: list[tuple[Any, str]] = [
    ([], EMPTY.format("(0,)")),
    ([[]], EMPTY.format("(1, 0)")),
    (np.zeros((0, 3)), EMPTY.format("(0, 3)")),
    (np.zeros((3, 0)), EMPTY.format("(3, 0)")),
    (3.0, "X must hold one row per example; got 3.0. Write a list or an array."),
    ("data.csv", "X must hold one row per example; got 'data.csv'. Write a list or an array."),
    (None, "X must hold one row per example; got None. Write a list or an array."),
    ({1.0}, "X must hold one row per example; got {1.0}. Write a list or an array."),
    (Sparse(), "X must hold one row per example; got <sparse>. Write X.toarray()."),
    ([1, 2, 3], X_SHAPE + "one dimension of length 3. With np.asarray, X[:, None] is 3 examples of one feature and "
     "X[None, :] one example of 3 features."),
    (np.zeros((5, 8, 8)), X_SHAPE + "the shape (5, 8, 8). With np.asarray, X.reshape(5, -1) lays each example out "
     "in one row."),
    ([[1, 2], [3, 4], [5]],
     "X must have rows of equal length; row 2 (counted from 0) has 1 number, row 0 has 2 numbers."),
    (([1], (1, 2)), "X must have rows of equal length; row 1 (counted from 0) has 2 numbers, row 0 has 1 number."),
    ([np.zeros(3), np.zeros(2)],
     "X must have rows of equal length; row 1 (counted from 0) has 2 numbers, row 0 has 3 numbers."),
    (np.array([[1, 2], [3]], dtype=object),
     "X must have rows of equal length; row 1 (counted from 0) has 1 number, row 0 has 2 numbers."),
    ([[1, 2], 3], "X must have rows of equal length; row 1 (counted from 0) has no list but 3, row 0 has 2 numbers."),
    ([[1, [2]], [3, 4]], "X must have rows of equal length; its rows hold lists where numbers belong."),
    ([[1, 2], [3, NAN]], f"X must hold finite numbers; row 1, column 1 (counted from 0) is nan. {MISSING}"),
    ([[INF, 2], [NAN, -INF]],
     f"X must hold finite numbers; row 0, column 0 (counted from 0) is inf, the first of 3 that are not. {MISSING}"),
    ([[1, NAN], [NAN, 2]],
     f"X must hold finite numbers; row 0, column 1 (counted from 0) is nan, the first of 2 that are not. {MISSING}"),
    (np.ma.masked_equal([[1, 2], [3, 4]], 3),
     f"X must hold finite numbers; row 1, column 0 (counted from 0) is nan. {MISSING}"),
    ([[1, 2], [None, 3]], f"X must hold real numbers; row 1, column 0 (counted from 0) is None. {MISSING}"),
    ([[1, 2], [3, "a"]], f"X must hold real numbers; row 1, column 1 (counted from 0) is 'a'. {CATEGORY}"),
    ([[1, "2"]], f"X must hold real numbers; row 0, column 1 (counted from 0) is '2'. {CATEGORY}"),
    (Frame([[1, "red"]]), f"X must hold real numbers; row 0, column 1 (counted from 0) is 'red'. {CATEGORY}"),
    (np.array([["a", "b"]]), f"X must hold real numbers; row 0, column 0 (counted from 0) is 'a'. {CATEGORY}"),
    ([[Value(1.0)]], "X must hold real numbers; row 0, column 0 (counted from 0) is Value(1.0). Write a float."),
    ([[1, 1j]], "X must hold real numbers; got an array of complex128. Write it as floats."),
    (np.zeros((2, 2), dtype="datetime64[s]"),
     "X must hold real numbers; got an array of datetime64[s]. Write it as floats."),
]


@pytest.mark.parametrize("X, message", BAD_EXAMPLES, ids=[message[:70] for _, message in BAD_EXAMPLES])
def test_examples_that_cannot_be_learned_from_are_refused(X: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        examples(X)
    assert str(caught.value) == message
    with pytest.raises(DataError) as renamed:
        examples(X, "X_val")
    assert str(renamed.value).startswith("X_val must")


NUMBER_THEM = "Number the classes: classes, y = np.unique(y, return_inverse=True)."
BAD_PAIRS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: paired([[1], [2]], [0]), DataError,
     "X and y must have one row per example each; got the shapes (2, 1) and (1,). Transpose what has its examples as "
     "columns, or leave out the rows without a partner."),
    (lambda: paired([[1], [2]], [0], names=("X_val", "y_val")), DataError,
     "X_val and y_val must have one row per example each; got the shapes (2, 1) and (1,). Transpose what has its "
     "examples as columns, or leave out the rows without a partner."),
    (lambda: targets(["a", "b"]), DataError,
     f"y must hold real numbers; entry 0 (counted from 0) is 'a'. {NUMBER_THEM}"),
    (lambda: targets([0, 1, None]), DataError,
     f"y must hold real numbers; entry 2 (counted from 0) is None. {MISSING}"),
    (lambda: targets([0.0, NAN]), DataError, f"y must hold finite numbers; entry 1 (counted from 0) is nan. {MISSING}"),
    (lambda: targets([[0.0, 1.0], [INF, 2.0]]), DataError,
     f"y must hold finite numbers; row 1, column 0 (counted from 0) is inf. {MISSING}"),
    (lambda: targets([]), DataError, "y must hold at least one number; got the shape (0,). Check how it was read."),
    (lambda: targets(1), DataError, "y must hold one row per example; got 1. Write a list or an array."),
    (lambda: targets([[1], [2, 3]]), DataError,
     "y must have rows of equal length; row 1 (counted from 0) has 2 numbers, row 0 has 1 number."),
    (lambda: targets(np.zeros((4, 2, 2))), DataError,
     "y must have one label or one row of targets per example; got the shape (4, 2, 2). With np.asarray, "
     "y.reshape(4, -1) lays each example's targets out in one row."),
    (lambda: split(np.eye(4), [0, 0, 1, 1], test_share=2), SettingError,
     "test_share must be between 0 and 1, both excluded; got 2. It is the test part's share of the examples: "
     "test_share=0.25 is a quarter of them."),
    (lambda: split(np.eye(4), [0, 0, 1, 1], test_share=NAN), SettingError,
     "test_share must be between 0 and 1, both excluded; got nan. It is the test part's share of the examples: "
     "test_share=0.25 is a quarter of them."),
    (lambda: split(np.eye(3), [0, 0, 1], test_share=0.1), DataError,
     "Both parts must hold at least one example; test_share=0.1 of 3 rounds to 0 for the test part. "
     "Take another share or more examples."),
    (lambda: split([[1.0]], [0]), DataError,
     "Both parts must hold at least one example; test_share=0.25 of 1 rounds to 0 for the test part. "
     "Take another share or more examples."),
    (lambda: split(np.eye(8), [0, 0, 0, 0, 0, 0, 0, 7], stratify=True), DataError,
     "stratify=True needs every class in both parts; of the 1 with the label 7, 0 would be in the test part. "
     "Take another test_share or more examples of it; for targets that are no labels, leave stratify out."),
    (lambda: split(np.eye(3), np.eye(3), stratify=True), DataError,
     "stratify=True needs one label per example; got y of shape (3, 3). For columns of 0 and 1 write "
     "split(X, y.argmax(axis=1), ...)."),
    (lambda: Standardization.of([[1.0, 2.0]]), DataError,
     "X_train must hold at least two examples; got one, whose columns have no deviation."),
    (lambda: Standardization.of(np.eye(2)).transform(np.eye(3)), ShapeError,
     "This standardization was fitted on 2 columns; got X of shape (3, 3). Give the same columns in the same order."),
    (lambda: Standardization.of([[1.0], [2.0]]).inverse(np.eye(3)), ShapeError,
     "This standardization was fitted on 1 column; got Z of shape (3, 3). Give the same columns in the same order."),
    (lambda: one_pixel_shifts(np.eye(3), [0, 1, 2]), ShapeError,
     "shape=(8, 8) must multiply to the columns of X; got X of shape (3, 3). "
     "Write shape=(rows, columns) of one image."),
    (lambda: one_pixel_shifts(np.eye(4), range(4), shape=(-2, -2)), ShapeError,
     "shape=(-2, -2) must multiply to the columns of X; got X of shape (4, 4). "
     "Write shape=(rows, columns) of one image."),
]


@pytest.mark.parametrize("call, error, message", BAD_PAIRS, ids=[message[:70] for *_, message in BAD_PAIRS])
def test_what_cannot_be_prepared_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.1, 0.9)


@given(count=st.integers(10, 60), share=shares, seed=seeds)
def test_a_split_parts_the_examples_and_keeps_each_with_its_target(count: int, share: float, seed: int) -> None:
    X, y = np.arange(count)[:, None], np.arange(count) + 1000
    X_train, X_test, y_train, y_test = split(X, y, share, rng=seed)
    assert sorted([*X_train[:, 0], *X_test[:, 0]]) == list(range(count))
    assert np.array_equal(X_train[:, 0] + 1000, y_train) and np.array_equal(X_test[:, 0] + 1000, y_test)
    assert len(X_test) == len(y_test) and abs(len(X_test) - share * count) <= 0.5


@given(members=st.lists(st.integers(20, 60), min_size=1, max_size=5), share=shares, seed=seeds)
def test_a_stratified_split_keeps_every_share_within_one_example(members: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(members)), members))
    X = np.arange(len(labels))[:, None]
    X_train, X_test, y_train, y_test = split(X, labels, share, stratify=True, rng=seed)
    assert sorted([*X_train[:, 0], *X_test[:, 0]]) == list(range(len(labels)))
    assert np.array_equal(labels[X_test[:, 0].astype(int)], y_test)
    assert len(y_test) == round(share * len(labels))
    exact = np.array(members) * len(y_test) / len(labels)
    assert (np.abs(np.bincount(y_test, minlength=len(members)) - exact) < 1).all()
    assert set(y_train) == set(y_test) == set(range(len(members)))


def test_the_places_left_over_go_to_the_largest_remainders() -> None:
    labels = np.repeat([-1, 0, 1], [5, 3, 2])  # times 5/10: 2.5, 1.5, 1.0, and the tie goes to the smaller label
    _, _, _, y_test = split(np.arange(10)[:, None], labels, 0.5, stratify=True)
    assert [int((y_test == label).sum()) for label in (-1, 0, 1)] == [3, 1, 1]
    labels = np.repeat([0, 1, 2], [7, 6, 3])  # times 4/16: 1.75, 1.5, 0.75
    _, _, _, y_test = split(np.arange(16)[:, None], labels, 0.25, stratify=True)
    assert np.bincount(y_test).tolist() == [2, 1, 1]


@pytest.mark.parametrize("stratify", [False, True])
def test_a_seed_is_one_split_and_another_seed_another(stratify: bool) -> None:
    X, y = moons()
    first, again, other = (split(X, y, stratify=stratify, rng=rng) for rng in (1, np.random.default_rng(1), 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_every_example_is_as_likely_as_any_other_to_be_tested() -> None:
    y = np.repeat([0, 1], [12, 8])
    tested = np.zeros(20)
    for seed in range(400):
        _, X_test, _, _ = split(np.arange(20)[:, None], y, 0.25, stratify=True, rng=seed)
        tested[X_test[:, 0].astype(int)] += 1
    assert tested / 400 == pytest.approx(0.25, abs=0.1)  # 4.6 standard deviations


def test_a_split_leaves_its_input_alone() -> None:
    X, y = moons()
    kept = X.copy(), y.copy()
    X_train, *_ = split(X, y)
    X_train[:] = 0
    assert np.array_equal(X, kept[0]) and np.array_equal(y, kept[1])


tables = arrays(np.float64, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=st.integers(-1000, 1000))


@given(X=tables, offset=st.sampled_from([0.0, 0.1, 1e6]), scale=st.sampled_from([1.0, 0.1, 1e-6, 1e6]))
def test_the_training_part_gets_mean_0_and_variance_1_and_constant_columns_0(
    X: Any, offset: float, scale: float
) -> None:
    constant = np.ptp(X, axis=0) == 0
    X = (X + offset) * scale
    standardization = Standardization.of(X)
    Z = standardization.transform(X)
    assert Z.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert Z.var(axis=0) == pytest.approx(np.where(constant, 0, 1), abs=1e-6)
    assert (Z[:, constant] == 0).all() and (standardization.deviation[constant] == 0).all()
    assert standardization.inverse(Z) == pytest.approx(X, rel=1e-12, abs=1e-9 * scale)


@given(X=tables)
def test_standardization_is_scikit_learns_where_columns_vary(X: Any) -> None:
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler().fit(X)
    varying = np.ptp(X, axis=0) > 0
    found = Standardization.of(X)
    assert found.mean == pytest.approx(scaler.mean_, abs=1e-9)
    assert found.deviation[varying] == pytest.approx(scaler.scale_[varying])
    new = np.full((1, X.shape[1]), 17.0)
    assert found.transform(new)[:, varying] == pytest.approx(scaler.transform(new)[:, varying], abs=1e-9)


def test_a_column_constant_in_training_is_0_in_the_test_part_too() -> None:
    X = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 6.0]])
    assert X.mean(axis=0)[0] != 0.1  # summed and divided, a constant is not its own mean
    standardization = Standardization.of(X)
    assert standardization.transform([[5.0, 3.0]]).tolist() == [[0.0, 0.0]]
    assert standardization.inverse([[3.0, 0.0]]).tolist() == [[0.1, 3.0]]


images = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 16))
)


@given(stack=images)
def test_shifts_are_rolled_images_with_the_wrapped_edge_blanked(stack: Any) -> None:
    count, rows, columns = stack.shape
    labels = np.arange(count)
    moved, repeated = one_pixel_shifts(stack.reshape(count, -1), labels, (rows, columns))
    up, down, left, right = (np.roll(stack, step, axis) for axis in (1, 2) for step in (-1, 1))
    up[:, -1, :], down[:, 0, :], left[:, :, -1], right[:, :, 0] = 0, 0, 0, 0
    expected = np.concatenate([stack, up, down, left, right]).reshape(5 * count, -1)
    assert np.array_equal(moved, expected)
    assert repeated.tolist() == labels.tolist() * 5


def test_shifts_repeat_rows_of_targets_too() -> None:
    _, y = one_pixel_shifts([[1.0], [2.0]], [[0.0, 1.0], [1.0, 0.0]], shape=(1, 1))
    assert y.tolist() == [[0, 1], [1, 0]] * 5
