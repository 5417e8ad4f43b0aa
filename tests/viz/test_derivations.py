"""A derivation is the lecture's: which parts a graph gets, their lines word for word, and how they are shown."""

from __future__ import annotations

import html
import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gallery import HOSTILE_NAMES

import autograd_core as ag
from autograd_core import Graph, NamingError, NoPathError, OperandError, ParseError, Value, explain, paths
from autograd_core.derivative_tables import forward_and_backward, global_derivatives, local_derivatives, relationships
from autograd_core.explanation import Explanation
from autograd_core.table import Table
from autograd_core.writing import ASCII
from viz.derivations import Derivation, derivation
from viz.lecture import chain, example_1, example_2, example_3, mini_network, scalar_network, simple

COLUMNS = "Forward propagation and local derivatives"
NETWORK = "E = 0.5*(yhat - y)**2; yhat = z_2 = sigmoid(a_2); a_2 = w_2*z_1; z_1 = sigmoid(a_1); a_1 = w_1*z_0"


def lines(shown: object) -> list[str]:
    assert isinstance(shown, (Explanation, Table))
    return shown.to_text(ASCII).splitlines()


def parts_of(found: Derivation) -> Mapping[str, object]:
    assert len(dict(found.parts)) == len(found.parts), "a heading twice"
    return dict(found.parts)


def about(name: str, also: str = "") -> str:
    return f"The derivative with respect to {name}{also}"


def delta(name: str) -> str:
    return about(name, ": the shared factor is called delta")


def two_layers(n: int = 3) -> Value:
    units = [Value(0.1 * j, f"x_{j}") for j in range(n)]
    for k in (1, 2):
        rows = [[Value(0.1 * (i - j), f"w_{{{i}{j}}}^{{({k})}}") for j in range(n)] for i in range(n)]
        a = [ag.dot(row, units).named(f"a_{i}^{{({k})}}") for i, row in enumerate(rows)]
        units = [ag.tanh(each).named(f"z_{i}^{{({k})}}") for i, each in enumerate(a)]
    return ag.total(units).named("E")


# --- the lecture's rows -------------------------------------------------------------------------------------------


def test_row_2_is_its_one_path() -> None:
    found = parts_of(derivation(example_1().y))
    assert list(found) == [about("x")]
    assert lines(found[about("x")]) == ["dy/dx = dy/da da/dx  [chain rule]", "      = (2)(3)", "      = 6"]


def test_row_3_is_its_five_lines_and_the_table_of_its_two_paths() -> None:
    found = parts_of(derivation(example_2().y))
    assert list(found) == [about("x"), "The paths from x"]
    assert lines(found[about("x")]) == [
        "dy/dx = d/dx (2a_1 + 1a_2)                 [sum rule]",
        "      = (2) da_1/dx + (1) da_2/dx          [chain rule]",
        "      = dy/da_1 da_1/dx + dy/da_2 da_2/dx  [local derivatives, by name]",
        "      = (2)(3) + (1)(-1)",
        "      = 5",
    ]
    assert [line.split()[-1] for line in lines(found["The paths from x"])[2:]] == ["6", "-1"]


def test_row_4_is_a_sum_over_its_fan_and_two_kinds_of_weights() -> None:
    example = example_3()
    of_x = parts_of(derivation(example.y, example.x))
    assert list(of_x) == [about("x"), "The paths from x"]
    assert [line.split("  [")[0].split("= ", 1)[1].strip() for line in lines(of_x[about("x")])[:2]] == [
        "sum_{j=1}^{5} dy/da_j da_j/dx",
        "sum_{j=1}^{5} w_j^(2) w_j^(1)",
    ]
    assert len(lines(of_x["The paths from x"])) == 2 + 5
    assert list(parts_of(derivation(example_3(n=21).y, "x"))) == [about("x")]
    assert lines(derivation(example.y, example.w1_2).parts[-1][1])[1].split("  [")[0].strip() == "= w_2^(2) x"
    assert lines(derivation(example.y, example.w2_2).parts[-1][1])[0].startswith("dy/dw_2^(2) = a_2")


def test_row_5_folds_one_factor_at_a_time() -> None:
    example = chain()
    shown = derivation(example.f)
    heading = about("z", ": one factor at a time")
    assert list(parts_of(shown)) == [COLUMNS, heading]
    assert lines(parts_of(shown)[heading]) == lines(explain(example.f, example.z, fold=True))
    assert [step.formula.write(ASCII) for step in shown.folds] == [
        "[df/dw dw/dx = df/dx] dx/dy dy/dz",
        "[df/dx dx/dy = df/dy] dy/dz",
        "[df/dy dy/dz = df/dz]",
    ]
    assert {step.rule for step in shown.folds} == {"two factors into one"}


def test_row_6_has_a_local_derivative_for_each_input() -> None:
    found = parts_of(derivation(simple().y))
    assert {heading: lines(part) for heading, part in found.items()} == {
        about("a"): ["dy/da = 1"],
        about("b"): ["dy/db = 1"],
    }
    a = Value(2.0, "a")
    assert lines(derivation((a * a).named("y")).parts[0][1]) == ["dy/da = a + a  [local derivatives]", "      = 4"]


def test_row_7_is_two_columns_five_factors_and_deltas() -> None:
    net = scalar_network()
    shown = derivation(net.E, wrt=[net.w_1, net.w_2])
    found = parts_of(shown)
    assert list(found) == [COLUMNS, about("w₁"), delta("w₁"), about("w₂"), delta("w₂")]
    assert lines(found[COLUMNS]) == lines(forward_and_backward(net.E, wrt=[net.w_1, net.w_2]))
    assert lines(derivation(net.E, net.w_1).parts[0][1]) == [
        "forward propagation        value   local derivative            value",
        "-------------------------  ------  --------------------------  -------",
        "E = 0.5 (yhat - y)^2       0.281   dE/dyhat = yhat - y         -0.7496",
        "yhat = z_2 = sigmoid(a_2)  0.2504  dyhat/da_2 = sigmoid'(a_2)  0.1877",
        "a_2 = w_2 z_1              -1.097  da_2/dz_1 = w_2             -1.5",
        "z_1 = sigmoid(a_1)         0.7311  dz_1/da_1 = sigmoid'(a_1)   0.1966",
        "a_1 = w_1 z_0              1       da_1/dw_1 = z_0 = x         2",
    ]
    assert lines(found[about("w₁")]) == [
        "dE/dw_1 = dE/dyhat dyhat/da_2 da_2/dz_1 dz_1/da_1 da_1/dw_1  [chain rule]",
        "        = (yhat - y) sigmoid'(a_2) w_2 sigmoid'(a_1) z_0     [local derivatives]",
        "        = (-0.7496)(0.1877)(-1.5)(0.1966)(2)",
        "        = 0.08299",
    ]
    assert lines(found[delta("w₁")]) == [
        "dE/dw_1 = [dE/dyhat dyhat/da_2 da_2/dz_1 dz_1/da_1 = dE/da_1 = delta_1] da_1/dw_1  [the shared factor]",
        "        = delta_1 z_0                                                              [local derivatives]",
        "        = (0.04149)(2)",
        "        = 0.08299",
    ]
    assert lines(found[delta("w₂")])[:2] == [
        "dE/dw_2 = [dE/dyhat dyhat/da_2 = dE/da_2 = delta_2] da_2/dw_2  [the shared factor]",
        "        = delta_2 z_1                                          [local derivatives]",
    ]
    assert shown.folds == () and len(derivation(net.E, net.w_1).folds) == 4


def test_row_8_is_three_tables_of_general_rows_and_their_numbers() -> None:
    net = mini_network()
    weights = [value for name, value in net.values.items() if name.startswith("w")]
    found = parts_of(derivation(net.E, weights))
    assert list(found) == [
        "Local relationships", "Local derivatives", "Global derivatives", "The same in numbers", "",
    ]
    for heading, table in (
        ("Local relationships", relationships),
        ("Local derivatives", local_derivatives),
        ("Global derivatives", global_derivatives),
    ):
        assert lines(found[heading]) == lines(table(net.E, weights, general=True))
    assert "dE/da_i = dE/dyhat dyhat/dz_i dz_i/da_i = (yhat - y) w_i g'(a_i)" in "\n".join(
        lines(found["Global derivatives"]))
    numbers = "\n".join(lines(found["The same in numbers"]))
    for expected in ("a_0 = 0.6 ", "dz_0/da_0 = 0.7116", "dE/dw_0 = -0.161", "dE/da_1 = 0.03362", "E = 0.04492"):
        assert expected in numbers
    assert found[""] == (
        "12 inputs are asked about, too many to explain each. For the lines that lead to a derivative, "
        "ask for up to 3 of them, as in wrt='w_{00}'."
    )


def test_one_weight_and_one_input_of_row_8() -> None:
    net = mini_network()
    weight = parts_of(derivation(net.E, "w_01"))
    assert list(weight) == [COLUMNS, about("w₀₁"), delta("w₀₁")]
    assert lines(weight[delta("w₀₁")])[1].startswith("         = delta_0 x_1")
    of_x = parts_of(derivation(net.E, "x_0"))
    assert list(of_x) == [
        "Local relationships", "Local derivatives", "The same in numbers", about("x₀"), "The paths from x₀",
    ]
    assert lines(of_x["The paths from x₀"]) == lines(paths(net.E, "x_0").table())


# --- which parts --------------------------------------------------------------------------------------------------


def test_more_than_three_inputs_are_read_from_the_table_of_global_derivatives() -> None:
    net = scalar_network()
    found = parts_of(derivation(net.E))
    assert list(found) == [COLUMNS, "Global derivatives", ""]
    assert lines(found["Global derivatives"]) == lines(global_derivatives(net.E))
    assert str(found[""]).startswith("4 inputs are asked about") and str(found[""]).endswith("wrt='z_0'.")
    x = [Value(1.0, f"x_{i}") for i in range(5)]
    w = [Value(1.0, f"w_{i}") for i in range(5)]
    assert "Global derivatives" not in parts_of(derivation(ag.dot(w, x).named("y"))), "they are the local ones"


def test_delta_belongs_to_the_nearest_activation_that_every_path_passes() -> None:
    net = scalar_network()
    of_a = parts_of(derivation(net.E, "a_1"))
    assert lines(of_a[delta("a₁")])[1].startswith("        = delta_2 w_2 sigmoid'(a_1)")
    assert list(parts_of(derivation(net.E, "z_2"))) == [COLUMNS, about("z₂")]
    assert not [heading for heading in parts_of(derivation(mini_network().E, "x_0")) if "delta" in heading]
    x = Value(0.3, "x")
    a = (2 * x).named("a")
    skipped = (ag.sigmoid(a).named("z") ** 2 + x).named("y")
    assert not [heading for heading in parts_of(derivation(skipped)) if "delta" in heading]


def test_a_node_with_two_names_is_written_under_the_one_asked_for() -> None:
    found = derivation(scalar_network().E, ["x", "w_1"])
    assert lines(parts_of(found)[delta("x")])[1].startswith("      = delta_1 w_1")
    assert [name.ascii for name in found.inputs] == ["x", "w_1"]


def test_without_wrt_the_named_leaves_are_asked_about_or_else_all() -> None:
    named, unnamed = Value(2.0, "x"), Value(3.0)
    assert list(parts_of(derivation((named * unnamed).named("y")))) == [about("x")]
    found = derivation(ag.sin(2 * Value(1.0)))
    assert [name.ascii for name in found.inputs] == ["v_1"]
    assert found.parts[-1] == ("", "Name the nodes you want to see: a = (3 * x).named('a').")
    many = derivation(ag.total([Value(1.0) for _ in range(4)]))
    assert str(many.parts[-1][1]).endswith("ask for up to 3 of them with wrt=.")


def test_a_text_is_derived_in_symbols_or_with_numbers() -> None:
    in_symbols = derivation(NETWORK, wrt=["w_1", "w_2"])
    assert [heading for heading, _ in in_symbols.parts] == [
        heading for heading, _ in derivation(scalar_network().E, wrt=["w_1", "w_2"]).parts
    ]
    assert lines(in_symbols.parts[2][1])[1:] == [
        "        = delta_1 z_0                                                              [local derivatives]",
    ]
    at = {"w_1": 0.5, "w_2": -1.5, "z_0": 2.0, "y": 1.0}
    with_numbers = derivation(NETWORK, wrt=["w_1"], at=at)
    assert lines(with_numbers.parts[1][1])[-1] == "        = 0.08299"
    without = parts_of(derivation("y = total([z_1, z_2, z_3]); z_1 = w_1*x_1; z_2 = w_2*x_2; z_3 = w_3*x_3"))
    assert list(without) == ["Local relationships", "Local derivatives", "Global derivatives", ""]


def test_a_graph_keeps_its_inputs_and_what_it_is_contracted_to() -> None:
    net = scalar_network()
    seen = Graph(net.E, wrt=[net.w_1])
    assert str(derivation(seen)) == str(derivation(net.E, net.w_1))
    assert lines(derivation(seen.contract(keep=["a_1"])).parts[-1][1])[0].startswith("dE/dw_1 = dE/da_1 da_1/dw_1")


def test_activations_can_be_written_out() -> None:
    found = derivation(NETWORK, "w_1", show="expanded").to_text(ASCII)
    assert "(yhat - y) yhat (1 - yhat) w_2 z_1 (1 - z_1) z_0" in found and "dz_1/da_1 = z_1 (1 - z_1)" in found


def test_no_row_runs_over_the_index_of_a_sum_inside_it() -> None:
    text = derivation(two_layers(), wrt=[f"w_{i}{j}^(1)" for i in range(3) for j in range(3)]).to_text(ASCII)
    for line in text.splitlines():
        for letter in re.findall(r"sum_\{(\w)=", line):
            assert f"{letter} = 0..2" not in line


def test_large_graphs_have_no_tables_and_say_so() -> None:
    y = Value(0.1, "x")
    for i in range(1000):
        y = ag.tanh(y).named(f"t_{i}")
    found = derivation(y)
    assert [heading for heading, _ in found.parts] == [about("x"), delta("x"), ""]
    assert found.parts[-1][1] == (
        "1,001 nodes and 1,000 arrows are too many for tables, which show up to 60 of each."
    )
    assert found.folds == ()
    assert [heading for heading, _ in derivation(two_layers(9)).parts] == ["", ""]


def test_an_output_asked_about_itself_is_1() -> None:
    net = scalar_network()
    assert lines(derivation(net.E, net.E).parts[0][1]) == ["dE/dE = 1"]
    assert derivation(net.E, net.E).folds == ()


def test_deriving_reads_and_writes_no_gradient() -> None:
    net = scalar_network()
    before = str(derivation(net.E, net.w_1))
    net.E.backward()
    assert str(derivation(net.E, net.w_1)) == before
    assert net.w_1.grad == pytest.approx(0.0829875535)


# --- how it is shown ----------------------------------------------------------------------------------------------


def everything() -> list[Derivation]:
    net, mini = scalar_network(), mini_network()
    small = [derivation(each.y) for each in (example_1(), example_2(), example_3(), simple())]
    return [*small, derivation(chain().f), derivation(net.E), derivation(net.E, "w_1"), derivation(mini.E)]


def test_the_html_has_no_script_no_style_attribute_and_no_ids() -> None:
    for found in everything():
        markup = found._repr_html_()
        assert markup.startswith("<style>") and markup.count("<style>") == 1
        assert not re.search(r"<script|\bstyle=|\bid=|\bon\w+=|href=", markup)
        assert found.to_html().startswith('<section class="worked">') and markup.endswith(found.to_html())
        assert re.findall("<h3>(.*)</h3>", markup) == [heading for heading, _ in found.parts if heading]


def test_a_terminal_shows_headings_with_their_parts_below() -> None:
    assert str(derivation(example_2().y)).splitlines()[:3] == [
        "The derivative with respect to x",
        "  ∂y/∂x = ∂/∂x (2a₁ + 1a₂)               [sum rule]",
        "        = (2) ∂a₁/∂x + (1) ∂a₂/∂x        [chain rule]",
    ]
    assert repr(derivation(example_1().y)) == str(derivation(example_1().y))


def test_a_stream_that_cannot_encode_partial_signs_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [*everything(), derivation((Value(1.0, "漢字") * Value(2.0, "α_1") * Value(2.0, "α")).named("y"))]
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    for each in found:
        assert str(each).isascii()
    assert "respect to alpha_1\n" in str(found[-1]) and "respect to alpha\n" in str(found[-1])
    assert r"respect to \u6f22\u5b57" in str(found[-1])


@pytest.mark.parametrize("name", [*filter(None, HOSTILE_NAMES), "<script>"])
def test_hostile_names_are_only_text(name: str) -> None:
    x = Value(1.0, name)
    a = (3 * x).named(f"{name} a")
    others = [Value(1.0, f"{name} {i}") for i in range(4)]
    for found in (derivation((ag.sigmoid(a).named(f"{name} z") ** 2).named(f"{name} y")),
                  derivation(ag.total([x, *others]).named("y"))):
        markup = found._repr_html_()
        tags = {tag.lower() for tag in re.findall(r"</?([A-Za-z][\w-]*)", markup)}
        assert tags <= {"style", "section", "h3", "p", "div", "span", "svg", "path", "table", "thead", "tbody", "tr",
                        "th", "td", "caption"}
        assert "\u202e" not in html.unescape(markup) and "\x1b" not in markup
        assert str(found) and found.to_text(ASCII).isascii()


# --- mistakes -----------------------------------------------------------------------------------------------------


def test_mistakes_are_answered_in_words() -> None:
    net = scalar_network()
    x = Value(3.0, "x")
    for mistake, kind, words in (
        (lambda: derivation(x), OperandError,
         "x is an input: nothing was computed, so there is nothing to derive. "
         "Give what is computed from it, as in derivation((2 * x).named('y'))."),
        (lambda: derivation(net.a_1, net.w_2), NoPathError, "da_1/dw_2 = 0: w_2 is not part of the graph of a_1"),
        (lambda: derivation(net.E, "q"), NamingError, "No node is named 'q'"),
        (lambda: derivation(net.E, []), OperandError, "wrt is empty"),
        (lambda: derivation(3.0), OperandError, "A graph is made of Values; got 3.0"),  # type: ignore[arg-type]
        (lambda: derivation(Graph([net.a_1, net.E])), OperandError, "this graph has a_1, E"),
        (lambda: derivation("y = 2*"), ParseError, ""),
        (lambda: derivation(net.E, at={"x": 1.0}), ValueError, "at= gives numbers to the names of a text"),
        (lambda: derivation(net.E, show="numbers"), ValueError, "show is 'symbols' or 'expanded'; got 'numbers'."),
    ):
        with pytest.raises(kind) as raised:
            mistake()
        assert words in str(raised.value)
