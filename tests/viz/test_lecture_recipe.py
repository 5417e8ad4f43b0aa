"""Rows 21 and 22 of the lecture: other seeds, and without the extras."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from autograd_core import tanh
from autograd_core.testing import gradcheck
from viz.lecture import CATALOGUE, learning_curves, recipe
from viz.lecture.reading_curves import RUNS, trained
from viz.lecture.training_recipe import augmented, images, signs, with_mistakes
from viz.lecture.worked_example import WorkedExample


@pytest.mark.parametrize(("name", "answers"), [
    ("a healthy run", {"learning": "yes", "overfitting": "no", "learning_rate": "looks right"}),
    ("learning rate too low", {"learning": "yes", "still_learning": "yes", "learning_rate": "too low"}),
    ("learning rate too high", {"learning": "no", "learning_rate": "too high"}),
])
@pytest.mark.parametrize("rng", [1, 2, 3])
def test_a_run_is_read_alike_whatever_the_first_weights(name: str, answers: dict[str, str], rng: int) -> None:
    diagnosis = trained(RUNS[name], rng).diagnose()
    assert {question: getattr(diagnosis, question).verdict for question in answers} == answers


def test_the_curves_are_what_the_runs_are_called() -> None:
    healthy, overfitting, low, high = (trained(setting, 0) for setting in RUNS.values())
    assert healthy.loss[-1] < 0.1 * healthy.loss[0] and healthy.validation_loss[-1] < 2 * healthy.loss[-1]
    lowest = int(np.argmin(overfitting.validation_loss))
    assert overfitting.validation_loss[-1] > 1.1 * overfitting.validation_loss[lowest]
    assert overfitting.loss[-1] < 0.8 * overfitting.loss[lowest]
    assert low.loss == sorted(low.loss, reverse=True) and low.loss[-1] > 0.5 * low.loss[0]
    assert high.loss[-1] > 1e6 * high.loss[0]


def test_every_answer_is_printed_with_its_evidence() -> None:
    example = learning_curves()
    sentences = [part for _, part in example.parts if isinstance(part, str)]
    assert len(sentences) == 4 * len(RUNS)
    assert all("loss" in sentence for sentence in sentences)


def test_the_mistakes_in_the_data_are_three() -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    spoiled, labels = with_mistakes(X, y)
    changed = np.flatnonzero((spoiled != X).any(axis=1))
    assert changed.tolist() == [3, 7, 11]
    assert (spoiled[7] == X[2]).all() and labels[7] != y[2]
    assert (labels != y).sum() <= 1


@pytest.fixture(scope="module")
def without_extras() -> WorkedExample:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("mpmath", "sklearn", "sklearn.datasets"):
            patch.setitem(sys.modules, module, None)
        return recipe()


def test_the_recipe_comes_out_without_the_extras(without_extras: WorkedExample) -> None:
    [row] = [row for row in CATALOGUE if row.id == "recipe"]
    assert {check.what: check.shown for check in without_extras.checks(row.published) if not check.passed} == {}
    assert any("the extra data has digits" in heading for heading, _ in without_extras.parts)


def test_the_page_names_no_folder_of_this_machine(without_extras: WorkedExample) -> None:
    assert "layers.py" not in without_extras.to_html()


def test_after_the_recipe_gradients_are_right_again(without_extras: WorkedExample) -> None:
    assert without_extras.results["the wrong gradient is found"] == "yes"
    assert gradcheck(tanh, 0.7)


@pytest.mark.parametrize("rng", [1, 2])
def test_augmentation_helps_on_moved_signs(rng: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    found = augmented(rng)
    assert found.helps and found.with_moved[1] > found.without[1] + 0.2
    assert images()[1][0] == pytest.approx(signs()[0])


def test_augmentation_helps_on_moved_digits() -> None:
    pytest.importorskip("sklearn")
    found = augmented(1)
    assert found.helps and "handwritten" in found.what
