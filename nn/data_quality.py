"""Understand your data: what a table of examples holds, before anything is trained on it (LECTURE row 22)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.operand_checks import shown
from autograd_core.table import Table
from nn.errors import DataError
from nn.findings import Findings, counted, listed, number, percent
from nn.preparation import examples, targets

Floats = NDArray[np.float64]

OUTLYING = 5.0  # deviations from the mean
UNEQUAL = 10.0  # the largest deviation of a column over the smallest
OFF_CENTRE = 3.0  # deviations between a column's mean and 0
IMBALANCED = 3.0  # the most frequent class over the rarest
COLUMNS_SHOWN = 12


@dataclass(frozen=True)
class Column:
    """The finite numbers of one column: their range, mean and biased standard deviation; nan where there are none.

    ``missing`` and ``outliers`` are the rows, counted from 0, that are nan or inf, and that are more than five
    deviations from the mean.
    """

    name: str
    lowest: float
    highest: float
    mean: float
    deviation: float
    missing: tuple[int, ...]
    outliers: tuple[int, ...]

    @property
    def is_constant(self) -> bool:
        """Whether all of its numbers are equal, so that it tells nothing."""
        return not self.lowest < self.highest

    @property
    def remarks(self) -> str:
        """What is unusual about it, in words."""
        found = ["constant"] if self.is_constant else []
        found += [f"{len(self.missing)} missing"] if self.missing else []
        found += [counted(len(self.outliers), "outlier")] if self.outliers else []
        return ", ".join(found)


@dataclass(frozen=True, repr=False)
class DataReport(Findings):
    """What :func:`data_report` found.

    ``columns`` describes those of X and ``target_columns`` those of a y that holds no labels; ``missing_labels``
    are the rows without one.  ``classes`` counts the examples of each class.  ``duplicates`` holds, for every row
    of X that occurs more than once, the places where it does, and ``contradictions`` those among them whose labels
    differ.  Rows are counted from 0.
    """

    examples: int
    columns: tuple[Column, ...]
    target_columns: tuple[Column, ...]
    classes: dict[str, int]
    missing_labels: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]
    contradictions: tuple[tuple[int, ...], ...]

    @property
    def ok(self) -> bool:
        """Whether nothing has to be repaired: no missing number, no contradicting labels, more than one target."""
        return not self._repairs

    @cached_property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """The row and the column of X of every number that is nan or inf."""
        return tuple(sorted((row, at) for at, column in enumerate(self.columns) for row in column.missing))

    @cached_property
    def outliers(self) -> tuple[tuple[int, int], ...]:
        """The row and the column of X of every number more than five deviations from its column's mean."""
        return tuple(sorted((row, at) for at, column in enumerate(self.columns) for row in column.outliers))

    @property
    def constant_columns(self) -> tuple[str, ...]:
        """The names of the columns of X that tell nothing."""
        return tuple(column.name for column in self.columns if column.is_constant)

    @property
    def scale_ratio(self) -> float:
        """The largest standard deviation of a column over the smallest, constant columns left out; 1 if all are."""
        deviations = [column.deviation for column in self.columns if not column.is_constant and column.deviation > 0]
        return max(deviations) / min(deviations) if deviations else 1.0

    @property
    def off_centre(self) -> tuple[str, ...]:
        """The names of the columns whose mean is more than three deviations from 0."""
        return tuple(
            column.name for column in self.columns
            if not column.is_constant and abs(column.mean) > OFF_CENTRE * column.deviation
        )

    @property
    def heading(self) -> str:
        about = counted(len(self.classes), "class", "classes") if self.classes else "numbers as targets"
        return f"Data: {counted(self.examples, 'example')}, {counted(len(self.columns), 'column')}, {about}"

    @property
    def tables(self) -> tuple[Table, ...]:
        every = [*self.columns[:COLUMNS_SHOWN], *self.target_columns]
        rows = [
            (column.name, *map(number, (column.lowest, column.highest, column.mean, column.deviation)), column.remarks)
            for column in every
        ]
        left_out = len(self.columns) - COLUMNS_SHOWN
        if left_out > 0:
            rows.insert(COLUMNS_SHOWN, (f"... {left_out} more", "", "", "", "", ""))
        columns = Table(("column", "lowest", "highest", "mean", "deviation", "remarks"), tuple(rows))
        balance = Table(
            ("class", "examples", "share"),
            tuple((name, str(count), percent(count / self.examples)) for name, count in self.classes.items()),
        )
        return (columns, *([balance] if self.classes else []), Table(("looked for", "found"), self._found))

    @property
    def _found(self) -> tuple[tuple[str, str], ...]:
        repeats = sum(len(group) - 1 for group in self.duplicates)
        places = listed((_equal(group) for group in self.duplicates), 3)
        outlying = [f"row {row} of {self.columns[at].name}" for row, at in self.outliers]
        return (
            ("missing numbers", listed(self._missing_places) or "none"),
            ("constant columns", listed(self.constant_columns) or "none"),
            ("repeated examples", f"{repeats}: {places}" if repeats else "none"),
            ("contradicting labels", listed(map(_equal, self.contradictions), 3) or "none"),
            (f"beyond {OUTLYING:g} deviations", f"{len(outlying)}: {listed(outlying, 3)}" if outlying else "none"),
            ("largest to smallest deviation", number(self.scale_ratio)),
        )

    @property
    def _missing_places(self) -> list[str]:
        found = [f"row {row}, column {at} ({self.columns[at].name})" for row, at in self.missing]
        found += [f"row {row} of {column.name}" for column in self.target_columns for row in column.missing]
        return found + [f"the label of row {row}" for row in self.missing_labels]

    @property
    def _repairs(self) -> list[str]:
        found = []
        if places := self._missing_places:
            found.append(f"fill in or leave out {counted(len(places), 'missing number')}, the first in {places[0]}")
        if self.contradictions:
            found.append(
                f"look at {_equal(self.contradictions[0])}, equal examples with different labels, which no network "
                f"can all get right ({counted(len(self.contradictions), 'such group')})"
            )
        empty = [name for name, count in self.classes.items() if not count]
        if empty:
            found.append(f"there is no example of {listed(empty)}")
        elif len(self.classes) == 1 or (self.target_columns and all(each.is_constant for each in self.target_columns)):
            found.append("all examples have the same target, so there is nothing to learn")
        return found

    @property
    def _advice(self) -> list[str]:
        found = []
        if self.scale_ratio > UNEQUAL:
            factor = number(self.scale_ratio)
            found.append(f"The columns' deviations differ by a factor of {factor}: use Standardization.")
        elif self.off_centre:
            names = listed(self.off_centre)
            found.append(f"For their spread the means of {names} are far from 0: use Standardization.")
        if self.constant_columns:
            found.append(f"{counted(len(self.constant_columns), 'constant column')} can be left out.")
        if self.duplicates:
            found.append("Keep equal examples on the same side of a split.")
        present = sorted((count, name) for name, count in self.classes.items() if count)
        if len(present) > 1:
            most, name = present[-1]
            skew = f"; the most frequent has {number(most / present[0][0])} times as many examples as the rarest"
            unequal = skew if most >= IMBALANCED * present[0][0] else ""
            found.append(f"Always answering {name} is right for {percent(most / self.examples)}{unequal}.")
        if self.outliers:
            outliers = counted(len(self.outliers), "outlier")
            found.append(f"Look at the {outliers}: mistakes, or the rare cases that matter?")
        return found

    @property
    def verdict(self) -> str:
        repairs = f"To repair: {'; '.join(self._repairs)}." if self._repairs else "Nothing has to be repaired."
        return " ".join([repairs, *self._advice])


def data_report(X: Any, y: Any, features: Sequence[str] = (), classes: Sequence[str] = ()) -> DataReport:
    """What the data hold: ranges, gaps, constant columns, repeated and contradicting examples, class balance, outliers.

    X has shape (examples, features), y (examples,) or (examples, outputs); here they may have nan, inf and None, which
    are found and not refused.  ``features`` and ``classes`` name the columns and the labels 0, 1, ...  y holds labels
    if ``classes`` are given, or if it has one whole number (int or bool) per example and two examples for
    each on average.  An outlier is more than five deviations from its column's mean; scales
    are called unequal when deviations differ by more than a factor of ten.  Raises :class:`DataError` for
    what is no table of numbers.

    Source: Karpathy, A Recipe for Training Neural Networks (2019), "become one with the data".

    >>> report = data_report([[1, 50], [2, 90], [1, 50], [3, float("nan")]], [0, 1, 1, 0], features=["size", "price"])
    >>> report.missing, report.duplicates, report.contradictions, report.ok
    (((3, 1),), ((0, 2),), ((0, 2),), False)
    """
    table, labels = _with_gaps(X, "X", examples), _with_gaps(y, "y", targets)
    if len(table) != len(labels):
        raise DataError(
            f"X and y must have one row per example each; got the shapes {table.shape} and {labels.shape}. "
            "Transpose what has its examples as columns, or leave out the rows without a partner."
        )
    names = [str(each) for each in (features if len(features) else getattr(X, "columns", ()))]
    names = names or [f"x_{at}" for at in range(1, table.shape[1] + 1)]
    if len(names) != table.shape[1]:
        raise DataError(
            f"features must name each of the {counted(table.shape[1], 'column')} of X; got "
            f"{counted(len(names), 'name')}: {listed(names)}."
        )
    groups = _groups(table)
    if not _are_labels(y, labels, classes):
        columns = labels.reshape(len(labels), -1)
        named = ["y"] if columns.shape[1] == 1 else [f"y_{at}" for at in range(1, columns.shape[1] + 1)]
        return DataReport(len(table), _columns(table, names), _columns(columns, named), {}, (), groups, ())
    column = labels.ravel()
    unlabelled = tuple(np.flatnonzero(~np.isfinite(column)).tolist())
    contradicting = tuple(group for group in groups if len(set(column[list(group)].tolist())) > 1)
    return DataReport(
        len(table), _columns(table, names), (), _counts(column, classes), unlabelled, groups, contradicting
    )


def _with_gaps(data: Any, what: str, checked: Callable[[Any, str], NDArray[Any]]) -> Floats:
    """The table as ``checked`` gives it, with nan and inf where they were."""
    if np.ma.is_masked(data):
        data = data.astype(np.float64).filled(np.nan)
    try:
        array = np.array(data, dtype=object)
    except ValueError:
        return checked(data, what)  # ragged: it says so
    entries = np.ndenumerate(array)
    gaps = {index: float(np.nan if entry is None else entry) for index, entry in entries if _is_gap(entry)}
    for index in gaps:
        array[index] = 0.0
    found = checked(array.tolist(), what).astype(np.float64)
    for index, gap in gaps.items():
        found[index] = gap
    return found


def _is_gap(entry: Any) -> bool:
    return entry is None or (isinstance(entry, (float, np.floating)) and not np.isfinite(entry))


def _columns(table: Floats, names: Sequence[str]) -> tuple[Column, ...]:
    return tuple(_column(name, column) for name, column in zip(names, table.T, strict=True))


def _column(name: str, column: Floats) -> Column:
    finite = np.isfinite(column)
    missing = tuple(np.flatnonzero(~finite).tolist())
    known = column[finite]
    if not known.size:
        return Column(name, np.nan, np.nan, np.nan, np.nan, missing, ())
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(known[0] + (known - known[0]).mean())
        deviation = float((known - mean).std())
        outlying = finite & (np.abs(column - mean) > OUTLYING * deviation) if deviation > 0 else np.zeros_like(finite)
    places = tuple(np.flatnonzero(outlying).tolist())
    return Column(name, float(known.min()), float(known.max()), mean, deviation, missing, places)


def _groups(table: Floats) -> tuple[tuple[int, ...], ...]:
    """The rows without gaps that are equal to another, by group."""
    whole = np.flatnonzero(np.isfinite(table).all(axis=1)).tolist()
    rows = {at: tuple(table[at].tolist()) for at in whole}
    ordered = sorted(whole, key=rows.__getitem__)
    groups = [tuple(group) for _, group in itertools.groupby(ordered, key=rows.__getitem__)]
    return tuple(sorted(group for group in groups if len(group) > 1))


def _are_labels(y: Any, labels: Floats, classes: Sequence[str]) -> bool:
    if labels.size != len(labels) or len(classes):
        return bool(len(classes))
    known = labels[np.isfinite(labels)]
    given = [entry for entry in np.array(y, dtype=object).ravel().tolist() if not _is_gap(entry)]
    whole = all(isinstance(entry, (int, np.integer, np.bool_)) for entry in given)
    return whole and len(known) >= 2 * len(np.unique(known))


def _counts(labels: Floats, classes: Sequence[str]) -> dict[str, int]:
    known, counts = np.unique(labels[np.isfinite(labels)], return_counts=True)
    found = dict(zip(known.tolist(), counts.tolist(), strict=True))
    if not len(classes):
        return {f"{label:g}": count for label, count in found.items()}
    outside = [label for label in found if label not in range(len(classes))]
    if outside:
        row = int(np.flatnonzero(labels == outside[0])[0])
        raise DataError(
            f"With {counted(len(classes), 'class', 'classes')} y holds the labels 0 to {len(classes) - 1}; "
            f"row {row} (counted from 0) has {outside[0]:g}. Name every class: {shown(list(classes))}."
        )
    return {str(name): found.get(float(at), 0) for at, name in enumerate(classes)}


def _equal(group: Sequence[int]) -> str:
    return f"rows {' = '.join(map(str, group[:4]))}{' = ...' if len(group) > 4 else ''}"
