"""The stepper as a page: every control, every number, and every state it can be in, as a reader meets them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.events import Order, backward_events, forward_events
from autograd_core.graph import Graph
from viz import lecture
from viz.html_shell import html_page
from viz.stepping import Stepper, step, stepper_script, stepper_style

from .conftest import Axe
from .rectangles import boxes, outside_window, overhang, overlapping
from .stepper_pages import (
    NUMBERS,
    Shown,
    assert_engines_numbers,
    close,
    expected_nodes,
    graph_behind,
    product,
    shown_number,
    with_numbers,
)
from .visits import Visits

expect = pytest.importorskip("playwright.sync_api", reason="playwright is missing; it comes with the extra dev").expect

OUTPUTS = {
    "example-1": "y", "example-2": "y", "example-3": "y", "chain": "f", "simple": "y", "scalar-network": "E",
    "mini-network": "E",
}
TALL = 2400
"""A window in which nothing has to be scrolled to."""


def reused(x: float = 2.0) -> tuple[Value, Value]:
    """An output and its input: u is read twice, so the wrong order passes it on too early."""
    leaf = Value(x, "x")
    u = (3 * leaf).named("u")
    v = (u * leaf).named("v")
    return (u * v).named("y"), leaf


def many_operations() -> tuple[Value, dict[str, Value]]:
    x, u, v = Value(2.0, "x"), Value(0.5, "u"), Value(1.5, "v")
    a = ag.log(x).named("a")
    b = ag.sqrt(u + x)
    c = (x**v / (u**2 + 1.0)).named("c")
    d = ag.dot([x, u], [v, a]).named("d")
    e = ag.logsumexp([a, b, d])
    y = (ag.maximum(c, e) - e * ag.maximum(u, v)).named("y")
    return y, {"x": x, "u": u, "v": v}


def example_2() -> tuple[Value, Stepper]:
    example = lecture.example_2()
    return example.values["y"], example.steppers[0]


def opened(visit: Visits, folder: Path, stepper: Stepper, width: int = 1280, *, dark: bool = False) -> Shown:
    return Shown(visit(stepper.save(folder / "step.html"), width, TALL, dark), stepper)


@cache
def cases(row: str) -> tuple[Value, dict[str, Value], list[Stepper]]:
    """An output, the leaves by name, and steppers of it."""
    if row == "many operations":
        y, leaves = many_operations()
        return y, leaves, [step(y), step(y, wrt=["x"])]
    if row == "reused":
        y, x = reused()
        return y, {"x": x}, [step(y, order="depth_first")]
    (example,) = (each.example for each in lecture.CATALOGUE if each.id == row)
    assert example is not None
    worked = example()
    leaves = {name: value for name, value in worked.values.items() if value.op is None}
    return worked.values[OUTPUTS[row]], leaves, worked.steppers[: 1 if row == "simple" else None]


@pytest.mark.parametrize("row", [*OUTPUTS, "many operations", "reused"])
def test_every_number_is_the_engines_wherever_the_inputs_are_moved(tmp_path: Path, visit: Visits, row: str) -> None:
    y, leaves, steppers = cases(row)
    for stepper in steppers:
        page = visit(with_numbers(tmp_path, stepper), height=TALL)
        shown, graph = Shown(page, stepper), graph_behind(stepper, y)
        by_index = {graph.index(leaf): leaf for leaf in leaves.values()}

        def compare(now: Stepper = stepper, at: Shown = shown) -> None:
            graph = graph_behind(now, y)
            for view, seen_as in (("lecture", graph.contract()), ("full", graph)):
                at.choice("View").select_option(view)
                order: Order = "topological"
                for order in now.data["views"][view]["orders"]:
                    if at.choice("Order").is_visible():
                        at.choice("Order").select_option(order)
                    assert_engines_numbers(at.page.evaluate(NUMBERS), seen_as, order)

        compare()
        before = {at: leaf.data for at, leaf in by_index.items()}
        try:
            for count, slider in enumerate(stepper.data["sliders"]):
                name = stepper.data["record"][slider["node"]]["text"]
                number = 0.0
                if count % 2:
                    number = before[slider["node"]] + slider["step"] / 3
                    shown.field(name).fill(repr(number))
                else:
                    shown.slider(name).press("ArrowRight")
                    shown.slider(name).press("PageUp")
                    number = float(shown.slider(name).input_value())
                    assert number > before[slider["node"]]
                by_index[slider["node"]].data = number
            y.recompute()
            compare()
        finally:
            for at, leaf in by_index.items():
                leaf.data = before[at]
            y.recompute()


@pytest.mark.parametrize(
    ("example", "view", "order"),
    [
        ("example-2", "lecture", "topological"),
        ("example-2", "full", "topological"),
        ("scalar-network", "lecture", "topological"),
        ("many operations", "full", "topological"),
        ("reused", "lecture", "depth_first"),
        ("reused", "full", "depth_first"),
    ],
)
def test_each_step_shows_what_is_known_by_then_and_no_more(
    tmp_path: Path, visit: Visits, example: str, view: str, order: Order
) -> None:
    y, _, (stepper, *_) = cases(example)
    shown = opened(visit, tmp_path, stepper)
    shown.choice("View").select_option(view)
    if order == "depth_first":
        shown.choice("Order").select_option(order)
    graph = graph_behind(stepper, y)
    graph = graph if view == "full" else graph.contract()
    forward, backward = forward_events(graph), backward_events(graph, order=order)
    places = {at: stepper.data["views"][view]["nodes"][at]["place"] for at in graph.shown}
    last = len(forward) + 1 + len(backward)
    walked = []
    for at in range(last + 1):
        seen = shown.seen()
        walked.append(seen)
        assert seen["nodes"] == {places[node]: has for node, has in expected_nodes(graph, order, at).items()}, at
        assert len(seen["lines"]) == at and shown.now() == at
        assert shown.button("Back").is_disabled() == (at == 0)
        assert shown.button("Next").is_disabled() == (at == last)
        if 0 < at <= len(forward):
            event = forward[at - 1]
            assert seen["lines"][-1].endswith(f"= {shown_number(event.value)}")
            assert graph.name(event.node.index).unicode in seen["status"]
        elif at > len(forward) + 1:
            added = backward[at - len(forward) - 2]
            assert f"= {product(added.local_derivative, added.adjoint)}" in seen["lines"][-1]
            assert f"sum {shown_number(added.after)}" in seen["lines"][-1]
            assert f"{shown_number(added.contribution)} on to {graph.name(added.edge.tail).unicode}" in seen["status"]
            assert added.lost == ("lost" in seen["lines"][-1]) == ("Too late" in seen["status"])
            state = "is-lost" if added.lost else "is-now"
            ends = f"{places[added.edge.tail]} {places[added.edge.head]}"
            assert [each for each in seen["arrows"][ends] if state in each], at
        if at < last:
            shown.button("Next").click()
    for before in reversed(walked[:-1]):
        shown.button("Back").click()
        assert shown.seen() == before


def test_the_equation_emphasises_the_factor_in_turn(tmp_path: Path, visit: Visits) -> None:
    shown = opened(visit, tmp_path, lecture.chain().steppers[0])
    shown.position.focus()
    found = []
    for at in (5, 6, 7, 8, 9):
        shown.position.fill(str(at))
        found.append([text for text in shown.seen()["emphasised"] if text])
    assert found == [[], ["(2.561)"], ["(1.281)"], ["(0.9689)"], ["(1)"]]
    # The symbols stand above the numbers; both are emphasised, and the folds count on.
    assert len(shown.seen()["emphasised"]) == 3
    expect(shown.equation).to_contain_text("folded 3 of 3")
    expect(shown.equation).to_contain_text("= 3.178")


def test_every_way_to_move_goes_where_it_says(tmp_path: Path, visit: Visits) -> None:
    _, stepper = example_2()
    shown = opened(visit, tmp_path, stepper)
    keyboard, node = shown.page.keyboard, shown.choice("Go to node")
    nodes = {each["text"]: at for at, each in stepper.data["views"]["lecture"]["nodes"].items()}
    ways: list[tuple[str, Callable[[], object], int]] = [
        ("Next", shown.button("Next").click, 1),
        ("Back", shown.button("Back").click, 0),
        ("→", lambda: keyboard.press("ArrowRight"), 1),
        ("→", lambda: keyboard.press("ArrowRight"), 2),
        ("←", lambda: keyboard.press("ArrowLeft"), 1),
        ("End", lambda: keyboard.press("End"), 8),
        ("→ at the end", lambda: keyboard.press("ArrowRight"), 8),
        ("Home", lambda: keyboard.press("Home"), 0),
        ("← at the start", lambda: keyboard.press("ArrowLeft"), 0),
        ("slider", lambda: shown.position.fill("7"), 7),
        ("→ on the slider", lambda: shown.position.press("ArrowRight"), 8),
        ("Home on the slider", lambda: shown.position.press("Home"), 0),
        ("End on the slider", lambda: shown.position.press("End"), 8),
        ("a line", shown.lines.nth(2).click, 3),
        ("click where a gradient is complete", shown.node("a₁").click, 5),
        ("again: where it is computed", shown.node("a₁").click, 1),
        ("and back", shown.node("a₁").click, 5),
        ("an input", shown.node("x").click, 8),
        ("again: where it is given", shown.node("x").click, 0),
        ("the output", shown.node("y").click, 4),
        ("select", lambda: node.select_option(str(nodes["a₂"])), 6),
        ("select again", lambda: node.select_option(str(nodes["a₂"])), 2),
        ("Reset", shown.button("Reset").click, 0),
        ("Reset at the start", shown.button("Reset").click, 0),
    ]
    for name, move, wanted in ways:
        move()
        assert shown.now() == wanted, name
        expect(shown.body.get_by_text(f"{wanted} of 8")).to_be_visible()


def test_play_steps_at_its_speed_until_the_end_or_a_pause(tmp_path: Path, visit: Visits) -> None:
    shown = opened(visit, tmp_path, example_2()[1])
    shown.page.clock.install()
    play, pause = shown.button("Play"), shown.button("Pause")
    play.click()
    for speed, ticks, wanted in (("1", 2400, 2), ("4", 900, 5), ("0.5", 2399, 5), ("2", 600, 6)):
        shown.choice("Speed").select_option(speed)
        shown.page.clock.run_for(ticks)
        assert shown.now() == wanted
    pause.click()
    shown.page.clock.run_for(60_000)
    assert shown.now() == 6
    expect(play).to_be_visible()
    shown.page.keyboard.press("Home")
    for wanted in (8, 8):
        shown.status.click()
        shown.page.keyboard.press(" ")
        expect(pause).to_be_visible()
        shown.page.clock.run_for(60_000)
        assert shown.now() == wanted  # at the end it starts anew
        expect(play).to_be_visible()
    for interrupt in (shown.button("Back").click, shown.button("Reset").click, lambda: shown.page.keyboard.press(" ")):
        play.click()
        shown.page.clock.run_for(600)
        interrupt()
        was = shown.now()
        expect(play).to_be_visible()
        shown.page.clock.run_for(60_000)
        assert shown.now() == was


def test_the_selects_change_what_is_shown_and_keep_the_place(tmp_path: Path, visit: Visits) -> None:
    y, x = reused()
    w = Value(4.0, "w")
    shown = opened(visit, tmp_path, step((y * w).named("z")))
    shown.slider("Step").fill("5")
    told = shown.status.inner_text()
    assert told.startswith("Backward: it starts at z")
    view, order, wrt = (shown.choice(name) for name in ("View", "Order", "Derivative"))
    view.select_option("full")
    assert shown.status.inner_text() == told
    view.select_option("lecture")
    assert shown.now() == 5 and shown.status.inner_text() == told
    shown.page.keyboard.press("End")
    expect(shown.status).to_contain_text("The pass is done.")
    order.select_option("depth_first")
    expect(shown.status).to_contain_text("Wrong: ")
    order.select_option("topological")
    expect(shown.status).to_contain_text("The pass is done.")
    for name, adjoint in (("w", 72), ("x", 288)):
        wrt.select_option(label=wrt.get_by_role("option").filter(has_text=name).last.inner_text())
        expect(shown.equation).to_contain_text(f"= {adjoint}")
    assert x.data == 2.0


def test_what_arrives_too_late_is_marked_lost_and_where(tmp_path: Path, visit: Visits) -> None:
    y, x = reused()
    shown = opened(visit, tmp_path, step(y, order="depth_first"))
    shown.page.keyboard.press("End")
    graph = Graph(y).contract()
    lost = backward_events(graph, order="depth_first").lost
    lines = [text for text in shown.seen()["lines"] if "lost" in text]
    assert len(lines) == len(lost) > 0
    for line, event in zip(lines, lost, strict=True):
        assert f"lost: {graph.name(event.edge.tail).unicode} was passed on already" in line
    got = backward_events(graph, order="depth_first").adjoints()[graph.index(x)]
    right = graph.adjoints()[graph.index(x)]
    expect(shown.status).to_contain_text(f"dy/dx came out as {shown_number(got)}, but is {shown_number(right)}")
    expect(shown.equation).to_contain_text(f"{shown_number(got)} ✗ it is {shown_number(right)}")
    expect(shown.equation.locator(".is-lost").first).to_be_visible()
    assert {"is-complete", "is-wrong"} <= set(shown.seen()["nodes"]["n0"])


def test_moving_an_input_changes_every_number_at_once_and_reset_brings_them_back(tmp_path: Path, visit: Visits) -> None:
    shown = opened(visit, tmp_path, example_2()[1])
    shown.position.fill("8")
    at_start = shown.seen()
    field, slider = shown.field("x"), shown.slider("x")
    field.fill("0.30000000000000004")
    expect(shown.node("y")).to_contain_text("1.5")
    expect(shown.lines.first).to_contain_text("= 0.9")
    for ignored in ("", "-", "1e999"):
        field.fill("") if ignored == "" else field.press_sequentially(ignored)
        expect(shown.node("y")).to_contain_text("1.5")
    field.blur()
    expect(field).to_have_value("0.3")
    slider.press("End")
    expect(field).to_have_value("3")
    expect(shown.node("y")).to_contain_text("15")
    field.fill("1000")
    assert slider.input_value() == "3"
    expect(shown.node("y")).to_contain_text("5000")
    assert shown.now() == 8
    shown.button("Reset").click()
    expect(field).to_have_value("1")
    shown.position.fill("8")
    assert shown.seen() == at_start


@pytest.mark.parametrize(
    ("make", "outside", "says", "node"),
    [
        (lambda x: (ag.log(x).named("a") * (3 * x).named("b")).named("y"), 0, "a: log(0) is not defined", "a"),
        (lambda x: (ag.sqrt(x - 1) + x).named("y"), 0, "sqrt(−1) is not defined", "y"),
        (lambda x: (1 / x).named("y"), 0, "y: div(1, 0) is not defined", "y"),
        (lambda x: (x**0.5 * x).named("y"), -2, "pow(−2, 0.5) is not defined", "y"),
    ],
)
def test_outside_a_domain_the_node_says_so_and_recovers(
    tmp_path: Path, visit: Visits, make: Callable[[Value], Value], outside: float, says: str, node: str
) -> None:
    shown = opened(visit, tmp_path, step(make(Value(4.0, "x"))))
    expect(shown.problem).to_be_hidden()
    shown.page.keyboard.press("End")
    at_start = shown.seen()
    shown.field("x").fill(str(outside))
    expect(shown.problem).to_be_visible()
    expect(shown.problem).to_contain_text(says)
    expect(shown.node(node)).to_contain_text("undefined")
    everything = [*shown.seen()["lines"], shown.equation.inner_text(), shown.node("x").inner_text(), *shown.seen()["nodes"]["n0"]]
    assert not [text for text in everything if "nan" in text.lower()]
    for key in ("Home", "ArrowRight", "End"):
        shown.body.press(key)
    shown.field("x").fill("4")
    expect(shown.problem).to_be_hidden()
    assert shown.seen() == at_start


def test_numbers_are_written_as_the_pictures_write_them_and_none_but_zero_as_0(tmp_path: Path, visit: Visits) -> None:
    x = Value(1e-7, "x")
    stepper = step((x * (-1.23456e-9 * x).named("a")).named("y"))
    page = visit(with_numbers(tmp_path, stepper), height=TALL)
    shown = Shown(page, stepper)
    shown.page.keyboard.press("Tab")
    shown.position.press("End")
    seen = shown.seen()
    texts = [text for node in seen["nodes"].values() for text in node[:2]]
    assert sorted(texts) == sorted(
        ["1·10⁻⁷", "∂ −2.469·10⁻¹⁶ ✓", "−1.235·10⁻¹⁶", "∂ 1·10⁻⁷ ✓", "−1.235·10⁻²³", "∂ 1 ✓"]
    )
    assert not [line for line in seen["lines"] if line.endswith(("= 0", "sum 0", "sum −0"))]
    for x in (1e-5, 0.0001, 0.00012345, 5e-324, -1e-300, 999999.5, 1e6, 123456.0, 9999.6, 1234.56, 1e300, 1 / 3, 0.0, -0.0,
              float("inf"), float("-inf"), 1.0625, 1234.5, -0.5, 12345.6, 99995.0):
        assert page.evaluate("x => formatNumber(x)", x) == shown_number(x), x


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False), (400, True)])
def test_nothing_overlaps_or_sticks_out_and_axe_is_content(
    tmp_path: Path, visit: Visits, axe: Axe, width: int, dark: bool
) -> None:
    temperature, rate = Value(2.0, "temperature"), Value(3.0, "learning_rate")
    a = ag.log(temperature).named("a")
    y, _ = reused()
    examples = {
        "two paths": lecture.example_2().steppers[0],
        "network": cases("scalar-network")[2][0],
        "long names": step((temperature * rate + a * rate).named("total_loss")),
        "wrong order": step(y, order="depth_first"),
        "tiny": step((Value(-1e-7, "x") * Value(-1e-300, "u")).named("y")),
    }
    for name, stepper in examples.items():
        shown = opened(visit, tmp_path, stepper, width, dark=dark)
        for view in ("lecture", "full"):
            shown.choice("View").select_option(view)
            last = int(shown.position.get_attribute("max") or 0)
            for at in (0, 1, last // 2 + 1, last):
                shown.position.fill(str(at))
                assert_fits(shown, f"{name} at {at} of {view}")
            assert axe(shown.page) == [] , (name, view)
        if name == "long names":
            shown.field("temperature").fill("-1")
            expect(shown.problem).to_be_visible()
            assert_fits(shown, "undefined")
            assert axe(shown.page) == []


def assert_fits(shown: Shown, state: str) -> None:
    page = shown.page
    assert overhang(page) == 0, state
    for selector in (
        ".stepper-body > *", ".stepper-controls > *, .stepper-choices > *", ".stepper-position > *",
        ".stepper-columns > * > *", ".stepper-input .name > *, .stepper-input > input",
        ".stepper-equation .row > span:not(.terms) > *, .stepper-equation .sign, .stepper-equation .factor",
        ".stepper-lines li > *", ".stepper-picture text",
    ):
        assert not overlapping(page, selector), (state, selector)
    assert not outside_window(page, ".stepper-body, .stepper-body > *, button, select, input, .stepper-columns > * > *"), state
    assert len(boxes(page, ".stepper-picture svg")) == 1


def test_everything_can_be_reached_and_used_by_keyboard_alone(tmp_path: Path, visit: Visits) -> None:
    y, _ = reused()
    stepper = step((y * Value(1.0, "w")).named("z"))
    shown = opened(visit, tmp_path, stepper)
    focused = "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    reached = []
    for _ in range(15):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate(focused))
    wanted = ["Next", "Play", "Speed", "Reset", "View", "Order", "Go to node", "Step", "Graph", "Equation", "x",
              "x, as a number", "w", "w, as a number", "Ledger"]
    assert set(wanted) <= {*reached, "Ledger"}
    expect(shown.status).to_have_attribute("aria-live", "polite")
    node = shown.choice("Go to node")
    node.focus()
    for option, name in ((1, "x"), (2, "u"), (3, "v")):
        shown.page.keyboard.press("ArrowDown")
        expect(shown.status).to_contain_text(f"/d{name} ", timeout=2000), option
    shown.choice("View").press("ArrowDown")
    expect(shown.choice("View")).to_have_value("full")
    shown.slider("x").press("ArrowRight")
    expect(shown.field("x")).to_have_value("2.05")


def test_the_keys_go_on_working_when_a_button_cannot_be_pressed_any_more(tmp_path: Path, visit: Visits) -> None:
    steppers = [step((2 * (3 * Value(1.0, "x")).named("a")).named(name)) for name in ("y", "z")]
    body = f"<main>{''.join(each.markup for each in steppers)}</main>"
    page = html_page(title="Two", body=body, style=stepper_style(), script=stepper_script(steppers))
    (tmp_path / "two.html").write_text(page, encoding="utf-8", newline="")
    opened_page = visit(tmp_path / "two.html", height=TALL)
    first, second = (Shown(opened_page, each) for each in steppers)
    first.button("Next").focus()
    for _ in range(5):
        opened_page.keyboard.press("Enter")
    assert (first.now(), second.now()) == (5, 0)
    opened_page.keyboard.press("ArrowLeft")
    assert (first.now(), second.now()) == (4, 0)
    first.button("Back").focus()
    for _ in range(4):
        opened_page.keyboard.press("Enter")
    opened_page.keyboard.press("End")
    assert (first.now(), second.now()) == (5, 0)
    second.node("a").click()
    opened_page.keyboard.press("ArrowLeft")
    assert (first.now(), second.now()) == (5, 3)


@pytest.mark.parametrize("count", [300, 3000])
def test_a_large_graph_steps_and_what_is_too_large_to_draw_is_collapsed(
    tmp_path: Path, visit: Visits, count: int
) -> None:
    x = value = Value(0.5, "x")
    for at in range(count - 1):
        value = (value * 0.999).named(f"v_{at}")
    stepper = step(value)
    shown = opened(visit, tmp_path, stepper)
    last = 2 * (count - 1) + 1
    for move, wanted in (("ArrowRight", 1), ("End", last), ("ArrowLeft", last - 1), ("End", last), ("Home", 0)):
        shown.page.keyboard.press(move)
        assert shown.now() == wanted
    shown.page.keyboard.press("End")
    expect(shown.status).to_contain_text(f"/dx is now {shown_number(0.999 ** (count - 1))}, and complete")
    assert boxes(shown.page, ".stepper-picture g.node")
    shown.field("x").fill("2")
    expect(shown.lines.last).to_contain_text(f"sum {shown_number(0.999 ** (count - 1))}")
    assert shown.lines.count() <= 201
    shown.lines.nth(100).click()
    assert 0 < shown.now() < last
    assert close(x.data, 0.5)
