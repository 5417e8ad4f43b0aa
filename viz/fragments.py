"""Formulas, explanations, tables and pictures as HTML fragments, the same on a page and in a notebook.

Everything of the user's is escaped; mathematics is outlines in the colour of the text around it. There are no
ids (but a section's own), no scripts and no style attributes, so a strict Content-Security-Policy can hold.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Protocol

from autograd_core.explanation import NUMBERS, RESULT, Explanation
from autograd_core.formula import LONGEST_SUM, Formula, Sum
from autograd_core.table import Table
from autograd_core.writing import LATEX, UNICODE
from viz.picture import Picture
from viz.rendering.mathematics import UNITS, Drawing, typeset_latex, visible


class Embedded(Protocol):
    """What runs inside a page: as ``markup`` where the page has its script, else as a ``frame`` with its own."""

    @property
    def markup(self) -> str: ...

    @property
    def frame(self) -> str: ...


Part = Picture | Explanation | Table | Embedded | str

_MARGIN = 0.02
"""Room around the ink, in ems: antialiasing paints a little outside the outline."""

_NARROWEST_WIDE_PICTURE = 560
"""Pixels; fragments.css shrinks no wide picture further."""

_DEPTH = re.compile(r'class="formula below-(\d+)"')


@lru_cache(maxsize=4096)
def formula(latex: str, text: str) -> str:
    r"""LaTeX as an inline SVG standing on the baseline of the text around it.

    Arguments: `latex` without dollar signs; `text` is what a screen reader says. A formula with a name that
    is not mathematics is shown as its text. The style that `style_for` writes puts it on the baseline.

    >>> formula("x_1", "x₁")[:57]
    '<svg class="formula below-23" role="img" aria-label="x₁" '
    """
    drawing = None if r"\text{" in latex else typeset_latex(latex)
    if drawing is None or not drawing.outlines:
        return formula_as_text(text)
    left, right = min(drawing.left, 0.0) - _MARGIN, drawing.right + _MARGIN
    # The box reaches the baseline even where the ink does not, so that a lone minus sign hangs at its height.
    top = min(drawing.top, 0.0) - _MARGIN
    below = math.ceil(max(drawing.bottom, 0.0) * 100 + _MARGIN * 100)
    width, height = right - left, below / 100 - top
    view = f"{left * UNITS:.5g} {top * UNITS:.5g} {width * UNITS:.5g} {height * UNITS:.5g}"
    return (
        f'<svg class="formula below-{below}" role="img" aria-label="{escape(text)}" '
        f'width="{width:.3f}em" height="{height:.3f}em" viewBox="{view}" fill="currentColor">'
        f"{_outlines(drawing)}</svg>"
    )


def formula_as_text(text: str) -> str:
    """A formula in letters, where it is no mathematics or outlines would be too much."""
    return f'<span class="formula">{escape(text)}</span>'


def explanation(lines: Explanation) -> str:
    """An explanation as the slide's equation block: lines aligned at the equals sign, each with its rule."""
    said = f"The derivative of {lines.left.head.unicode} with respect to {lines.left.tail.unicode}"
    left = formula(lines.left.write(LATEX), lines.left.write(UNICODE))
    written = []
    for step in lines:
        right = _right_side(step.formula)
        rule = "" if step.rule in ("", NUMBERS, RESULT) else f'<span class="rule">{escape(step.rule)}</span>'
        sides = f'<span class="left">{left}</span><span class="right">{right}</span>'
        written.append(f'<div class="line">{sides}{rule}</div>')
        left = ""
    return _scrolling("equations", said, "\n".join(written))


def _right_side(side: Formula) -> str:
    # A long sum may break before each of its plus signs.
    parts = side.terms if isinstance(side, Sum) and len(side.terms) <= LONGEST_SUM else (side,)
    shown = []
    for at, part in enumerate(parts):
        latex, text = part.write(LATEX), part.write(UNICODE)
        minus = at > 0 and latex.startswith("-")
        sign = "=" if at == 0 else "-" if minus else "+"
        # An empty group before it makes a sign that of a sum, with a space on either side.
        shown.append(formula(f"{'{} ' if at else ''}{sign} {latex[minus:]}", f"{sign} {text[minus:]}"))
    return " ".join(shown)


def table(rows: Table, name: str = "Table") -> str:
    """A table with typeset formulas, scrolling on its own where it is wide; `name` is for a screen reader."""
    return _scrolling("table", name, rows.to_html(mathematics=formula))


def picture(drawn: Picture) -> str:
    """A picture on a white card, never larger than drawn, and smaller only while its labels can be read."""
    bounds = drawn.scene.bounds
    wide = (bounds.right - bounds.left) * drawn.scale > _NARROWEST_WIDE_PICTURE
    look = 'class="picture wide" tabindex="0"' if wide else 'class="picture"'
    return f"<figure {look}>{drawn.svg}</figure>"


def part(shown: Part, name: str = "Table", scripted: bool = False) -> str:
    """Whatever a worked example shows; `scripted` if it is for a page that has the script of what runs."""
    if isinstance(shown, Picture):
        return picture(shown)
    if isinstance(shown, Explanation):
        return explanation(shown)
    if isinstance(shown, Table):
        return table(shown, name)
    if isinstance(shown, str):
        return f"<p>{escape(shown)}</p>"
    return shown.markup if scripted else shown.frame


def section(
    id: str, title: str, says: str, parts: Iterable[tuple[str, Part]], code: str, scripted: bool = False
) -> str:
    """A worked example: its heading with an anchor, what it says, its parts, and its code folded away."""
    anchor = escape(id)
    shown = "\n".join(
        f"<h3>{escape(heading)}</h3>\n{part(each, heading, scripted)}" if heading else part(each, scripted=scripted)
        for heading, each in parts
    )
    return (
        f'<section class="worked" id="{anchor}">\n<h2><a href="#{anchor}">{escape(title)}</a></h2>\n'
        f'<p class="says">{escape(says)}</p>\n{shown}\n'
        f"<details><summary>The code that made this</summary>"
        f'<pre tabindex="0"><code>{html.escape(code.strip())}</code></pre></details>\n</section>'
    )


def style_for(markup: str) -> str:
    """The style sheet of some fragments: how they look, and how deep each of their formulas hangs."""
    sheet = files("viz").joinpath("fragments.css").read_text(encoding="utf-8")
    depths = sorted({int(depth) for depth in _DEPTH.findall(markup)})
    rules = "".join(f".worked .below-{depth}{{vertical-align:{-depth / 100:g}em}}\n" for depth in depths)
    return sheet + rules


def alone(markup: str) -> str:
    """A fragment with its style in front, for a notebook."""
    return f"<style>\n{style_for(markup)}</style>\n{markup}"


def _scrolling(kind: str, said: str, inside: str) -> str:
    # Focusable, or who has no mouse could not scroll it.
    return f'<div class="{kind}" role="group" aria-label="{escape(said)}" tabindex="0">\n{inside}\n</div>'


def _outlines(drawing: Drawing) -> str:
    written = []
    for outline in drawing.outlines:
        color = outline.color or "currentColor"
        look = f' fill="{color}"' if outline.color else ""
        if outline.line_width:
            look = f' fill="none" stroke="{color}" stroke-width="{outline.line_width:g}"'
        written.append(f'<path d="{outline.path}"{look}/>')
    return "".join(written)


def escape(text: str) -> str:
    """``text`` for HTML, its invisible characters written out."""
    return html.escape(visible(text))
