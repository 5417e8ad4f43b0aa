"""viz.draw of a plan: one node per block, named as in the source, with its shape and what it reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import viz
from autograd_core import Value
from autograd_core.compiler.plan import Plan
from autograd_core.compiler.vector_source import VectorSource
from nn import L2, MLP, CompiledGradients, half_squared_error, hinge, softmax_cross_entropy
from viz.picture import Math, Picture, Plain
from viz.rendering.inspection import faults
from viz.rendering.parts import plain

EXAMPLES = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 2))
TARGETS = np.where(EXAMPLES[:, :1] > 0, 1.0, -1.0)


def trained(model: MLP, loss: Any, penalty: Any = None, outputs: int = 1) -> Plan:
    engine = CompiledGradients(model, loss, penalty)
    engine.mean(EXAMPLES, TARGETS if outputs == 1 else np.eye(outputs)[np.arange(20) % outputs])
    assert engine.program is not None and engine.program.plan is not None
    return engine.program.plan


def planned(f: Callable[..., Any], *arguments: Any, lanes: tuple[str, ...] = ()) -> Plan:
    program = ag.compile(f, lanes=lanes)
    program.value_and_grad(*arguments)
    found: Plan = program.plan
    return found


def declared() -> Plan:
    return trained(MLP([2, 16, 16, 1], activation="relu", rng=0), hinge, L2(1e-4))


def written_out() -> Plan:
    model = MLP([2, 16, 16, 1], activation="relu", rng=0)
    return planned(lambda: ag.mean([
        hinge(output, target) for [output], [target] in zip(
            model.forward(EXAMPLES.tolist()), TARGETS.tolist(), strict=True)]) + L2(1e-4)(model))


def two_layers() -> Plan:
    def error(W_1: Any, b_1: Any, W_2: Any, b_2: Any, x: Any, y: Any) -> Any:
        z_1 = [ag.sigmoid(ag.dot(row, x) + b) for row, b in zip(W_1, b_1, strict=True)]
        return ag.square(ag.dot(W_2, z_1) + b_2 - y)

    given = np.ones((3, 2)), np.ones(3), np.ones(3), 0.5, EXAMPLES, TARGETS[:, 0]
    return planned(error, *given, lanes=("x", "y"))


PLANS: dict[str, Callable[[], Plan]] = {
    "two layers": two_layers,
    "lanes declared": declared,
    "lanes found": written_out,
    "batch norm": lambda: trained(MLP([2, 8, 8, 1], norm="batch", rng=0), half_squared_error, L2(0.01)),
    "dropout": lambda: trained(MLP([2, 8, 1], keep=0.5, rng=0), half_squared_error),
    "softmax": lambda: trained(MLP([2, 8, 3], rng=0), softmax_cross_entropy, outputs=3),
    "two scalars": lambda: planned(lambda w, x: w * x, 2.0, [1.0, 2.0], lanes=("x",)),
    "a constant": lambda: planned(lambda w, x: 3.0, 2.0, [1.0], lanes=("x",)),
    "an argument itself": lambda: planned(lambda w, x: x, 2.0, [1.0, 2.0], lanes=("x",)),
}


def boxes(picture: Picture) -> list[list[str]]:
    return [[plain(line) for line in node.lines] for node in picture.nodes if node.shape == "box"]


def circles(picture: Picture) -> list[list[str]]:
    return [[plain(line) for line in node.lines] for node in picture.nodes if node.shape == "circle"]


@pytest.mark.parametrize("make", PLANS.values(), ids=PLANS)
def test_a_plan_is_drawn_without_faults(make: Callable[[], Plan]) -> None:
    picture = viz.draw(make())
    assert faults(picture.scene) == []
    assert picture.nodes[-1].id == "value"


@pytest.mark.parametrize("make", PLANS.values(), ids=PLANS)
def test_the_boxes_are_the_lines_of_the_source_by_name(make: Callable[[], Plan]) -> None:
    plan = make()
    source = VectorSource(plan)
    computed = [name for name, block in zip(source.names, plan.blocks, strict=True) if name and block.source is None]
    assert [first.split(" = ")[0] for first, _ in boxes(viz.draw(plan))] == computed
    assert {line.split(" = ")[0] for line in source.forward if " = " in line and "[" not in line.split(" = ")[0]} == {
        *computed}


@pytest.mark.parametrize("make", PLANS.values(), ids=PLANS)
def test_the_arrows_between_boxes_are_the_names_in_their_lines(make: Callable[[], Plan]) -> None:
    picture = viz.draw(make())
    lines = {node.id: plain(node.lines[0]).split(" = ") for node in picture.nodes if node.shape == "box"}
    names = {name: key for key, (name, _) in lines.items()}
    read = {(names[word], key) for key, (_, text) in lines.items() for word in re.findall(r"\w+", text)
            if word in names}
    assert {(edge.tail, edge.head) for edge in picture.edges if {edge.tail, edge.head} <= set(lines)} == read


def test_a_product_and_its_bias_are_one_box_with_the_shape_of_the_result() -> None:
    picture = viz.draw(two_layers())
    assert boxes(picture) == [
        ["a_1 = W_1 @ x + b_1", "3 × lanes"],
        ["z_1 = sigmoid(a_1)", "3 × lanes"],
        ["a_2 = W_2 @ z_1 + b_2", "lanes"],
        ["v_1 = a_2 - y", "lanes"],
        ["v_2 = square(v_1)", "lanes"],
    ]
    assert circles(picture) == [
        ["W_1", "3 × 2"], ["x", "2 × lanes"], ["b_1", "3"], ["W_2", "3"], ["b_2", "1"], ["y", "lanes"], ["value"]]


def test_the_arrows_are_what_each_box_reads() -> None:
    picture = viz.draw(two_layers())
    named = {node.id: plain(node.lines[0]).split(" = ")[0] for node in picture.nodes}
    assert [(named[edge.tail], named[edge.head]) for edge in picture.edges] == [
        ("W_1", "a_1"), ("x", "a_1"), ("b_1", "a_1"), ("a_1", "z_1"), ("W_2", "a_2"), ("z_1", "a_2"), ("b_2", "a_2"),
        ("a_2", "v_1"), ("y", "v_1"), ("v_1", "v_2"), ("v_2", "value")]
    assert [plain(edge.label) for edge in picture.edges if edge.label] == ["mean over lanes"]


def test_parts_of_one_vector_of_parameters_stand_beside_the_layer_that_reads_them() -> None:
    picture = viz.draw(declared())
    assert ["a_2 = W_2 @ z_1 + b_2", "16 × lanes"] in boxes(picture)
    [of_second_layer] = [node for node in picture.nodes if Plain("W_2: 16 × 16") in node.lines]
    assert of_second_layer.lines == (Math(r"\mathrm{parameters}"), Plain("W_2: 16 × 16"), Plain("b_2: 16"))
    readers = [edge.head for edge in picture.edges if edge.tail == of_second_layer.id]
    assert [plain(node.lines[0]) for node in picture.nodes if node.id in readers] == ["a_2 = W_2 @ z_1 + b_2"]


def test_lanes_that_were_found_are_columns() -> None:
    texts = [" ".join(lines) for lines in boxes(viz.draw(written_out()))]
    assert any("@ constants" in text and text.endswith("16 × 20") for text in texts)


def test_the_value_is_the_sum_of_what_lanes_have_and_what_they_share() -> None:
    picture = viz.draw(declared())
    into = [edge for edge in picture.edges if edge.head == "value"]
    assert sorted(plain(edge.label) if edge.label else "" for edge in into) == ["", "mean over lanes"]


def test_a_constant_value_is_shown() -> None:
    assert circles(viz.draw(PLANS["a constant"]())) == [["value", "3"]]


def test_the_picture_says_how_many_instructions_there_are() -> None:
    plan = written_out()
    assert viz.draw(plan).note == (
        f"{len(plan.instructions)} vector instructions for {len(plan.tape):,} scalar ones")


def test_a_plan_can_be_drawn_downwards_and_is_the_same_every_time() -> None:
    picture = viz.draw(declared(), direction="down", scale=2.0)
    assert faults(picture.scene) == []
    assert picture.direction == "down" and picture == viz.draw(declared(), direction="down", scale=2.0)


def test_a_program_is_not_drawn_itself() -> None:
    program = ag.compile(lambda x: ag.sin(x))
    for thing in (program, program.trace(1.0)):
        with pytest.raises(ValueError) as raised:
            viz.draw(thing)
        assert str(raised.value) == (
            "A program is no graph. After its first call draw program.plan: viz.draw(program.plan).")


def test_mistakes_are_answered_in_words() -> None:
    program = ag.compile(lambda x, y: ag.sin(x * y) + ag.exp(x))
    program.value_and_grad(1.0, 2.0)
    assert program.plan is None
    mistakes: list[tuple[Callable[[], object], str]] = [
        (lambda: viz.draw(program.plan), "straight-line Python, and its plan is None. print(program.source) shows it"),
        (lambda: viz.draw(program.plan), "viz.draw(f(Value(1.0, 'x')))"),
        (lambda: viz.draw(two_layers(), limit=5), "12 nodes, and limit=5. print(program.plan) lists them"),
        (lambda: viz.draw(two_layers(), wrt=[Value(1.0, "x")]), "A plan is drawn as it is"),
        (lambda: viz.draw(two_layers(), style="full"), "A plan is drawn as it is"),
    ]
    for mistake, words in mistakes:
        with pytest.raises(ValueError) as raised:
            mistake()
        assert words in str(raised.value)
