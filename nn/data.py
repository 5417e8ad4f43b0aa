"""Small sets to learn from: four in the plane, and the Gabor model's curve; every draw is seeded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core import exp, sin, square
from autograd_core.operand_checks import shown
from nn.errors import SettingError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def moons(examples: int = 100, noise: float = 0.1, rng: int | np.random.Generator = 0) -> tuple[Floats, Labels]:
    """Two interleaving half circles: X of shape (examples, 2) and the labels 0 and 1, shuffled.

    With t evenly spaced from 0 to pi, class 0 is (cos t, sin t) and class 1 is (1 - cos t, 1/2 - sin t)
    (scikit-learn's ``make_moons``); normal noise of the standard deviation ``noise`` is added to both coordinates.
    An odd number gives class 0 the extra example.  Raises :class:`SettingError`.

    >>> X, y = moons(examples=100, noise=0.1, rng=0)
    >>> X.shape, np.bincount(y)
    ((100, 2), array([50, 50]))
    """
    upper, lower = (np.linspace(0, math.pi, count) for count in _counts("moons", examples, 2))
    arcs = [_points(np.cos(upper), np.sin(upper)), _points(1 - np.cos(lower), 0.5 - np.sin(lower))]
    return _shuffled(arcs, noise, rng)


def circles(
    examples: int = 100, noise: float = 0.05, ratio: float = 0.5, rng: int | np.random.Generator = 0
) -> tuple[Floats, Labels]:
    """A circle inside another: X of shape (examples, 2) and the labels 0 (outside) and 1 (inside), shuffled.

    With t evenly spaced from 0 up to 2 pi, class 0 is (cos t, sin t) and class 1 is ratio * (cos t, sin t), with
    0 < ratio < 1; normal noise of the standard deviation ``noise`` is added to both coordinates.  An odd number
    gives class 0 the extra example.  Raises :class:`SettingError`.

    >>> X, y = circles(examples=100, noise=0.0, ratio=0.5)
    >>> np.unique(np.hypot(*X.T).round(12))
    array([0.5, 1. ])
    """
    if not 0 < ratio < 1:
        raise SettingError(
            f"circles: ratio must be between 0 and 1, both excluded; got {shown(ratio)}. It is the radius of the "
            "inner circle when the outer one's is 1."
        )
    outer, inner = (np.linspace(0, 2 * math.pi, count, endpoint=False) for count in _counts("circles", examples, 2))
    return _shuffled([_around(1.0, outer), _around(ratio, inner)], noise, rng)


def spirals(
    examples: int = 100, turns: float = 1.5, classes: int = 2, noise: float = 0.02, rng: int | np.random.Generator = 0
) -> tuple[Floats, Labels]:
    """Spiral arms around one centre: X of shape (examples, 2) and the labels 0 to classes - 1, shuffled.

    Arm c is r * (cos t, sin t) with r evenly spaced from 0.1 to 1 and t = 2 pi (turns * r + c / classes), so along a
    ray neighbouring arms are 1 / (turns * classes) apart; normal noise of the standard deviation ``noise`` is added
    to both coordinates.  Two arms are the two-spirals problem (Lang and Witbrock, 1988).  The first arms get the
    examples left over.  Raises :class:`SettingError`.

    >>> X, y = spirals(examples=200, turns=2.0, classes=3)
    >>> X.shape, np.bincount(y)
    ((200, 2), array([67, 67, 66]))
    """
    _require_count("spirals", "classes", classes, 2)
    if not 0 < turns < math.inf:
        raise SettingError(f"spirals: turns must be positive and finite; got {shown(turns)}. turns=1.5 winds visibly.")
    radii = [np.linspace(0.1, 1, count) for count in _counts("spirals", examples, classes)]
    return _shuffled(
        [_around(radius, 2 * math.pi * (turns * radius + arm / classes)) for arm, radius in enumerate(radii)],
        noise, rng,
    )


def xor(examples: int = 100, noise: float = 0.1, rng: int | np.random.Generator = 0) -> tuple[Floats, Labels]:
    """The corners of the unit square, labelled by exclusive or: X of shape (examples, 2) and y of 0 and 1, shuffled.

    A corner (p, q) of bits has the label p XOR q, which no straight line separates (Minsky and Papert, 1969);
    normal noise of the standard deviation ``noise`` is added to both coordinates.  The first of the corners 00, 01,
    10, 11 get the examples left over.  Raises :class:`SettingError`.

    >>> X, y = xor(examples=4, noise=0.0)
    >>> sorted(zip(X.astype(int).tolist(), y.tolist()))
    [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
    """
    counts = _counts("xor", examples, 4)
    corners = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], counts, axis=0)
    labels = np.repeat([0, 1, 1, 0], counts)
    return _shuffled([corners[labels == 0], corners[labels == 1]], noise, rng)


def gabor(x: Any, p0: Any, p1: Any) -> Any:
    """The Gabor model f(x; p) = sin(p0 + .06 p1 x) exp(-(p0 + .06 p1 x)^2 / 32): a wave under a bell curve.

    x, p0 and p1 are floats, Values or arrays that broadcast; the result is of their kind.  Fitting p0 and p1 has a
    cost with several local minima (slide "gabor"; Prince, *Understanding Deep Learning*, 2023, chapter 6).

    >>> gabor(2.0, p0=0.0, p1=16.6)
    0.806...
    """
    inner = p0 + 0.06 * p1 * x
    return sin(inner) * exp(-square(inner) / 32)


def gabor_data(
    examples: int = 30, noise: float = 0.1, p0: float = 0.0, p1: float = 16.6, rng: int | np.random.Generator = 0
) -> tuple[Floats, Floats]:
    """Points of the Gabor model with noise: x and y, both of shape (examples,).

    x is uniform in [-15, 15); y = gabor(x, p0, p1) plus normal noise of the standard deviation ``noise``.  The true
    parameters are p0 = 0 and p1 = 16.6 unless others are given.  ``x[:, None]`` is the table that a network takes.
    Raises :class:`SettingError`.

    >>> x, y = gabor_data(rng=0)
    >>> float(np.mean((gabor(x, 0.0, 16.6) - y) ** 2 / 2))
    0.00...
    """
    _require_count("gabor_data", "examples", examples, 1)
    _require_noise(noise)
    generator = np.random.default_rng(rng)
    x = generator.uniform(-15, 15, examples)
    return x, gabor(x, p0, p1) + noise * generator.standard_normal(examples)


def _points(first: Floats, second: Floats) -> Floats:
    return np.stack([first, second], axis=1)


def _around(radius: float | Floats, angle: Floats) -> Floats:
    return _points(radius * np.cos(angle), radius * np.sin(angle))


def _shuffled(points: list[Floats], noise: float, rng: int | np.random.Generator) -> tuple[Floats, Labels]:
    """The points of class 0, of class 1 and so on as one set, in random order and with noise."""
    _require_noise(noise)
    generator = np.random.default_rng(rng)
    X = np.concatenate(points)
    y = np.repeat(np.arange(len(points), dtype=np.int64), [len(some) for some in points])
    order = generator.permutation(len(X))
    return X[order] + noise * generator.standard_normal(X.shape), y[order]


def _counts(name: str, examples: int, groups: int) -> list[int]:
    """How many of the examples each group gets, the first ones those left over."""
    _require_count(name, "examples", examples, groups)
    return [len(part) for part in np.array_split(np.arange(examples), groups)]


def _require_count(name: str, setting: str, given: Any, least: int) -> None:
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not whole or given < least:
        raise SettingError(
            f"{name}: {setting} must be a whole number of at least {least}; got {shown(given)}. "
            f"Write {setting}={least} or more."
        )


def _require_noise(noise: float) -> None:
    if not 0 <= noise < math.inf:
        raise SettingError(
            f"noise must be finite and not negative; got {shown(noise)}. It is the standard deviation of what is "
            "added: noise=0 adds nothing."
        )
