"""parse: texts to graphs, and what is answered to texts that are none."""

import itertools
import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core.errors import (
    AutogradError,
    DomainError,
    NamingError,
    OperandError,
    ParseError,
)
from autograd_core.graph import Graph
from autograd_core.parsing import parse
from autograd_core.primitives import TABLE, sigmoid
from autograd_core.value import Value

EXAMPLE_2 = "y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x"
SCALAR_NETWORK = """
    E = 0.5*(yhat - y)**2     # half the squared error
    z_2 = yhat = sigmoid(a_2)
    a_2 = w_2*z_1
    z_1 = sigmoid(a_1)
    a_1 = w_1*z_0
    z_0 = x
"""
NETWORK_AT = dict(w_1=0.5, w_2=-1.5, x=2.0, y=1.0)


def edges(graph: Graph) -> dict[tuple[str, str], str]:
    """(tail, head) -> the derivative's formula, of the contracted graph."""
    graph = graph.contract()
    return {(graph.name(e.tail).ascii, graph.name(e.head).ascii): e.symbol.text for e in graph.edges}


def structure(graph: Graph) -> list[tuple[object, ...]]:
    return [(node.op, node.operands, node.name) for node in graph.record]


def shuffled(text: str) -> list[str]:
    parts = [part for part in text.replace("\n", ";").split(";") if part.split("#")[0].strip()]
    parts = [part.split("#")[0] for part in parts]
    orders = list(itertools.permutations(parts))
    return ["\n".join(order) for order in random.Random(0).sample(orders, min(24, len(orders)))]


# --- what texts mean ----------------------------------------------------------------------------


def test_example_2_has_the_values_and_gradients_of_the_lecture() -> None:
    definitions = parse(EXAMPLE_2, x=1.0)
    assert [definitions[name].data for name in ("x", "a_1", "a_2", "y")] == [1.0, 3.0, -1.0, 5.0]
    definitions.y.backward()
    assert definitions.x.grad == 5.0
    assert (definitions.inputs, definitions.outputs) == (("x",), ("y",))


def test_example_2_without_numbers_contracts_to_the_slide() -> None:
    expected = {("x", "a_1"): "3", ("x", "a_2"): "-1", ("a_1", "y"): "2", ("a_2", "y"): "1"}
    assert edges(parse(EXAMPLE_2).graph()) == expected
    assert edges(parse(EXAMPLE_2, x=1.0).graph()) == expected


def test_the_scalar_network_has_the_numbers_of_the_lecture() -> None:
    definitions = parse(SCALAR_NETWORK, **NETWORK_AT)
    assert definitions.yhat is definitions.z_2
    assert (definitions.yhat.name, definitions.x.name) == ("z_2 = yhat", "z_0 = x")
    definitions.E.backward()
    found = [definitions.yhat.data, definitions.E.data, definitions.a_2.grad, definitions.a_1.grad,
             definitions.w_2.grad, definitions.w_1.grad]
    expected = [0.2503797710, 0.2809652439, -0.1406960268, 0.0414937768, -0.1028570374, 0.0829875535]
    assert found == pytest.approx(expected, abs=5e-11)
    assert definitions.graph(wrt="w1").name(0).ascii == "w_2"


@pytest.mark.parametrize("text", [EXAMPLE_2, SCALAR_NETWORK, "y = a_1 + a1*b; b = a_1; a_1 = w1*x1 + w_1"])
def test_the_order_of_the_definitions_changes_nothing(text: str) -> None:
    graphs = [structure(parse(each).graph()) for each in shuffled(text)]
    assert all(graph == graphs[0] for graph in graphs)


@pytest.mark.parametrize(("text", "at"), [(EXAMPLE_2, {"x": 1.0}), (SCALAR_NETWORK, NETWORK_AT),
                                          ("u = v*x; w = v + 1; v = sin(x*k); k = 3", {"x": 2})])
def test_numbers_do_not_change_the_graph(text: str, at: dict[str, float]) -> None:
    for output in (None, *parse(text).outputs):
        assert structure(parse(text).graph(output=output)) == structure(
            parse(text, **at).graph(output=output)
        )


MEANINGS = [
    ("2*a; a = 3*x", {"x": 1}, {"y": 6.0, "a": 3.0}),
    ("2*y", {"y": 1}, {"f": 2.0}),
    ("x", {"x": 4}, {"y": 4.0}),
    ("3", {}, {"y": 3.0}),
    ("y = a*x; a = 3\nx = -1/4", {}, {"y": -0.75, "a": 3.0}),
    ("y = a_1*a1", {"a1": 3}, {"y": 9.0, "a_1": 3.0, "a1": 3.0}),
    ("y = \N{GREEK SMALL LETTER SIGMA}_1*x", {"sigma_1": 3, "x": 2}, {"y": 6.0}),
    ("y = \N{GREEK SMALL LETTER SIGMA}(x) + sigma(x) + max(x, 3)", {"x": 0}, {"y": 4.0}),
    ("y = 2*\u03bb + \N{MICRO SIGN}", {"\u03bb": 3, "mu": 1}, {"y": 7.0}),
    ("y = w_ij_2*x", {"w_ij_2": 2, "x": 2}, {"y": 4.0}),
    ("y = total([a, 2*b, 1]) + dot([a, b], [b, 2])", {"a": 3, "b": 5}, {"y": 39.0}),
    ("y = leaky_relu(x, slope=0.5) + leaky_relu(x) + leaky_relu(x, 0.25)", {"x": -4}, {"y": -3.04}),
    ("y = arcsin(x) - asin(x)", {"x": 0.5}, {"y": 0.0}),
    ("y = -x**2 + 2**-x - (+x)", {"x": 2}, {"y": -5.75}),
    ("y = (x +\n  2*x)  # in two lines", {"x": 2}, {"y": 6.0}),
    ("# h\u00f6he; b = x\r\n\ty = x; # x^2\r\n", {"x": 2}, {"y": 2.0}),
    ("y = 0x10 + 1_000*x + 1e2 + .5 + 1.", {"x": 1}, {"y": 1117.5}),
    ("y = a = b = x", {"x": 2}, {"y": 2.0, "b": 2.0}),
    ("match = type + case*_", {"type": 1, "case": 2, "_": 3}, {"match": 7.0}),
    ("outputs = 2*graph", {"graph": 1}, {"outputs": 2.0}),
]


@pytest.mark.parametrize(("text", "at", "expected"), MEANINGS)
def test_meanings(text: str, at: dict[str, float], expected: dict[str, float]) -> None:
    definitions = parse(text, **at)
    assert {name: definitions[name].data for name in expected} == pytest.approx(expected)


def test_every_row_of_the_table_can_be_called() -> None:
    for row in TABLE:
        operands = ", ".join(f"x_{at}" for at in range(row.arity or 2))
        lists = ", ".join(f"[{operands}]" for _ in range(row.lists))
        text = f"y = {row.name}({operands if row.arity else lists})"
        assert parse(text).graph().record[-1].op is row


def test_several_outputs_and_a_chosen_one() -> None:
    definitions = parse("u = 2*a; v = 3*a + b; a = 5*x")
    assert definitions.outputs == ("u", "v")
    assert [definitions.graph().name(at).ascii for at in definitions.graph().outputs] == ["u", "v"]
    assert edges(definitions.graph(output="u")) == {("x", "a"): "5", ("a", "u"): "2"}
    assert edges(definitions.graph(wrt=["a"], output=["v"])) == {("a", "v"): "3"}
    with pytest.raises(NamingError, match="no name 'q' in the text, but"):
        definitions.graph(output="q")
    with pytest.raises(NamingError, match=r"No node is named 'b'"):
        definitions.graph(wrt="b", output="u")


def test_without_numbers_there_are_no_values_and_the_error_says_what_to_do() -> None:
    definitions = parse("y = w*x; w = 3")
    with pytest.raises(OperandError, match=re.escape("parse(text, w=1.0, x=1.0), or graph() for symbols")):
        _ = definitions.y
    with pytest.raises(AttributeError, match="no name 'q' in the text, but w, x, y"):
        _ = definitions.q
    with pytest.raises(NamingError):
        definitions["_operands"]
    assert not hasattr(definitions, "__array__")
    assert repr(definitions) == "Definitions(inputs=('w', 'x'), outputs=('y',))"


def test_a_long_chain_of_definitions_is_no_recursion() -> None:
    text = ";".join(f"a{at + 1}=a{at}+1" for at in range(1200))
    assert parse(text, a0=0).a1200.data == 1200.0
    assert len(parse(text).graph().record) == 1201


def test_the_same_rows_as_operators_in_python() -> None:
    x = Value(0.3, "x")
    y = parse("y = sigmoid(2*x - x/3) ** 2", x=0.3).y
    assert y.data == (sigmoid(2 * x - x / 3) ** 2).data


# --- what is refused ----------------------------------------------------------------------------

REFUSED = [  # text, a part of the message, the column
    ("y = 2 + foo(x)", "unknown function 'foo'", 9),
    ("y = 2 + foo(x)", "the functions are: abs, acos,", 9),
    ("y = tanhh(x)", "did you mean tanh?", 5),
    ("y = sum(a, b)", "did you mean total?", 5),
    ("y = ln(a)", "did you mean log?", 5),
    ("__import__('os')", "two underscores", 1),
    ("y = x^2", "write x**2", 6),
    ("y = x\N{SUPERSCRIPT TWO}", "type **2", 6),
    ("y = 2\N{MIDDLE DOT}x", "type **2, *", 6),
    ("y = x.real", "a name has no dot", 6),
    ("y = (x).real", "a name has no dot", 8),
    ("x[0]", "a subscript", 1),
    ("y = 'a'", "strings have no meaning", 5),
    ("y = f'{x}'", "strings have no meaning", 5),
    ("x'", "quotation", 1),
    ("y = a < b", "write heaviside(x, 0)", 7),
    ("y = a == b", "a comparison", 7),
    ("y = a is b", "a condition with is", 7),
    ("y = a and b", "a condition with and", 7),
    ("y = not a", "a condition with not", 5),
    ("y = a if b else c", "write where(condition, a, b)", 7),
    ("y = 1if b else c", "a condition with if", 6),
    ("y = lambda x: x", "word lambda", 5),
    ("y = [i for i in x]", "word for", 8),
    ("y = (a := 3)", "the assignment :=", 8),
    ("y += 3", "the assignment +=", 3),
    ("y **= 3", "the assignment **=", 3),
    ("import os", "word import", 1),
    ("y = total(*a)", "a starred operand", 11),
    ("y = tanh(**a)", "starred", 10),
    ("*a = 3", "left side of =", 1),
    ("y = leaky_relu(x, slop=1)", "leaky_relu(x, slope=0.01) was called as", 5),
    ("y = leaky_relu(x, slope=1, slope=2)", "repeated", 28),
    ("y = tanh(x, 2)", "tanh(x) was called as", 5),
    ("y = tanh(" + "q" * 9000 + "=1)", "was called as tanh(qqq", 5),
    ("y = tanh()", "tanh(x) was called as tanh()", 5),
    ("y = total(a, b)", "total takes a list of operands", 5),
    ("y = dot([a, b], [c])", "lists of equal length; it got 2 and 1", 5),
    ("y = mean([])", "at least one operand", 5),
    ("y = 2j", "all numbers are real", 5),
    ("y = True", "write a number", 5),
    ("y = None*x", "the word None", 5),
    ("y = a // b", "the operator //", 7),
    ("y = a % b", "the operator %", 7),
    ("y = a @ b", "the operator @", 7),
    ("y = a << b", "the operator <<", 7),
    ("y = ~a", "the operator ~", 5),
    ("y = {a}", "the character {", 5),
    ("y = (a", "'(' was never closed", 5),
    ("y = a)", "unmatched ')'", 6),
    ("y = [a)", "does not match", 7),
    ("y = ", "incomplete expression", 4),
    ("y = a +", "incomplete expression", 8),
    ("y = 2 * * 3", "misplaced", 9),
    ("3 = x", "only a name can be defined", 1),
    ("a, b = 1, 2", "only a name can be defined", 1),
    ("f(x) = 2", "only a name can be defined", 1),
    ("a[0] = 2", "only a name can be defined", 1),
    ("", "holds no definition", 0),
    (" \n# y = x\n", "holds no definition", 0),
    (";", "incomplete", 1),
    ("y = a(3) + a", "a product is written a*(...)", 5),
    ("y = (a + b)(c)", "a product has a star", 5),
    ("y = sin", "sin is a function at", 5),
    ("y = 2 + sin", "give it operands, sin(x), or take", 9),
    ("sin = 3", "sin is a function", 1),
    ("arcsin = 3*x", "or take another name", 1),
    ("y = 2x", "write 2*x", 5),
    ("y = 2(x)", "write 2*(...)", 5),
    ("y = 2 x", "write 2*x", 5),
    ("x y", "write x*y", 1),
    ("y = 1.5e3a_2", "write 1.5e3*a_2", 5),
    ("y = (a) b", "no operator after )", 7),
    ("a = 3*x; a = x", "a is defined twice", 10),
    ("a1 = 3*x; a_1 = x", "a1 and a_1 are one name", 11),
    ("a = a = x", "a is defined twice", 1),
    ("2*a; 3*a", "twice", 6),
    ("y*f", "name it: e = ...", 1),
    ("a = b; b = a", "a cycle a -> b -> a", 1),
    ("y = y + 1", "a cycle y -> y", 1),
    ("z = x*a; a = b + 1; b = 2*c; c = a", "a cycle a -> b -> c -> a", 10),
    ("y = x + 9**9**9**9", "the constant 9**9**9", 12),
    ("y = x + 1/0", "div(1, 0) is not defined", 9),
    ("y = x*log(0)", "the domain of log", 7),
    ("y = 1e999", "the constant 1e999", 5),
    ("y = 2*exp(1e3)", "exp(1e3)", 7),
    ("y = " + "9" * 500, "must be a finite number", 5),
    ("y = " + "9" * 5000, "a number that cannot be read", 1),
    ("y = 0x" + "f" * 5000, "must be a finite number", 5),
    ("y = 0777", "a number that cannot be read", 5),
    ("y = x\0", r"the character \x00", 6),
    ("y = \u202ex", r"the character \u202e", 5),
    ("y = x\ud800", r"the character \ud800", 6),
    ("\ufeffy = x", r"the character \ufeff", 1),
    ("y = \u0434", r"the character \u0434", 5),
    ("y = d\N{GREEK SMALL LETTER ALPHA}", "a Greek letter comes first", 5),
    ("\N{GREEK SMALL LETTER ALPHA} = 2*x^3", "write x**2", 8),
    ("y = \\alpha", "the character \\", 5),
    ("y = x\nz = x^2", "line 2, column 6", 6),
    ("y: int = 3", "the character :", 2),
    ("y = a, b", "a comma outside", 5),
    ("  y = x\n\t z = [x]", "a list outside", 7),
    ("y = tanh([a])", "a list outside", 10),
    ("y = x; del x", "del", 8),
    ("y = " + "(" * 210 + "x" + ")" * 210, "more than 200 nested", 205),
    ("y = " + "-" * 250 + "x", "more than 200 nested", 205),
    ("y = x" + "+x" * 300, "total([a, b])", 5),
    ("x" + "+x" * 9000, "more than 200 nested", 0),
    ("-" * 19_999 + "x", "200 nested", 0),
    ("(" * 10_000_000, "at most 20000 characters", 0),
    ("y = x " + "#" * 20_000, "at most 20000", 0),
]


@pytest.mark.parametrize(("text", "expected", "column"), REFUSED, ids=[text[:24] for text, *_ in REFUSED])
def test_what_is_refused_is_answered_at_its_column(text: str, expected: str, column: int) -> None:
    for at in ({}, {"x": 1.0}):
        with pytest.raises(ParseError) as caught:
            parse(text, **at)
        message = str(caught.value)
        assert expected in message
        assert message.replace("\n", "").isprintable() and max(map(len, message.split("\n"))) < 800
        if column:
            assert re.search(rf"column {column}\b", message)
            _, line, caret = message.rsplit("\n", 2)
            assert line.startswith("  ") and re.fullmatch(r" +\^", caret)
            assert len(text) > 60 or "\\" in line or len(caret) == column + 2


def test_the_whole_message_reads_like_a_sentence_with_a_caret() -> None:
    with pytest.raises(ParseError) as caught:
        parse("y = 2*a; a = x^2")
    assert str(caught.value) == (
        "the sign ^ at column 15; a power has two stars: write x**2\n  y = 2*a; a = x^2\n                ^"
    )


def test_a_long_line_is_cut_around_the_column() -> None:
    with pytest.raises(ParseError) as caught:
        parse("y = " + "a + " * 40 + "x^2" + " + b" * 40)
    _, line, caret = str(caught.value).split("\n")
    assert line.startswith("  ...") and line.endswith("...") and line[len(caret) - 1] == "^"


NUMBERS = [
    ({"x": math.nan}, ParseError, "x was given nan; an input needs a finite number"),
    ({"x": -math.inf}, ParseError, "x was given -inf"), ({"x": True}, OperandError, "x needs a number"),
    ({"x": "3"}, OperandError, "x needs a number"), ({"x": None}, OperandError, "x needs a number"),
    ({"x": 10**400}, OperandError, "x needs a number"), ({"x": Value(1.0)}, OperandError, "x needs a number"),
    ({"q": 1.0}, ParseError, "q was given a number, but the inputs are w, x, k"),
    ({"a": 1.0}, ParseError, "but the text defines it at column 8; keep one"),
    ({"k": 1.0}, ParseError, "the text defines it at column 19"),
    ({"x": 1.0}, ParseError, "no number was given for w; give all inputs one, or none"),
    ({"x_1": 1.0, "x1": 1.0}, ParseError, "but the inputs are"),
    ({"w": 1, "\u202e'": 2}, ParseError, r"\u202e'"),
]


@pytest.mark.parametrize(("at", "kind", "expected"), NUMBERS)
def test_numbers_that_do_not_fit(at: dict[str, object], kind: type[Exception], expected: str) -> None:
    with pytest.raises(kind, match=re.escape(expected)):
        parse("y = a; a = w*x*k; k = 3", **at)


def test_two_numbers_for_one_name() -> None:
    with pytest.raises(ParseError, match="a1 was given two numbers"):
        parse("y = a_1", a_1=1.0, a1=2.0)


@pytest.mark.parametrize("text", [3, None, b"y = x", ["y = x"]])
def test_what_is_not_a_text_is_a_type_error(text: object) -> None:
    with pytest.raises(OperandError, match="parse reads a text such as"):
        parse(text)  # type: ignore[arg-type]


def test_a_domain_error_names_the_definition_and_the_column() -> None:
    with pytest.raises(DomainError) as caught:
        parse("y = 2*a\na = 1 + log(x)", x=-1.0)
    assert "log(x) in the definition of a at line 2, column 9; log(-1) is not defined" in str(caught.value)
    assert str(caught.value).endswith("\n  a = 1 + log(x)\n          ^")


def test_an_overflow_of_given_numbers_is_not_an_error() -> None:
    assert parse("y = exp(x)", x=1e3).y.data == math.inf


# --- properties ---------------------------------------------------------------------------------

NAMES = {"x": 0.75, "w_1": -1.25, "b": 3.0}
EXPRESSIONS = st.recursive(
    st.sampled_from([*NAMES, "2", "0.5", "1e1", ".25", "3."]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("{} {} {}".format, inner, st.sampled_from(["-", "*", "/", "**"]), st.sampled_from("x2")),
        st.builds("-{}".format, inner), st.builds("+({})".format, inner),
        st.builds("{}({})".format, st.sampled_from(["sin", "exp", "tanh"]), inner)),
    max_leaves=12)


@given(EXPRESSIONS)
def test_an_expression_has_the_value_python_gives_it(expression: str) -> None:
    functions = {"sin": math.sin, "exp": math.exp, "tanh": math.tanh}
    try:
        python = eval(re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"\1.0", expression), functions | NAMES)
        assert not isinstance(python, complex) and math.isfinite(python)
    except (ArithmeticError, ValueError, TypeError, AssertionError):
        python = None
    text = f"result = ({expression}) + 0*x + 0*w_1 + 0*b"
    try:
        value = parse(text, **NAMES).result.data
    except (ParseError, DomainError):
        assert python is None
        return
    assert python is None or value == python
    assert structure(parse(text).graph()) == structure(parse(text, **NAMES).graph())


FRAGMENTS = st.sampled_from([
    *"xyab12()[]{}.,:;=+-*/^%@<>!&|~#'\"\\\n\t\0 _", "**", "sin", "total", "if", "lambda", "0x", "1e",
    "\u03b1", "\u00b2", "\u202e", "\ud800", "f'", "y = ", "; ",
])


@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("".join)))
def test_junk_raises_nothing_but_this_packages_errors(text: str) -> None:
    for at in ({}, {"x": 1.0, "y": 2.0}):
        try:
            definitions = parse(text, **at)
        except ParseError as error:
            assert str(error).replace("\n", "").isprintable()
        except AutogradError:
            assert at
        else:
            assert definitions.graph().record


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_any_name_given_a_number_is_answered(name: str) -> None:
    with pytest.raises(AutogradError):
        parse("y = 2*a; a = 3*b", **{f"{name}_": 1.0})
