"""A stepper as its reader has it, on a page or in a notebook: its parts by their names, and all that it shows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_core import Value
from autograd_core.events import Order, backward_events, forward_events
from autograd_core.graph import Graph
from autograd_core.writing import UNICODE, format_number
from viz.html_shell import html_page
from viz.stepping import Stepper, stepper_style
from viz.stepping.stepper import stepper_module

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

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
        nodes, arrows, status: plain(body.querySelector("[role=status]").textContent),
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
        self.body = page.get_by_role("region", name=self.data["title"], exact=True)
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
    page = html_page(title="Numbers", body=stepper.markup, style=stepper_style(), script=stepper_module([stepper]) + mount)
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
