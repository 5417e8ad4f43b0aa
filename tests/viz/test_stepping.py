"""viz.step: the data of a stepper, its errors, its page, and the widget."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from gallery import HOSTILE_NAMES
from test_fragments import Reader

import autograd_core as ag
import viz
from autograd_core import Graph, NamingError, NoPathError, OperandError, ParseError, StaleGraphError, Value
from autograd_core.files import save_as
from autograd_core.value import topological_order
from viz.stepping.model import _slider
from viz.stepping.stepper import stepper_script

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [*filter(None, HOSTILE_NAMES), "</script><script>alert(1)</script>", "__proto__", "<!--", "'", '"']


def diamond(name: str = "x", output: str = "y") -> Value:
    """An output whose wrong order loses something in the full view only."""
    x = Value(1.0, name)
    return (2 * (3 * x).named("a_1") + (-x).named("a_2")).named(output)


def wrongly_ordered() -> Value:
    """An output whose wrong order loses something in both views."""
    a = Value(3.0, "a")
    b = (a + a).named("b")
    return (b * b.sin().named("s")).named("c")


DIAMOND = viz.step(diamond())


# --- the data -----------------------------------------------------------------------------------


def test_the_data_is_json_whatever_the_numbers_are() -> None:
    x = Value(0.0, "x")
    unnamed = Value(math.inf)
    y = (ag.sqrt(x).named("r") * math.nan + unnamed + ag.exp(Value(1000.0, "z")) * -math.inf).named("y")
    data = viz.step(y, wrt=[x]).data
    assert json.loads(json.dumps(data, allow_nan=False))["output"] == data["output"]
    assert [node["value"] for node in data["record"] if "value" in node] == ["0.0", "Infinity", "1000.0"]
    constants = {each for node in data["record"] for each in node["operands"] if isinstance(each, str)}
    assert constants == {"NaN", "-Infinity"}


def test_the_same_graph_is_the_same_page_in_every_process() -> None:
    program = (
        "import hashlib, viz; from viz.lecture import mini_network;"
        "print(hashlib.sha256(viz.step(mini_network().E).html.encode()).hexdigest())"
    )
    command, environment = [sys.executable, "-c", program], {**os.environ, "PYTHONPATH": str(ROOT)}
    digests = {
        subprocess.run(command, capture_output=True, text=True, timeout=120, check=True,
                       env=environment | {"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1 and len(digests.pop()) == 65


def test_stepping_leaves_the_graph_as_it_was() -> None:
    y = diamond()
    y.backward()
    graph = Graph(y).contract(["a_1"])
    nodes = topological_order([y])

    def everything() -> Any:
        numbers = [(node.data, node.grad, node.name, node.partials) for node in nodes]
        return numbers, graph.record, graph.shown, graph.kept

    before = everything()
    stepper = viz.step(graph)
    assert stepper.html and stepper.data == viz.step(graph).data
    stepper.inputs, stepper.step = {"x": 7.0}, 2
    assert everything() == before and nodes[0].grad == 5.0


def slider_of(x: float) -> dict[str, Any]:
    stepper = viz.step(Graph((Value(x, "x") * 0.0).named("y")), limit=1)
    (slider,) = stepper.data["sliders"]
    return slider


STARTS = [0.0, -0.0, 1e-300, 5e-324, 1e300, -3.7, 1.0, 0.1 + 0.2]


@pytest.mark.parametrize("x", STARTS)
def test_a_slider_reaches_to_either_side_and_its_value_lies_on_a_step(x: float) -> None:
    slider = slider_of(x)
    low, high, step = slider["low"], slider["high"], slider["step"]
    assert all(map(math.isfinite, (low, high, step))) and step > 0.0
    assert low < x < high
    assert low <= x - min(1.0, abs(x) or 1.0) and high >= x + min(1.0, abs(x) or 1.0)
    assert (x - low) / step == pytest.approx(round((x - low) / step), abs=1e-6)


@pytest.mark.parametrize("x", [4e307, -1e308, sys.float_info.max])
def test_an_input_near_the_largest_number_has_a_finite_slider_or_is_refused_in_words(x: float) -> None:
    try:
        slider = slider_of(x)
    except OperandError as refused:
        assert str(refused).startswith("x is ")
    else:
        assert all(math.isfinite(slider[key]) for key in ("low", "high", "step"))
        assert slider["low"] <= x <= slider["high"]


@given(st.floats(-1e300, 1e300))
def test_every_slider_reaches_as_far_as_its_value_and_no_further_than_five_times(x: float) -> None:
    slider = _slider(Graph((Value(x, "x") * 0.0).named("y")), 0)
    reach = (slider["high"] - slider["low"]) / 2.0
    assert max(2.0 * abs(x), 1.0) <= reach * (1 + 1e-12) and reach <= 5.0 * max(2.0 * abs(x), 1.0)
    assert slider["low"] < x < slider["high"]
    assert (x - slider["low"]) / slider["step"] == pytest.approx(100.0, rel=1e-9)


def test_what_moves_has_a_slider_under_a_key_of_its_own() -> None:
    first, second, third = Value(1.0, "x"), Value(2.0, "x"), Value(3.0, "x (2)")
    w, plain, seen = Value(4.0, "w1"), Value(5.0), Value(6.0)
    y = (first * second * third * w * plain + seen).named("y")
    sliders = viz.step(y, wrt=[first, seen]).data["sliders"]
    graph = Graph(y, wrt=[first, seen])
    values = {each["key"]: graph.number(each["node"]) for each in sliders}
    hidden = [at for at, x in values.items() if x == 5.0]
    assert len(sliders) == len(values) == 5 and not hidden
    assert {"x": 1.0, "w_1": 4.0}.items() <= values.items() and 6.0 in values.values()
    assert len(viz.step(y).data["sliders"]) == 6


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan])
def test_an_input_that_is_not_finite_is_refused_in_words(x: float) -> None:
    with pytest.raises(OperandError, match=f"^x is {x}; a stepper starts from finite inputs.$"):
        viz.step((Value(x, "x") * 2.0).named("y"))


def places(view: Any) -> set[str]:
    return set(re.findall(r'data-id="(\w+)"', view["svg"]))


def test_every_formula_and_event_is_in_its_place() -> None:
    for y in (diamond(), wrongly_ordered(), viz.lecture.chain().f):
        data = viz.step(y).data
        for view in data["views"].values():
            spoken = [Reader(data["fragments"][each["formula"]]) for each in view["forward"]]
            assert len(spoken) == len([at for at in view["shown"] if data["record"][at]["operation"]])
            assert {each["place"] for each in view["nodes"].values()} <= places(view)
            for order in view["orders"].values():
                assert {at for at, _ in order} <= set(range(len(view["edges"])))
    labels = [re.findall('aria-label="([^"]*)"', data["fragments"][at])[0]
              for at in next(iter(data["views"]["lecture"]["equations"].values()))["folds"]]
    assert labels[0] == "∂f/∂w ∂w/∂x ∂x/∂y ∂y/∂z" and labels[-1].endswith("= ∂f/∂z]")


def test_an_order_or_an_equation_that_says_nothing_is_left_out() -> None:
    assert set(DIAMOND.data["views"]["lecture"]["orders"]) == {"topological"}
    assert set(viz.step(wrongly_ordered()).data["views"]["lecture"]["orders"]) == {"topological", "depth_first"}
    node = Value(1.0, "x")
    for at in range(6):
        node = (node + ag.sin(node)).named(f"b_{at}")
    (equation,) = viz.step(node).data["views"]["lecture"]["equations"].values()
    assert equation is not None and len(equation["paths"]) == 1  # contracted: one arrow from b to b
    (equation,) = viz.step(node).data["views"]["full"]["equations"].values()
    assert equation is None  # 64 paths


# --- hostile names ------------------------------------------------------------------------------


def scripts(markup: str) -> list[dict[str, str | None]]:
    return [look for tag, look in Reader(markup).elements if tag == "script"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text_in_the_page_and_in_all_the_page_puts_into_itself(name: str) -> None:
    stepper = viz.step(diamond(name, f"{name} of y"))
    assert scripts(stepper.markup) == [{"type": "application/json"}]
    assert scripts(stepper.html) == [{"type": "application/json"}, {"type": "module"}]
    (frame,) = [look for tag, look in Reader(stepper.frame).elements if tag == "iframe"]
    assert frame["srcdoc"] == stepper.html and set(frame) == {
        "sandbox", "title", "width", "height", "frameborder", "srcdoc"}
    held = stepper.markup.partition('json">')[2].partition("</script>")[0]
    assert json.loads(held)["data"] == json.loads(json.dumps(stepper.data))
    inserted = [*stepper.data["fragments"], *(view["svg"] for view in stepper.data["views"].values())]
    for markup in inserted:
        found = Reader(markup)
        assert found.tags() <= {"svg", "title", "rect", "g", "path", "circle", "span", "text", "tspan", "line"}
        keys = {key for _, look in found.elements for key in look}
        assert not [key for key in keys if key.startswith("on") or key in ("style", "href")]
        assert not set(markup) & {"\u202e", "\u2066", "\x00", "\x1b"}


def test_a_hostile_name_has_a_slider_that_answers_to_it() -> None:
    pytest.importorskip("anywidget")
    for name in HOSTILE:
        stepper = viz.step(diamond(name))
        stepper.inputs = {name: 2.0}
        assert list(stepper.inputs.values()) == [2.0]


# --- what cannot be stepped through -------------------------------------------------------------


def stale() -> Value:
    x = Value(2.0, "x")
    y = (x * x).named("y")
    x.data = 3.0
    return y


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a leaf": (lambda: viz.step(Value(1.0, "x")), OperandError, "x is a leaf: it was not computed from anything"),
    "a constant": (lambda: viz.step("y = 5"), OperandError, "y is a leaf"),
    "no numbers": (lambda: viz.step("y = 2*x"), OperandError, "This graph has no numbers"),
    "some numbers": (lambda: viz.step("y = w*x", at={"x": 1.0}), ParseError, "no number was given for w"),
    "not a graph": (lambda: viz.step(3.0), OperandError, "A graph is made of Values; got 3.0"),  # type: ignore[arg-type]
    "numbers twice": (lambda: viz.step(diamond(), at={"x": 1.0}), ValueError, "a Value has its number already"),
    "another input": (lambda: viz.step(diamond(), wrt=[Value(1.0, "q")]), NoPathError, "dy/dq = 0: q is not part of"),
    "an unknown name": (lambda: viz.step(diamond(), wrt="q"), NamingError, "No node is named 'q'"),
    "several": (lambda: viz.step([diamond(), diamond(output="z")]), OperandError, "this graph has y, z. Give one of"),
    "several in a text": (lambda: viz.step("y=2*x; z=x*x", at={"x": 1.0}), OperandError, "this graph has y, z"),
    "stale": (lambda: viz.step(stale()), StaleGraphError, "recompute"),
    "a view": (lambda: viz.step(diamond(), view="slide"), ValueError,  # type: ignore[arg-type]
               "view is one of 'lecture', 'full'; got 'slide'."),
    "an order": (lambda: viz.step(diamond(), order="random"), ValueError,  # type: ignore[arg-type]
                 "order is one of 'topological', 'depth_first'; got 'random'."),
    "a suffix": (lambda: DIAMOND.save("a.svg"), ValueError, "A stepper is saved as .html; 'a.svg' ends in '.svg'."),
    "a folder": (lambda: DIAMOND.save("nowhere/a.html"), FileNotFoundError,
                 "A stepper is saved into a folder that exists; 'nowhere' does not. Create it first."),
}


@pytest.mark.parametrize(("mistake", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_mistakes_are_answered_in_words(mistake: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as raised:
        mistake()
    assert words in str(raised.value)


def test_view_and_order_are_where_it_begins() -> None:
    assert (DIAMOND.view, DIAMOND.order, DIAMOND.steps) == ("lecture", "topological", 3 + 1 + 4)
    full = viz.step(wrongly_ordered(), view="full", order="depth_first")
    assert (full.view, full.order) == ("full", "depth_first")
    nothing_lost = viz.step((Value(1.0, "x") * 2).named("y"), order="depth_first")
    assert (nothing_lost.order, nothing_lost.steps) == ("topological", 3)
    assert repr(nothing_lost) == '<Stepper of 3 steps; .save("step.html") writes it as a page>'


# --- the page -----------------------------------------------------------------------------------


def element(page: str, tag: str, kind: str = "") -> str:
    """What stands inside the one element with this tag, as a browser reads it."""
    (inside,) = re.findall(rf"<{tag}{kind}>(.*?)</{tag}>", page, re.DOTALL)
    return str(inside)


def test_the_policy_allows_what_is_in_the_page_and_nothing_else() -> None:
    page = DIAMOND.html
    digests = {
        kind: base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        for kind, inside in (("style", element(page, "style")), ("script", element(page, "script", ' type="module"')))
    }
    policy = (
        f"default-src 'none'; style-src 'sha256-{digests['style']}'; script-src 'sha256-{digests['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script")


def test_the_page_loads_nothing_and_says_what_it_needs() -> None:
    found = Reader(DIAMOND.html)
    assert found.tags() == {"html", "head", "meta", "title", "style", "body", "main", "div", "script", "noscript", "p"}
    assert not {key for _, look in found.elements for key in look} & {"style", "src", "href", "srcdoc"}
    assert set(re.findall(r"https?:[^\s\"')\\]+", DIAMOND.html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|url\(|\beval\(|new Function|\bstyle=|import\(|fetch\(|XMLHttpRequest", DIAMOND.html)
    assert "Stepping needs JavaScript" in DIAMOND.html.partition("<noscript>")[2].partition("</noscript>")[0]
    assert stepper_script([DIAMOND]) in DIAMOND.html
    assert f"<title>{html.escape(DIAMOND.data['title'])}</title>" in DIAMOND.html


def test_the_page_is_saved_as_it_is(tmp_path: Path) -> None:
    saved = DIAMOND.save(tmp_path / "step.HTML")
    assert saved == tmp_path / "step.HTML" and saved.read_bytes() == DIAMOND.html.encode()


def test_a_large_graph_is_collapsed_and_its_page_stays_small() -> None:
    node = Value(0.5, "x")
    for at in range(3000):
        node = (node * 1.001).named(f"a_{at}")
    stepper = viz.step(node)
    data = stepper.data
    assert len(data["record"]) == 3001 and stepper.steps == 3000 + 1 + 3000
    for view in data["views"].values():
        assert {each["place"] for each in view["nodes"].values()} <= places(view)
        assert len(places(view)) <= 81 and "collapsed" in view["says"]
    assert not [each for each in data["fragments"] if "<path" in each]
    assert len(stepper.html) < 5_000_000


def test_a_graph_of_some_layers_is_collapsed_and_its_page_stays_small() -> None:
    layer = [Value(0.1 * at, f"x_{at}") for at in range(10)]
    for depth in range(6):
        layer = [(ag.total(layer).tanh() * 0.5).named(f"h{depth}_{at}") for at in range(10)]
    stepper = viz.step(ag.total(layer).named("y"))
    assert len(stepper.data["record"]) > 180
    assert "collapsed" in stepper.data["views"]["full"]["says"]
    assert len(stepper.html) < 3_000_000


# --- files --------------------------------------------------------------------------------------


def never() -> str:
    raise AssertionError("a form that was not asked for is not made")


@pytest.mark.parametrize(
    ("name", "forms", "said"),
    [
        ("a.svg", [".html"], "A thing is saved as .html; 'a.svg' ends in '.svg'. Give the file that ending."),
        ("a", [".html"], "A thing is saved as .html; 'a' ends in nothing of the kind. Give the file that ending."),
        ("a.bmp", [".svg", ".png", ".dot"],
         "A thing is saved as .svg, .png or .dot; 'a.bmp' ends in '.bmp'. Give the file one of these endings."),
        ("a", [".svg", ".png"],
         "A thing is saved as .svg or .png; 'a' ends in none of them. Give the file one of these endings."),
    ],
)
def test_another_ending_is_refused_before_anything_is_made(
    tmp_path: Path, name: str, forms: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        save_as(tmp_path / name, dict.fromkeys(forms, never), "A thing is saved")
    assert not list(tmp_path.iterdir())


def test_a_file_is_saved_in_the_form_its_ending_names(tmp_path: Path) -> None:
    forms: dict[str, Callable[[], str | bytes]] = {".a": lambda: "ŷ\n", ".b": lambda: b"\x00\r\n", ".c": never}
    assert save_as(tmp_path / "x.A", forms, "It is saved").read_bytes() == "ŷ\n".encode()
    assert save_as(str(tmp_path / "x.b"), forms, "It is saved").read_bytes() == b"\x00\r\n"
    with pytest.raises(FileNotFoundError, match=r"^It is saved into a folder that exists; '.*none' does not\. Create"):
        save_as(tmp_path / "none" / "x.c", forms, "It is saved")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.A", "x.b"]


def test_a_form_that_cannot_be_made_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.a"
    path.write_text("old")
    with pytest.raises(AssertionError):
        save_as(path, {".a": never}, "It is saved")
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
