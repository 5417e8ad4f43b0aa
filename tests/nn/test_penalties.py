"""The penalties: exact values and gradients, which parameters they take, and what they refuse."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Iterable
from dataclasses import FrozenInstanceError, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_core import Value
from autograd_core.testing import gradcheck
from autograd_core.value import topological_order
from nn.errors import SettingError, UnknownSettingError
from nn.penalties import L1, L2, ElasticNet, Penalty

PENALTIES = (L2(0.01), L2(3.0), L2(0.0), L1(0.01), L1(3.0), L1(0.0), ElasticNet(0.5, 0.2), ElasticNet(0.5, 1.0))
each_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


class TwoWeightsOneBias:
    """As much of a model as a penalty sees."""

    def __init__(self) -> None:
        self._weights, self._biases = [Value(3.0, "w_1"), Value(-4.0, "w_2")], [Value(10.0, "b")]

    def weights(self) -> list[Value]:
        return self._weights

    def parameters(self) -> list[Value]:
        return self._weights + self._biases


def exact(penalty: Penalty, weights: Iterable[float]) -> tuple[Fraction, list[Fraction]]:
    """Value and gradient from the equations, in fractions."""
    w, strength = [Fraction(each) for each in weights], Fraction(penalty.strength)
    share = Fraction(penalty.l1_share) if isinstance(penalty, ElasticNet) else Fraction(isinstance(penalty, L1))
    value = strength * (share * sum(map(abs, w)) + (1 - share) / 2 * sum(each * each for each in w))
    signs = [(each > 0) - (each < 0) for each in w]
    return value, [strength * (share * sign + (1 - share) * each) for sign, each in zip(signs, w, strict=True)]


@each_penalty
@pytest.mark.parametrize("weights", [
    [3.0, -4.0], [0.0], [0.0, 1.0, -1.0, 0.1], [1000.0, -1000.0], [1e-12, 1e12], [0.5] * 20, [-2.0],
])
def test_values_and_gradients_are_those_of_the_equations(penalty: Penalty, weights: list[float]) -> None:
    value, gradient = exact(penalty, weights)
    leaves = [Value(w) for w in weights]
    found = penalty.of(leaves)
    found.backward()
    assert found.data == pytest.approx(float(value), rel=1e-15)
    assert [leaf.grad for leaf in leaves] == pytest.approx([float(each) for each in gradient], rel=1e-15)
    assert penalty.of(weights) == found.data
    columns = penalty.of([np.array([w, 2.0 * w]) for w in weights])
    assert columns.tolist() == pytest.approx([found.data, penalty.of([2.0 * w for w in weights])], rel=1e-14)


def test_numbers_worked_by_hand() -> None:
    assert L2(0.1).of([1.0, 2.0, -3.0]) == pytest.approx(0.7, rel=1e-15)
    assert L1(0.1).of([1.0, 2.0, -3.0]) == pytest.approx(0.6, rel=1e-15)
    assert ElasticNet(0.1, 0.25).of([1.0, 2.0, -3.0]) == pytest.approx(0.1 * (0.25 * 6 + 0.375 * 14), rel=1e-15)


@each_penalty
@settings(max_examples=40)
@given(weights=st.lists(st.floats(-10, 10), min_size=1, max_size=5))
def test_the_checker_confirms_the_gradients(penalty: Penalty, weights: list[float]) -> None:
    report = gradcheck(lambda *w: penalty.of(w), *weights)
    smooth = isinstance(penalty, L2) or 0.0 not in weights
    assert set(report.verdicts.values()) <= ({"pass"} if smooth else {"pass", "kink"}), str(report)


def test_the_subgradient_at_zero_is_zero() -> None:
    for penalty in (L1(2.0), ElasticNet(2.0, 0.5)):
        w = Value(0.0)
        penalty.of([w]).backward()
        assert w.grad == 0.0


@pytest.mark.parametrize(("make", "of_weights", "of_all"), [
    (L2, 12.5, 62.5), (L1, 7.0, 17.0), (lambda strength, **more: ElasticNet(strength, 0.5, **more), 9.75, 39.75),
])
def test_biases_are_left_out_unless_asked_for(make: Callable[..., Penalty], of_weights: float, of_all: float) -> None:
    model = TwoWeightsOneBias()
    assert make(1.0)(model).data == of_weights
    assert make(1.0, biases=True)(model).data == of_all
    make(1.0)(model).backward()
    assert [parameter.grad != 0.0 for parameter in model.parameters()] == [True, True, False]


def test_an_elastic_net_lies_between_its_parts() -> None:
    weights = [1.0, -2.0, 0.25]
    assert ElasticNet(0.3, 1.0).of(weights) == L1(0.3).of(weights)
    assert ElasticNet(0.3, 0.0).of(weights) == L2(0.3).of(weights)


def test_a_penalty_records_few_nodes() -> None:
    def rows(penalty: Penalty) -> str:
        order = topological_order([penalty.of([Value(1.0), Value(2.0)])])
        return " ".join(sorted(node.op.name for node in order if node.op))

    assert rows(L2(0.1)) == "mul square square total"
    assert rows(L1(0.1)) == "abs abs mul total"
    assert rows(ElasticNet(0.1, 0.5)) == "abs abs add mul mul square square total total"


def test_without_weights_there_is_no_penalty() -> None:
    for penalty in PENALTIES:
        assert penalty.of([]) == 0.0
    assert L2(0.5).of(w for w in [3.0, -4.0]) == 6.25


@each_penalty
def test_penalties_are_frozen_data(penalty: Penalty) -> None:
    for travelled in (pickle.loads(pickle.dumps(penalty)), copy.deepcopy(penalty), eval(repr(penalty))):
        assert travelled == penalty
        assert hash(travelled) == hash(penalty)
    with pytest.raises(FrozenInstanceError):
        penalty.strength = 2.0  # type: ignore[misc]


def test_repr_says_what_was_set() -> None:
    assert repr(L2(1)) == "L2(strength=1.0, biases=False)"
    assert repr(ElasticNet(np.float64(0.1), 1, biases=True)) == "ElasticNet(strength=0.1, biases=True, l1_share=1.0)"


def test_a_penalty_of_one_s_own() -> None:
    @dataclass(frozen=True)
    class Largest(Penalty):
        def of(self, scalars: Iterable[Any]) -> Any:
            return self.strength * max(map(abs, scalars))

    assert Largest(0.5).of([3.0, -4.0]) == 2.0
    assert Largest(0.5, biases=True)(TwoWeightsOneBias()).data == 5.0


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    *[(lambda make=make, bad=bad: make(bad), SettingError,  # type: ignore[misc]
       f"{make.__name__}: strength must be a finite number, 0 or more; got {bad!r}. "
       "Write strength=0.001, for example.")
      for make in (L1, L2) for bad in (-0.1, math.nan, math.inf, "0.1", None, True)],
    *[(lambda bad=bad: ElasticNet(0.1, bad), SettingError,  # type: ignore[misc]
       f"ElasticNet: l1_share must be a number from 0 to 1; got {bad!r}. Write l1_share=0.5, for example.")
      for bad in (-0.1, 1.1, math.nan, "half")],
    (lambda: L2(0.1, biases=1), SettingError, "L2: biases must be True or False; got 1."),  # type: ignore[arg-type]
    (lambda: L2(alpha=0.1), UnknownSettingError, "L2 has no setting alpha. Write L2(strength=0.1)."),
    (lambda: L1(alpha=0.1, biases=True), UnknownSettingError,
     "L1 has no setting alpha. Write L1(strength=0.1, biases=True)."),
    (lambda: L2(weight_decay=0.1), UnknownSettingError, "L2 has no setting weight_decay. Write L2(strength=0.1)."),
    (lambda: L2(lambda_=0.1), UnknownSettingError, "L2 has no setting lambda_. Write L2(strength=0.1)."),
    (lambda: ElasticNet(alpha=0.1, l1_ratio=0.5), UnknownSettingError,
     "ElasticNet has no setting alpha and no l1_ratio. Write ElasticNet(strength=0.1, l1_share=0.5)."),
    (lambda: ElasticNet(0.1, l1_ratio=0.5), UnknownSettingError,
     "ElasticNet has no setting l1_ratio. Write ElasticNet(0.1, l1_share=0.5)."),
    (lambda: L2(1.0)([Value(3.0)]), SettingError,  # type: ignore[arg-type]
     "L2 is called with a model; got [Value(3.0)]. For a list of scalars write L2(...).of(scalars)."),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_what_cannot_be_meant_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
    assert type(caught.value) is error


def test_unknown_words_are_settings_too() -> None:
    with pytest.raises(UnknownSettingError, match=r"^L2 has no setting power\..*strength, biases\.$"):
        L2(0.1, power=3)  # type: ignore[call-arg]


def test_pytorch_s_weight_decay_is_the_gradient_of_l2() -> None:
    torch = pytest.importorskip("torch")
    weights = [0.5, -2.0, 3.25]
    theirs = torch.nn.Parameter(torch.tensor(weights, dtype=torch.float64))
    theirs.grad = torch.zeros_like(theirs)
    torch.optim.SGD([theirs], lr=0.1, weight_decay=0.3).step()
    leaves = [Value(w) for w in weights]
    L2(0.3).of(leaves).backward()
    assert [w - 0.1 * leaf.grad for w, leaf in zip(weights, leaves, strict=True)] == pytest.approx(theirs.tolist())
