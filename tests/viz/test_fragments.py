"""Fragments stand on the text's baseline, say what they show, and let nothing of the user's become markup."""

import html.parser
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gallery import HOSTILE_NAMES

from autograd_core.explanation import Explanation, explain
from autograd_core.names import Name
from autograd_core.path_sums import paths
from autograd_core.table import Table
from autograd_core.value import Value
from autograd_core.writing import UNICODE
from viz.drawing import draw
from viz.fragments import alone, explanation, formula, formula_as_text, part, picture, section, style_for, table
from viz.stepping import step


def diamond(x: str = "x", a: str = "a_1", y: str = "y") -> tuple[Value, Value]:
    """Example 2 with names of one's own: (y, x)."""
    x_ = Value(1.0, x)
    a_1, a_2 = (3 * x_).named(a), (-x_).named("a_2")
    return (2 * a_1 + a_2).named(y), x_


class Reader(html.parser.HTMLParser):
    """What a browser would see: the elements with their attributes, and the text outside style sheets."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._inside, f"left open: {self._inside}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "path", "rect", "circle") or self.get_starttag_text()[-2:] != "/>":  # type: ignore[index]
            self._inside.append(tag)
        if tag == "meta":
            self._inside.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside:
            self.text += data

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def number(markup: str, attribute: str) -> float:
    found = re.search(rf'{attribute}="(-?[\d.]+)em"', markup)
    assert found is not None
    return float(found[1])


def test_a_formula_is_a_labelled_outline_in_the_colour_of_the_text() -> None:
    markup = formula(r"\frac{\partial y}{\partial x}", "∂y/∂x")
    (svg, look), *outlines = Reader(markup).elements
    assert svg == "svg" and look["role"] == "img" and look["aria-label"] == "∂y/∂x"
    assert look["fill"] == "currentColor"
    assert outlines and {tag for tag, _ in outlines} == {"path"}
    assert not re.search(r"\b(id|style|href|xmlns)=", markup)


@pytest.mark.parametrize(
    ("latex", "shallowest", "deepest"),
    [("x", 0, 5), ("x_1", 15, 30), (r"\frac{a}{b}", 50, 90), ("{-}", 0, 5)],
)
def test_a_formula_hangs_as_far_below_the_line_as_its_ink(latex: str, shallowest: int, deepest: int) -> None:
    below = re.search(r"below-(\d+)", formula(latex, latex))
    assert below is not None and shallowest <= int(below[1]) <= deepest
    assert number(formula(latex, latex), "height") > int(below[1]) / 100


def test_the_style_has_a_rule_for_every_depth_and_no_other() -> None:
    markup = formula("x_1", "x₁") + formula(r"\frac{a}{b}", "a/b")
    wanted = set(re.findall(r"below-\d+", markup))
    assert set(re.findall(r"below-\d+", style_for(markup))) == wanted and len(wanted) == 2
    assert alone(markup).startswith("<style>") and alone(markup).endswith(markup)


def test_a_minus_of_one_operand_has_no_operator_s_space() -> None:
    assert number(formula("(2)(-1)", ""), "width") == number(formula("(2)({-1})", ""), "width")
    assert number(formula("= -1", ""), "width") == number(formula("= {-1}", ""), "width")
    assert number(formula("a - 1", ""), "width") > number(formula("a {-1}", ""), "width")


def test_an_explanation_has_its_left_side_once_and_each_line_its_rule() -> None:
    lines = explain(*diamond())
    assert isinstance(lines, Explanation)
    markup = explanation(lines)
    labels = [look["aria-label"] for tag, look in Reader(markup).elements if tag == "svg"]
    assert labels[0] == "∂y/∂x" and labels.count("∂y/∂x") == 1
    assert " ".join(labels[1:]) == " ".join(f"= {step.formula.write(UNICODE)}" for step in lines)
    assert re.findall(r'class="rule">([^<]*)<', markup) == ["sum rule", "chain rule", "local derivatives, by name"]
    said = "The derivative of y with respect to x"
    assert markup.startswith(f'<div class="equations" role="group" aria-label="{said}"')


def test_a_table_is_typeset_and_scrolls_on_its_own() -> None:
    markup = table(paths(*diamond()).table(), "The paths")
    assert markup.startswith('<div class="table" role="group" aria-label="The paths" tabindex="0">')
    assert markup.count("<tr>") == 3 and markup.count("<svg") == 6


def test_a_picture_is_a_figure_and_a_wide_one_can_be_scrolled() -> None:
    y, _ = diamond()
    assert 'class="picture"' in picture(draw(y)) and "tabindex" not in picture(draw(y))
    assert 'class="picture wide" tabindex="0"' in picture(draw(y, style="full"))
    assert part(draw(y)) == picture(draw(y)) and part("a < b") == "<p>a &lt; b</p>"


def test_a_stepper_is_a_frame_or_where_the_page_has_its_script_an_element() -> None:
    stepper = step(diamond()[0])
    assert part(stepper) == stepper.frame and part(stepper, "Step", scripted=True) == stepper.markup
    for scripted, tag in ((False, "iframe"), (True, "script")):
        found = Reader(section("id", "Title", "Says.", (("Step", stepper), ("", stepper)), "code", scripted))
        assert [each for each, _ in found.elements if each in ("iframe", "script")] == [tag, tag]
        assert [each for each, _ in found.elements if each in ("h2", "h3")] == ["h2", "h3"]


def test_a_section_has_an_anchor_headings_and_its_code_as_text() -> None:
    parts = (("Part", "One."), ("", "Two."))
    markup = section("id", "Title & more", "It says <this>.", parts, "if a < b:\n    pass\n")
    found = Reader(markup)
    assert [tag for tag, _ in found.elements if tag in ("h2", "h3")] == ["h2", "h3"]
    assert ("section", {"class": "worked", "id": "id"}) in found.elements
    assert ("a", {"href": "#id"}) in found.elements
    assert "if a < b:\n    pass" in found.text and "It says <this>." in found.text


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if name])
def test_hostile_names_are_only_text_in_every_fragment(name: str) -> None:
    y, x = diamond(x=name)
    written = [
        formula(Name.of(name).latex, Name.of(name).unicode),
        explanation(explain(y, x)),
        table(paths(y, x).table(), name),
        table(Table((name,), ((name,),), name)),
        section(name, name, name, ((name, draw(y)), (name, name)), name),
    ]
    plain = Reader(section("id", "title", "says", (("heading", draw(diamond()[0])),), "code")).tags()
    for markup in written:
        found = Reader(markup)
        assert found.tags() <= plain | {"table", "thead", "tbody", "tr", "th", "td", "caption", "div", "span"}
        attributes = {attribute for _, look in found.elements for attribute in look}
        assert not {each for each in attributes if each.startswith("on") or each == "style"}


def test_names_that_are_not_mathematics_are_shown_as_they_are() -> None:
    name = Name.of(r"\input{/etc/passwd}")
    assert formula(name.latex, name.unicode) == r'<span class="formula">\input{/etc/passwd}</span>'
    assert formula_as_text("a < ŷ\u202e") == r'<span class="formula">a &lt; ŷ\u202e</span>'
    assert "\u202e" not in formula("\u202e", "a\u202eb") and r"a\u202eb" in formula("\u202e", "a\u202eb")
