"""Labels: LaTeX where it can be typeset, harmless plain text otherwise, and never an error."""

import re
import subprocess
import sys

import pytest

from viz.rendering.mathematics import Drawing, is_color, typeset_latex, typeset_text, visible

LECTURE_LATEX = (
    r"x_1", r"\mathrm{loss}", r"\hat{y} - y", r"\frac{\partial E}{\partial w_1}", r"\sum_{j=1}^{N} w_j",
    r"\left(\frac{a}{b}\right)^2", r"\underbrace{a + b}_{\delta_2}", r"\sigma'(a_1)", r"\text{chain rule}",
    r"\mathbf{W}^{(k)}", r"\boldsymbol{W}", r"w_{ij}^{(2)}", r"{-1.25}", r"\vdots", r"\odot", r"x^\top",
    r"\left.\frac{dy}{dx}\right|_{x=1}", r"\operatorname{softmax}(x)", r"\sqrt{x}", r"\mathcal{L}",
    r"\begin{pmatrix} a & b\\ c & d\end{pmatrix}",
)
BAD_LATEX = ("", "%", "&", r"\frac{a", "x_", "}{", "\\", r"\text{a_b & <c>}", "{" * 900, "x" * 5000, "\x00")
HOSTILE_TEXT = (
    "</text><script>alert(1)</script>", "\"quoted'", "line\nbreak", r"\input{/etc/passwd}", "$x$",
    "a\u202eb", "\x00\x1b[31m", "漢字", "שלום", "😀", "\ud800", "\ufffe", "", " ", "y" * 5000,
)


def is_safe(drawing: Drawing) -> bool:
    return all(
        re.fullmatch(r"[MmLlQqCcz0-9 .-]*", outline.path)
        and (outline.color is None or is_color(outline.color))
        for outline in drawing.outlines
    )


@pytest.mark.parametrize("latex", LECTURE_LATEX)
def test_the_lecture_s_mathematics_is_typeset(latex: str) -> None:
    drawing = typeset_latex(latex)
    width, height = drawing.size(20.0)
    assert 0 < width < 200 and 0 < height < 70
    assert is_safe(drawing) and drawing.outlines != typeset_text(latex).outlines


@pytest.mark.parametrize("latex", BAD_LATEX)
def test_what_cannot_be_typeset_is_drawn_as_plain_text(latex: str) -> None:
    assert is_safe(typeset_latex(latex))


def test_commands_that_would_read_or_link_are_only_letters() -> None:
    drawing = typeset_latex(r"\input{/etc/passwd}\href{javascript:alert(1)}{b}\color{url(http://x)}{c}")
    assert is_safe(drawing) and all(outline.color is None for outline in drawing.outlines)


@pytest.mark.parametrize("text", HOSTILE_TEXT)
def test_plain_text_is_drawn_whatever_it_holds(text: str) -> None:
    drawing = typeset_text(text)
    assert is_safe(drawing)
    assert drawing.text == visible(text)


def test_plain_text_is_not_mathematics() -> None:
    assert typeset_text("x_1").outlines != typeset_latex("x_1").outlines
    assert typeset_text("$x$").size(20)[0] > 2 * typeset_latex("x").size(20)[0]


def test_two_hyphens_stay_two_and_outer_spaces_stay() -> None:
    assert typeset_text("--").outlines[0].path.count("M") == 2
    assert typeset_text("a b").size(20)[0] > typeset_text("ab").size(20)[0]


def test_long_text_is_cut_but_its_name_is_not() -> None:
    drawing = typeset_text("m" * 1000)
    assert drawing.size(10)[0] < 1600
    assert drawing.text == "m" * 1000


def test_directions_and_controls_are_written_out() -> None:
    assert visible("a\u202eb\u2066\n\t\x1b\u2028\u00a0c") == r"a\u202eb\u2066\n\t\u001b\u2028 c"


def test_the_box_holds_the_ink_of_a_hat() -> None:
    plain, hatted = typeset_latex("y"), typeset_latex(r"\hat{y}")
    assert hatted.top < plain.top and hatted.bottom == plain.bottom
    assert hatted.size(1)[0] < 1.3 * plain.size(1)[0]


def test_colours_are_words_or_hexadecimal() -> None:
    assert is_color("red") and is_color("#d62728")
    assert not any(map(is_color, ("", "url(#x)", 'red"', "#12", "var(--x)", "red;blue")))


def test_neither_typesetting_nor_painting_is_imported_before_it_is_needed() -> None:
    check = "import viz.picture, sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert not {"ziamath", "resvg_py", "pygraphviz"} & set(answer.stdout.split())


def test_typesetting_leaves_ziamath_s_settings_alone() -> None:
    import ziamath

    before = ziamath.config.svg2, ziamath.config.precision
    typeset_latex(r"q_{77}")
    assert (ziamath.config.svg2, ziamath.config.precision) == before
