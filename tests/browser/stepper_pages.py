"""A stepper as its reader has it, on a page or in a notebook: its parts by their names, and all that it shows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.events import Order, backward_events, forward_events
from autograd_core.graph import Graph
from autograd_core.writing import UNICODE, format_number
from viz import lecture
from viz.html_shell import html_page
from viz.stepping import Stepper, step, stepper_script, stepper_style
from viz.stepping.stepper import stepper_module

from .conftest import Axe
from .rectangles import outside_window, overhang, overlapping
from .visits import Visits

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

OUTPUTS = {
    "example-1": "y", "example-2": "y", "example-3": "y", "chain": "f", "simple": "y", "scalar-network": "E",
    "mini-network": "E",
}
"""The lecture's rows, by the name of each one's output."""

WITHIN_WINDOW = ".stepper-body, .stepper-body > *, button, select, input, .stepper-columns > * > *"

TALL = 2400
"""A window in which nothing has to be scrolled to."""

PARTS = (
    ".stepper-body > *", ".stepper-controls > *, .stepper-choices > *", ".stepper-position > *",
    ".stepper-columns > * > *", ".stepper-input .name > *, .stepper-input > input",
    ".stepper-equation .row > span:not(.terms) > *, .stepper-equation .row > .sign, .stepper-equation .factor",
    ".stepper-lines li > *", ".stepper-picture text",
)
"""Whose parts stand beside each other."""

in_every_window = pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (1280, True), (400, False), (400, True)],
    ids=["wide", "wide-dark", "narrow", "narrow-dark"],
)

SEEN = """body => {
    const plain = text => text.trim().replace(/\\s+/g, " ");
    const within = (name, what) => [...body.querySelectorAll(`[aria-label="${name}"] ${what}`)];
    const named = (group, name) => plain(group.querySelector(`text.${name}`)?.textContent ?? "");
    const nodes = {}, arrows = {};
    for (const group of within("Graph", "g.node")) {
        const marks = [...group.classList].filter(name => name.startsWith("is-")).sort();
        nodes[group.dataset.id] = [named(group, "value"), named(group, "adjoint"), ...marks];
    }
    for (const {classList, dataset} of within("Graph", "g.edge")) {
        const state = ["is-now", "is-done", "is-lost"].filter(name => classList.contains(name));
        (arrows[`${dataset.tail} ${dataset.head}`] ??= []).push(state);
    }
    return {
        nodes, arrows, at: plain(body.querySelector(".stepper-count").textContent),
        disabled: [...body.querySelectorAll("button[aria-disabled=true]")].map(each => each.textContent),
        status: plain(body.querySelector("[role=status]").textContent),
        lines: within("Ledger", "li").map(line => plain(line.textContent)),
        emphasised: within("Equation", ".factor.is-now").map(each => plain(each.textContent)),
    };
}"""

NUMBERS = """() => {
    const {values, locals, events, sums, right, undefinedAt} = stepper.numbers;
    const keyed = map => Object.fromEntries(map);
    return {values, locals, events, sums: keyed(sums), right: keyed(right), undefinedAt: [...undefinedAt]};
}"""


class Shown:
    """A stepper that is shown: its controls are found by role and name, as a screen reader would."""

    def __init__(self, page: Page, stepper: Stepper) -> None:
        self.page, self.data = page, stepper.data
        self.body = page.get_by_role("group", name=self.data["title"], exact=True)
        self.status = self.body.get_by_role("status")
        self.problem = self.body.get_by_role("alert")
        self.position = self.slider("Step")
        self.equation = self.body.get_by_role("group", name="Equation")
        self.lines = self.body.get_by_role("group", name="Ledger").get_by_role("listitem")

    def button(self, name: str) -> Locator:
        return self.body.get_by_role("button", name=name, exact=True)

    def slider(self, name: str) -> Locator:
        return self.body.get_by_role("slider", name=name, exact=True)

    def field(self, name: str) -> Locator:
        return self.body.get_by_role("spinbutton", name=f"{name}, as a number", exact=True)

    def choice(self, begins: str) -> Locator:
        return self.body.get_by_role("combobox", name=re.compile(f"^{begins}"))

    def node(self, text: str) -> Locator:
        """A node of the picture, by its name."""
        nodes = self.data["views"][self.choice("View").input_value()]["nodes"].values()
        (place,) = (node["place"] for node in nodes if node["text"] == text)
        return self.body.locator(f'g.node[data-id="{place}"]')

    def seen(self) -> dict[str, Any]:
        """All that is shown at once: by node its value, gradient and marks; arrows, status, lines, factors."""
        seen: dict[str, Any] = self.body.evaluate(SEEN)
        return seen

    def now(self) -> int:
        """The step the page says it is at."""
        return int(self.position.input_value())


def with_numbers(folder: Path, stepper: Stepper) -> Path:
    """A page whose stepper a test can ask for the numbers behind the rounded ones."""
    mount = (
        'const host = document.querySelector(".stepper");\n'
        'const {data, state} = JSON.parse(host.querySelector("script").textContent);\n'
        "window.stepper = new Stepper(host, data, state, () => {});\n"
        "window.formatNumber = formatNumber;\n"
    )
    path = folder / "numbers.html"
    script = stepper_module([stepper]) + mount
    page = html_page(title="Numbers", body=stepper.markup, style=stepper_style(), script=script)
    path.write_text(page, encoding="utf-8", newline="")
    return path


def on_one_page(folder: Path, steppers: Sequence[Stepper]) -> Path:
    """A page that holds several steppers."""
    body = f"<main>{''.join(each.markup for each in steppers)}</main>"
    path = folder / "several.html"
    page = html_page(title="Several", body=body, style=stepper_style(), script=stepper_script(steppers))
    path.write_text(page, encoding="utf-8", newline="")
    return path


def shown_number(x: float) -> str:
    """A number as the pages write it: ``−1.5·10⁻⁷``."""
    mantissa, _, power = format_number(x, UNICODE).partition("e")
    return (mantissa + (f"·10{power.translate(_RAISED)}" if power else "")).replace("-", "−")


def product(x: float, y: float) -> str:
    """A product as the pages write it, a negative second factor in parentheses."""
    first, second = map(shown_number, (x, y))
    return f"{first} · {f'({second})' if second.startswith('−') else second}"


def close(x: float, y: float) -> bool:
    """Whether two numbers agree to 1e-12."""
    return x == y or abs(x - y) <= 1e-12 * max(1.0, abs(x), abs(y)) or (math.isnan(x) and math.isnan(y))


def expected_nodes(graph: Graph, order: Order, step: int) -> dict[int, list[str]]:
    """By node what stands there after that many steps, worked out from the engine's events alone."""
    forward, backward = forward_events(graph), backward_events(graph, order=order)
    right, output = backward_events(graph).adjoints(), graph.only_output()
    known = {node.index for node in graph.nodes if node.op is None} | {each.node.index for each in forward[:step]}
    begun = step > len(forward)
    passed = backward[: max(0, step - len(forward) - 1)]
    sums = ({output: 1.0} if begun else {}) | {each.edge.tail: each.after for each in passed}
    waiting = {each.edge.tail for each in backward[len(passed) :]}
    complete = {at for at in sums if at not in waiting}
    at_now = passed[-1].edge.head if passed else output if begun else forward[step - 1].node.index if step else None
    nodes = {}
    for at in graph.shown:
        wrong = at in complete and not close(sums[at], right[at])
        mark = " ✗" if wrong else " ✓" if at in complete else ""
        marks = {
            "is-complete": at in complete, "is-next": bool(passed) and at == passed[-1].edge.tail,
            "is-now": at == at_now, "is-wrong": wrong,
        }
        nodes[at] = [
            shown_number(graph.number(at)) if at in known else "",
            f"∂ {shown_number(sums[at])}{mark}" if at in sums else "",
            *(name for name, holds in marks.items() if holds),
        ]
    return nodes


def graph_behind(stepper: Stepper, y: Value) -> Graph:
    """The graph a stepper of ``y`` was made from, with its present numbers."""
    return Graph(y, wrt=stepper.data["views"]["full"]["inputs"])


def assert_engines_numbers(found: Mapping[str, Any], graph: Graph, order: Order) -> None:
    """Every number of the page agrees with the engine's: values, local derivatives, events, sums."""
    for node in graph.record:
        assert close(found["values"][node.index], graph.number(node.index)), node
    for edge, local in zip(graph.edges, found["locals"], strict=True):
        assert edge.partial is not None and close(local, edge.partial), edge
    events = backward_events(graph, order=order)
    for event, has in zip(events, found["events"], strict=True):
        assert (event.edge.tail, event.edge.head, event.lost) == (has["tail"], has["head"], has["lost"])
        for name in ("adjoint", "contribution", "before", "after"):
            assert close(has[name], getattr(event, name)), (event, name)
    adjoints, sums = graph.adjoints(), events.adjoints()
    for at in graph.shown:
        assert close(found["sums"].get(str(at), 0.0), sums[at]), graph.name(at)
        assert close(found["right"].get(str(at), 0.0), adjoints[at]), graph.name(at)
    assert found["undefinedAt"] == []


def reused(x: float = 2.0) -> tuple[Value, Value]:
    """An output and its input: u is read twice, so the wrong order passes it on too early."""
    leaf = Value(x, "x")
    u = (3 * leaf).named("u")
    v = (u * leaf).named("v")
    return (u * v).named("y"), leaf


def many_operations() -> tuple[Value, list[Value]]:
    x, u, v = Value(2.0, "x"), Value(0.5, "u"), Value(1.5, "v")
    a = ag.log(x).named("a")
    b = ag.sqrt(u + x)
    c = (x**v / (u**2 + 1.0)).named("c")
    d = ag.dot([x, u], [v, a]).named("d")
    e = ag.logsumexp([a, b, d])
    y = (ag.maximum(c, e) - e * ag.maximum(u, v)).named("y")
    return y, [x, u, v]


def opened(visit: Visits, folder: Path, stepper: Stepper, width: int = 1280, *, dark: bool = False) -> Shown:
    return Shown(visit(stepper.save(folder / "step.html"), width, TALL, dark), stepper)


@cache
def cases(row: str) -> tuple[Value, list[Value], list[Stepper]]:
    """An output, its leaves, and steppers of it."""
    if row == "many operations":
        y, leaves = many_operations()
        return y, leaves, [step(y)]
    if row == "reused":
        y, x = reused()
        return y, [x], [step(y, order="depth_first")]
    (example,) = (each.example for each in lecture.CATALOGUE if each.id == row)
    assert example is not None
    worked = example()
    leaves = [value for value in worked.values.values() if value.op is None]
    return worked.values[OUTPUTS[row]], leaves, worked.steppers[: 1 if row == "simple" else None]


def crowded(shown: Shown, view: str) -> list[tuple[str, ...]]:
    """What overlaps or sticks out of the window at the start, in the middle and at the end."""
    shown.choice("View").select_option(view)
    last = int(shown.position.get_attribute("max") or 0)
    found: dict[tuple[str, ...], None] = {}
    for at in (0, last // 2 + 1, last):
        shown.position.fill(str(at))
        found |= {("overlap", *pair): None for part in PARTS for pair in overlapping(shown.page, part)}
        found |= {("outside", each): None for each in outside_window(shown.page, WITHIN_WINDOW)}
        found |= {("scrolls sideways",): None} if overhang(shown.page) else {}
    return [(view, *each) for each in found]


def complaints(axe: Axe, shown: Shown) -> list[str]:
    # As the page of a picture, it is one thing with a name, and nothing a heading could stand over.
    return [each for each in axe(shown.page) if not each.startswith("page-has-heading-one")]


def compare_numbers(shown: Shown, graph: Graph) -> None:
    """Hold every number of both views, in every order, to the engine's."""
    for view, seen_as in (("lecture", graph.contract()), ("full", graph)):
        shown.choice("View").select_option(view)
        order: Order
        for order in shown.data["views"][view]["orders"]:
            if shown.choice("Order").is_visible():
                shown.choice("Order").select_option(order)
            assert_engines_numbers(shown.page.evaluate(NUMBERS), seen_as, order)


def move_input(shown: Shown, slider: Mapping[str, Any], number: float) -> float:
    """Move an input up, every other one by its field instead of its slider, and give its new number."""
    name = shown.data["record"][slider["node"]]["text"]
    if slider["node"] % 2:
        shown.field(name).fill(repr(number + slider["step"] / 3))
        return float(number + slider["step"] / 3)
    for key in ("ArrowRight", "PageUp"):
        shown.slider(name).press(key)
    moved = float(shown.slider(name).input_value())
    assert moved > number
    return moved
