"""viz.draw of a check's report: the mistake is in colour, with what was expected and what was got."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

import viz
from autograd_core import Value, sin
from autograd_core.testing import gradcheck, planted
from autograd_core.testing.mutants import MUTANTS
from viz.cli import main
from viz.drawing import WRONG_COLOR, Style
from viz.picture import Edge, Node, Picture
from viz.rendering.parts import plain

each_style = pytest.mark.parametrize("style", ["lecture", "full"])


def wrong_edges(picture: Picture) -> list[Edge]:
    return [edge for edge in picture.edges if edge.colors]


def wrong_nodes(picture: Picture) -> list[Node]:
    return [node for node in picture.nodes if node.color]


@each_style
def test_the_wrong_arrows_are_coloured_and_say_both_numbers(style: Style) -> None:
    with planted("mul-swapped"):
        report = gradcheck(lambda x, y: x * y, 1.3, 0.5)
    picture = viz.draw(report, style=style)
    wrong = wrong_edges(picture)
    labels = [plain(edge.label) for edge in wrong if edge.label]
    assert labels == ["y: expected 0.5, got 1.3", "x: expected 1.3, got 0.5"]
    assert {edge.colors for edge in wrong} == {(WRONG_COLOR,)} and not wrong_nodes(picture)
    assert picture.note.startswith("The local derivative of ") and "expected 0.5, got 1.3" in picture.note
    assert "expected 0.5, got 1.3" in picture.svg
    shown = " ".join(plain(line) for node in picture.nodes for line in node.lines)
    assert "gradient" not in shown  # a part of a graph has none that mean anything


def test_of_one_wrong_partial_only_its_arrow_is_coloured() -> None:
    with planted("div-sign"):
        report = gradcheck(lambda x, y: x / y, 1.0, 2.0)
    picture = viz.draw(report, style="full")
    (wrong,) = wrong_edges(picture)
    assert wrong.label is not None and plain(wrong.label).endswith("expected -0.25, got 0.25")
    others = [plain(edge.label) for edge in picture.edges if edge.label and not edge.colors]
    assert others == [r"\frac{1}{y} = 0.5"]


@each_style
def test_of_a_wrong_sweep_the_node_whose_sum_is_wrong_is_marked(style: Style) -> None:
    with planted("assign"):
        report = gradcheck(lambda x, y: x * y + sin(x), 1.3, 0.5)
    picture = viz.draw(report, style=style)
    (wrong,) = wrong_nodes(picture)
    assert plain(wrong.lines[0]) == "x" and plain(wrong.lines[-1]) == "gradient: expected 0.7675, got 0.5"
    assert not wrong_edges(picture) and "their sum is wrong" in picture.note


@pytest.mark.parametrize(("name", "said"), [
    ("kept-adjoints", "something was kept from the first"), ("leaves-overwritten", "overwrote what the first had left"),
])
def test_mistakes_kept_between_sweeps_are_said_and_drawn(name: str, said: str) -> None:
    with planted(name):
        report = gradcheck(lambda x: x * sin(x), 1.3)
    assert report.culprit is not None and said in report.culprit.what and said in str(report)
    (wrong,) = wrong_nodes(viz.draw(report))
    assert plain(wrong.lines[0]) == "x" and "expected" in plain(wrong.lines[-1])


CUTS: list[tuple[Any, str, str, str]] = [
    (lambda x: x * math.sin(x.data), "v_1", "the constant 0.717356 in mul", "expected 1.275, got 0.7174"),
    (lambda x: x + 2.0 * Value(x.data**2, "c"), "c", "the leaf c", "expected 4.2, got 1"),
    (lambda x: math.sin(x.data), "v_1", "the result", "expected 0.6967, got 0"),
]


@pytest.mark.parametrize("at", range(len(CUTS)))
def test_a_cut_is_drawn_where_it_is(at: int) -> None:
    f, node, where, numbers = CUTS[at]
    report = gradcheck(f, 0.8)
    assert report.culprit is not None
    assert report.culprit.what == f"the graph is cut at {where}: the gradient of x misses what comes through it"
    (wrong,) = wrong_nodes(viz.draw(report))
    assert [plain(line) for line in wrong.lines] == [node, f"gradient of x: {numbers}"]


def test_a_wrong_value_is_marked() -> None:
    bad = replace(sin, scalar=lambda x: math.sin(x) + 0.5)
    (wrong,) = wrong_nodes(viz.draw(gradcheck(lambda x: bad(x) * 2.0, 0.0)))
    assert plain(wrong.lines[-1]) == "value: expected 0, got 0.5"


def test_every_mutant_that_fails_a_check_has_a_picture_of_the_mistake() -> None:
    def f(x: Any, y: Any) -> Any:
        z = x * y
        return z + z * sin(x) + 3.0 * x - x / y

    seen = 0
    for mutant in MUTANTS:
        with mutant.applied():
            report = gradcheck(f, 1.3, 0.5)
        if not report:
            picture = viz.draw(report)
            assert wrong_nodes(picture) or wrong_edges(picture), mutant.name
            assert "expected" in picture.note, mutant.name
            seen += 1
    assert seen >= 12


def test_a_right_gradient_still_has_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="There is no error to draw"):
        viz.draw(gradcheck(sin, 1.0))


def test_an_output_that_is_an_input_by_another_name_has_the_gradient_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "y = x", "--at", "x=1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("y = 1\n") and "Every gradient was confirmed." in out
    assert any(line.split() == ["x", "1", "1", "0.0e+00", "pass"] for line in out.splitlines())
    assert main(["check", "y = 3"]) == 2
