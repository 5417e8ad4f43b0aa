"""The losses: exact values and gradients, the same under every reading, PyTorch's numbers, labels and their errors."""

from __future__ import annotations

import copy
import doctest
import inspect
import math
import pickle
import pydoc
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_core import Value
from autograd_core.testing import gradcheck
from autograd_core.value import topological_order
from nn import losses
from nn.errors import DataError, SettingError, ShapeError, UnknownSettingError
from nn.losses import (
    Loss,
    binary_cross_entropy_with_logits,
    half_squared_error,
    hinge,
    huber_error,
    max_margin,
    mean_absolute_error,
    mean_squared_error,
    softmax_cross_entropy,
)

wide_huber = huber_error.having(delta=2.5)
REGRESSION = (half_squared_error, mean_squared_error, mean_absolute_error, huber_error, wide_huber)
ALL = (*REGRESSION, hinge, max_margin, binary_cross_entropy_with_logits, softmax_cross_entropy)
Exact = tuple[Any, list[Any]]


# --- the formulas at 50 digits: value and gradient, written out anew ---------------------------


def exact_half_squared(p: list[Any], y: list[Any]) -> Exact:
    r = [a - b for a, b in zip(p, y, strict=True)]
    return sum(e * e for e in r) / 2, r


def exact_mean_squared(p: list[Any], y: list[Any]) -> Exact:
    r = [a - b for a, b in zip(p, y, strict=True)]
    return sum(e * e for e in r) / len(r), [2 * e / len(r) for e in r]


def exact_absolute(p: list[Any], y: list[Any]) -> Exact:
    r = [a - b for a, b in zip(p, y, strict=True)]
    return sum(abs(e) for e in r) / len(r), [mpmath.sign(e) / len(r) for e in r]


def exact_huber(delta: float) -> Callable[[list[Any], list[Any]], Exact]:
    def exact(p: list[Any], y: list[Any]) -> Exact:
        r = [a - b for a, b in zip(p, y, strict=True)]
        each = [e * e / 2 if abs(e) <= delta else delta * (abs(e) - mpmath.mpf(delta) / 2) for e in r]
        slopes = [e if abs(e) <= delta else delta * mpmath.sign(e) for e in r]
        return sum(each) / len(r), [slope / len(r) for slope in slopes]

    return exact


def exact_hinge(p: list[Any], y: list[Any]) -> Exact:
    inside = y[0] * p[0] < 1
    return (1 - y[0] * p[0], [-y[0]]) if inside else (mpmath.mpf(0), [mpmath.mpf(0)])


def exact_max_margin(p: list[Any], y: list[Any]) -> Exact:
    t = y.index(1)
    gaps = {j: 1 - p[t] + p[j] for j in range(len(p)) if j != t and 1 - p[t] + p[j] > 0}
    slopes = [mpmath.mpf(-len(gaps)) if j == t else mpmath.mpf(j in gaps) for j in range(len(p))]
    return sum(gaps.values(), mpmath.mpf(0)), slopes


def exact_binary(p: list[Any], y: list[Any]) -> Exact:
    sigmoids = [1 / (1 + mpmath.exp(-z)) for z in p]
    others = [1 / (1 + mpmath.exp(z)) for z in p]
    each = [
        (0 if t == 0 else -t * mpmath.log(s)) + (0 if t == 1 else -(1 - t) * mpmath.log(o))
        for t, s, o in zip(y, sigmoids, others, strict=True)
    ]
    return sum(each) / len(p), [((1 - t) * s - t * o) / len(p) for t, s, o in zip(y, sigmoids, others, strict=True)]


def exact_softmax(p: list[Any], y: list[Any]) -> Exact:
    whole = sum(mpmath.exp(z) for z in p)
    shares = [mpmath.exp(z) / whole for z in p]
    return mpmath.log(whole) - sum(t * z for t, z in zip(y, p, strict=True)), [
        s - t for s, t in zip(shares, y, strict=True)
    ]


EXACT = dict(zip(ALL, (
    exact_half_squared, exact_mean_squared, exact_absolute, exact_huber(1.0), exact_huber(2.5), exact_hinge,
    exact_max_margin, exact_binary, exact_softmax,
), strict=True))

NUMBERS = [  # prediction, target
    ([0.2], [0.7]), ([0.2, 0.9], [0.0, 1.0]), ([1.5, -2.0, 0.25], [1.5, 2.0, -0.5]), ([3.0], [3.0]),
    ([1.0], [0.0]), ([-1.0, 2.5], [0.0, 0.0]), ([0.0], [2.5]), ([1000.0, -1000.0], [-1000.0, 1000.0]),
    ([1e-9], [0.0]), ([1e150], [0.0]), ([0.1], [0.3]),
]
CASES: dict[Loss, list[tuple[list[float], list[float]]]] = {
    **dict.fromkeys(REGRESSION, NUMBERS),
    hinge: [([p], [y]) for y in (-1.0, 1.0) for p in (0.0, 0.3, -0.3, 1.0, -1.0, 1.0 - 2**-53, 1000.0, -1000.0)],
    max_margin: [
        ([2.0, 1.5, -1.0], [1.0, 0.0, 0.0]), ([2.0, 1.5, -1.0], [0.0, 0.0, 1.0]), ([0.0, 0.0], [0.0, 1.0]),
        ([2.0, 1.0], [1.0, 0.0]), ([2.0, 1.0, 3.0], [1.0, 0.0, 0.0]), ([1000.0, -1000.0], [0.0, 1.0]),
        ([1000.0, -1000.0], [1.0, 0.0]), ([0.5] * 4, [0.0, 0.0, 1.0, 0.0]),
    ],
    binary_cross_entropy_with_logits: [
        *[([z], [y]) for z in (0.0, 0.7, -3.0, 40.0, -40.0, 1000.0, -1000.0, 1e-20) for y in (0.0, 1.0, 0.3)],
        ([0.5, -1.0, 1000.0], [1.0, 0.0, 0.25]), ([2.0, 2.0], [1.0, 1.0]),
    ],
    softmax_cross_entropy: [
        ([0.0, 0.0], [0.0, 1.0]), ([0.3, -1.2, 2.0], [0.0, 1.0, 0.0]), ([0.3, -1.2, 2.0], [0.2, 0.5, 0.3]),
        ([1000.0, -1000.0], [0.0, 1.0]), ([1000.0, -1000.0], [1.0, 0.0]), ([1000.0] * 3, [0.0, 0.0, 1.0]),
        ([-1000.0, -1001.0], [0.5, 0.5]), ([1000.0, 980.0], [1.0, 0.0]), ([0.0] * 4, [0.25] * 4),
    ],
}
EVERY_CASE = [(loss, p, y) for loss, cases in CASES.items() for p, y in cases]
each_loss = pytest.mark.parametrize("loss", ALL, ids=repr)


def with_gradient(loss: Loss, prediction: Sequence[float], target: Any) -> tuple[Value, list[float]]:
    leaves = [Value(p) for p in prediction]
    found = loss(leaves[0] if len(leaves) == 1 else leaves, target)
    found.backward()
    return found, [leaf.grad for leaf in leaves]


# --- values and gradients -----------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "p", "y"), EVERY_CASE)
def test_values_and_gradients_are_those_of_the_formula(loss: Loss, p: list[float], y: list[float]) -> None:
    with mpmath.workdps(60):
        value, gradient = EXACT[loss]([mpmath.mpf(each) for each in p], [mpmath.mpf(each) for each in y])
        value, gradient = float(value), [float(each) for each in gradient]
    # log(sum of e^p) and p_t are rounded each, and their derivatives share and 1.
    cancels = loss in (softmax_cross_entropy, max_margin)
    rounded = 3e-16 * max(map(abs, p)) if cancels else 0.0
    assert loss(p, y) == pytest.approx(value, rel=1e-15, abs=rounded)
    found, slopes = with_gradient(loss, p, y)
    assert found.data == loss(p, y)
    assert slopes == pytest.approx(gradient, rel=1e-15, abs=4e-16 if cancels else 0.0)


def test_the_lecture_s_number() -> None:
    assert half_squared_error([0.2, 0.9], (0, 1)) == pytest.approx(0.025, rel=1e-15)


@each_loss
def test_a_column_of_examples_gives_each_example_s_loss(loss: Loss) -> None:
    for outputs in {len(p) for p, _ in CASES[loss]}:
        chosen = [(p, y) for p, y in CASES[loss] if len(p) == outputs and max(map(abs, p)) < 1e100]
        columns = np.array([p for p, _ in chosen]).T
        targets = np.array([y for _, y in chosen]).T
        one_by_one = [loss(p, y) for p, y in chosen]
        alike = pytest.approx(one_by_one, rel=4e-15, abs=1e-12 if loss is softmax_cross_entropy else 1e-300)
        assert loss(list(columns), list(targets)).tolist() == alike
        assert loss(columns if outputs > 1 else columns[0], targets).tolist() == alike


def test_one_output_is_a_scalar_or_a_list_of_one() -> None:
    for loss in (*REGRESSION, hinge, binary_cross_entropy_with_logits):
        expected = loss(0.25, 1.0)
        for prediction in (0.25, [0.25], np.float64(0.25)):
            for target in (1, 1.0, [1.0], (1,), np.float64(1.0), np.array([1.0]), np.array(1.0)):
                assert loss(prediction, target) == expected
    assert half_squared_error(np.array([0.5, 3.0]), np.array([0.0, 1.0])).tolist() == [0.125, 2.0]
    assert half_squared_error(np.array([Value(0.5), Value(3.0)]), [0.0, 1.0]).data == 2.125


@pytest.mark.parametrize("loss", [max_margin, softmax_cross_entropy], ids=repr)
def test_a_class_is_its_index_or_its_row(loss: Loss) -> None:
    scores = [0.3, -1.2, 2.0]
    for index in range(3):
        row = np.eye(3)[index]
        expected = with_gradient(loss, scores, index)
        assert expected[0].data == loss(scores, index) == loss(np.array(scores), index)
        for target in (row, row.tolist(), row.astype(int).tolist(), float(index), np.int64(index), np.float32(index)):
            found = with_gradient(loss, scores, target)
            assert (found[0].data, found[1]) == (expected[0].data, expected[1])
        columns = loss([np.array([score]) for score in scores], row[:, None])
        assert columns.tolist() == pytest.approx([expected[0].data], rel=1e-15)


@pytest.mark.parametrize(("loss", "p", "y", "rows"), [
    (half_squared_error, [0.5], 1.0, "sub square mul"),
    (half_squared_error, [0.5, 1.0], [1.0, 1.0], "sub sub square square total mul"),
    (mean_squared_error, [0.5], 1.0, "sub square"),
    (mean_squared_error, [0.5, 1.0], [1.0, 1.0], "sub sub square square total div"),
    (mean_absolute_error, [0.5], 1.0, "sub abs"),
    (huber_error, [0.5], 1.0, "sub clip mul sub mul"),
    (hinge, [0.5], 1.0, "mul sub relu"),
    (max_margin, [0.5, 1.0, 0.0], 1, "sub add relu add relu dot"),
    (max_margin, [0.5, 1.0], 1, "sub add relu"),
    (binary_cross_entropy_with_logits, [0.5], 0.0, "softplus"),
    (binary_cross_entropy_with_logits, [0.5], 1.0, "neg softplus"),
    (binary_cross_entropy_with_logits, [0.5], 0.5, "neg softplus softplus dot"),
    (softmax_cross_entropy, [0.5, 1.0, 0.0], [0.0, 1.0, 0.0], "logsumexp sub"),
    (softmax_cross_entropy, [0.5, 1.0, 0.0], [0.5, 0.5, 0.0], "logsumexp dot sub"),
])
def test_an_example_records_few_nodes(loss: Loss, p: list[float], y: Any, rows: str) -> None:
    found, _ = with_gradient(loss, p, y)
    assert " ".join(node.op.name for node in topological_order([found]) if node.op) == rows


# Not 1e-100 beside 0, where the checker's own oracle finds no slope for logsumexp.
ordinary = st.floats(-5, 5).map(lambda x: round(x, 9))
drawn = st.lists(st.tuples(ordinary, ordinary), min_size=1, max_size=4)
scores_and_class = st.lists(ordinary, min_size=2, max_size=4).flatmap(
    lambda scores: st.tuples(st.just(scores), st.integers(0, len(scores) - 1))
)
KINKS = {mean_absolute_error, huber_error, wide_huber, hinge, max_margin}


def assert_checked(loss: Loss, prediction: list[float], target: Any) -> None:
    report = gradcheck(lambda *p: loss(list(p), target), *prediction)
    assert set(report.verdicts.values()) <= ({"pass", "kink"} if loss in KINKS else {"pass"}), str(report)


@pytest.mark.parametrize("loss", REGRESSION, ids=repr)
@settings(max_examples=40)
@given(pairs=drawn)
def test_the_checker_confirms_the_gradients_for_numbers(loss: Loss, pairs: list[tuple[float, float]]) -> None:
    assert_checked(loss, [p for p, _ in pairs], [y for _, y in pairs])


@pytest.mark.parametrize("loss", [max_margin, softmax_cross_entropy], ids=repr)
@settings(max_examples=40)
@given(drawn=scores_and_class)
def test_the_checker_confirms_the_gradients_for_classes(loss: Loss, drawn: tuple[list[float], int]) -> None:
    assert_checked(loss, *drawn)


@settings(max_examples=40)
@given(score=ordinary, side=st.sampled_from([-1.0, 1.0]), share=st.floats(0, 1))
def test_the_checker_confirms_the_gradients_for_one_output(score: float, side: float, share: float) -> None:
    assert_checked(hinge, [score], side)
    for label in (0.0, 1.0, share):
        assert_checked(binary_cross_entropy_with_logits, [score], label)
        assert_checked(softmax_cross_entropy, [score, 0.5], [label, 1.0 - label])


@given(score=st.floats(-700, 700), share=st.floats(0, 1))
def test_two_classes_are_one_yes_or_no_question(score: float, share: float) -> None:
    two = softmax_cross_entropy([0.0, score], [1.0 - share, share])
    assert binary_cross_entropy_with_logits(score, share) == pytest.approx(two, rel=1e-13, abs=1e-12)


# --- PyTorch ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_pytorch_gives_the_same_numbers(loss: Loss) -> None:
    """The mean over examples; ``factor`` is ours over theirs, as the docstrings state it."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for outputs in (1, 2, 5):
        p = rng.normal(0.0, 3.0, (8, outputs))
        p[0] = 1000.0 * rng.choice([-1.0, 1.0], outputs)
        needs_classes = loss in (max_margin, softmax_cross_entropy)
        if needs_classes != (outputs > 1) and (needs_classes or loss is hinge):
            continue
        y = rng.normal(0.0, 1.0, (8, outputs)) if loss in REGRESSION else rng.random((8, outputs))
        classes = rng.integers(0, outputs, 8)
        labels: Any = classes if loss is max_margin else y
        if loss is softmax_cross_entropy:
            y = labels = y / y.sum(axis=1, keepdims=True)
        if loss is hinge:
            y = labels = np.sign(y - 0.5)
        logits = torch.tensor(p, requires_grad=True)
        theirs, factor = {
            half_squared_error: (torch.nn.MSELoss(), outputs / 2.0),
            mean_squared_error: (torch.nn.MSELoss(), 1.0),
            mean_absolute_error: (torch.nn.L1Loss(), 1.0),
            huber_error: (torch.nn.HuberLoss(), 1.0),
            wide_huber: (torch.nn.HuberLoss(delta=2.5), 1.0),
            hinge: (torch.nn.HingeEmbeddingLoss(), 1.0),
            max_margin: (torch.nn.MultiMarginLoss(), float(outputs)),
            binary_cross_entropy_with_logits: (torch.nn.BCEWithLogitsLoss(), 1.0),
            softmax_cross_entropy: (torch.nn.CrossEntropyLoss(), 1.0),
        }[loss]
        if loss is hinge:  # theirs is of distances: max(0, 1 - d) for the label -1
            out = theirs(torch.tensor(y) * logits, -torch.ones(8, 1))
        else:
            out = theirs(logits, torch.tensor(classes if loss is max_margin else y))
        out.backward()
        targets = loss.targets(labels, outputs)
        ours = [with_gradient(loss, row, target) for row, target in zip(p.tolist(), targets.tolist(), strict=True)]
        assert math.fsum(value.data for value, _ in ours) / 8 == pytest.approx(factor * out.item(), rel=1e-13)
        assert np.array([slopes for _, slopes in ours]) / 8 == pytest.approx(factor * logits.grad.numpy(), abs=1e-13)


def test_pytorch_takes_the_same_class_indices() -> None:
    torch = pytest.importorskip("torch")
    scores, classes = np.random.default_rng(6).normal(0.0, 3.0, (8, 3)), [0, 1, 2, 2, 1, 0, 0, 1]
    theirs = torch.nn.functional.cross_entropy(torch.tensor(scores), torch.tensor(classes), reduction="none")
    ours = [softmax_cross_entropy(row, label) for row, label in zip(scores.tolist(), classes, strict=True)]
    assert ours == pytest.approx(theirs.tolist(), rel=1e-13)


# --- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "labels", "outputs", "expected"), [
    (half_squared_error, [1, 2], 1, [[1], [2]]),
    (half_squared_error, [[1.5], [2]], 1, [[1.5], [2]]),
    (mean_squared_error, [[1, 2], [3, 4], [5, 6]], 2, [[1, 2], [3, 4], [5, 6]]),
    (mean_absolute_error, [True, False], 1, [[1], [0]]),
    (hinge, [1, -1, 1], 1, [[1], [-1], [1]]),
    (hinge, [[1.0], [-1.0]], 1, [[1], [-1]]),
    (max_margin, [2, 0], 3, [[0, 0, 1], [1, 0, 0]]),
    (max_margin, [[0, 1], [1, 0]], 2, [[0, 1], [1, 0]]),
    (binary_cross_entropy_with_logits, [0, 1, 1], 1, [[0], [1], [1]]),
    (binary_cross_entropy_with_logits, [True, False], 1, [[1], [0]]),
    (binary_cross_entropy_with_logits, [[0, 0.5], [1, 1]], 2, [[0, 0.5], [1, 1]]),
    (softmax_cross_entropy, [1.0, 0.0], 2, [[0, 1], [1, 0]]),
    (softmax_cross_entropy, [[1], [0]], 2, [[0, 1], [1, 0]]),
    (softmax_cross_entropy, [[0.25, 0.75], [1, 0]], 2, [[0.25, 0.75], [1, 0]]),
])
def test_labels_become_targets(loss: Loss, labels: Any, outputs: int, expected: Any) -> None:
    for given_as in (labels, np.array(labels), np.array(labels, dtype=object)):
        found = loss.targets(given_as, outputs)
        assert found.dtype == np.float64
        assert found.tolist() == expected


def test_probabilities_are_rounded_to_a_sum_of_one() -> None:
    found = softmax_cross_entropy.targets(np.float32([[0.1, 0.2, 0.7], [1 / 3, 1 / 3, 1 / 3]]), 3)
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-15)
    assert found == pytest.approx(np.array([[0.1, 0.2, 0.7], [1 / 3] * 3]), abs=1e-7)


def test_targets_are_a_copy() -> None:
    labels = np.array([[1.0], [2.0]])
    half_squared_error.targets(labels, 1)[0, 0] = 7.0
    assert labels[0, 0] == 1.0


BCE, SCE = "binary_cross_entropy_with_logits", "softmax_cross_entropy"
LEAVE_OUT = "Leave such rows out of X and y, or fill in what is missing."
BAD_LABELS: list[tuple[Loss, Any, int, type[Exception], str]] = [
    (half_squared_error, [1, math.nan], 1, DataError,
     f"labels must hold finite numbers; entry 1 (counted from 0) is nan. {LEAVE_OUT}"),
    (softmax_cross_entropy, [0, 1, math.inf], 2, DataError,
     f"labels must hold finite numbers; entry 2 (counted from 0) is inf. {LEAVE_OUT}"),
    (softmax_cross_entropy, ["a", "b"], 2, DataError,
     "labels must hold real numbers; entry 0 (counted from 0) is 'a'. "
     "Number the classes: classes, labels = np.unique(labels, return_inverse=True)."),
    (hinge, [], 1, DataError, "labels must hold at least one number; got the shape (0,). Check how it was read."),
    (half_squared_error, [1, 2, 3], 2, DataError,
     "half_squared_error with 2 outputs needs labels of shape (3, 2); got (3,). "
     "For one class per example use softmax_cross_entropy."),
    (mean_squared_error, [[1, 2], [3, 4], [5, 6]], 3, DataError,
     "mean_squared_error with 3 outputs needs labels of shape (3, 3); got (3, 2)."),
    (huber_error, [[1, 2], [3, 4], [5, 6]], 1, DataError,
     "huber_error with 1 output needs labels of shape (3,); got (3, 2)."),
    (hinge, [1, 0, 0], 1, DataError,
     "hinge takes the labels -1 and +1; row 1 (counted from 0) has 0. For labels 0 and 1 write 2*y - 1."),
    (hinge, [-1, 1, 2], 1, DataError,
     "hinge takes the labels -1 and +1; row 2 (counted from 0) has 2. For classes 0, 1, 2, ... use max_margin."),
    (hinge, [-1, 1], 3, SettingError, "hinge needs a network with one output; this one has 3. Use max_margin."),
    (max_margin, [0, 1], 1, SettingError,
     "max_margin needs a network with an output for each class; this one has one. Use hinge."),
    (max_margin, [0, 3], 3, DataError,
     "max_margin with 3 outputs takes the classes 0 to 2, as whole numbers; row 1 (counted from 0) has 3."),
    (max_margin, [[0, 1], [0.3, 0.7]], 2, DataError,
     "max_margin takes one class per example, or rows with a single 1; row 1 (counted from 0) has 0.7. "
     "For probabilities write labels.argmax(axis=1)."),
    (binary_cross_entropy_with_logits, [-1, 1, -1], 1, DataError,
     f"{BCE} takes labels from 0 to 1; row 0 (counted from 0) has -1. For labels -1 and +1 write (y + 1) / 2."),
    (binary_cross_entropy_with_logits, [[0, 1], [1, 2]], 2, DataError,
     f"{BCE} takes labels from 0 to 1; row 1, column 1 (counted from 0) has 2. For classes 0, 1, ... use {SCE}."),
    (binary_cross_entropy_with_logits, [0, 1], 2, DataError,
     f"{BCE} with 2 outputs needs labels of shape (2, 2); got (2,). For one class per example use {SCE}."),
    (softmax_cross_entropy, [0, 1], 1, SettingError,
     f"{SCE} needs a network with an output for each class; this one has one. Use {BCE}."),
    (softmax_cross_entropy, [0, -1], 2, DataError,
     f"{SCE} with 2 outputs takes the classes 0 to 1, as whole numbers; row 1 (counted from 0) has -1."),
    (softmax_cross_entropy, [1, 2, 3], 3, DataError,
     f"{SCE} with 3 outputs takes the classes 0 to 2, as whole numbers; row 2 (counted from 0) has 3. "
     "If they are counted from 1, write labels - 1."),
    (softmax_cross_entropy, [0, 1.5], 3, DataError,
     f"{SCE} with 3 outputs takes the classes 0 to 2, as whole numbers; row 1 (counted from 0) has 1.5."),
    (softmax_cross_entropy, [[1, 0], [0, 1]], 3, DataError,
     f"{SCE} with 3 outputs needs labels of shape (2,), a class per example, or (2, 3); got (2, 2)."),
    (softmax_cross_entropy, [[0.5, 0.5], [0.5, 0.6]], 2, DataError,
     f"{SCE} takes probabilities that add up to 1; row 1 (counted from 0) has 1.1."),
    (softmax_cross_entropy, [[1.5, -0.5], [0.5, 0.5]], 2, DataError,
     f"{SCE} takes probabilities of at least 0; row 0, column 1 (counted from 0) has -0.5."),
]


@pytest.mark.parametrize(("loss", "labels", "outputs", "error", "message"), BAD_LABELS)
def test_labels_that_cannot_be_targets(
    loss: Loss, labels: Any, outputs: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        loss.targets(labels, outputs)
    assert str(caught.value) == message
    assert type(caught.value) is error


BAD_CALLS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: half_squared_error([0.1, 0.2], [1.0]), ShapeError,
     "half_squared_error needs a target for each output; got 2 outputs and 1 target."),
    (lambda: half_squared_error(Value(0.1), np.zeros(3)), ShapeError,
     "half_squared_error needs a target for each output; got 1 output and 3 targets."),
    (lambda: half_squared_error([], []), ShapeError,
     "half_squared_error needs a target for each output; got 0 outputs and 0 targets."),
    (lambda: half_squared_error(np.array([0.1, 0.2]), [0, 1]), ShapeError,
     "half_squared_error needs a target for each output; got 1 output and 2 targets. A NumPy array is one output, "
     "of a column of examples: for one example write .tolist()."),
    (lambda: hinge([0.1, 0.2], 1), SettingError,
     "hinge needs a network with one output; this one has 2. Use max_margin."),
    (lambda: softmax_cross_entropy(0.1, 0), SettingError,
     f"{SCE} needs a network with an output for each class; this one has one. Use {BCE}."),
    (lambda: softmax_cross_entropy([0.1, 0.2], -1), DataError,
     f"{SCE} with 2 outputs takes the classes 0 to 1, as whole numbers; row 0 (counted from 0) has -1."),
    (lambda: max_margin([0.1, 0.2], 2), DataError,
     "max_margin with 2 outputs takes the classes 0 to 1, as whole numbers; row 0 (counted from 0) has 2. "
     "If they are counted from 1, write labels - 1."),
    (lambda: softmax_cross_entropy([0.1, 0.2], [1.0, 0.0, 0.0]), ShapeError,
     f"{SCE} needs a target for each output; got 2 outputs and 3 targets."),
    (lambda: huber_error.having(beta=2.0), UnknownSettingError,
     "huber_error has no setting beta; its settings are: delta=1.0."),
    (lambda: hinge.having(delta=2.0), UnknownSettingError, "hinge has no setting delta; its settings are: none."),
    *[(lambda bad=bad: huber_error.having(delta=bad), SettingError,  # type: ignore[misc]
       f"huber_error: delta must be a positive, finite number; got {bad!r}.")
      for bad in (0, -1.0, math.inf, math.nan, True, "2")],
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_calls_that_cannot_be_meant(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
    assert type(caught.value) is error


# --- a loss as an object ------------------------------------------------------------------------


@each_loss
def test_a_loss_travels_by_name_and_has_its_function_s_help(loss: Loss) -> None:
    assert getattr(losses, loss.name).function is loss.function
    for travelled in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss), copy.copy(loss)):
        assert repr(travelled) == repr(loss)
        assert (travelled is loss) == (loss is not wide_huber)
        assert travelled(7.0, 0.0) == loss(7.0, 0.0) if loss in REGRESSION else True
    assert list(inspect.signature(loss).parameters)[:2] == ["prediction", "target"]
    assert "E = " in pydoc.render_doc(loss, renderer=pydoc.plaintext)


def test_the_doctests_of_the_losses_are_found() -> None:
    found = {test.name for test in doctest.DocTestFinder(exclude_empty=True).find(losses) if test.examples}
    assert {f"nn.losses.{loss.name}" for loss in ALL} <= found


def test_other_settings_leave_the_first_loss_alone() -> None:
    assert huber_error.settings == {"delta": 1.0}
    assert wide_huber.settings == {"delta": 2.5}
    assert repr(wide_huber.having(delta=3)) == "<loss huber_error(delta=3.0)>"
    assert (wide_huber(4.0, 0.0), huber_error(4.0, 0.0)) == (6.875, 3.5)


def test_a_loss_of_one_s_own() -> None:
    @Loss
    def eased(prediction: Any, target: Any, *, power: float = 2.0) -> Any:
        """Mine."""
        return (prediction - target) ** power

    assert (eased.name, eased.__doc__, repr(eased)) == ("eased", "Mine.", "<loss eased(power=2.0)>")
    assert eased.having(power=4)(3.0, 1.0) == 16.0
    assert eased.targets([1, 2], 1).tolist() == [[1.0], [2.0]]
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(eased)
    doubled = Loss.taking(lambda name, labels, outputs: 2.0 * np.array(labels)[:, None])(eased.function)
    assert doubled.targets([1, 2], 1).tolist() == [[2.0], [4.0]]
