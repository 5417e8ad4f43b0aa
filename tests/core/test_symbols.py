"""How expressions and names are written: parentheses, folding, numbers, length, hostile names."""

import math

import numpy as np
import pytest

from autograd_core import primitives as rows
from autograd_core.errors import OperandError
from autograd_core.names import Name, escape_latex
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol, split_coefficient
from autograd_core.value import Value
from autograd_core.writing import ASCII, LATEX, PYTHON, UNICODE, format_number, write
from tests.core.trees import NAMES, Reader, evaluate, random_tree

a, b, c, x = map(Symbol, "abcx")
w2 = Symbol("w_1^{(2)}")
raw = Symbol.applied

# expression, LaTeX, ASCII
WRITTEN = [
    (-(a + b), "-(a + b)", "-(a + b)"),
    (-(a - b), "-(a - b)", "-(a - b)"),
    (a - (b - c), "a - (b - c)", "a - (b - c)"),
    (a - b - c, "a - b - c", "a - b - c"),
    (a + (b + c), "a + b + c", "a + b + c"),
    (a - (-b), "a + b", "a + b"),
    (raw(rows.sub, (a, -b)), "a - (-b)", "a - (-b)"),
    (raw(rows.add, (a, -b)), "a + (-b)", "a + (-b)"),
    (a + -b, "a - b", "a - b"),
    (a + -3 * b, "a - 3 b", "a - 3b"),
    (-b + a, "-b + a", "-b + a"),
    ((a + b) ** 2, "(a + b)^{2}", "(a + b)^2"),
    ((-a) ** 2, "(-a)^{2}", "(-a)^2"),
    (-(a**2), "-a^{2}", "-a^2"),
    ((2 * a) ** 2, "(2 a)^{2}", "(2a)^2"),
    (2 * a**2, "2 a^{2}", "2 a^2"),
    ((a**b) ** c, "(a^{b})^{c}", "(a^b)^c"),
    (a ** (b**c), "a^{b^{c}}", "a^(b^c)"),
    (a**-b, "a^{-b}", "a^(-b)"),
    (a ** (b + c), "a^{b + c}", "a^(b + c)"),
    (2**a, "2^{a}", "2^a"),
    (raw(rows.pow, (-2.0, a)), "(-2)^{a}", "(-2)^a"),
    (raw(rows.pow, (2e10, a)), r"(2 \cdot 10^{10})^{a}", "(2e10)^a"),
    (w2**2, "(w_1^{(2)})^{2}", "(w_1^(2))^2"),
    (a**w2, "a^{w_1^{(2)}}", "a^(w_1^(2))"),
    (a * w2, "a w_1^{(2)}", "a w_1^(2)"),
    ((a / b) ** 2, r"\left(\frac{a}{b}\right)^{2}", "(a/b)^2"),
    (rows.tanh(a) ** 2, r"\tanh(a)^{2}", "tanh(a)^2"),
    (rows.exp(a) ** 2, "(e^{a})^{2}", "exp(a)^2"),
    (a / (b * c), r"\frac{a}{b c}", "a/(b c)"),
    ((a * b) / c, r"\frac{a b}{c}", "a b/c"),
    ((a / b) * c, r"\frac{a}{b} c", "(a/b) c"),
    (a * (b / c), r"a \frac{b}{c}", "a (b/c)"),
    ((a / b) / c, r"\frac{\frac{a}{b}}{c}", "(a/b)/c"),
    (a / (b / c), r"\frac{a}{\frac{b}{c}}", "a/(b/c)"),
    ((a + b) / (b - c), r"\frac{a + b}{b - c}", "(a + b)/(b - c)"),
    (a / b**2, r"\frac{a}{b^{2}}", "a/b^2"),
    (a / (2 * b), r"\frac{a}{2 b}", "a/(2b)"),
    (a / -b, r"\frac{a}{-b}", "a/(-b)"),
    (-(a / b), r"-\frac{a}{b}", "-a/b"),
    ((-a) / b, r"-\frac{a}{b}", "-a/b"),
    ((a + b) * c, "(a + b) c", "(a + b) c"),
    (a * (b * c), "a b c", "a b c"),
    ((-a) * b, "-a b", "-a b"),
    (raw(rows.mul, (-a, b)), "(-a) b", "(-a) b"),
    (raw(rows.mul, (a, -b)), "a (-b)", "a (-b)"),
    (raw(rows.mul, (a, -2.0)), r"a \cdot (-2)", "a * (-2)"),
    (raw(rows.mul, (2.0, 3.0)), r"2 \cdot 3", "2 * 3"),
    (raw(rows.mul, (a, 3.0)), r"a \cdot 3", "a * 3"),
    (raw(rows.neg, (-a,)), "-(-a)", "-(-a)"),
    (raw(rows.neg, (-2.0,)), "-(-2)", "-(-2)"),
    (raw(rows.add, (-2.0, a)), "-2 + a", "-2 + a"),
    (-2 * a, "-2 a", "-2a"),
    (2 * (a + b), "2 (a + b)", "2 (a + b)"),
    (2 * rows.tanh(a), r"2 \tanh(a)", "2 tanh(a)"),
    (1 / (1 + rows.exp(-a)), r"\frac{1}{1 + e^{-a}}", "1/(1 + exp(-a))"),
    (rows.sigmoid(a) * rows.sigmoid(-a), r"\sigma(a) \, \sigma(-a)", "sigmoid(a) sigmoid(-a)"),
    (raw(rows.sigmoid, (a,), primed=True) * b, r"\sigma'(a) \, b", "sigmoid'(a) b"),
    (rows.abs(a - b), r"\left|a - b\right|", "|a - b|"),
    (rows.sqrt(a + b) * c, r"\sqrt{a + b} c", "sqrt(a + b) c"),
    (rows.maximum(a, -b), r"\max(a, -b)", "max(a, -b)"),
    (rows.greater(a, b), r"\left[a > b\right]", "[a > b]"),
    (rows.log2(a), r"\log_2(a)", "log2(a)"),
    (rows.leaky_relu(a), r"\mathrm{leaky\,relu}(a, 0.01)", "leaky_relu(a, 0.01)"),
    (rows.square(a + b), "(a + b)^{2}", "(a + b)^2"),
    (-rows.square(a), "-a^{2}", "-a^2"),
    (rows.square(-a), "(-a)^{2}", "(-a)^2"),
    (rows.hypot(a, b), r"\sqrt{a^{2} + b^{2}}", "sqrt(a^2 + b^2)"),
    (rows.reciprocal(a + b) * c, r"\frac{1}{a + b} c", "(1/(a + b)) c"),
    (rows.expm1(a) * b, "(e^{a} - 1) b", "(exp(a) - 1) b"),
    (rows.total([a, b, c]) * x, "(a + b + c) x", "(a + b + c) x"),
    (a - rows.total([b, c]), "a - (b + c)", "a - (b + c)"),
    (rows.dot([a, b], [c, x]), "a c + b x", "a c + b x"),
    (rows.dot([a, b], [c, x]) ** 2, "(a c + b x)^{2}", "(a c + b x)^2"),
    (rows.mean([a, b, c]), r"\frac{a + b + c}{3}", "(a + b + c)/3"),
    (rows.logsumexp([a, b]), r"\log(e^{a} + e^{b})", "log(exp(a) + exp(b))"),
    (rows.tanh.renamed("g")(a), "g(a)", "g(a)"),
]

FOLDED = [
    (0.5 * (2 * a), "a"),
    ((a * 2) * 0.5, "a"),
    (2 * (3 * a), "6a"),
    ((2 * a) * (3 * b), "6 a b"),
    (a * 1, "a"),
    (1 * a, "a"),
    (-1 * a, "-a"),
    (a**1, "a"),
    (a**0, "1"),
    (a + 0, "a"),
    (0 + a, "a"),
    (a - 0, "a"),
    (0 - a, "-a"),
    (a * 0, "0"),
    (0 * a + b, "b"),
    (a + 0 * b, "a"),
    (0 / a, "0"),
    (a / 1, "a"),
    (a / 2, "0.5a"),
    ((6 * a) / 3, "2a"),
    (a / 3, "a/3"),
    (-(-1 * a), "a"),
    ((-a) * (-b), "a b"),
    (a + (-b), "a - b"),
    (a - (-2 * b), "a + 2b"),
    (Symbol(number=2.0) + Symbol(number=3.0), "5"),
    (Symbol(number=2.0) * 3.0, "6"),
]

NOT_REWRITTEN = [
    (a + a, "a + a"),
    (a - a, "a - a"),
    (a * a, "a a"),
    (b + a, "b + a"),
    (b * a, "b a"),
    (2 * a + 3 * a, "2a + 3a"),
    (a * (b + c), "a (b + c)"),
    (2 * (a + b), "2 (a + b)"),
    (a / a, "a/a"),
    ((a**2) ** 3, "(a^2)^3"),
    (a + 1 + 1, "a + 1 + 1"),
    (rows.exp(Symbol(number=0.0)), "exp(0)"),
    (a / 0.0, "a/0"),
]

# number, ASCII, unicode, LaTeX
NUMBERS = [
    (2.0, "2", "2", "2"),
    (-2.0, "-2", "-2", "-2"),
    (0.0, "0", "0", "0"),
    (-0.0, "0", "0", "0"),
    (0.5, "0.5", "0.5", "0.5"),
    (1 / 3, "0.3333", "0.3333", "0.3333"),
    (2 / 3, "0.6667", "0.6667", "0.6667"),
    (123456.0, "123456", "123456", "123456"),
    (1234567.0, "1.235e6", "1.235e6", r"1.235 \cdot 10^{6}"),
    (12345.678, "1.235e4", "1.235e4", r"1.235 \cdot 10^{4}"),
    (1e-7, "1e-7", "1e-7", r"1 \cdot 10^{-7}"),
    (-1.25e-7, "-1.25e-7", "-1.25e-7", r"-1.25 \cdot 10^{-7}"),
    (1e300, "1e300", "1e300", r"1 \cdot 10^{300}"),
    (0.99999, "1", "1", "1"),
    (math.inf, "inf", "∞", r"\infty"),
    (-math.inf, "-inf", "-∞", r"-\infty"),
    (math.nan, "nan", "nan", r"\mathrm{nan}"),
]

# name, LaTeX, unicode, ASCII, identifier
NAMED = [
    ("a", "a", "a", "a", "a"),
    ("a1", "a_1", "a₁", "a_1", "a_1"),
    ("a_1", "a_1", "a₁", "a_1", "a_1"),
    ("w_12", "w_{12}", "w₁₂", "w_12", "w_12"),
    ("w_{ij}^{(2)}", "w_{ij}^{(2)}", "wᵢⱼ⁽²⁾", "w_ij^(2)", "w_ij_2"),
    ("x_{i+1}", "x_{i+1}", "xᵢ₊₁", "x_i+1", "x_i_1"),
    ("x^2", "x^2", "x²", "x^2", "x_2"),
    ("delta", r"\delta", "δ", "delta", "delta"),
    (r"\delta_2", r"\delta_2", "δ₂", "delta_2", "delta_2"),
    (r"\Sigma", r"\Sigma", "Σ", "Sigma", "Sigma"),
    ("lambda", r"\lambda", "λ", "lambda", "lambda_"),
    ("yhat", r"\hat{y}", "ŷ", "yhat", "yhat"),
    (r"\hat{y}_1", r"\hat{y}_1", "ŷ₁", "yhat_1", "yhat_1"),
    ("loss", r"\mathrm{loss}", "loss", "loss", "loss"),
    ("loss_2", r"\mathrm{loss}_2", "loss₂", "loss_2", "loss_2"),
    ("f'", "f'", "f'", "f'", "f_prime"),
    ("w_b", "w_b", "w_b", "w_b", "w_b"),
]

HOSTILE = [
    "</text><script>alert(1)</script>", 'say "hi"', "line\nbreak", r"\input{/etc/passwd}", r"\write18{rm}",
    "\u202egnp.exe", "a$b", "50% & more #1", "~^_", "{", "}", "__class__", "1", "über", "日本", " ",
    "a\x00b", "\\",
]


@pytest.mark.parametrize(("expression", "latex", "ascii_text"), WRITTEN, ids=[each[2] for each in WRITTEN])
def test_parentheses_are_where_they_are_needed_and_nowhere_else(
    expression: Symbol, latex: str, ascii_text: str
) -> None:
    assert expression.latex == latex
    assert expression.ascii == ascii_text


@pytest.mark.parametrize("seed", range(400))
def test_ascii_mathematics_reads_back_to_the_same_value(seed: int) -> None:
    rng = np.random.default_rng([1, seed])
    tree = random_tree(rng, depth=3)
    at = {name: float(rng.uniform(0.5, 2.0)) for name in NAMES}
    try:
        wanted = evaluate(tree, at)
        again = Reader(write(tree, ASCII, digits=17, limit=None), at).whole()
    except ArithmeticError:
        return
    if math.isfinite(wanted) and abs(wanted) < 1e6:
        assert again == pytest.approx(wanted, rel=1e-6, abs=1e-6), tree.ascii


@pytest.mark.parametrize("seed", range(400))
def test_folding_keeps_the_value(seed: int) -> None:
    rng = np.random.default_rng([2, seed])
    tree = random_tree(rng, depth=4)
    at = {name: float(rng.uniform(0.5, 2.0)) for name in NAMES}
    try:
        wanted = evaluate(tree, at)
        folded = evaluate(tree, {name: Symbol(name) for name in NAMES})
    except ArithmeticError:
        return
    if math.isfinite(wanted) and abs(wanted) < 1e6:
        assert evaluate(Symbol.of(folded), at) == pytest.approx(wanted, rel=1e-6, abs=1e-6), tree.ascii


@pytest.mark.parametrize(("expression", "text"), FOLDED, ids=[each[1] for each in FOLDED])
def test_numeric_factors_units_and_zeros_are_folded(expression: Symbol, text: str) -> None:
    assert expression.ascii == text


@pytest.mark.parametrize(("expression", "text"), NOT_REWRITTEN, ids=[each[1] for each in NOT_REWRITTEN])
def test_nothing_else_is_rewritten(expression: Symbol, text: str) -> None:
    assert expression.ascii == text


def test_a_coefficient_is_split_from_what_it_multiplies() -> None:
    coefficient, rest = split_coefficient(-(3 * (a * b)))
    assert (coefficient, rest.ascii if rest else None) == (-3.0, "a b")
    assert split_coefficient(Symbol(number=4.0)) == (4.0, None)


@pytest.mark.parametrize(("number", "ascii_text", "text", "latex"), NUMBERS)
def test_numbers_have_four_significant_digits(number: float, ascii_text: str, text: str, latex: str) -> None:
    assert format_number(number, ASCII) == ascii_text
    assert format_number(number, UNICODE) == text
    assert format_number(number, LATEX) == latex


def test_the_number_of_digits_can_be_chosen() -> None:
    assert format_number(math.pi, ASCII, digits=7) == "3.141593"
    assert write(math.pi * a, ASCII, digits=2) == "3.1a"


@pytest.mark.parametrize("number", [0.1, -1e-300, 2.0, 1 / 3, 5e-324, 1.7976931348623157e308])
def test_code_keeps_every_digit(number: float) -> None:
    assert float(format_number(number, PYTHON)) == number


@pytest.mark.parametrize(
    ("factor", "text"), [(1e-7, "1e-7 a"), (math.inf, "inf a"), (math.nan, "nan a"), (12345.6, "1.235e4 a")]
)
def test_a_factor_that_is_not_plain_digits_keeps_its_distance(factor: float, text: str) -> None:
    assert (factor * a).ascii == text


@pytest.mark.parametrize(("text", "latex", "unicode", "ascii_text", "identifier"), NAMED)
def test_names_are_mathematics(text: str, latex: str, unicode: str, ascii_text: str, identifier: str) -> None:
    name = Name.of(text)
    assert (name.latex, name.unicode, name.ascii, name.identifier) == (latex, unicode, ascii_text, identifier)
    assert name.is_mathematics


def test_a1_and_a_1_are_one_name() -> None:
    assert Name.of("a1") == Name.of("a_1")


def test_an_equation_names_a_node_twice_and_formulas_use_the_first() -> None:
    assert [name.ascii for name in Name.all_of("z_0 = x")] == ["z_0", "x"]
    assert (2 * Symbol("z_0 = x")).ascii == "2z_0"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_plain_escaped_text(text: str) -> None:
    name = Name.of(text)
    assert not name.is_mathematics
    assert name.ascii.isascii()
    assert name.ascii.isprintable()
    assert name.unicode.isprintable()
    assert name.identifier.isidentifier()
    assert name.identifier.isascii()
    inside = name.latex.removeprefix(r"\text{").removesuffix("}")
    for command in (r"\input", r"\write", r"\catcode"):
        assert command not in inside
    assert unescaped(inside) == []


def unescaped(latex: str) -> list[str]:
    """The characters LaTeX would act on, in what is left when the escapes are taken away."""
    for escape in (r"\textbackslash{}", r"\textasciicircum{}", r"\textasciitilde{}", r"\textless{}",
                   r"\textgreater{}", r"\{", r"\}", r"\$", r"\&", r"\#", r"\%", r"\_"):
        latex = latex.replace(escape, "")
    return [letter for letter in latex if letter in "\\{}$&#%_^~<>"]


def test_latex_escapes_every_character_it_would_act_on() -> None:
    assert unescaped(escape_latex("".join(map(chr, range(32, 127))))) == []


def test_a_long_expression_keeps_its_outside_and_ends_in_an_ellipsis() -> None:
    long = a
    for _ in range(100):
        long = rows.tanh(long + b)
    assert "..." in long.ascii
    assert long.ascii.startswith("tanh(tanh(")
    assert "…" in long.text
    assert r"\ldots" in long.latex
    assert len(long.ascii) < 600


def test_sixty_parts_are_written_in_full_and_sixty_one_are_cut() -> None:
    terms = [Symbol(f"x_{at}") for at in range(59)]
    full = raw(rows.total, terms)
    assert (full.size, "..." in full.ascii) == (60, False)
    over = raw(rows.total, [*terms, a])
    assert (over.size, "..." in over.ascii) == (61, True)


def test_code_is_never_cut() -> None:
    long = a
    for _ in range(100):
        long = rows.tanh(long)
    assert long.python == "tanh(" * 100 + "a" + ")" * 100
    assert long.javascript == long.python


def test_an_expression_of_exponential_size_is_written_at_once() -> None:
    doubled = a
    for _ in range(200):
        doubled = doubled * doubled + doubled
    assert len(doubled.ascii) < 1000


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_can_be_written_in_every_language(row: Primitive) -> None:
    operands = [Symbol(f"x_{at}") for at in range(row.arity or 2 * row.lists)]
    expression = raw(row, operands)
    code = (expression.python, expression.javascript)
    for text in (expression.latex, expression.text, expression.ascii, *code):
        assert "<" not in text
        assert text.count("(") == text.count(")")
        assert text.count("{") == text.count("}")
    assert expression.ascii.isascii()
    assert raw(row, operands, primed=True).ascii.isascii()


def test_symbols_do_not_mix_with_values() -> None:
    with pytest.raises(OperandError, match="Use symbols and numbers together"):
        Symbol.apply_primitive(rows.add, (a, Value(1.0)))
