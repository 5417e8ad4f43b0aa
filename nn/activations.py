"""Which rows of the table are activations: the smooth and piecewise functions of one real number."""

from __future__ import annotations

import difflib

from autograd_core.domains import REALS, Box
from autograd_core.primitives import TABLE, find_primitive
from autograd_core.row import Primitive
from nn.errors import SettingError


def is_activation(row: Primitive) -> bool:
    """Whether the row takes any one real number, and besides it only operands with a default.

    >>> from autograd_core import log, maximum, tanh
    >>> is_activation(tanh), is_activation(log), is_activation(maximum)
    (True, False, False)
    """
    takes_one = row.arity is not None and row.arity - len(row.defaults) == 1
    return takes_one and isinstance(row.domain, Box) and row.domain.intervals[0] == REALS


def find_activation(function: str | Primitive) -> Primitive:
    """The activation of this name (NumPy's name does too), or the row itself.

    Raises :class:`SettingError` for what is no activation, with the names there are.

    >>> find_activation("relu")
    <primitive relu>
    """
    row = find_primitive(function) if isinstance(function, str) else function
    if isinstance(row, Primitive) and is_activation(row):
        return row
    names = [each.name for each in TABLE if is_activation(each)]
    if function == "softmax":
        raise SettingError(
            "softmax is no activation of single units. Leave output='identity' and train with "
            "loss=softmax_cross_entropy, which takes the outputs before softmax."
        )
    if function == "identity":
        raise SettingError("'identity' needs no Activation: leave the layer out.")
    if isinstance(row, Primitive):
        raise SettingError(
            f"{row.name} is no activation: it must take any one real number. Activations are {', '.join(names)}."
        )
    close = difflib.get_close_matches(str(function).lower(), names, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    raise SettingError(f"There is no activation {function!r}. {hint}Activations are {', '.join(names)}.")

