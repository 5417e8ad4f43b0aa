"""The sets to learn from: their formulas against scikit-learn and by hand, their seeds, and what they refuse."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core import Value
from autograd_core.testing import assert_gradients
from nn.data import circles, gabor, gabor_data, moons, spirals, xor
from nn.errors import SettingError
from nn.real_data import Dataset, breast_cancer, diabetes, digits, iris

PLANE: list[tuple[Callable[..., Any], int]] = [(moons, 2), (circles, 2), (spirals, 2), (xor, 2)]
each_set = pytest.mark.parametrize("draw, classes", PLANE, ids=lambda thing: getattr(thing, "__name__", None))


def rows(X: Any, y: Any) -> set[tuple[float, ...]]:
    return {(*point, label) for point, label in zip(X.round(9).tolist(), y.tolist(), strict=True)}


@each_set
@given(examples=st.integers(4, 60), seed=st.integers(0, 2**32 - 1))
def test_a_set_has_the_shape_types_and_balance_it_promises(
    draw: Callable[..., Any], classes: int, examples: int, seed: int
) -> None:
    X, y = draw(examples, rng=seed)
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((examples, 2), np.float64, (examples,), np.int64)
    members = np.bincount(y, minlength=classes)
    assert len(members) == classes
    assert members.max() - members.min() <= (2 if draw is xor else 1)  # xor's balance is over four corners


@each_set
def test_one_seed_is_one_set_and_a_generator_goes_on(draw: Callable[..., Any], classes: int) -> None:
    first, second = draw(40, rng=3), draw(40, rng=np.random.default_rng(3))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert not np.array_equal(first[0], draw(40, rng=4)[0])
    generator = np.random.default_rng(3)
    draw(40, rng=generator)
    assert not np.array_equal(first[0], draw(40, rng=generator)[0])


@each_set
def test_a_set_leaves_the_global_generator_alone(draw: Callable[..., Any], classes: int) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    draw(40)
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]


@each_set
def test_a_set_is_shuffled(draw: Callable[..., Any], classes: int) -> None:
    y = draw(100)[1]
    assert 30 < np.count_nonzero(np.diff(y)) < 70  # about half of the neighbours differ; sorted, one does


@each_set
def test_noise_is_normal_with_the_standard_deviation_given(draw: Callable[..., Any], classes: int) -> None:
    noise = (draw(5000, noise=0.3, rng=1)[0] - draw(5000, noise=0, rng=1)[0]) / 0.3
    assert noise.mean() == pytest.approx(0, abs=0.05)
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert (np.abs(noise) < 1).mean() == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.02)


@pytest.mark.parametrize("examples", [2, 5, 20, 101])
def test_moons_and_circles_are_scikit_learns(examples: int) -> None:
    made = pytest.importorskip("sklearn.datasets")
    counts = (examples - examples // 2, examples // 2)  # class 0 has the extra one
    assert rows(*moons(examples, noise=0)) == rows(*made.make_moons(counts))
    assert rows(*circles(examples, noise=0, ratio=0.3)) == rows(*made.make_circles(counts, factor=0.3))


@given(
    turns=st.floats(0.1, 4), classes=st.integers(2, 6), each=st.integers(2, 30), seed=st.integers(0, 1000),
)
def test_every_point_of_a_spiral_lies_on_its_own_arm(turns: float, classes: int, each: int, seed: int) -> None:
    X, y = spirals(each * classes, turns, classes, noise=0, rng=seed)
    radius, angle = np.hypot(*X.T), np.arctan2(*X.T[::-1])
    turned = (angle / (2 * math.pi) - turns * radius - y / classes) % 1
    assert np.minimum(turned, 1 - turned) == pytest.approx(0, abs=1e-9)
    for arm in range(classes):
        assert np.sort(radius[y == arm]) == pytest.approx([0.1 + 0.9 * i / (each - 1) for i in range(each)])


@pytest.mark.parametrize("draw", [moons, circles, spirals, lambda n: spirals(n, 1, 3)])
def test_the_nearest_neighbour_knows_the_class_at_the_default_noise(draw: Callable[..., Any]) -> None:
    X, y = draw(200)
    distance = np.hypot(*(X[:, None] - X[None]).transpose(2, 0, 1)) + np.diag(np.full(200, np.inf))
    assert np.array_equal(y[distance.argmin(axis=1)], y)


def test_xor_is_exclusive_or_at_every_corner() -> None:
    X, y = xor(10, noise=0)
    assert all(label == (int(p) ^ int(q)) for (p, q), label in zip(X, y, strict=True))
    corners, counts = np.unique(X, axis=0, return_counts=True)
    assert (corners.tolist(), counts.tolist()) == ([[0, 0], [0, 1], [1, 0], [1, 1]], [3, 3, 2, 2])


@given(x=st.floats(-15, 15), p0=st.floats(-10, 10), p1=st.floats(2.5, 22.5))
def test_gabor_is_the_slides_formula_at_50_digits(x: float, p0: float, p1: float) -> None:
    with mpmath.workdps(50):
        inner = p0 + mpmath.mpf(6) / 100 * p1 * x
        exact = mpmath.sin(inner) * mpmath.exp(-(inner**2) / 32)
    found = gabor(x, p0, p1)
    assert found == pytest.approx(float(exact), abs=1e-14)
    assert gabor(x, Value(p0), p1).data == found
    assert gabor(np.array([x]), p0, p1)[0] == pytest.approx(found, abs=1e-15)


def test_gabor_has_the_gradients_of_its_formula() -> None:
    assert_gradients(lambda p0, p1: gabor(1.5, p0, p1), 0.3, 16.6)


def test_gabors_surface_broadcasts() -> None:
    p0, p1 = np.linspace(-10, 10, 3), np.linspace(2.5, 22.5, 4)
    assert gabor(np.ones(5), p0[:, None, None], p1[:, None]).shape == (3, 4, 5)


def test_gabors_points_are_the_true_curve_and_noise() -> None:
    x, y = gabor_data(4000, noise=0.2, rng=5)
    assert (x.shape, y.shape, x.dtype, y.dtype) == ((4000,), (4000,), np.float64, np.float64)
    assert -15 <= x.min() < -14.9 and 14.9 < x.max() <= 15
    noise = y - gabor(x, 0.0, 16.6)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(0.2, rel=0.05)
    assert np.array_equal(gabor_data(9, noise=0, p0=1.0, p1=3.0)[1], gabor(gabor_data(9)[0], 1.0, 3.0))


def test_the_lowest_cost_on_rows_14s_surface_is_near_the_true_parameters() -> None:
    x, y = gabor_data()
    p0, p1 = np.arange(-10, 10, 0.1)[:, None, None], np.arange(2.5, 22.5, 0.1)[None, :, None]
    cost = ((gabor(x, p0, p1) - y) ** 2 / 2).mean(axis=-1)
    i, j = np.unravel_index(cost.argmin(), cost.shape)
    assert p0[i, 0, 0] == pytest.approx(0, abs=0.3) and p1[0, j, 0] == pytest.approx(16.6, abs=0.6)


REFUSED = [
    (lambda: moons(1), "moons: examples must be a whole number of at least 2; got 1. Write examples=2 or more."),
    (lambda: moons(0), "moons: examples must be a whole number of at least 2; got 0. Write examples=2 or more."),
    (lambda: moons(10.0), "moons: examples must be a whole number of at least 2; got 10.0. Write examples=2 or more."),
    (lambda: xor(3), "xor: examples must be a whole number of at least 4; got 3. Write examples=4 or more."),
    (lambda: spirals(2, classes=3),
     "spirals: examples must be a whole number of at least 3; got 2. Write examples=3 or more."),
    (lambda: spirals(classes=1), "spirals: classes must be a whole number of at least 2; got 1. "
     "Write classes=2 or more."),
    (lambda: spirals(classes=True), "spirals: classes must be a whole number of at least 2; got True. "
     "Write classes=2 or more."),
    (lambda: spirals(turns=0.0),
     "spirals: turns must be positive and finite; got 0.0. turns=1.5 winds visibly."),
    (lambda: spirals(turns=math.nan),
     "spirals: turns must be positive and finite; got nan. turns=1.5 winds visibly."),
    (lambda: circles(ratio=1.0), "circles: ratio must be between 0 and 1, both excluded; got 1.0. It is the radius "
     "of the inner circle when the outer one's is 1."),
    (lambda: xor(noise=-0.1), "noise must be finite and not negative; got -0.1. It is the standard deviation of what "
     "is added: noise=0 adds nothing."),
    (lambda: gabor_data(noise=math.inf), "noise must be finite and not negative; got inf. It is the standard "
     "deviation of what is added: noise=0 adds nothing."),
    (lambda: gabor_data(True), "gabor_data: examples must be a whole number of at least 1; got True. "
     "Write examples=1 or more."),
    (lambda: gabor_data(0), "gabor_data: examples must be a whole number of at least 1; got 0. "
     "Write examples=1 or more."),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=[message[:45] for _, message in REFUSED])
def test_a_set_that_cannot_be_drawn_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        call()
    assert str(caught.value) == message


REAL = [
    # set, shape, examples of each class, first row's first numbers, repr
    (digits, (1797, 64), (178, 182, 177, 183, 181, 182, 181, 179, 174, 180), (0, 0, 5, 13),
     "Dataset(1797 examples, 64 features, 10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)"),
    (iris, (150, 4), (50, 50, 50), (5.1, 3.5, 1.4, 0.2),
     "Dataset(150 examples, 4 features, 3 classes: setosa, versicolor, virginica)"),
    (diabetes, (442, 10), (), (59, 2, 32.1, 101), "Dataset(442 examples, 10 features, numbers as targets)"),
    (breast_cancer, (569, 30), (212, 357), (17.99, 10.38, 122.8, 1001),
     "Dataset(569 examples, 30 features, 2 classes: malignant, benign)"),
]


@pytest.mark.parametrize("read, shape, members, first, text", REAL, ids=[row[0].__name__ for row in REAL])
def test_a_real_set_is_the_published_one(
    read: Callable[[], Dataset], shape: tuple[int, int], members: tuple[int, ...], first: tuple[float, ...], text: str
) -> None:
    pytest.importorskip("sklearn")
    data = read()
    X, y = data
    assert X is data.X and y is data.y
    assert (X.shape, X.dtype, y.shape) == (shape, np.float64, shape[:1])
    assert X[0, : len(first)].tolist() == list(first)
    assert np.isfinite(X).all() and np.isfinite(y).all()
    assert y.dtype == (np.int64 if members else np.float64)
    assert len(data.classes) == len(members) and (not members or tuple(np.bincount(y)) == members)
    assert len(data.features) == len(set(data.features)) == shape[1]
    assert all(type(name) is str for name in (*data.features, *data.classes))
    assert repr(data) == text and data.source.endswith(f"from scikit-learn's load_{read.__name__}")
    X[:] = 0
    assert read().X.any()
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.X = X  # type: ignore[misc]


def test_digits_are_whole_numbers_from_0_to_16_and_show_a_nought_first() -> None:
    pytest.importorskip("sklearn")
    X, y = digits()
    assert set(np.unique(X)) == set(range(17))
    assert y[0] == 0
    assert X[0].reshape(8, 8)[3:5, 3:5].max() == 0  # the hole in the middle
    assert digits().features[8 * 2 + 3] == "pixel_2_3"


def test_diabetes_is_in_the_units_of_the_study() -> None:
    pytest.importorskip("sklearn")
    data = diabetes()
    age = data.X[:, data.features.index("age")]
    assert (age.min(), age.max()) == (19, 79)
    assert (data.y.min(), data.y.max()) == (25, 346)


@pytest.mark.parametrize("read", [digits, iris, diabetes, breast_cancer])
def test_without_scikit_learn_the_extra_is_named(read: Callable[[], Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError) as caught:
        read()
    assert str(caught.value) == (
        f"The set '{read.__name__}': sklearn is not installed. It comes with the extra 'data': "
        'pip install "autograd-core[data]".'
    )
