"""Central differences: the verdicts, and that nobody's graph is touched."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import autograd_core as ag
from autograd_core import NoPathError, OperandError, StaleGraphError, Value, parse
from autograd_core.testing import central_differences
from autograd_core.writing import ASCII

TEXTS = (
    ("y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x", {"x": 1.0}),
    ("E = (sigmoid(w_2*sigmoid(w_1*z_0)) - y)**2/2", {"w_1": 0.5, "w_2": -1.5, "z_0": 2.0, "y": 1.0}),
    ("y = x**3", {"x": 0.0}),
    ("y = cos(x)", {"x": 0.0}),
    ("y = 1e-300*x", {"x": 1.0}),
    ("y = 1e300*x", {"x": 1e5}),
    ("y = log(x)*exp(x)", {"x": 20.0}),
    ("y = total([a, a, a*b]) + logsumexp([a, b])", {"a": -3.0, "b": 700.0}),
    ("y = x", {"x": 3.0}),
    ("y = w*0", {"w": 3.0}),
)


def output_of(text: str, **at: float) -> Value:
    definitions = parse(text, **at)
    return definitions[definitions.outputs[0]]


@pytest.mark.parametrize(("text", "at"), TEXTS, ids=[text for text, _ in TEXTS])
def test_right_gradients_pass(text: str, at: dict[str, float]) -> None:
    report = central_differences(output_of(text, **at))
    assert report.passed
    assert [entry.verdict for entry in report.entries] == ["ok"] * len(at)


def test_a_wrong_rule_is_found() -> None:
    wrong = replace(ag.sin, name="sinus", partials=(lambda out, x: -ag.cos(x),))
    x, w = Value(0.3, "x"), Value(2.0, "w")
    report = central_differences(w * wrong(x))
    verdicts = {entry.input.ascii: entry.verdict for entry in report.entries}
    assert verdicts == {"x": "differs", "w": "ok"}
    assert not report.passed
    assert "wrong, too, at a kink" in str(report)


@pytest.mark.parametrize(
    ("text", "x", "why"),
    [
        ("y = log(x)", 1e-7, "x was not checked: 1e-07 - 6.1e-06 leaves the domain; log("),
        ("y = sqrt(x)", 0.0, "x was not checked: 0 - 6.1e-06 leaves the domain; sqrt("),
        ("y = asin(x)", 1.0, "x was not checked: 1 + 6.1e-06 leaves the domain; asin("),
        ("y = exp(x)", 709.782, "the output at 709.782 + 0.0043 is inf, which is not finite"),
    ],
)
def test_where_a_step_leads_nowhere_the_input_is_not_checked(text: str, x: float, why: str) -> None:
    report = central_differences(output_of(text, x=x))
    assert report.passed
    assert [(entry.verdict, entry.difference, entry.relative_error) for entry in report.entries] == [
        ("not checked", None, None)
    ]
    assert why in str(report)


@pytest.mark.parametrize(("text", "x"), [("y = relu(x)", 0.0), ("y = abs(x)", 0.0), ("y = 1/x", 1e-7)])
def test_what_the_textbook_check_cannot_do(text: str, x: float) -> None:
    verdict = central_differences(output_of(text, x=x)).entries[0].verdict
    assert verdict == ("ok" if text == "y = abs(x)" else "differs")  # the mean of -1 and 1 is 0


def test_the_graph_is_not_touched() -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    a = (x * w).named("a")
    y = (ag.log(a) + x).named("y")
    y.backward()
    before = [(node.data, node.grad, node.partials) for node in (x, w, a, y)]
    central_differences(y)
    assert [(node.data, node.grad, node.partials) for node in (x, w, a, y)] == before
    y.backward()  # not stale


def test_the_inputs_can_be_chosen_by_value_and_by_name() -> None:
    x, w = Value(2.0, "x"), Value(3.0, "w")
    y = x * w
    assert [entry.input.ascii for entry in central_differences(y, [w]).entries] == ["w"]
    assert [entry.gradient for entry in central_differences(y, ["x"]).entries] == [3.0]


def test_what_cannot_be_checked_is_refused() -> None:
    x, other = Value(2.0, "x"), Value(2.0, "z")
    a = (3 * x).named("a")
    y = (a * a).named("y")
    with pytest.raises(OperandError, match="a was computed by mul, so it cannot be shifted"):
        central_differences(y, [a])
    with pytest.raises(NoPathError, match="dy/dz = 0"):
        central_differences(y, [other])
    x.data = 5.0
    with pytest.raises(StaleGraphError, match="recompute"):
        central_differences(y)


def test_a_report_is_a_table() -> None:
    report = central_differences(output_of("y = w_1*x", w_1=0.5, x=-2.0))
    assert report.table.header == ("input", "gradient", "difference", "relative error", "verdict")
    assert report.table.to_text(ASCII).splitlines()[2].split()[::4] == ["w_1", "ok"]
    assert (report.output.ascii, report.value) == ("y", -1.0)


def test_the_package_imports_without_hypothesis_and_mpmath() -> None:
    program = (
        "import sys; sys.modules.update(hypothesis=None, mpmath=None)\n"
        "import autograd_core as ag\n"
        "from autograd_core.testing import central_differences\n"
        "print(central_differences(ag.Value(3.0, 'x') ** 2).passed)"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")
