"""The data of many leaves at once: what a setter or a getter for each would take too long for."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_core.sweeps import stamps
from autograd_core.value import Parameter
from autograd_core.watching import observers


def read_data(leaves: Iterable[Parameter]) -> list[float]:
    """The number of each leaf.

    >>> read_data([Parameter(1.5), Parameter(-2.0)])
    [1.5, -2.0]
    """
    return [leaf._data for leaf in leaves]


def write_data(leaves: Iterable[Parameter], numbers: Iterable[float]) -> None:
    """Set the number of each leaf, as ``leaf.data = number`` does; the numbers are floats.

    Raises what the assignment raises where recorded graphs are watched, as by ``detect_anomaly``.

    >>> w, b = Parameter(0.0), Parameter(0.0)
    >>> write_data([w, b], [3.0, 4.0])
    >>> w.data, b.data
    (3.0, 4.0)
    """
    if observers:
        for leaf, number in zip(leaves, numbers, strict=True):
            leaf.data = number
        return
    stamp = next(stamps)
    for leaf, number in zip(leaves, numbers, strict=True):
        leaf._data = number
        leaf._stamp = stamp
