"""Data made ready for training: checked, split into two parts, standardized, enlarged by shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.operand_checks import shown
from nn.errors import DataError, SettingError, ShapeError

Array = NDArray[Any]
Floats = NDArray[np.float64]


def examples(X: Any, what: str = "X") -> Floats:
    """The table X of shape (examples, features) as float64, one row per example; refused if it cannot be learned from.

    X is a list or tuple of rows, an array, or anything with ``__array__`` (a DataFrame); ``what`` names it in messages.
    An array of float64 is returned as it is, not copied.  Raises :class:`DataError` for empty, ragged or textual
    data, for nan and inf (row and column, counted from 0), and for a table of other than two dimensions.

    >>> examples([[1, 2], [3, 4], [5, 6]]).shape
    (3, 2)
    >>> examples([[1, 2], [3, float("nan")]])
    Traceback (most recent call last):
    nn.errors.DataError: X must hold finite numbers; row 1, column 1 (counted from 0) is nan. Leave such rows out ...
    """
    table = _array(X, what)
    if table.ndim == 1:
        raise DataError(
            f"{what} must have one row per example and one column per feature; got one dimension of length "
            f"{len(table)}. With np.asarray, {what}[:, None] is {len(table)} examples of one feature and "
            f"{what}[None, :] one example of {len(table)} features."
        )
    if table.ndim > 2:
        raise DataError(
            f"{what} must have one row per example and one column per feature; got the shape {table.shape}. "
            f"With np.asarray, {what}.reshape({len(table)}, -1) lays each example out in one row."
        )
    numbers = _real(table, what, "A category becomes one column of 0 and 1 for each of its values.")
    return _finite(numbers.astype(np.float64, copy=False), what)


def targets(y: Any, what: str = "y") -> Array:
    """The labels or targets y of shape (examples,) or (examples, outputs): integers as int64, others as float64.

    Integers and bools stay whole because they may be the labels of classes.  ``what`` names y in messages.
    Raises :class:`DataError` as :func:`examples` does.

    >>> targets([True, False, True])
    array([1, 0, 1])
    >>> targets(["setosa", "virginica"])
    Traceback (most recent call last):
    nn.errors.DataError: y must hold real numbers; entry 0 (counted from 0) is 'setosa'. Number the classes: ...
    """
    column = _array(y, what)
    if column.ndim > 2:
        raise DataError(
            f"{what} must have one label or one row of targets per example; got the shape {column.shape}. "
            f"With np.asarray, {what}.reshape({len(column)}, -1) lays each example's targets out in one row."
        )
    numbers = _real(column, what, f"Number the classes: classes, {what} = np.unique({what}, return_inverse=True).")
    return _finite(numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64, copy=False), what)


def paired(X: Any, y: Any, names: tuple[str, str] = ("X", "y")) -> tuple[Floats, Array]:
    """X and y as :func:`examples` and :func:`targets` give them, once they are of equal length.

    ``names`` are what messages call them.  Raises :class:`DataError`.

    >>> paired([[1, 2], [3, 4]], [0, 1, 1])
    Traceback (most recent call last):
    nn.errors.DataError: X and y must have one row per example each; got the shapes (2, 2) and (3,). Transpose ...
    """
    table, column = examples(X, names[0]), targets(y, names[1])
    if len(table) != len(column):
        raise DataError(
            f"{names[0]} and {names[1]} must have one row per example each; got the shapes {table.shape} and "
            f"{column.shape}. Transpose what has its examples as columns, or leave out the rows without a partner."
        )
    return table, column


def split(
    X: Any, y: Any, test_share: float = 0.25, stratify: bool = False, rng: int | np.random.Generator = 0
) -> tuple[Floats, Floats, Array, Array]:
    """X and y shuffled and cut into a training and a test part: ``X_train, X_test, y_train, y_test``.

    X and y are as for :func:`paired`.  The test part holds ``round(test_share * examples)`` of the examples.
    ``stratify=True`` keeps the share of every class in y: a class of n_c among n examples gets
    ``n_c * test / n`` of the ``test`` places, rounded down, and the places left over go to the largest remainders
    (Hamilton's method), of equal ones to the smaller label.  Raises :class:`SettingError` for a share outside
    (0, 1), :class:`DataError` where either part, or either part of a class, would be empty.

    >>> X_train, X_test, y_train, y_test = split(np.eye(8), [0, 0, 0, 0, 0, 0, 1, 1], test_share=0.5, stratify=True)
    >>> X_train.shape, np.bincount(y_train), np.bincount(y_test)
    ((4, 8), array([3, 1]), array([3, 1]))
    """
    X, y = paired(X, y)
    in_test = _test_count(len(X), test_share)
    order = np.random.default_rng(rng).permutation(len(X))
    chosen = _stratified(y[order], in_test) if stratify else np.arange(len(X)) < in_test
    train, test = order[~chosen], order[chosen]
    return X[train], X[test], y[train], y[test]


def _test_count(count: int, test_share: Any) -> int:
    if not (isinstance(test_share, (int, float, np.integer, np.floating)) and 0 < test_share < 1):
        raise SettingError(
            f"test_share must be between 0 and 1, both excluded; got {shown(test_share)}. It is the test part's "
            "share of the examples: test_share=0.25 is a quarter of them."
        )
    in_test = round(float(test_share) * count)
    if not 0 < in_test < count:
        raise DataError(
            f"Both parts must hold at least one example; test_share={test_share} of {count} rounds to {in_test} for "
            "the test part. Take another share or more examples."
        )
    return in_test


def _stratified(labels: Array, in_test: int) -> NDArray[np.bool_]:
    """Which examples go to the test part: of every class its first ones, as many as its share allows."""
    if labels.ndim != 1:
        raise DataError(
            f"stratify=True needs one label per example; got y of shape {labels.shape}. "
            "For columns of 0 and 1 write split(X, y.argmax(axis=1), ...)."
        )
    classes, members = np.unique(labels, return_counts=True)
    places, remainders = np.divmod(members * in_test, len(labels))
    left_over = in_test - int(places.sum())
    places[np.argsort(-remainders, kind="stable")[:left_over]] += 1
    for label, count, place in zip(classes, members, places, strict=True):
        if not 0 < place < count:
            raise DataError(
                f"stratify=True needs every class in both parts; of the {count} with the label {label}, {place} would "
                "be in the test part. Take another test_share or more examples of it; for targets that are no "
                "labels, leave stratify out."
            )
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for label, place in zip(classes, places, strict=True):
        chosen[np.flatnonzero(labels == label)[:place]] = True
    return chosen


@dataclass(frozen=True, eq=False)
class Standardization:
    """The map z = (x - mean) / deviation of every column, fitted on the training part only.

    ``mean`` and ``deviation`` have the shape (features,); the deviation is the biased one,
    sqrt(1/N sum (x - mean)^2).  The test part is transformed with the training part's numbers, because its own are
    not known when the network is used.  A column that is constant in the training part tells nothing: its
    deviation is 0, and it becomes 0 in whatever is transformed.

    >>> X_train, X_test = np.array([[0.0, 5.0], [2.0, 5.0]]), np.array([[4.0, 7.0]])
    >>> standardization = Standardization.of(X_train)
    >>> standardization.mean, standardization.deviation
    (array([1., 5.]), array([1., 0.]))
    >>> standardization.transform(X_train).mean(axis=0), standardization.transform(X_test)
    (array([0., 0.]), array([[3., 0.]]))
    """

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, X_train: Any) -> Standardization:
        """The standardization of X_train, of shape (examples, features) with two examples at least.

        Raises :class:`DataError`.

        >>> Standardization.of([[1.0], [3.0]]).deviation
        array([1.])
        """
        table = examples(X_train, "X_train")
        if len(table) < 2:
            raise DataError("X_train must hold at least two examples; got one, whose columns have no deviation.")
        # Measured from the first row, a constant column's mean is exact and its deviation exactly 0.
        mean = table[0] + (table - table[0]).mean(axis=0)
        return cls(mean, (table - mean).std(axis=0))

    def transform(self, X: Any) -> Floats:
        """z = (x - mean) / deviation for X of shape (examples, features), and 0 where the deviation is 0.

        Raises :class:`DataError`, and :class:`ShapeError` for another number of columns.

        >>> Standardization.of([[1.0], [3.0]]).transform([[4.0]])
        array([[2.]])
        """
        table = self._fitting(X, "X")
        return np.divide(table - self.mean, self.deviation, out=np.zeros_like(table), where=self.deviation > 0)

    def inverse(self, Z: Any) -> Floats:
        """x = mean + deviation * z, back in the units of the data, for Z of shape (examples, features).

        Raises as :meth:`transform` does.

        >>> Standardization.of([[1.0], [3.0]]).inverse([[2.0]])
        array([[4.]])
        """
        inverse: Floats = self.mean + self.deviation * self._fitting(Z, "Z")
        return inverse

    def _fitting(self, X: Any, what: str) -> Floats:
        table = examples(X, what)
        if table.shape[1] != len(self.mean):
            raise ShapeError(
                f"This standardization was fitted on {_counted(len(self.mean), 'column')}; got {what} of "
                f"shape {table.shape}. Give the same columns in the same order."
            )
        return table


def one_pixel_shifts(X: Any, y: Any, shape: tuple[int, int] = (8, 8)) -> tuple[Floats, Array]:
    """The images X, of shape (examples, rows * columns), then all of them moved up, down, left and right by a pixel.

    ``shape`` is (rows, columns) of an image laid out row by row.  The pixels that come in at an edge are 0, those
    that leave are lost; the labels y are repeated, so both results are five times as long.  Augment the training
    part only.  Raises :class:`DataError`, and :class:`ShapeError` if the shape does not fit.

    >>> images, labels = one_pixel_shifts([[1, 2, 3, 4]], [7], shape=(2, 2))
    >>> images.astype(int)
    array([[1, 2, 3, 4],
           [3, 4, 0, 0],
           [0, 0, 1, 2],
           [2, 0, 4, 0],
           [0, 1, 0, 3]])
    >>> labels
    array([7, 7, 7, 7, 7])
    """
    X, y = paired(X, y)
    rows, columns = shape
    if min(shape) < 1 or rows * columns != X.shape[1]:
        raise ShapeError(
            f"shape={shape} must multiply to the columns of X; got X of shape {X.shape}. "
            "Write shape=(rows, columns) of one image."
        )
    padded = np.pad(X.reshape(-1, rows, columns), ((0, 0), (1, 1), (1, 1)))
    corners = [(1, 1), (2, 1), (0, 1), (1, 2), (1, 0)]  # where an image unmoved, up, down, left, right begins
    images = [padded[:, top : top + rows, left : left + columns].reshape(X.shape) for top, left in corners]
    return np.concatenate(images), np.concatenate([y] * len(corners))


def _array(data: Any, what: str) -> Array:
    """``data`` as an array with entries, of objects where they are not all of one kind."""
    if np.ma.is_masked(data):
        data = data.astype(np.float64).filled(np.nan)  # np.asarray would uncover what the mask hides
    found = _stacked(data, what)
    if found.dtype == object and found.ndim > 0:
        data = found.tolist()  # a table of mixed columns may hold numbers only
        found = _stacked(data, what)
    if found.ndim == 0:
        advice = f"Write {what}.toarray()." if hasattr(data, "toarray") else "Write a list or an array."
        raise DataError(f"{what} must hold one row per example; got {shown(data)}. {advice}")
    if found.size == 0:
        raise DataError(f"{what} must hold at least one number; got the shape {found.shape}. Check how it was read.")
    return np.asarray(data, dtype=object) if found.dtype.kind in "US" else found


def _stacked(data: Any, what: str) -> Array:
    try:
        return np.asarray(data)
    except ValueError:
        if not isinstance(data, (list, tuple)):
            raise
        raise DataError(f"{what} must have rows of equal length; {_unequal_rows(data)}.") from None


def _unequal_rows(rows: Sequence[Any]) -> str:
    lengths = [_counted(len(row), "number") if _is_row(row) else f"no list but {shown(row)}" for row in rows]
    for position, length in enumerate(lengths):
        if length != lengths[0]:
            return f"row {position} (counted from 0) has {length}, row 0 has {lengths[0]}"
    return "its rows hold lists where numbers belong"


def _is_row(entry: Any) -> bool:
    return hasattr(entry, "__len__") and getattr(entry, "ndim", 1) > 0  # an array without dimensions has no length


def _real(table: Array, what: str, advice: str) -> Array:
    """``table`` as bools, integers or floats; ``advice`` says what to do about text."""
    if table.dtype.kind in "biuf":
        return table
    if table.dtype.kind != "O":
        raise DataError(f"{what} must hold real numbers; got an array of {table.dtype}. Write it as floats.")
    for index, entry in np.ndenumerate(table):
        if not _is_real(entry):
            remedy = _MISSING if entry is None else advice if isinstance(entry, (str, bytes)) else "Write a float."
            raise DataError(f"{what} must hold real numbers; {_place(index)} is {shown(entry)}. {remedy}")
    return table.astype(np.float64)


def _is_real(entry: Any) -> bool:
    if _is_row(entry) or isinstance(entry, np.complexfloating):  # float() would take some of them
        return False
    try:
        float(entry)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _finite(table: Array, what: str) -> Array:
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        first = tuple(map(int, bad[0]))
        others = f", the first of {len(bad)} that are not" if len(bad) > 1 else ""
        raise DataError(f"{what} must hold finite numbers; {_place(first)} is {table[first]}{others}. {_MISSING}")
    return table


_MISSING = "Leave such rows out of X and y, or fill in what is missing."


def _place(index: tuple[int, ...]) -> str:
    words = ("row", "column") if len(index) == 2 else ("entry",)
    return ", ".join(f"{word} {position}" for word, position in zip(words, index, strict=True)) + " (counted from 0)"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
