"""The initializers: bounds, moments and shapes by fixed seeds, names, and what a function of one's own may give."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nn.errors import SettingError, ShapeError, UnknownSettingError
from nn.initializers import (
    Initializer,
    constant,
    find_initializer,
    he,
    he_uniform,
    lecun,
    lecun_uniform,
    normal,
    uniform,
    xavier,
    xavier_normal,
    zeros,
)

UNIFORM: list[tuple[Initializer, Callable[[int, int], tuple[float, float]]]] = [  # and [low, high)
    (uniform(-0.3, 0.7), lambda fan_in, fan_out: (-0.3, 0.7)),
    (xavier, lambda fan_in, fan_out: (-math.sqrt(6 / (fan_in + fan_out)), math.sqrt(6 / (fan_in + fan_out)))),
    (he_uniform, lambda fan_in, fan_out: (-math.sqrt(6 / fan_in), math.sqrt(6 / fan_in))),
    (lecun_uniform, lambda fan_in, fan_out: (-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in))),
]
NORMAL: list[tuple[Initializer, Callable[[int, int], float]]] = [  # and the variance
    (normal(0.02), lambda fan_in, fan_out: 0.02**2),
    (xavier_normal, lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    (he, lambda fan_in, fan_out: 2 / fan_in),
    (lecun, lambda fan_in, fan_out: 1 / fan_in),
]
EVERY: list[Initializer] = [zeros, constant(0.5), *(init for init, _ in UNIFORM), *(init for init, _ in NORMAL)]
FANS = [(300, 200), (50, 1000), (1000, 50)]


def named(init: Any) -> str:
    return getattr(init, "__name__", repr(init))


each_initializer = pytest.mark.parametrize("init", EVERY, ids=named)


@pytest.mark.parametrize(("fan_in", "fan_out"), FANS)
@pytest.mark.parametrize(("init", "interval"), UNIFORM, ids=[named(init) for init, _ in UNIFORM])
def test_uniform_laws_fill_their_interval(init: Initializer, interval: Any, fan_in: int, fan_out: int) -> None:
    low, high = interval(fan_in, fan_out)
    weights = init(fan_in, fan_out, np.random.default_rng(1))
    count, width, one_ulp = weights.size, high - low, 1 + 2**-52
    assert low * one_ulp <= weights.min() <= low + 20 * width / count  # missed by e^-20
    assert high - 20 * width / count <= weights.max() <= high * one_ulp
    assert weights.mean() == pytest.approx((low + high) / 2, abs=4 * width / math.sqrt(12 * count))
    assert weights.var() == pytest.approx(width**2 / 12, rel=4 * math.sqrt(0.8 / count))
    below = np.mean(weights < low + width / 4)
    assert below == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / count))


@pytest.mark.parametrize(("fan_in", "fan_out"), FANS)
@pytest.mark.parametrize(("init", "variance"), NORMAL, ids=[named(init) for init, _ in NORMAL])
def test_normal_laws_have_their_moments(init: Initializer, variance: Any, fan_in: int, fan_out: int) -> None:
    weights = init(fan_in, fan_out, np.random.default_rng(2))
    count, deviation = weights.size, math.sqrt(variance(fan_in, fan_out))
    assert weights.mean() == pytest.approx(0.0, abs=4 * deviation / math.sqrt(count))
    assert weights.var() == pytest.approx(deviation**2, rel=4 * math.sqrt(2 / count))
    kurtosis = np.mean((weights / deviation) ** 4)
    assert kurtosis == pytest.approx(3.0, abs=4 * math.sqrt(96 / count))
    within = np.mean(np.abs(weights) < deviation)
    assert within == pytest.approx(math.erf(math.sqrt(0.5)), abs=4 * math.sqrt(0.6827 * 0.3173 / count))


def test_constants() -> None:
    assert zeros(3, 2, np.random.default_rng(0)).tolist() == [[0.0] * 3] * 2
    assert constant(-0.5)(3, 2, np.random.default_rng(0)).tolist() == [[-0.5] * 3] * 2
    assert normal(0.0)(3, 2, np.random.default_rng(0)).tolist() == [[0.0] * 3] * 2


@each_initializer
def test_shape_type_and_the_generator_s_word(init: Initializer) -> None:
    first = init(3, 2, np.random.default_rng(7))
    assert (first.shape, first.dtype) == ((2, 3), np.float64)
    np.random.seed(0)  # what is global has no say
    assert np.array_equal(first, init(3, 2, np.random.default_rng(7)))
    rng = np.random.default_rng(7)
    two = [init(3, 2, rng), init(3, 2, rng)]
    assert np.array_equal(first, two[0])
    drawn = init not in (zeros, constant(0.5))
    assert drawn != np.array_equal(two[0], two[1])
    two[0][0, 0] = 9.0  # fresh arrays
    assert init(3, 2, np.random.default_rng(7))[0, 0] == first[0, 0]


@each_initializer
def test_one_input_and_one_unit_are_enough(init: Initializer) -> None:
    weights = init(1, 1, np.random.default_rng(0))
    assert weights.shape == (1, 1)
    assert np.isfinite(weights).all()


@pytest.mark.parametrize(("init", "activation"), [
    (lecun, lambda a: a), (lecun_uniform, lambda a: a), (xavier, lambda a: a), (xavier_normal, lambda a: a),
    (he, lambda a: np.maximum(a, 0.0)), (he_uniform, lambda a: np.maximum(a, 0.0)),
], ids=named)
def test_pre_activations_keep_their_size_through_twenty_layers(init: Initializer, activation: Any) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(0.0, 1.0, (256, 64))
    for _ in range(20):
        a = init(256, 256, rng) @ activation(a)
    assert 0.25 < np.mean(a**2) < 4.0


# --- by name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "init"), [
    ("zeros", zeros), ("xavier", xavier), ("glorot", xavier), ("xavier_uniform", xavier), ("glorot_uniform", xavier),
    ("xavier_normal", xavier_normal), ("glorot_normal", xavier_normal), ("he", he), ("kaiming", he), ("he_normal", he),
    ("kaiming_normal", he), ("he_uniform", he_uniform), ("kaiming_uniform", he_uniform), ("lecun", lecun),
    ("lecun_normal", lecun), ("lecun_uniform", lecun_uniform),
])
def test_names_find_initializers(name: str, init: Initializer) -> None:
    assert find_initializer(name) is init
    assert find_initializer(init) is init


def test_those_with_numbers_are_frozen_data() -> None:
    for init in (constant(0.5), uniform(-1, 2), normal(0.01)):
        assert find_initializer(init) is init
        for travelled in (pickle.loads(pickle.dumps(init)), copy.deepcopy(init), eval(repr(init))):
            assert travelled == init
    assert repr(uniform(-1, np.float64(2))) == "uniform(low=-1.0, high=2.0)"
    assert pickle.loads(pickle.dumps(he)) is he


def own(fan_in: int, fan_out: int, rng: np.random.Generator) -> Any:
    return [[1] * fan_in for _ in range(fan_out)]


def test_a_function_of_one_s_own() -> None:
    found = find_initializer(own)(3, 2, np.random.default_rng(0))
    assert (found.tolist(), found.dtype) == ([[1.0] * 3] * 2, np.float64)
    assert pickle.loads(pickle.dumps(find_initializer(own))) == find_initializer(own)
    kept = np.ones((2, 3))
    find_initializer(lambda fan_in, fan_out, rng: kept)(3, 2, np.random.default_rng(0))[0, 0] = 9.0
    assert kept[0, 0] == 1.0


NAMES = (
    "Initializers are zeros, xavier, xavier_normal, he, he_uniform, lecun, lecun_uniform, and constant(0.5), "
    "uniform(-0.1, 0.1), normal(0.01) with numbers of your own."
)
UNKNOWN: list[tuple[Any, str]] = [
    ("xaiver", f"There is no initializer 'xaiver'. Did you mean 'xavier'? {NAMES}"),
    ("Glorot", f"There is no initializer 'Glorot'. Did you mean 'glorot'? {NAMES}"),
    ("orthogonal", f"There is no initializer 'orthogonal'. {NAMES}"),
    ("", f"There is no initializer ''. {NAMES}"),
    (None, f"There is no initializer None. {NAMES}"),
    (0.1, f"There is no initializer 0.1. {NAMES}"),
    ("normal", f"The initializer normal needs its numbers: write init=normal(0.01). {NAMES}"),
    ("uniform", f"The initializer uniform needs its numbers: write init=uniform(-0.1, 0.1). {NAMES}"),
    (constant, f"The initializer constant needs its numbers: write init=constant(0.5). {NAMES}"),
    (np.zeros(2), f"There is no initializer array([0., 0.]). {NAMES}"),
]


@pytest.mark.parametrize(("init", "message"), UNKNOWN)
def test_what_is_no_initializer(init: Any, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        find_initializer(init)
    assert str(caught.value) == message


MUST = "The initializer mine must give an array of shape (fan_out, fan_in) = (2, 3)"


@pytest.mark.parametrize(("given", "message"), [
    (np.ones((3, 2)), f"{MUST}; it gave the shape (3, 2). Return its transpose."),
    (np.ones(6), f"{MUST}; it gave the shape (6,)."),
    (1.0, f"{MUST}; it gave the shape ()."),
    ([[1.0], [2.0, 3.0]], f"{MUST} of numbers; it gave [[1.0], [2.0, 3.0]]."),
    ("much", f"{MUST} of numbers; it gave 'much'."),
    ([[1.0] * 3, [1.0, math.nan, 1.0]], f"{MUST} of finite numbers; at [1, 1] it gave nan."),
    ([[1.0, 1.0, math.inf], [1.0] * 3], f"{MUST} of finite numbers; at [0, 2] it gave inf."),
])
def test_what_a_function_of_one_s_own_may_not_give(given: Any, message: str) -> None:
    def mine(fan_in: int, fan_out: int, rng: np.random.Generator) -> Any:
        return given

    with pytest.raises(ShapeError) as caught:
        find_initializer(mine)(3, 2, np.random.default_rng(0))
    assert str(caught.value) == message


BAD_NUMBERS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: constant(math.nan), SettingError,
     "constant: value must be a finite number; got nan. Write value=0.5, for example."),
    (lambda: uniform(-math.inf, 1.0), SettingError,
     "uniform: low must be a finite number; got -inf. Write low=-0.1, for example."),
    (lambda: uniform(1.0, 0.5), SettingError,
     "uniform: low must not be above high; got 1.0 and 0.5. Write uniform(0.5, 1.0)."),
    (lambda: normal(-1.0), SettingError,
     "normal: deviation must be a finite number, 0 or more; got -1.0. Write deviation=0.01, for example."),
    (lambda: normal(0.0, 0.1), TypeError,  # type: ignore[call-arg]
     "normal.__init__() takes 2 positional arguments but 3 were given"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_NUMBERS)
def test_numbers_that_cannot_be_meant(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_foreign_words_are_refused() -> None:
    with pytest.raises(UnknownSettingError, match=r"^normal has no setting std\..*deviation\.$"):
        normal(std=0.1)  # type: ignore[call-arg]
