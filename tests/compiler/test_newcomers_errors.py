"""What a newcomer's typical mistakes within a compiled function, and in its arguments, are answered with."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import OperandError
from autograd_core.structures import with_plain_arrays
from autograd_core.tracing import record
from tests.compiler.foreign import Foreign


def message_of(f: Callable[..., Any], *arguments: Any, lanes: tuple[str, ...] = ()) -> str:
    """The message of the error that compiling and calling the function raises."""
    with pytest.raises(OperandError) as caught:
        ag.compile(f, lanes=lanes).value_and_grad(*arguments)
    return str(caught.value)


# --- what the function returns ------------------------------------------------------------------


RESULTS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda w: np.array([w]), "an array of shape (1,). Return its entry [0]."),
    (lambda w: np.array([[w]]), "an array of shape (1, 1). Return its entry [0, 0]."),
    (lambda w: [w], "a list of 1. Return its entry [0]."),
    (lambda w: (w,), "a tuple of 1. Return its entry [0]."),
    (lambda w: [w, w], "a list of 2. Return one of its entries, or their total."),
    (lambda w: np.array([w, w]), "an array of shape (2,). Return one of its entries, or their total."),
    (lambda w: [], "a list of 0. Return one of its entries, or their total."),
    (lambda w: {"loss": w}, "a dict with the keys 'loss'. Return one of its entries, or their total."),
    (lambda w: None, "None. Is a return missing?"),
    (lambda w: "3", "'3'."),
]


@pytest.mark.parametrize(("f", "said"), RESULTS, ids=[said for _, said in RESULTS])
def test_a_result_that_is_no_scalar_is_described(f: Callable[[Any], Any], said: str) -> None:
    assert message_of(f, 2.0) == f"<lambda> must return one scalar; it returned {said}"
    with pytest.raises(OperandError, match=re.escape(said)):
        record(f, ["w"])


# --- bools --------------------------------------------------------------------------------------


def hinge(w: Any, x: Any, target: Any) -> Any:
    return ag.relu(1.0 - target * w * x)


def test_bools_are_answered_with_how_to_make_numbers_of_them() -> None:
    x, target = np.array([1.0, -1.0]), np.array([True, False])
    said = "For a comparison write (y > 0).astype(float)."
    assert message_of(hinge, 0.5, x, target, lanes=("x", "target")).endswith(
        "holds np.True_ of type bool. Use numbers and Values, and lists, tuples, dicts and arrays of them. " + said)
    assert message_of(lambda w: w[0], [True]).endswith(said)
    program = ag.compile(hinge, lanes=("x", "target"))
    assert program(0.5, x, target.astype(float)) == 0.75
    with pytest.raises(OperandError, match=re.escape(f"The argument target has lanes that are not numbers. Give an "
                                                     f"array, or lists of equal length, of numbers, with one entry "
                                                     f"per lane; or a dict of such. {said}")):
        program(0.5, x, target)


def test_only_bools_are_advised_to_become_numbers() -> None:
    assert message_of(lambda w: w, "3").endswith("dicts and arrays of them.")
    assert message_of(lambda w, x: w * x, 1.0, [1.0, None], lanes=("x",)).endswith("or a dict of such.")


# --- derivatives within -------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [ag.grad, ag.value_and_grad, ag.jacobian])
def test_a_gradient_is_asked_of_the_program(transform: Any) -> None:
    def square(x: Any) -> Any:
        return x * x

    assert message_of(transform(square), 2.0) == (
        "an argument of square holds <recorded scalar 0>: while a function is recorded no derivative of another can "
        "be taken. The gradient of a compiled function is compile(f).value_and_grad, not compile(grad(f)).")
    assert ag.compile(square).value_and_grad(2.0) == (4.0, 4.0)


# --- one number taken for several ---------------------------------------------------------------


MEANS: list[Callable[[Any], Any]] = [ag.mean, ag.total, ag.logsumexp, ag.batch_mean, ag.softmax, sum, list]


@pytest.mark.parametrize("mean", MEANS)
def test_a_mean_over_the_examples_is_the_programs_own(mean: Callable[[Any], Any]) -> None:
    assert message_of(lambda w, x: mean((w * x).named("p")), 2.0, [1.0, 3.0], lanes=("x",)) == (
        "<recorded scalar p> is one number, without entries for mean(v), sum(v) or a loop over v. A function with "
        "lanes is written for one example, and the program takes the mean over all: return what one example gives. "
        "Within it the mean over the batch is batch_mean([v]).")
    assert ag.compile(lambda w, x: w * x, lanes=("x",))(2.0, [1.0, 3.0]) == 4.0
    assert message_of(lambda w: mean(w.named("w")), 2.0) == (
        "<recorded scalar w> is one number, without entries for mean(v), sum(v) or a loop over v. "
        "Give a list, such as [u, v].")


# --- numbers where there are none ---------------------------------------------------------------


NEEDS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: float(x), "float(v) and math.sin(v)"), (math.sin, "float(v) and math.sin(v)"),
    (math.floor, "float(v) and math.sin(v)"), (lambda x: round(x, 2), "round(v)"), (lambda x: round(x), "round(v)"),
    (lambda x: f"{x:.2f}", "a format such as '.2f'"), (lambda x: format(x, "g"), "a format such as 'g'"),
    (lambda x: range(x), "int(v), range(v) and an entry [v]"), (lambda x: int(x), "int(v), range(v) and an entry [v]"),
    (lambda x: [1.0, 2.0][x], "int(v), range(v) and an entry [v]"),
    (lambda x: [1.0] * x, "int(v), range(v) and an entry [v]"),
    (lambda x: type(x).__torch_function__(math.sin, (), (x,)), "torch's sin(v)"),
]


@pytest.mark.parametrize(("use", "what"), NEEDS)
def test_what_needs_a_number_says_that_there_is_none(use: Callable[[Any], Any], what: str) -> None:
    assert message_of(use, 2.0) == (
        f"While a function is recorded its scalars have no numbers, so {what} cannot work. "
        "Use this package's functions, sin(v) or v.sin(); print after the call instead of within.")


def test_a_recorded_scalar_can_be_printed_and_meet_arrays() -> None:
    shown: list[str] = []

    def f(x: Any) -> Any:
        shown.extend([f"{x}", str(x), repr(x), f"{x!r}"])
        return (np.array([1.0, 2.0]) ** x + x ** np.array([1.0, 2.0]) + np.array([x, x])).sum()

    assert ag.compile(f)(2.0) == 15.0
    assert set(shown) == {"<recorded scalar 0>"}


# --- other libraries' arrays --------------------------------------------------------------------


def test_structures_keep_what_is_no_foreign_array() -> None:
    plain: list[Any] = [1.0, (ag.Value(2.0), [np.float32(3.0)]), np.zeros(2)]
    assert with_plain_arrays(plain) is plain
    held = with_plain_arrays({"w": [plain, Foreign([1, 2])]}, lambda foreign: foreign.numbers + 1)
    assert held["w"][0] is plain and held["w"][1].tolist() == [2, 3]
