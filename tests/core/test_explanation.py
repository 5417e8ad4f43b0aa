"""The written-out derivations: the lecture's lines, word for word."""

from __future__ import annotations

import io
import sys

import pytest

import autograd_core as ag
from autograd_core import Graph, NoPathError, Value, explain, parse
from autograd_core.writing import ASCII


def lines(explanation: ag.Explanation) -> list[str]:
    return explanation.to_text(ASCII).splitlines()


def scalar_network() -> dict[str, Value]:
    x, y = Value(2.0, "z_0 = x"), Value(1.0, "y")
    w_1, w_2 = Value(0.5, "w_1"), Value(-1.5, "w_2")
    a_1 = (w_1 * x).named("a_1")
    z_1 = ag.sigmoid(a_1).named("z_1")
    a_2 = (w_2 * z_1).named("a_2")
    yhat = ag.sigmoid(a_2).named("yhat = z_2")
    E = (0.5 * (yhat - y) ** 2).named("E")
    return dict(x=x, y=y, w_1=w_1, w_2=w_2, a_1=a_1, z_1=z_1, a_2=a_2, yhat=yhat, E=E)


def test_one_path_is_the_chain_rule() -> None:
    x = Value(1.0, "x")
    a = (3 * x).named("a")
    assert lines(explain((2 * a).named("y"), x)) == [
        "dy/dx = dy/da da/dx  [chain rule]",
        "      = (2)(3)",
        "      = 6",
    ]


def test_two_paths_start_from_the_sum_rule() -> None:
    x = Value(1.0, "x")
    a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    assert lines(explain((2 * a_1 + a_2).named("y"), x)) == [
        "dy/dx = d/dx (2a_1 + 1a_2)                 [sum rule]",
        "      = (2) da_1/dx + (1) da_2/dx          [chain rule]",
        "      = dy/da_1 da_1/dx + dy/da_2 da_2/dx  [local derivatives, by name]",
        "      = (2)(3) + (1)(-1)",
        "      = 5",
    ]


def test_the_slides_partial_signs_and_fractions_are_in_the_latex() -> None:
    x = Value(1.0, "x")
    a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    latex = explain((2 * a_1 + a_2).named("y"), x).to_latex()
    assert r"\frac{\partial y}{\partial x} &= \frac{\partial}{\partial x} (2 a_1 + 1 a_2) && \text{sum rule}" in latex
    assert r"&= (2)(3) + (1)(-1) \\" in latex
    assert explain((2 * a_1).named("u"), x)._repr_latex_().startswith(r"$\displaystyle \begin{aligned}")


def test_three_terms_alike_fold_to_a_sum_sign_but_two_do_not() -> None:
    x = Value(1.0, "x")
    for n, expected in ((2, "dy/da_1 da_1/dx + dy/da_2 da_2/dx"), (3, "sum_{j=1}^{3} dy/da_j da_j/dx")):
        a = [(Value(0.1, f"v_{j}") * x).named(f"a_{j}") for j in range(1, n + 1)]
        y = ag.total([Value(0.2, f"w_{j}") * each for j, each in enumerate(a, 1)]).named("y")
        assert expected in explain(y, x).to_text(ASCII)


def test_the_five_factors_of_the_scalar_network() -> None:
    net = scalar_network()
    explanation = explain(net["E"], net["w_1"])
    assert lines(explanation) == [
        "dE/dw_1 = dE/dyhat dyhat/da_2 da_2/dz_1 dz_1/da_1 da_1/dw_1  [chain rule]",
        "        = (yhat - y) sigmoid'(a_2) w_2 sigmoid'(a_1) z_0     [local derivatives]",
        "        = (-0.7496)(0.1877)(-1.5)(0.1966)(2)",
        "        = 0.08299",
    ]
    assert explanation.derivative == pytest.approx(0.0829875535, abs=5e-11)
    assert [rule for rule, _ in explanation.steps] == ["chain rule", "local derivatives", "numbers", "result"]


def test_the_brace_includes_the_first_factor_and_is_called_delta() -> None:
    net = scalar_network()
    assert lines(explain(net["E"], net["w_1"], through=net["a_1"]))[1:3] == [
        "        = [dE/dyhat dyhat/da_2 da_2/dz_1 dz_1/da_1 = dE/da_1 = delta_1] da_1/dw_1  [the shared factor]",
        "        = delta_1 z_0                                                              [local derivatives]",
    ]
    assert r"\underbrace{\frac{\partial E}{\partial \hat{y}}" in explain(net["E"], net["w_1"], through="a_1").to_latex()


def test_a_chain_folds_two_factors_at_a_time() -> None:
    z = Value(0.5, "z")
    y = (z**2).named("y")
    x = ag.sin(y).named("x")
    w = ag.exp(x).named("w")
    folded = lines(explain((w**2).named("f"), z, fold=True))
    assert [line.split("  [")[0].strip() for line in folded[:5]] == [
        "df/dz = df/dw dw/dx dx/dy dy/dz",
        "= [df/dw dw/dx = df/dx] dx/dy dy/dz",
        "= [df/dx dx/dy = df/dy] dy/dz",
        "= [df/dy dy/dz = df/dz]",
        "= df/dz",
    ]


def test_activations_can_be_written_out() -> None:
    net = scalar_network()
    assert "yhat (1 - yhat) w_2 z_1 (1 - z_1) z_0" in explain(net["E"], net["w_1"], show="expanded").to_text(ASCII)


def test_more_paths_than_can_be_listed_are_summed_by_their_last_step() -> None:
    x = Value(1.0, "x")
    layer = [(x * 0.5).named(f"a_{i}") for i in range(4)]
    for depth in "bcd":
        layer = [(ag.total(layer) * 0.1).named(f"{depth}_{i}") for i in range(4)]
    y = ag.total(layer).named("y")
    explanation = explain(y, x)
    assert lines(explanation)[0].startswith("dy/dx = sum_{j=0}^{3} dy/da_j da_j/dx")
    assert explanation.derivative == pytest.approx(4**4 * 0.5 * 0.1**3)


def test_a_text_without_numbers_is_explained_in_symbols() -> None:
    explanation = explain(parse("y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x").graph())
    assert lines(explanation)[-2].startswith("      = (2)(3) + (1)(-1)  ")
    assert lines(explanation)[-1] == "      = 5"
    assert explanation.derivative is None
    assert lines(explain(parse("y = w*a; a = v*x").graph(wrt="x")))[-1] == "      = w v          [local derivatives]"


def test_an_output_differentiated_by_itself_is_1() -> None:
    x = Value(3.0, "x")
    assert lines(explain(x, x)) == ["dx/dx = 1"]


def test_a_stream_that_cannot_encode_partial_signs_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(1.0, "x")
    explanation = explain((3 * x).named("y"), x)
    assert "∂y/∂x" in explanation.to_text()
    for encoding, expected in (("ascii", "dy/dx = 3"), ("utf-8", "∂y/∂x = 3")):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        assert str(explanation).startswith(expected)


def test_explaining_leaves_gradients_alone_and_works_before_backward() -> None:
    net = scalar_network()
    first = explain(net["E"], net["w_1"]).to_text()
    net["E"].backward()
    net["E"].backward()
    assert explain(net["E"], net["w_1"]).to_text() == first


def test_mistakes_are_answered_in_words() -> None:
    net = scalar_network()
    two_inputs = Graph(net["E"])
    for mistake, words in (
        (lambda: explain(two_inputs), "An explanation is for one input; choose one of z_0, y, w_1, w_2"),
        (lambda: explain(net["E"]), "choose one of z_0, y, w_1, w_2"),
        (lambda: explain(net["a_1"], net["w_2"]), "da_1/dw_2 = 0: w_2 is not part of the graph of a_1"),
        (lambda: explain(net["E"], net["w_2"], through=net["z_1"]), "z_1"),
        (lambda: explain(net["E"], net["w_2"], through="E"), "a node between w_2 and E; E is an end"),
        (lambda: explain(net["E"], net["w_2"], through="w_2"), "w_2 is an end"),
        (lambda: explain(ag.total([net["w_1"], net["w_1"].exp()]), net["w_1"], fold=True), "there are 2"),
    ):
        with pytest.raises((NoPathError, ag.OperandError)) as raised:
            mistake()
        assert words in str(raised.value)
    with pytest.raises(ag.OperandError, match="that of one output; this graph has a_1, E"):
        explain(Graph([net["a_1"], net["E"]]), net["w_1"])
    with pytest.raises(ValueError, match="show is 'symbols' or 'expanded'; got 'numbers'"):
        explain(net["E"], net["w_1"], show="numbers")


def test_where_an_edge_leads_straight_there_the_whole_derivative_is_told_apart() -> None:
    x, w = Value(0.5, "x"), Value(2.0, "w")
    g = ag.tanh(w * x).named("g")
    q = (x * g).named("q")
    explanation = explain(q, x)
    assert explanation.to_text().splitlines()[0].startswith("dq/dx = ∂q/∂x + ∂q/∂g ∂g/∂x")
    assert explanation.to_text(ASCII).startswith("Dq/Dx = dq/dx + dq/dg dg/dx")
    assert r"\frac{\mathrm{d}q}{\mathrm{d}x} &= \frac{\partial q}{\partial x} +" in explanation.to_latex()
    assert explain(g, x).to_text().startswith("∂g/∂x = ")


def test_a_chain_of_20_000_links_is_explained_and_tabled() -> None:
    x = Value(0.0, "x")
    y = x
    for _ in range(20_000):
        y = y + 1.0
    assert "(1)(1)(1)(1)...(1)" in explain(y, x).to_text(ASCII)
    assert len(ag.ledger(y).rows) == 20_000
