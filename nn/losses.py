"""Losses: how wrong a prediction for one example is, as one scalar to differentiate.

A loss is called with the prediction and the target of ONE example.  The prediction is one scalar or a list of
them, one per output; scalars are floats, Values, or NumPy arrays that hold a column of examples each.  The
target is a number or one number per output; for classes it may be the index of the class.  The mean over
examples is taken by training.  In the formulas p are the prediction's K scalars and y those of the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import update_wrapper
from operator import methodcaller
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.operand_checks import shown
from autograd_core.primitives import abs as absolute
from autograd_core.primitives import clip, dot, logsumexp, mean, relu, softplus, square, total
from nn.errors import DataError, SettingError, ShapeError, UnknownSettingError
from nn.preparation import targets as checked_targets

Table = NDArray[np.float64]
Encode = Callable[[str, Any, int], Table]


def _numbers(name: str, labels: Any, outputs: int) -> Table:
    """One number per output, of any size."""
    table = checked_targets(labels, "labels").astype(np.float64)
    if table.ndim == 1 and outputs == 1:
        return table[:, None]
    if table.shape[1:] != (outputs,):
        needed = f"({len(table)},)" if outputs == 1 else f"({len(table)}, {outputs})"
        advice = " For one class per example use softmax_cross_entropy." if table.ndim == 1 else ""
        raise DataError(
            f"{name} with {_counted(outputs, 'output')} needs labels of shape {needed}; got {table.shape}.{advice}"
        )
    return table


class Loss:
    """A function (prediction, target) of one example that training can minimize.

    Made by decorating such a function; ``targets`` then accepts any numbers, one per output, unless
    ``Loss.taking`` says otherwise.  ``name`` is the function's, ``settings`` its keyword arguments, which are positive
    numbers.  A loss is pickled by its name.

    >>> @Loss
    ... def fourth_power(prediction, target):
    ...     return (prediction - target) ** 4
    >>> fourth_power, fourth_power(3.0, 1.0), fourth_power.targets([1, 2], outputs=1).shape
    (<loss fourth_power>, 16.0, (2, 1))
    """

    def __init__(self, function: Callable[..., Any], encode: Encode = _numbers) -> None:
        self.function, self.encode = function, encode
        self.name = function.__name__
        self.settings: dict[str, float] = dict(function.__kwdefaults__ or {})
        self._default: Loss | None = None
        update_wrapper(self, function)

    @classmethod
    def taking(cls, encode: Encode) -> Callable[[Callable[..., Any]], Loss]:
        """A decorator for a loss whose labels ``encode(name, labels, outputs)`` checks and turns into targets."""
        return lambda function: cls(function, encode)

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The loss of one example.

        A target is taken as it is; it is ``targets`` that checks labels.  A NumPy array as a prediction's scalar is a
        column of examples: ``loss(columns, loss.targets(labels, outputs).T)`` is an array of their losses.  Raises
        :class:`ShapeError` unless there is a target for each output, :class:`DataError` for a class there is not.
        """
        return self.function(prediction, target, **self.settings)

    def targets(self, labels: Any, outputs: int) -> Table:
        """The labels of many examples as targets of a network: float64 of shape (examples, outputs).

        ``labels`` has shape (examples,) or (examples, outputs).  Raises :class:`DataError` for labels the loss cannot
        take, with the row, and :class:`SettingError` for a number of outputs it cannot take.

        >>> softmax_cross_entropy.targets([2, 0], outputs=3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
        """
        return self.encode(self.name, labels, outputs)

    def having(self, **settings: Any) -> Loss:
        """This loss with other settings.

        Raises :class:`UnknownSettingError` for a setting it has not and :class:`SettingError` for one that is not
        positive and finite.

        >>> huber_error.having(delta=2.0)
        <loss huber_error(delta=2.0)>
        """
        for word, number in settings.items():
            if word not in self.settings:
                has = ", ".join(f"{each}={default}" for each, default in self.settings.items()) or "none"
                raise UnknownSettingError(f"{self.name} has no setting {word}; its settings are: {has}.")
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0.0 < number < math.inf:
                raise SettingError(f"{self.name}: {word} must be a positive, finite number; got {shown(number)}.")
        changed = Loss(self.function, self.encode)
        changed.settings = {**self.settings, **{word: float(number) for word, number in settings.items()}}
        changed._default = self if self._default is None else self._default
        return changed

    def __repr__(self) -> str:
        settings = ", ".join(f"{word}={number}" for word, number in self.settings.items())
        return f"<loss {self.name}{f'({settings})' if settings else ''}>"

    def __reduce__(self) -> Any:
        if self._default is None:
            return self.function.__qualname__
        return methodcaller("having", **self.settings), (self._default,)


# --- what labels may be -------------------------------------------------------------------------


def _signs(name: str, labels: Any, outputs: int) -> Table:
    """-1 or +1, for one output."""
    _require_one_output(name, outputs)
    table = _numbers(name, labels, outputs)
    binary = np.isin(table, (0.0, 1.0)).all()
    advice = "For labels 0 and 1 write 2*y - 1." if binary else "For classes 0, 1, 2, ... use max_margin."
    _require_all(np.abs(table) == 1.0, table, f"{name} takes the labels -1 and +1", advice)
    return table


def _probabilities(name: str, labels: Any, outputs: int) -> Table:
    """From 0 to 1, for each output by itself."""
    table = _numbers(name, labels, outputs)
    signs = np.isin(table, (-1.0, 1.0)).all()
    advice = "For labels -1 and +1 write (y + 1) / 2." if signs else "For classes 0, 1, ... use softmax_cross_entropy."
    _require_all((table >= 0.0) & (table <= 1.0), table, f"{name} takes labels from 0 to 1", advice)
    return table


def _distributions(name: str, labels: Any, outputs: int) -> Table:
    """The index of a class, or a probability for each class."""
    _require_classes(name, outputs)
    table = checked_targets(labels, "labels").astype(np.float64)
    if table.shape[1:] != (outputs,):
        return _one_hot(name, table, outputs)
    _require_all(table >= 0.0, table, f"{name} takes probabilities of at least 0", "")
    sums = table.sum(axis=1)
    _require_all(np.isclose(sums, 1.0, rtol=0.0, atol=1e-6), sums, f"{name} takes probabilities that add up to 1", "")
    shares: Table = table / sums[:, None]
    return shares


def _classes(name: str, labels: Any, outputs: int) -> Table:
    """The index of a class, or a row with a 1 at it."""
    _require_classes(name, outputs)
    table = checked_targets(labels, "labels").astype(np.float64)
    if table.shape[1:] != (outputs,):
        return _one_hot(name, table, outputs)
    hot = ((table == 0.0) | (table == 1.0)).all(axis=1) & (table.sum(axis=1) == 1.0)
    required = f"{name} takes one class per example, or rows with a single 1"
    _require_all(hot, table.max(axis=1), required, "For probabilities write labels.argmax(axis=1).")
    return table


def _one_hot(name: str, table: Table, classes: int) -> Table:
    if table.ndim > 1 and table.shape[1] != 1:
        raise DataError(
            f"{name} with {classes} outputs needs labels of shape ({len(table)},), a class per example, or "
            f"({len(table)}, {classes}); got {table.shape}."
        )
    column = table.ravel()
    required = f"{name} with {classes} outputs takes the classes 0 to {classes - 1}, as whole numbers"
    advice = "If they are counted from 1, write labels - 1." if column.min() > 0 and column.max() == classes else ""
    inside = (column >= 0) & (column < classes) & (column == np.floor(column))
    _require_all(inside, column, required, advice)
    encoded: Table = np.eye(classes)[column.astype(np.int64)]
    return encoded


def _require_all(holds: NDArray[np.bool_], table: Table, required: str, advice: str) -> None:
    bad = np.argwhere(~holds)
    if len(bad):
        at = tuple(map(int, bad[0]))
        row = f"row {at[0]}" + (f", column {at[1]}" if table.ndim > 1 and table.shape[1] > 1 else "")
        raise DataError(f"{required}; {row} (counted from 0) has {table[at]:.6g}. {advice}".rstrip())


def _require_one_output(name: str, outputs: int) -> None:
    if outputs != 1:
        raise SettingError(f"{name} needs a network with one output; this one has {outputs}. Use max_margin.")


def _require_classes(name: str, outputs: int) -> None:
    if outputs < 2:
        instead = "hinge" if name == "max_margin" else "binary_cross_entropy_with_logits"
        raise SettingError(f"{name} needs a network with an output for each class; this one has one. Use {instead}.")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# --- predictions and targets in step ------------------------------------------------------------


def _aligned(name: str, prediction: Any, target: Any) -> tuple[list[Any], list[Any]]:
    """The prediction's scalars and as many of the target."""
    outputs = _scalars(prediction, 1)
    wanted = _scalars(target, getattr(outputs[0], "ndim", 0) if outputs else 0)
    if len(wanted) != len(outputs) or not outputs:
        advice = " A NumPy array is one output, of a column of examples: for one example write .tolist()."
        raise ShapeError(
            f"{name} needs a target for each output; got {_counted(len(outputs), 'output')} and "
            f"{_counted(len(wanted), 'target')}.{advice if isinstance(prediction, np.ndarray) else ''}"
        )
    return outputs, wanted


def _scalars(given: Any, dimensions: int) -> list[Any]:
    """The entries of a list or array, unless the array is itself one scalar: a column of ``dimensions``."""
    if isinstance(given, (list, tuple)):
        return list(given)
    if isinstance(given, np.ndarray) and given.ndim > (0 if given.dtype == object else dimensions):
        return given.tolist() if given.ndim == 1 else list(given)
    return [given]


def _residuals(name: str, prediction: Any, target: Any) -> list[Any]:
    return [output - wanted for output, wanted in zip(*_aligned(name, prediction, target), strict=True)]


def _scores_and_shares(name: str, prediction: Any, target: Any) -> tuple[list[Any], list[Any]]:
    """A score for each class, and its share of the target: 1 for the class itself, 0 for the others."""
    scores = _scalars(prediction, 0)
    _require_classes(name, len(scores))
    if isinstance(target, (int, float, np.integer, np.floating)):
        return scores, _one_hot(name, np.array([float(target)]), len(scores))[0].tolist()
    return _aligned(name, scores, target)


# Nodes cost time in every example: what a plain zero would multiply, and the sum or mean of one, is not recorded.


def _shared(shares: Sequence[Any], scalars: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The shares that are not plain zeros, and their scalars."""
    pairs = zip(shares, scalars, strict=True)
    kept = [(share, scalar) for share, scalar in pairs if not (isinstance(share, (int, float)) and share == 0)]
    return [share for share, _ in kept], [scalar for _, scalar in kept]


def _weighted(shares: Sequence[Any], scalars: Sequence[Any]) -> Any:
    shares, scalars = _shared(shares, scalars)
    picks_one = len(shares) == 1 and isinstance(shares[0], (int, float)) and shares[0] == 1
    return scalars[0] if picks_one else dot(shares, scalars)


def _sum_of_squares(scalars: Sequence[Any]) -> Any:
    # Squares, not a dot product with itself, so that the arrow of a picture reads (p - y) as on the slide.
    squares = [square(each) for each in scalars]
    return squares[0] if len(squares) == 1 else total(squares)


def _mean(scalars: Sequence[Any]) -> Any:
    return scalars[0] if len(scalars) == 1 else mean(scalars)


# --- for numbers --------------------------------------------------------------------------------


@Loss
def half_squared_error(prediction: Any, target: Any) -> Any:
    """E = 1/2 sum_k (p_k - y_k)^2: half the squared distance.

    Gradient: dE/dp_k = p_k - y_k.  Source: the lecture's first error function (row 1).

    Outputs are summed and training takes the mean over examples.  PyTorch's ``MSELoss`` is the mean over examples and
    outputs without the 1/2: our mean is K/2 times it, and so is the gradient.  With one output PyTorch's gradient is
    twice ours, so half our learning rate makes the same step there.

    >>> round(half_squared_error([0.2, 0.9], [0, 1]), 15)
    0.025
    """
    return 0.5 * _sum_of_squares(_residuals("half_squared_error", prediction, target))


@Loss
def mean_squared_error(prediction: Any, target: Any) -> Any:
    """E = 1/K sum_k (p_k - y_k)^2: the mean over the outputs, as PyTorch's ``MSELoss``.

    Gradient: dE/dp_k = 2/K (p_k - y_k).  Source: the method of least squares, Legendre 1805.

    >>> round(mean_squared_error([0.2, 0.9], [0, 1]), 15)
    0.025
    """
    residuals = _residuals("mean_squared_error", prediction, target)
    squares = _sum_of_squares(residuals)
    return squares if len(residuals) == 1 else squares / float(len(residuals))


@Loss
def mean_absolute_error(prediction: Any, target: Any) -> Any:
    """E = 1/K sum_k |p_k - y_k|, as PyTorch's ``L1Loss``: an outlier pulls no more than any other example.

    Gradient: dE/dp_k = sign(p_k - y_k) / K, 0 where they are equal.  Source: least absolute deviations, Boscovich 1757.

    >>> round(mean_absolute_error([0.2, 0.9], [0, 1]), 15)
    0.15
    """
    return _mean([absolute(each) for each in _residuals("mean_absolute_error", prediction, target)])


@Loss
def huber_error(prediction: Any, target: Any, *, delta: float = 1.0) -> Any:
    """E = 1/K sum_k h(p_k - y_k), h(r) = r^2/2 if |r| <= delta, else delta (|r| - delta/2), as PyTorch's ``HuberLoss``.

    Gradient: dE/dp_k = clip(p_k - y_k, -delta, delta) / K.  ``delta`` is in the targets' units; for another one
    write ``huber_error.having(delta=2.0)``.  Source: Huber, Robust Estimation of a Location Parameter (1964).

    >>> huber_error(0.5, 0.0), huber_error(3.0, 0.0), huber_error.having(delta=2.0)(3.0, 0.0)
    (0.125, 2.5, 4.0)
    """
    residuals = _residuals("huber_error", prediction, target)
    near = [clip(each, -delta, delta) for each in residuals]
    return _mean([part * (each - 0.5 * part) for part, each in zip(near, residuals, strict=True)])


# --- for classes --------------------------------------------------------------------------------


@Loss.taking(_signs)
def hinge(prediction: Any, target: Any) -> Any:
    """E = max(0, 1 - y p) for one output and the targets -1 and +1: micrograd's max-margin loss.

    Gradient: dE/dp = -y where y p < 1, else 0.  The prediction's class is its sign.  Source: Cortes and Vapnik,
    Support-vector networks (1995).

    >>> hinge(0.25, 1), hinge(0.25, -1), hinge(3.0, 1)
    (0.75, 1.25, 0.0)
    """
    _require_one_output("hinge", len(_scalars(prediction, 1)))
    [score], [side] = _aligned("hinge", prediction, target)
    return relu(1.0 - side * score)


@Loss.taking(_classes)
def max_margin(prediction: Any, target: Any) -> Any:
    """E = sum_{j != t} max(0, 1 - p_t + p_j), where t is the class: its score should lead every other by 1.

    Gradient: dE/dp_j = 1 for every other class j within the margin, dE/dp_t = minus their number.  PyTorch's
    ``MultiMarginLoss`` divides by K.  Source: Weston and Watkins, Support Vector Machines for Multi-Class Pattern
    Recognition (1999), with the margin 1 in place of their 2.

    >>> max_margin([2.0, 1.5, -1.0], 0), max_margin([2.0, 1.5, -1.0], 2)
    (0.5, 7.5)
    """
    scores, shares = _scores_and_shares("max_margin", prediction, target)
    short = 1.0 - _weighted(shares, scores)
    others, rivals = _shared([1.0 - share for share in shares], scores)
    return _weighted(others, [relu(short + rival) for rival in rivals])


@Loss.taking(_probabilities)
def binary_cross_entropy_with_logits(prediction: Any, target: Any) -> Any:
    """E = 1/K sum_k -y_k log s(p_k) - (1 - y_k) log(1 - s(p_k)), s the sigmoid: -log of the label's probability.

    The prediction is the logit, before any sigmoid; the target is 0, 1 or a probability.  Outputs are independent
    yes-or-no questions; PyTorch's ``BCEWithLogitsLoss`` takes the same mean.  Computed as (1 - y) log(1 + e^p) +
    y log(1 + e^-p), which loses no digit at either end.  Gradient: dE/dp_k = (s(p_k) - y_k) / K.  Source: Bishop,
    Pattern Recognition and Machine Learning (2006), eq. 4.90.

    >>> binary_cross_entropy_with_logits(0.0, 1), binary_cross_entropy_with_logits(-1000.0, 1)
    (0.6931471805599453, 1000.0)
    """
    terms = []
    for logit, label in zip(*_aligned("binary_cross_entropy_with_logits", prediction, target), strict=True):
        shares, logits = _shared([1.0 - label, label], [logit, -logit])
        terms.append(_weighted(shares, [softplus(each) for each in logits]))
    return _mean(terms)


@Loss.taking(_distributions)
def softmax_cross_entropy(prediction: Any, target: Any) -> Any:
    """E = -sum_k y_k log softmax(p)_k = log(sum_k e^{p_k}) - sum_k y_k p_k: -log of the class's probability.

    The prediction holds the logits, before any softmax; the target is the class's index or K probabilities that add
    up to 1.  PyTorch's ``CrossEntropyLoss`` takes the same.  Gradient: dE/dp_k = softmax(p)_k - y_k.  Source: Bishop,
    Pattern Recognition and Machine Learning (2006), eq. 4.108.

    >>> softmax_cross_entropy([0.0, 0.0], 1), softmax_cross_entropy([1000.0, -1000.0], 1)
    (0.6931471805599453, 2000.0)
    """
    logits, shares = _scores_and_shares("softmax_cross_entropy", prediction, target)
    return logsumexp(logits) - _weighted(shares, logits)
