r"""Penalties: what is added to the loss so that the weights stay small (LECTURE row 20).

A penalty is called with a model and gives a scalar of its weights.  Biases are left out unless ``biases=True``:
they shift a unit's output and make nothing more complicated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from autograd_core.operand_checks import shown
from autograd_core.primitives import abs as absolute
from autograd_core.primitives import square, total
from nn.errors import SettingError
from nn.settings import NOT_NEGATIVE, Range, Settings

_SHARE = Range("a number from 0 to 1", lambda number: 0.0 <= number <= 1.0)


class HasWeights(Protocol):
    """A model, as far as a penalty sees it."""

    def weights(self) -> Iterable[Any]: ...

    def parameters(self) -> Iterable[Any]: ...


@dataclass(frozen=True)
class Penalty(Settings, ABC):
    """A scalar that grows with the weights, ``strength`` times what the class says.

    Settings outside their range raise :class:`SettingError`, words of other libraries
    :class:`UnknownSettingError`.  A penalty of your own is a frozen dataclass with ``of``.
    """

    strength: float
    biases: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self.require("strength", NOT_NEGATIVE, 0.001)
        if not isinstance(self.biases, bool):
            raise SettingError(f"{type(self).__name__}: biases must be True or False; got {shown(self.biases)}.")

    @abstractmethod
    def of(self, scalars: Iterable[Any]) -> Any:
        """The penalty of these Values or floats, as one scalar; 0.0 for none."""

    def __call__(self, model: HasWeights) -> Any:
        """The penalty of the model's weights, or of all its parameters with ``biases=True``."""
        if not hasattr(model, "parameters"):
            name = type(self).__name__
            raise SettingError(
                f"{name} is called with a model; got {shown(model)}. "
                f"For a list of scalars write {name}(...).of(scalars)."
            )
        return self.of(model.parameters() if self.biases else model.weights())


@dataclass(frozen=True)
class L2(Penalty):
    r"""Half the sum of squares, which pulls each weight towards 0 in proportion to its size.

    .. math:: \frac{\lambda}{2} \sum_i w_i^2, \qquad \frac{\partial}{\partial w_i} = \lambda w_i

    ``strength`` is lambda, finite and at least 0.  Under SGD it is weight decay: every step multiplies w by
    1 - eta lambda; PyTorch's ``weight_decay`` takes the biases too, as ``biases=True`` does.  Source: the lecture's
    "regularization"; Hoerl and Kennard, Ridge Regression (1970).

    >>> L2(0.5).of([3.0, -4.0])
    6.25
    """

    def of(self, scalars: Iterable[Any]) -> Any:
        """strength/2 times the sum of squares of these Values or floats."""
        return self.strength / 2.0 * total([square(each) for each in scalars])


@dataclass(frozen=True)
class L1(Penalty):
    r"""The sum of absolute values, which pulls every weight towards 0 alike and makes many of them 0.

    .. math:: \lambda \sum_i |w_i|, \qquad \frac{\partial}{\partial w_i} = \lambda \, \mathrm{sign}(w_i)

    ``strength`` is lambda, finite and at least 0.  At w = 0 the subgradient is 0.  Source: the lecture's
    "regularization"; Tibshirani, Regression Shrinkage and Selection via the Lasso (1996).

    >>> L1(0.5).of([3.0, -4.0])
    3.5
    """

    def of(self, scalars: Iterable[Any]) -> Any:
        """strength times the sum of the absolute values of these Values or floats."""
        return self.strength * total([absolute(each) for each in scalars])


@dataclass(frozen=True)
class ElasticNet(Penalty):
    r"""A share r of L1 and the rest of L2, so that of weights that do the same none is singled out.

    .. math:: \lambda \left( r \sum_i |w_i| + \frac{1 - r}{2} \sum_i w_i^2 \right)

    ``strength`` is lambda, finite and at least 0; ``l1_share`` is r, from 0 to 1: scikit-learn's ``alpha`` and
    ``l1_ratio``.  The derivative is that of the two parts.  Source: Zou and Hastie, Regularization and Variable
    Selection via the Elastic Net (2005).

    >>> ElasticNet(0.5, l1_share=0.2).of([3.0, -4.0])
    5.7
    """

    l1_share: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("l1_share", _SHARE, 0.5)

    def of(self, scalars: Iterable[Any]) -> Any:
        """The weighted sum of the two penalties of these Values or floats."""
        scalars = list(scalars)
        return L1(self.strength * self.l1_share).of(scalars) + L2(self.strength * (1.0 - self.l1_share)).of(scalars)
