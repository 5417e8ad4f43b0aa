"""A stepper in a notebook: the widget's traits are checked, and without anywidget there is still the page."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viz
from autograd_core import NamingError, OperandError, Value
from viz.stepping import Stepper

traitlets = pytest.importorskip("traitlets")
pytest.importorskip("anywidget")

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def stepper() -> Stepper:
    x, w_1, again = Value(1.0, "x"), Value(2.0, "w_1"), Value(3.0, "x")
    a = (w_1 * x).named("a")
    return viz.step((a * a.sin() + again).named("y"))


def test_the_widget_holds_the_data_the_module_and_where_it_begins(stepper: Stepper) -> None:
    widget = stepper.widget
    assert widget is stepper.widget
    assert json.loads(json.dumps(widget.data)) == json.loads(json.dumps(stepper.data))
    assert (widget.step, widget.view, widget.order) == (0, "lecture", "topological")
    assert widget.inputs == stepper.inputs == {"x": 1.0, "w_1": 2.0, "x (2)": 3.0}
    synced = widget.trait_metadata
    assert all(synced(name, "sync") for name in ("data", "step", "inputs", "view", "order", "_esm", "_css"))
    assert widget._esm.rstrip().endswith("export default {render};")


def test_the_step_and_the_inputs_are_read_and_set_through_the_stepper(stepper: Stepper) -> None:
    stepper.step, stepper.inputs = 3, {"x": 5.0}
    assert (stepper.step, stepper.widget.step) == (3, 3)
    assert stepper.inputs == stepper.widget.inputs == {"x": 5.0, "w_1": 2.0, "x (2)": 3.0}
    stepper.widget.inputs = {"x (2)": -1}
    assert stepper.inputs == {"x": 5.0, "w_1": 2.0, "x (2)": -1.0} and type(stepper.inputs["x (2)"]) is float
    stepper.inputs["x"] = 9.0
    assert stepper.inputs["x"] == 5.0, "a copy: what is set in it would reach nobody"


@pytest.mark.parametrize("name", ["w_1", "w1", "w_{1}"])
def test_an_input_answers_to_its_name_in_any_spelling(stepper: Stepper, name: str) -> None:
    stepper.inputs = {name: 7.0}
    assert stepper.inputs == {"x": 1.0, "w_1": 7.0, "x (2)": 3.0}


@pytest.mark.parametrize("x", [np.float64(4.0), np.float32(4.0), np.int64(4), 4], ids=lambda x: type(x).__name__)
def test_an_input_takes_whatever_a_value_takes(stepper: Stepper, x: Any) -> None:
    assert Value(x).data == 4.0
    stepper.inputs = {"x": x}
    assert stepper.inputs["x"] == 4.0 and type(stepper.inputs["x"]) is float


NOT_FINITE = [True, math.nan, math.inf, -math.inf, "1", None, 1j, [1.0], 10**400]


@pytest.mark.parametrize("x", NOT_FINITE, ids=lambda x: repr(x)[:9])
def test_an_input_that_is_no_finite_number_is_refused(stepper: Stepper, x: Any) -> None:
    with pytest.raises(OperandError, match=r"^The input x takes a finite number; got "):
        stepper.inputs = {"w_1": 7.0, "x": x}
    assert stepper.inputs == {"x": 1.0, "w_1": 2.0, "x (2)": 3.0}


@pytest.mark.parametrize("name", ["q", "", "y", "x (3)", 1, None], ids=repr)
def test_an_input_that_is_not_there_is_refused(stepper: Stepper, name: Any) -> None:
    with pytest.raises(NamingError, match=r"No input is named .*\. The inputs are: x, w_1, x \(2\)\."):
        stepper.inputs = {name: 1.0}
    assert stepper.inputs == {"x": 1.0, "w_1": 2.0, "x (2)": 3.0}


@pytest.mark.parametrize("step", [-1, 1000])
def test_a_step_that_is_not_there_is_refused(stepper: Stepper, step: int) -> None:
    with pytest.raises(OperandError, match=f"^This stepper has the steps 0 to {stepper.steps}; got {step}.$"):
        stepper.step = step
    stepper.step = stepper.steps
    assert stepper.step == stepper.steps


@pytest.mark.parametrize(("trait", "given"), [("step", 1.5), ("view", "slide"), ("order", "random"), ("inputs", 3.0)])
def test_what_is_of_another_kind_is_refused(stepper: Stepper, trait: str, given: Any) -> None:
    before = getattr(stepper.widget, trait)
    with pytest.raises(traitlets.TraitError):
        setattr(stepper.widget, trait, given)
    assert getattr(stepper.widget, trait) == before


def test_view_and_order_follow_the_widget_and_so_does_the_number_of_steps(stepper: Stepper) -> None:
    few = stepper.steps
    stepper.widget.view, stepper.widget.order = "full", "depth_first"
    assert (stepper.view, stepper.order) == ("full", "depth_first") and stepper.steps > few
    stepper.step = stepper.steps
    assert stepper.step > few


def test_the_step_stays_one_that_is_there_when_the_view_changes(stepper: Stepper) -> None:
    stepper.widget.view = "full"
    stepper.step = stepper.steps
    stepper.widget.view = "lecture"
    assert stepper.step <= stepper.steps


def test_a_page_that_changes_several_traits_at_once_is_believed(stepper: Stepper) -> None:
    stepper.widget.set_state({"step": 11, "view": "full"})
    assert (stepper.view, stepper.step) == ("full", 11)


def sandboxed(bundle: dict[str, Any], stepper: Stepper) -> bool:
    (frame,) = re.findall(r'^<iframe sandbox="allow-scripts" .* srcdoc="([^"]*)"></iframe>$', bundle["text/html"])
    return html.unescape(frame) == stepper.html


def test_a_notebook_gets_the_widget_and_for_want_of_it_the_page_in_a_sandbox(stepper: Stepper) -> None:
    bundle, _ = stepper._repr_mimebundle_()
    assert bundle[WIDGET_VIEW]["model_id"] == stepper.widget.model_id
    assert sandboxed(bundle, stepper) and bundle["text/plain"] == repr(stepper)


def test_without_anywidget_there_is_still_the_page(
    stepper: Stepper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "viz.stepping.widget", raising=False)
    for ask in (lambda: stepper.widget, lambda: stepper.step, lambda: stepper.inputs):
        with pytest.raises(ImportError, match=re.escape("needs anywidget: pip install 'autograd-core[notebook]'")):
            ask()
    bundle = stepper._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and sandboxed(bundle, stepper)
    assert stepper.save(tmp_path / "a.html").read_text(encoding="utf-8") == stepper.html
    assert (stepper.view, stepper.order, stepper.steps) == ("lecture", "topological", 5 - 3 + 1 + 4)
