"""The lecture's tables in text, Markdown, LaTeX and HTML."""

from __future__ import annotations

import html.parser

import pytest

import autograd_core as ag
from autograd_core import Table, Value
from autograd_core.writing import ASCII
from viz.lecture import mini_network, scalar_network

NET = scalar_network()
MINI = mini_network()
WEIGHTS = [*(MINI.values[f"w_{i}{j}"] for i in range(3) for j in range(3)), *(MINI.values[f"w_{i}"] for i in range(3))]


def rows(table: Table) -> list[str]:
    return [line.rstrip() for line in table.to_text(ASCII).splitlines()[2:]]


def test_the_two_columns_of_the_scalar_network() -> None:
    table = ag.forward_and_backward(NET.E, wrt=[NET.w_1])
    assert table.to_text(ASCII).splitlines() == [
        "forward propagation        value   local derivative            value",
        "-------------------------  ------  --------------------------  -------",
        "E = 0.5 (yhat - y)^2       0.281   dE/dyhat = yhat - y         -0.7496",
        "yhat = z_2 = sigmoid(a_2)  0.2504  dyhat/da_2 = sigmoid'(a_2)  0.1877",
        "a_2 = w_2 z_1              -1.097  da_2/dz_1 = w_2             -1.5",
        "z_1 = sigmoid(a_1)         0.7311  dz_1/da_1 = sigmoid'(a_1)   0.1966",
        "a_1 = w_1 z_0              1       da_1/dw_1 = z_0 = x         2",
    ]


def test_the_three_tables_of_the_mini_network_with_a_generic_g() -> None:
    assert rows(ag.relationships(MINI.E, wrt=WEIGHTS, general=True)) == [
        "a_i = w_i0 x_0 + w_i1 x_1 + w_i2 x_2  i = 0..2",
        "z_i = g(a_i)                          i = 0..2",
        "yhat = w_0 z_0 + w_1 z_1 + w_2 z_2",
        "E = 0.5 (yhat - y)^2",
    ]
    assert rows(ag.local_derivatives(MINI.E, wrt=WEIGHTS, general=True)) == [
        "da_i/dw_ij = x_j     i = 0..2, j = 0..2",
        "dz_i/da_i = g'(a_i)  i = 0..2",
        "dyhat/dw_i = z_i     i = 0..2",
        "dyhat/dz_i = w_i     i = 0..2",
        "dE/dyhat = yhat - y",
    ]
    asked = [*WEIGHTS, *(MINI.values[name] for name in ("a_0", "a_1", "a_2", "yhat"))]
    table = ag.global_derivatives(MINI.E, wrt=WEIGHTS, of=asked, general=True)
    assert rows(table) == [
        "dE/dw_ij = dE/dyhat dyhat/dz_i dz_i/da_i da_i/dw_ij = (yhat - y) w_i g'(a_i) x_j  i = 0..2, j = 0..2",
        "dE/dw_i = dE/dyhat dyhat/dw_i = (yhat - y) z_i                                    i = 0..2",
        "dE/da_i = dE/dyhat dyhat/dz_i dz_i/da_i = (yhat - y) w_i g'(a_i)                  i = 0..2",
        "dE/dyhat = yhat - y",
    ]


def test_a_row_and_the_sums_in_it_run_over_different_indices() -> None:
    x = [Value(0.1 * j, f"x_{j}") for j in range(3)]
    first = [[Value(0.1 * (i + j), f"w_{{{i}{j}}}^{{(1)}}") for j in range(3)] for i in range(3)]
    second = [[Value(0.2 * (i - j), f"w_{{{i}{j}}}^{{(2)}}") for j in range(3)] for i in range(3)]
    z = [ag.tanh(ag.dot(row, x)).named(f"z_{{{i}}}^{{(1)}}") for i, row in enumerate(first)]
    u = [ag.tanh(ag.dot(row, z)).named(f"z_{{{i}}}^{{(2)}}") for i, row in enumerate(second)]
    E = ag.dot([Value(0.3 * i, f"w_{i}") for i in range(3)], u).named("E")
    general = rows(ag.global_derivatives(E, wrt=first[0] + first[1] + first[2], of=z, general=True))
    assert general == [
        "dE/dz_i^(1) = sum_{k=0}^{2} dE/dz_k^(2) dz_k^(2)/dz_i^(1) = "
        "sum_{k=0}^{2} w_k tanh'(w_k0^(2) z_0^(1) + w_k1^(2) z_1^(1) + w_k2^(2) z_2^(1)) w_ki^(2)  i = 0..2",
    ]


def test_the_same_tables_with_numbers_have_a_row_for_each_weight() -> None:
    table = ag.global_derivatives(MINI.E, wrt=WEIGHTS, of=WEIGHTS)
    assert len(table.rows) == 12
    expected = [MINI.results[f"dE/da_{i}"] * x for i in range(3) for x in (1.0, -2.0, 0.5)]
    shown = [float(row[-1].write(ASCII, digits=12)) for row in table.rows[:9]]
    assert shown == pytest.approx(expected, rel=1e-10)


def test_the_ledger_keeps_parallel_edges_apart_and_ends_at_the_gradients() -> None:
    a = Value(3.0, "a")
    assert rows(ag.ledger((a * a).named("y"))) == [
        "y = a a  y -> a  Dy/Dy = 1  dy/da = a = 3     (1)(3) = 3    Dy/Da = 3",
        "         y -> a  Dy/Dy = 1  dy/da = a = 3     (1)(3) = 3    Dy/Da = 6",
    ]
    ledger = ag.ledger(NET.E)
    final = {row[1].write(ASCII).split(" -> ")[1]: row[-1].write(ASCII, digits=12) for row in ledger.rows}
    assert float(final["w_1"].split(" = ")[1]) == pytest.approx(0.0829875535, abs=5e-11)


def test_markdown_and_latex_are_whole_tables() -> None:
    table = ag.relationships(NET.E, wrt=[NET.w_1])
    assert table.to_markdown().splitlines()[:3] == [
        "| local relationship | value |",
        "| --- | --- |",
        "| $a_1 = w_1 z_0$ | $1$ |",
    ]
    assert table.to_latex().splitlines()[:3] == [
        r"\begin{tabular}{ll}",
        r"  local relationship & value \\ \hline",
        r"  $a_1 = w_1 z_0$ & $1$ \\",
    ]
    assert table.to_latex().endswith(r"\end{tabular}")


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_hostile_names_are_escaped() -> None:
    x = Value(1.0, "</td><script>alert(1)</script>")
    markup = ag.relationships((x * 2).named('"&|<b>')).to_html()
    tags = Tags()
    tags.feed(markup)
    assert tags.open == []
    assert "script" not in tags.seen and "b" not in tags.seen
    assert "\\|" in Table(("a|b",), (("c|<i>",),)).to_markdown()
    assert r"$a = \left\vert x\right\vert $" in ag.relationships(abs(Value(1.0, "x")).named("a")).to_markdown()


def test_formulas_in_html_can_be_handed_to_a_typesetter() -> None:
    table = ag.relationships(NET.E, wrt=[NET.w_1])
    assert "[a_1 = w_1 z_0]" in table.to_html(mathematics=lambda latex, text: f"[{latex}]")


def test_a_table_of_a_text_without_numbers_has_no_value_column() -> None:
    graph = ag.parse("y = 2*a; a = 3*x").graph()
    assert ag.relationships(graph).header == ("local relationship",)
    assert ag.forward_and_backward(graph).header == ("forward propagation", "local derivative")
