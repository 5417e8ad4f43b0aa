"""The stepper as a widget in a real JupyterLab: what is done in the page Python sees, and the other way round."""

import json
from typing import Any

import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.graph import Graph
from viz.stepping import Stepper, step

from .conftest import Axe
from .notebooks import Lab
from .rectangles import overlapping
from .stepper_pages import PARTS, Shown, expected_nodes, shown_number

expect = pytest.importorskip("playwright.sync_api", reason="playwright is missing; it comes with the extra dev").expect

MAKE = """
import json
import autograd_core as ag, viz
x, w = ag.Value(2.0, "x"), ag.Value(0.5, "w")
u = (3 * x).named("u")
v = (u * ag.log(w)).named("v")
y = (u * v).named("y")
stepper = viz.step(y)
stepper
"""
TELL = "print(json.dumps([stepper.step, stepper.inputs, stepper.view, stepper.order, stepper.steps]))"


def same(x: float = 2.0, w: float = 0.5) -> tuple[Stepper, Value]:
    """The stepper of the notebook, made here, and its output."""
    x_, w_ = Value(x, "x"), Value(w, "w")
    u = (3 * x_).named("u")
    y = (u * (u * ag.log(w_)).named("v")).named("y")
    return step(y), y


def test_page_and_python_stay_in_step_both_ways(lab: Lab) -> None:
    sets = ["stepper.step = 4", "stepper.inputs = {'w': 2.0}", "stepper.widget.view = 'full'"]
    page = lab([MAKE, TELL, *sets], ".stepper-body")
    stepper, _ = same()
    shown = Shown(page, stepper)
    expect(shown.choice("View")).to_have_value("full")

    def told(*wanted: Any) -> None:
        expect(lab.run(page, 1)).to_have_text(json.dumps(list(wanted)))

    lecture, full = 3 + 1 + 5, 4 + 1 + 6
    # All cells have run: Python moved the page.
    assert shown.now() == 4
    expect(shown.field("w")).to_have_value("2")
    told(4, {"x": 2.0, "w": 2.0}, "full", "topological", full)
    # The page moves Python.
    shown.button("Next").click()
    told(5, {"x": 2.0, "w": 2.0}, "full", "topological", full)
    shown.position.fill("0")
    shown.slider("x").fill("2.05")
    shown.field("w").fill("0.3")
    shown.field("w").blur()
    told(0, {"x": 2.05, "w": 0.3}, "full", "topological", full)
    shown.choice("View").select_option("lecture")
    told(0, {"x": 2.05, "w": 0.3}, "lecture", "topological", lecture)
    shown.choice("Order").select_option("depth_first")
    shown.node("x").click()
    told(shown.now(), {"x": 2.05, "w": 0.3}, "lecture", "depth_first", lecture)
    shown.button("Reset").click()
    told(0, {"x": 2.0, "w": 0.5}, "lecture", "depth_first", lecture)
    # And Python once more, with what the page has drawn.
    lab.run(page, 2)
    expect(shown.position).to_have_value("4")
    lab.run(page, 3)
    expect(shown.field("w")).to_have_value("2")
    shown.choice("Order").select_option("topological")
    shown.position.fill(str(lecture))
    _, y = same(w=2.0)
    graph = Graph(y).contract()
    places = {at: stepper.data["views"]["lecture"]["nodes"][at]["place"] for at in graph.shown}
    assert shown.seen()["nodes"] == {
        places[at]: has for at, has in expected_nodes(graph, "topological", lecture).items()
    }
    told(lecture, {"x": 2.0, "w": 2.0}, "lecture", "topological", lecture)


def test_what_python_may_not_set_changes_nothing(lab: Lab) -> None:
    refused = {
        "stepper.step = 99": "OperandError",
        "stepper.inputs = {'q': 1.0}": "NamingError",
        "stepper.inputs = {'w': float('nan')}": "OperandError",
        "stepper.widget.view = 'wide'": "TraitError",
    }
    attempts = [f"try:\n    {each}\nexcept Exception as error:\n    print(type(error).__name__)" for each in refused]
    page = lab([MAKE, TELL, *attempts], ".stepper-body")
    for cell, error in enumerate(refused.values(), 2):
        expect(lab.output(page, cell)).to_have_text(error)
    expect(page.get_by_text("0 of 9")).to_be_visible()
    expect(lab.run(page, 1)).to_have_text(json.dumps([0, {"x": 2.0, "w": 0.5}, "lecture", "topological", 9]))


def test_in_a_view_of_fewer_steps_page_and_python_are_both_at_its_end(lab: Lab) -> None:
    full = "stepper.widget.view = 'full'\nstepper.step = stepper.steps"
    page = lab([MAKE, TELL, full, "stepper.widget.view = 'lecture'"], ".stepper-body")
    expect(page.get_by_text("9 of 9")).to_be_visible()
    expect(lab.run(page, 1)).to_have_text(json.dumps([9, {"x": 2.0, "w": 0.5}, "lecture", "topological", 9]))


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
def test_every_control_works_in_the_notebook_and_nothing_overlaps(
    lab: Lab, axe: Axe, width: int, dark: bool
) -> None:
    page = lab([MAKE, TELL], ".stepper-body", width, 2400, dark)
    if width < 600:
        page.keyboard.press("Control+b")  # JupyterLab's own side bar would leave no room for a notebook
    shown = Shown(page, same()[0])
    shown.button("Next").click()
    assert shown.now() == 1
    for key, wanted in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("Home", 0), ("ArrowRight", 1)):
        shown.button("Play").press(key)
        assert shown.now() == wanted, key
    shown.choice("Speed").select_option("4")
    shown.button("Play").press(" ")
    expect(shown.position).to_have_value("9")
    expect(shown.button("Play")).to_be_visible()
    expect(shown.status).to_contain_text("The pass is done.")
    shown.lines.nth(2).click()
    assert shown.now() == 3
    shown.choice("Go to node").select_option(label="x")
    assert shown.now() == 9
    shown.node("u").click()
    assert shown.now() == 8
    shown.choice("Derivative").select_option(index=1)
    shown.field("w").fill("-1")
    expect(shown.problem).to_contain_text("log(−1) is not defined")
    shown.field("w").fill("4")
    expect(shown.problem).to_be_hidden()
    graph = Graph(same(w=4.0)[1])
    shown.position.fill("9")
    expect(shown.node("w")).to_contain_text(f"∂ {shown_number(graph.adjoints()[graph.index('w')])} ✓")
    for view in ("full", "lecture"):
        shown.choice("View").select_option(view)
        assert [(part, *pair) for part in PARTS for pair in overlapping(page, part)] == []
        assert shown.body.evaluate("body => body.scrollWidth <= body.clientWidth")
    assert axe(page, ".stepper-body") == []
    shown.button("Reset").click()
    expect(shown.field("w")).to_have_value("0.5")
    assert shown.now() == 0


def test_shown_twice_it_is_one_and_the_same(lab: Lab) -> None:
    page = lab([MAKE, "stepper"], ".stepper-body")
    bodies = page.locator(".stepper-body")
    expect(bodies).to_have_count(2)
    first, second = bodies.nth(0), bodies.nth(1)
    first.get_by_role("button", name="Next").click()
    expect(second.get_by_text("1 of 9")).to_be_visible()
    second.get_by_label("w, as a number").fill("3")
    expect(first.get_by_label("w, as a number")).to_have_value("3")
    second.get_by_label("View").select_option("full")
    expect(first.get_by_label("View")).to_have_value("full")


def test_the_keys_are_the_steppers_and_not_the_notebooks(lab: Lab) -> None:
    page = lab([MAKE, TELL], ".stepper-body", height=1600)
    shown = Shown(page, same()[0])
    shown.position.press("ArrowRight")
    expect(shown.position).to_have_value("1")
    shown.slider("x").press("ArrowRight")
    expect(shown.field("x")).to_have_value("2.05")
    shown.choice("View").press("ArrowDown")
    expect(shown.choice("View")).to_have_value("full")
    expect(shown.choice("View")).to_be_focused()


def test_the_keys_go_on_working_in_a_notebook_when_next_cannot_be_pressed_any_more(lab: Lab) -> None:
    page = lab([MAKE, TELL], ".stepper-body", height=1600)
    shown = Shown(page, same()[0])
    shown.button("Next").focus()
    for _ in range(9):
        page.keyboard.press("Enter")
    assert shown.now() == 9
    page.keyboard.press("ArrowLeft")
    assert shown.now() == 8
