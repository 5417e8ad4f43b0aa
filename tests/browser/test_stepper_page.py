"""The stepper as a page: every control, every number, and every state it can be in, as a reader meets them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.events import Order, backward_events, forward_events
from autograd_core.graph import Graph
from viz.stepping import step

from .conftest import Axe
from .rectangles import boxes
from .stepper_pages import (
    OUTPUTS,
    TALL,
    Shown,
    cases,
    compare_numbers,
    complaints,
    crowded,
    expected_nodes,
    graph_behind,
    in_every_window,
    move_input,
    on_one_page,
    opened,
    product,
    reused,
    shown_number,
    with_numbers,
)
from .visits import Visits

expect = pytest.importorskip("playwright.sync_api", reason="playwright is missing; it comes with the extra dev").expect

@pytest.mark.parametrize("row", [*OUTPUTS, "many operations", "reused"])
def test_every_number_is_the_engines_wherever_the_inputs_are_moved(tmp_path: Path, visit: Visits, row: str) -> None:
    y, leaves, steppers = cases(row)
    for stepper in steppers:
        shown = Shown(visit(with_numbers(tmp_path, stepper), height=TALL), stepper)
        compare_numbers(shown, graph_behind(stepper, y))
        before = {leaf: leaf.data for leaf in sorted(leaves, key=graph_behind(stepper, y).index)}
        try:
            # Leaves are numbered by the order in which they got their numbers, so that must stay what it was.
            for (leaf, number), slider in zip(before.items(), stepper.data["sliders"], strict=True):
                leaf.data = move_input(shown, slider, number)
            compare_numbers(shown, graph_behind(stepper, y.recompute()))
        finally:
            for leaf, number in before.items():
                leaf.data = number
            y.recompute()


@pytest.mark.parametrize(
    ("example", "view", "order"),
    [
        ("example-2", "lecture", "topological"),
        ("example-2", "full", "topological"),
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
    shown.status.click()
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
        assert seen["at"] == f"{at} of {last}" and len(seen["lines"]) == at
        assert seen["disabled"] == [name for name, end in (("Back", 0), ("Next", last)) if at == end]
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
        shown.page.keyboard.press("ArrowRight")
    for before in reversed(walked[:-1]):
        shown.page.keyboard.press("ArrowLeft")
        assert shown.seen() == before


def test_the_equation_emphasises_the_factor_in_turn(tmp_path: Path, visit: Visits) -> None:
    shown = opened(visit, tmp_path, cases("chain")[2][0])
    shown.position.focus()
    found = []
    for at in (5, 6, 7, 8, 9):
        shown.position.fill(str(at))
        found.append([text for text in shown.seen()["emphasised"] if text])
    assert found == [[], ["(2.561)"], ["(1.281)"], ["(0.9689)"], ["(1)"]]
    # The symbols stand above the numbers; both are emphasised, and the folds count on.
    assert len(shown.seen()["emphasised"]) == 3
    expect(shown.equation).to_contain_text("folded 3 of 3")
    expect(shown.equation).to_have_text(re.compile("= ?3.178$"))


def test_every_way_to_move_goes_where_it_says(tmp_path: Path, visit: Visits) -> None:
    stepper = cases("example-2")[2][0]
    shown = opened(visit, tmp_path, stepper)
    keyboard, node = shown.page.keyboard, shown.choice("Go to node")
    nodes = {each["text"]: at for at, each in stepper.data["views"]["lecture"]["nodes"].items()}
    ways: list[tuple[str, Callable[[], object], int]] = [
        ("Next", shown.button("Next").click, 1),
        ("Back", shown.button("Back").click, 0),
        ("→", lambda: keyboard.press("ArrowRight"), 1),
        ("←", lambda: keyboard.press("ArrowLeft"), 0),
        ("End", lambda: keyboard.press("End"), 8),
        ("→ at the end", lambda: keyboard.press("ArrowRight"), 8),
        ("Home", lambda: keyboard.press("Home"), 0),
        ("← at the start", lambda: keyboard.press("ArrowLeft"), 0),
        ("slider", lambda: shown.position.fill("7"), 7),
        ("→ on the slider", lambda: shown.position.press("ArrowRight"), 8),
        ("a line", shown.lines.nth(2).click, 3),
        ("click where a gradient is complete", shown.node("a₁").click, 5),
        ("again: where it is computed", shown.node("a₁").click, 1),
        ("an input", shown.node("x").click, 8),
        ("the output", shown.node("y").click, 4),
        ("select", lambda: node.select_option(str(nodes["a₂"])), 6),
        ("Reset", shown.button("Reset").click, 0),
    ]
    for name, move, wanted in ways:
        move()
        assert (name, shown.seen()["at"]) == (name, f"{wanted} of 8")


def test_play_steps_at_its_speed_until_the_end_or_a_pause(tmp_path: Path, visit: Visits) -> None:
    shown = opened(visit, tmp_path, cases("example-2")[2][0])
    shown.page.clock.install(time=0)
    shown.page.clock.pause_at(1000)
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
    y, _ = reused()
    shown = opened(visit, tmp_path, step((y * Value(4.0, "w")).named("z")))
    shown.position.fill("5")
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
    for name, adjoint in (("w", 72), ("x", 432)):
        wrt.select_option(label=wrt.get_by_role("option").filter(has_text=name).last.inner_text())
        expect(shown.equation).to_contain_text(re.compile(f"= ?{adjoint}"))


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
    assert {"is-complete", "is-wrong"} <= set(shown.seen()["nodes"]["n0"])


def test_moving_an_input_changes_every_number_at_once_and_reset_brings_them_back(tmp_path: Path, visit: Visits) -> None:
    shown = opened(visit, tmp_path, cases("example-2")[2][0])
    shown.position.fill("8")
    at_start = shown.seen()
    field, slider = shown.field("x"), shown.slider("x")
    field.fill("0.30000000000000004")
    expect(shown.node("y")).to_contain_text("1.5")
    expect(shown.lines.first).to_contain_text("= 0.9")
    for ignored in ("Delete", "-", "e"):
        field.press("Control+a")
        field.press(ignored)
        expect(shown.node("y")).to_contain_text("1.5")
    field.blur()
    expect(field).to_have_value("0.3")
    slider.press("End")
    expect(field).to_have_value("3")
    expect(shown.node("y")).to_contain_text("15")
    field.fill("1000")
    assert slider.input_value() == "1000"
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
    for key in ("Home", "ArrowRight", "End"):
        shown.body.press(key)
    shown.field("x").fill("4")
    expect(shown.problem).to_be_hidden()
    assert shown.seen() == at_start


def test_whatever_depends_on_an_undefined_value_is_called_undefined_everywhere(tmp_path: Path, visit: Visits) -> None:
    x = Value(4.0, "x")
    shown = opened(visit, tmp_path, step((ag.log(x).named("a") * (3 * x).named("b")).named("y")))
    shown.page.keyboard.press("End")
    shown.field("x").fill("-1")
    seen = shown.seen()
    texts = [*seen["lines"], seen["status"], shown.equation.inner_text(), *(each[1] for each in seen["nodes"].values())]
    assert [text for text in texts if "nan" in text.lower()] == []


def test_numbers_are_written_as_the_pictures_write_them_and_none_but_zero_as_0(tmp_path: Path, visit: Visits) -> None:
    x = Value(1e-7, "x")
    stepper = step((x * (-1.23456e-9 * x).named("a")).named("y"))
    page = visit(with_numbers(tmp_path, stepper), height=TALL)
    shown = Shown(page, stepper)
    shown.position.press("End")
    seen = shown.seen()
    texts = [text for node in seen["nodes"].values() for text in node[:2]]
    assert sorted(texts) == sorted(
        ["1·10⁻⁷", "∂ −2.469·10⁻¹⁶ ✓", "−1.235·10⁻¹⁶", "∂ 1·10⁻⁷ ✓", "−1.235·10⁻²³", "∂ 1 ✓"]
    )
    assert not [line for line in seen["lines"] if line.endswith(("= 0", "sum 0", "sum −0"))]
    numbers = (1e-5, 0.0001, 0.00012345, 5e-324, -1e-300, 999999.5, 1e6, 123456.0, 9999.6, 1234.56, 1e300, 1 / 3, 0.0,
               -0.0, float("inf"), float("-inf"), -0.5, 12345.6, 99995.0, 1.0625, 1234.5, 0.03125, -2.0625)
    assert [page.evaluate("x => formatNumber(x)", x) for x in numbers] == list(map(shown_number, numbers))


@in_every_window
def test_nothing_overlaps_or_sticks_out_and_axe_is_content(
    tmp_path: Path, visit: Visits, axe: Axe, width: int, dark: bool
) -> None:
    y, _ = reused()
    tiny = (Value(-1e-7, "x") * Value(-1e-300, "u")).named("y")
    found = []
    for stepper in (cases("example-2")[2][0], cases("scalar-network")[2][0], step(y, order="depth_first"), step(tiny)):
        shown = opened(visit, tmp_path, stepper, width, dark=dark)
        found += [problem for view in ("lecture", "full") for problem in crowded(shown, view)]
        found += complaints(axe, shown)
    assert found == [], "\n".join(map(str, found))


@in_every_window
def test_long_names_and_an_undefined_value_find_room_too(
    tmp_path: Path, visit: Visits, axe: Axe, width: int, dark: bool
) -> None:
    temperature, rate = Value(2.0, "temperature"), Value(3.0, "learning_rate")
    a = ag.log(temperature).named("a")
    shown = opened(visit, tmp_path, step((temperature * rate + a * rate).named("total_loss")), width, dark=dark)
    found = [problem for view in ("full", "lecture") for problem in crowded(shown, view)]
    shown.field("temperature").fill("-1")
    expect(shown.problem).to_be_visible()
    found += [*crowded(shown, "lecture"), *complaints(axe, shown)]
    assert found == [], "\n".join(map(str, found))


def test_everything_can_be_reached_and_used_by_keyboard_alone(tmp_path: Path, visit: Visits) -> None:
    y, _ = reused()
    shown = opened(visit, tmp_path, step((y * Value(1.0, "w")).named("z")))
    wanted = ["Next", "Play", "Speed", "Reset", "View", "Order", "Go to node", "Step", "Graph", "Equation", "Inputs",
              "x", "x, as a number", "w", "w, as a number", "Ledger"]
    reached = []
    for _ in range(20):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate(
            "(({ariaLabel, textContent}) => ariaLabel ?? textContent)(document.activeElement)"
        ))
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
    expect(shown.status).to_have_attribute("aria-live", "polite")
    shown.choice("View").press("ArrowDown")
    expect(shown.choice("View")).to_have_value("full")
    shown.slider("x").press("ArrowRight")
    expect(shown.field("x")).to_have_value("2.05")


def test_the_arrow_keys_go_from_node_to_node_in_the_select(tmp_path: Path, visit: Visits) -> None:
    y, _ = reused()
    shown = opened(visit, tmp_path, step(y))
    shown.choice("Go to node").focus()
    for name in "xuv":
        shown.page.keyboard.press("ArrowDown")
        expect(shown.status).to_contain_text(f"on to {name};", timeout=2000)


def test_the_keys_go_on_working_when_a_button_cannot_be_pressed_any_more(tmp_path: Path, visit: Visits) -> None:
    steppers = [step((2 * (3 * Value(1.0, "x")).named("a")).named(name)) for name in ("y", "z")]
    opened_page = visit(on_one_page(tmp_path, steppers), height=TALL)
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
    value = Value(0.5, "x")
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
