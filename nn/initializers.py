r"""Initializers: how the weights of a layer are drawn before training (LECTURE row 18).

An initializer is a function ``(fan_in, fan_out, rng)`` of the layer's numbers of inputs and of units and of a
Generator; it gives float64 weights of shape (fan_out, fan_in).  The schemes draw with mean 0 and a variance at which
activations (fan_in), or activations and gradients alike (both fans), keep their size from layer to layer.  A uniform
law on [-limit, limit) has the variance limit^2 / 3.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.operand_checks import shown
from nn.errors import SettingError, ShapeError
from nn.settings import NOT_NEGATIVE, Range, Settings

Weights = NDArray[np.float64]
Initializer = Callable[[int, int, np.random.Generator], Weights]

_FINITE = Range("a finite number", math.isfinite)


def zeros(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    """Zeros: with tanh or relu every gradient is 0 too, and nothing ever moves.

    >>> zeros(2, 1, np.random.default_rng(0))
    array([[0., 0.]])
    """
    return np.zeros((fan_out, fan_in))


@dataclass(frozen=True)
class constant(Settings):  # noqa: N801 - it is written like a function
    """Every weight the same: the units of a layer then get equal gradients, and stay equal.

    ``value`` is finite, else :class:`SettingError`.

    >>> constant(0.5)(2, 1, np.random.default_rng(0))
    array([[0.5, 0.5]])
    """

    value: float

    def __post_init__(self) -> None:
        self.require("value", _FINITE, 0.5)

    def __call__(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
        return np.full((fan_out, fan_in), self.value)


@dataclass(frozen=True)
class uniform(Settings):  # noqa: N801
    """Equally likely anywhere in [low, high), whatever the size of the layer.

    ``low`` and ``high`` are finite and in this order, else :class:`SettingError`.

    >>> uniform(-0.1, 0.1)(3, 1, np.random.default_rng(0)).round(3)
    array([[ 0.027, -0.046, -0.092]])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        self.require("low", _FINITE, -0.1)
        self.require("high", _FINITE, 0.1)
        if self.low > self.high:
            raise SettingError(
                f"uniform: low must not be above high; got {self.low} and {self.high}. "
                f"Write uniform({self.high}, {self.low})."
            )

    def __call__(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
        return rng.uniform(self.low, self.high, (fan_out, fan_in))


@dataclass(frozen=True)
class normal(Settings):  # noqa: N801
    """Normal with mean 0 and the same standard deviation whatever the size of the layer: often too small or too big.

    ``deviation`` is finite and at least 0, else :class:`SettingError`.

    >>> normal(0.01)(3, 1, np.random.default_rng(0)).round(4)
    array([[ 0.0013, -0.0013,  0.0064]])
    """

    deviation: float

    def __post_init__(self) -> None:
        self.require("deviation", NOT_NEGATIVE, 0.01)

    def __call__(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
        return rng.normal(0.0, self.deviation, (fan_out, fan_in))


# --- schemes by the size of the layer -----------------------------------------------------------


def xavier(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    r"""Uniform with the variance 2 / (fan_in + fan_out), for tanh: ``"glorot"`` is the same.

    .. math:: w \sim U[-c, c), \qquad c = \sqrt{6 / (n_{in} + n_{out})}

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010), eq. 16.

    >>> xavier(2, 1, np.random.default_rng(0)).round(3)
    array([[ 0.387, -0.651]])
    """
    return _uniform_of_variance(2.0 / (fan_in + fan_out), fan_in, fan_out, rng)


def xavier_normal(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    r"""Normal with the variance of :func:`xavier`.

    .. math:: w \sim N(0, \sigma^2), \qquad \sigma^2 = 2 / (n_{in} + n_{out})

    Source: Glorot and Bengio (2010), eq. 12.

    >>> xavier_normal(2, 1, np.random.default_rng(0)).round(3)
    array([[ 0.103, -0.108]])
    """
    return _normal_of_variance(2.0 / (fan_in + fan_out), fan_in, fan_out, rng)


def he(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    r"""Normal with the variance 2 / fan_in, for relu, which silences half of a layer: ``"kaiming"`` is the same.

    .. math:: w \sim N(0, \sigma^2), \qquad \sigma^2 = 2 / n_{in}

    Source: He, Zhang, Ren and Sun, Delving Deep into Rectifiers (2015), eq. 10.

    >>> he(2, 1, np.random.default_rng(0)).round(3)
    array([[ 0.126, -0.132]])
    """
    return _normal_of_variance(2.0 / fan_in, fan_in, fan_out, rng)


def he_uniform(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    r"""Uniform with the variance of :func:`he`.

    .. math:: w \sim U[-c, c), \qquad c = \sqrt{6 / n_{in}}

    Source: He, Zhang, Ren and Sun (2015), eq. 10.

    >>> he_uniform(2, 1, np.random.default_rng(0)).round(3)
    array([[ 0.474, -0.797]])
    """
    return _uniform_of_variance(2.0 / fan_in, fan_in, fan_out, rng)


def lecun(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    r"""Normal with the variance 1 / fan_in, which keeps the variance through a layer without an activation.

    .. math:: w \sim N(0, \sigma^2), \qquad \sigma^2 = 1 / n_{in}

    Source: LeCun, Bottou, Orr and Müller, Efficient BackProp (1998), section 4.6.

    >>> lecun(2, 1, np.random.default_rng(0)).round(3)
    array([[ 0.089, -0.093]])
    """
    return _normal_of_variance(1.0 / fan_in, fan_in, fan_out, rng)


def lecun_uniform(fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    r"""Uniform with the variance of :func:`lecun`.

    .. math:: w \sim U[-c, c), \qquad c = \sqrt{3 / n_{in}}

    Source: LeCun, Bottou, Orr and Müller (1998), section 4.6.

    >>> lecun_uniform(2, 1, np.random.default_rng(0)).round(3)
    array([[ 0.335, -0.564]])
    """
    return _uniform_of_variance(1.0 / fan_in, fan_in, fan_out, rng)


def _uniform_of_variance(variance: float, fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    limit = math.sqrt(3.0 * variance)
    return rng.uniform(-limit, limit, (fan_out, fan_in))


def _normal_of_variance(variance: float, fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
    return rng.normal(0.0, math.sqrt(variance), (fan_out, fan_in))


# --- by name ------------------------------------------------------------------------------------

_BY_NAME: dict[str, Initializer] = {
    scheme.__name__: scheme
    for scheme in (zeros, xavier, xavier_normal, he, he_uniform, lecun, lecun_uniform)
}
_ALIASES = {
    "glorot": "xavier", "xavier_uniform": "xavier", "glorot_uniform": "xavier", "glorot_normal": "xavier_normal",
    "kaiming": "he", "he_normal": "he", "kaiming_normal": "he", "kaiming_uniform": "he_uniform",
    "lecun_normal": "lecun",
}
_MADE_BY = {"constant": "constant(0.5)", "uniform": "uniform(-0.1, 0.1)", "normal": "normal(0.01)"}


def find_initializer(init: str | Initializer) -> Initializer:
    """The initializer of this name, or the one given, which is then held to what it must give.

    A function of your own raises :class:`ShapeError` when it is called and gives anything but finite numbers of shape
    (fan_out, fan_in).  Raises :class:`SettingError` for an unknown name, with the names there are.

    >>> find_initializer("glorot") is xavier
    True
    >>> find_initializer(lambda fan_in, fan_out, rng: np.ones((fan_out, fan_in)))(2, 1, np.random.default_rng(0))
    array([[1., 1.]])
    """
    given: object = init
    if isinstance(init, str):
        name = _ALIASES.get(init, init)
        if name in _BY_NAME:
            return _BY_NAME[name]
        raise SettingError(_unknown(init))
    if not callable(given) or isinstance(given, type):
        raise SettingError(_unknown(init))
    is_ours = init in _BY_NAME.values() or isinstance(init, (constant, uniform, normal))
    return init if is_ours else _Checked(init)


@dataclass(frozen=True)
class _Checked:
    """A function from outside, held to the shape and to finite numbers."""

    function: Initializer

    def __call__(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Weights:
        given: Any = self.function(fan_in, fan_out, rng)
        name = getattr(self.function, "__name__", repr(self.function))
        required = f"The initializer {name} must give an array of shape (fan_out, fan_in) = ({fan_out}, {fan_in})"
        try:
            weights = np.array(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise ShapeError(f"{required} of numbers; it gave {shown(given)}.") from None
        if weights.shape != (fan_out, fan_in):
            advice = " Return its transpose." if weights.shape == (fan_in, fan_out) else ""
            raise ShapeError(f"{required}; it gave the shape {weights.shape}.{advice}")
        bad = np.argwhere(~np.isfinite(weights))
        if len(bad):
            row, column = map(int, bad[0])
            raise ShapeError(f"{required} of finite numbers; at [{row}, {column}] it gave {weights[row, column]}.")
        return weights


def _unknown(init: object) -> str:
    """What is wrong with a name, or with what is no initializer at all."""
    names = f"Initializers are {', '.join(_BY_NAME)}, and {', '.join(_MADE_BY.values())} with numbers of your own."
    made = init if isinstance(init, str) else getattr(init, "__name__", "")
    if made in _MADE_BY:
        return f"The initializer {made} needs its numbers: write init={_MADE_BY[made]}. {names}"
    close = difflib.get_close_matches(str(init).lower(), [*_BY_NAME, *_ALIASES], n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"There is no initializer {shown(init)}. {hint}{names}"
