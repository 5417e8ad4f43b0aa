"""Clipping: within the limit always, the same below it, the same direction where that is promised."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.clipping import Clip, ClipNorm, ClipValue
from nn.errors import SettingError, UnknownSettingError

inf, nan = math.inf, math.nan
tiny, huge = 5e-324, 1.7976931348623157e308
EPSILON = 2.0**-52

numbers = st.floats(allow_nan=False, allow_infinity=False)
gradients = st.lists(numbers, max_size=6)
limits = st.floats(1e-300, 1e300)

BY_HAND: list[tuple[Clip, list[float], list[float]]] = [
    (ClipNorm(5.0), [3.0, 4.0], [3.0, 4.0]),
    (ClipNorm(2.5), [3.0, 4.0], [1.5, 2.0]),
    (ClipNorm(2.5), [-3.0, 4.0], [-1.5, 2.0]),
    (ClipNorm(1.0), [0.0, 0.0], [0.0, 0.0]),
    (ClipNorm(1.0), [], []),
    (ClipNorm(1.0), [huge, 0.0, -huge], [math.sqrt(0.5), 0.0, -math.sqrt(0.5)]),
    (ClipNorm(1.0), [tiny, -tiny], [tiny, -tiny]),
    (ClipNorm(2 * tiny), [8 * tiny, 0.0], [2 * tiny, 0.0]),
    (ClipNorm(1e-200), [1e-190, 0.0], [1e-200, 0.0]),
    (ClipNorm(13.0), [12.0, 84.0, 16.0, 48.0], [13 * part / math.sqrt(9760.0) for part in (12.0, 84.0, 16.0, 48.0)]),
    (ClipValue(1.0), [3.0, -0.5, -7.0, 1.0], [1.0, -0.5, -1.0, 1.0]),
    (ClipValue(1.0), [], []),
    (ClipValue(1.0), [huge, -tiny], [1.0, -tiny]),
]


@pytest.mark.parametrize(("clip", "gradient", "clipped"), BY_HAND, ids=str)
def test_the_gradient_is_clipped_as_worked_by_hand(clip: Clip, gradient: list[float], clipped: list[float]) -> None:
    np.testing.assert_allclose(clip(np.array(gradient)), clipped, rtol=4 * EPSILON, atol=0.0, strict=True)


@pytest.mark.parametrize("clip", [ClipNorm(1.0), ClipValue(1.0)], ids=repr)
@pytest.mark.parametrize("gradient", [[nan, 5.0], [inf, 5.0], [-inf, 5.0], [nan, inf, 1e300]], ids=str)
def test_what_is_not_finite_passes_unchanged_so_that_it_is_seen(clip: Clip, gradient: list[float]) -> None:
    np.testing.assert_array_equal(clip(np.array(gradient)), gradient)


@given(gradients, limits)
def test_a_norm_is_within_the_limit_and_the_direction_stays(gradient: list[float], limit: float) -> None:
    clipped = ClipNorm(limit)(np.array(gradient)).tolist()
    norm = math.hypot(*gradient)
    assert math.hypot(*clipped) <= limit * (1 + 8 * EPSILON)
    if norm <= limit * (1 - 8 * EPSILON):
        assert clipped == gradient
    elif norm >= limit * (1 + 8 * EPSILON):
        assert math.hypot(*clipped) == pytest.approx(limit, rel=8 * EPSILON)
        assert all(math.copysign(1, after) == math.copysign(1, before)
                   for after, before in zip(clipped, gradient, strict=True))


@given(gradients, limits)
def test_each_number_is_within_the_limit_and_small_ones_stay(gradient: list[float], limit: float) -> None:
    clipped = ClipValue(limit)(np.array(gradient)).tolist()
    assert clipped == [max(-limit, min(limit, each)) for each in gradient]


@given(gradients, st.sampled_from([ClipNorm(1.0), ClipValue(1.0), ClipNorm(1e300), ClipValue(1e300)]))
def test_the_result_is_a_new_array_and_clipping_again_changes_nothing(gradient: list[float], clip: Clip) -> None:
    given_array = np.array(gradient)
    clipped = clip(given_array)
    assert not np.shares_memory(clipped, given_array) and given_array.tolist() == gradient
    assert clipped.dtype == np.float64
    np.testing.assert_allclose(clip(clipped), clipped, rtol=8 * EPSILON, atol=0.0)


@pytest.mark.parametrize("gradient", [[3.0, -4.0, 12.0], [0.1, -0.2, 0.3], [1e-3, 700.0, -2.0]], ids=str)
def test_pytorch_clips_alike(gradient: list[float]) -> None:
    torch = pytest.importorskip("torch")

    def theirs(clip: Callable[..., Any], limit: float) -> list[float]:
        parameter = torch.zeros(len(gradient), dtype=torch.float64, requires_grad=True)
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        clip([parameter], limit)
        found: list[float] = parameter.grad.tolist()
        return found

    clipping = torch.nn.utils
    assert ClipValue(1.0)(np.array(gradient)).tolist() == theirs(clipping.clip_grad_value_, 1.0)
    # PyTorch divides by the norm plus 1e-6.
    assert ClipNorm(1.0)(np.array(gradient)).tolist() == pytest.approx(theirs(clipping.clip_grad_norm_, 1.0), rel=2e-6)


@pytest.mark.parametrize("clip", [ClipNorm(2.5), ClipValue(2.5)], ids=repr)
def test_a_clip_survives_pickling_and_its_repr(clip: Clip) -> None:
    assert pickle.loads(pickle.dumps(clip)) == clip == eval(repr(clip))


REFUSED: list[tuple[type, tuple[Any, ...], dict[str, Any], str]] = [
    (ClipNorm, (0,), {}, "ClipNorm: limit must be a positive, finite number; got 0. Write limit=1.0, for example."),
    (ClipNorm, (inf,), {}, "ClipNorm: limit must be a positive, finite number; got inf."),
    (ClipNorm, (nan,), {}, "ClipNorm: limit must be a positive, finite number; got nan."),
    (ClipValue, (-1,), {}, "ClipValue: limit must be a positive, finite number; got -1."),
    (ClipValue, ("1",), {}, "ClipValue: limit must be a positive, finite number; got '1'."),
    (ClipValue, (True,), {}, "ClipValue: limit must be a positive, finite number; got True."),
    (ClipNorm, (), {"max_norm": 1.0}, "ClipNorm has no setting max_norm. Write ClipNorm(limit=1.0)."),
    (ClipNorm, (), {"max_norm": 1.0, "norm_type": 2},
     "ClipNorm has no setting max_norm and no norm_type. Write ClipNorm(limit=1.0). It takes limit."),
    (ClipValue, (), {"clip_value": 0.5}, "ClipValue has no setting clip_value. Write ClipValue(limit=0.5)."),
]


@pytest.mark.parametrize(("clip", "positions", "settings", "message"), REFUSED, ids=[row[-1] for row in REFUSED])
def test_a_wrong_limit_says_what_to_write(
    clip: type, positions: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownSettingError if settings else SettingError) as refused:
        clip(*positions, **settings)
    assert str(refused.value).startswith(message)
