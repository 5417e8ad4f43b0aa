"""LaTeX and plain text, typeset as outlines: a picture needs no fonts, and every size is known before layout.

Lengths here are ems (1 em = the font size), measured from the start of the baseline, y downwards.
"""

from __future__ import annotations

import re
import threading
import unicodedata
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from viz.errors import LayoutError

UNITS = 500
"""Outlines are whole numbers of 1/UNITS em, which is finer than a pixel up to a font size of 500 pixels."""

LONGEST_TEXT = 160
LONGEST_LATEX = 2000
_TYPESETTING = threading.Lock()  # ziamath's configuration is global
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,24}")
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_PATH = re.compile(rf"[A-Za-z]|{_NUMBER}")
_UNARY_MINUS = re.compile(r"(^|[(={] ?|\\; ?)-")
_NARROW_HAT = re.compile(r"(<mover[^>]*><mrow><mi[^>]*>[^<]<)/mi></mrow><mo>&#x00302;")


@dataclass(frozen=True)
class Outline:
    """One path, filled or (with a line width) stroked, in whole 1/UNITS em; `color` None is the label's."""

    path: str
    color: str | None = None
    line_width: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """A typeset label: its outlines, the box of its ink in ems, and the text a screen reader says."""

    outlines: tuple[Outline, ...]
    left: float
    top: float
    right: float
    bottom: float
    text: str

    def size(self, font_size: float) -> tuple[float, float]:
        """Return the width and height of the ink, in pixels, at a font size in pixels."""
        return (self.right - self.left) * font_size, (self.bottom - self.top) * font_size


def is_color(name: str) -> bool:
    """Tell whether a name is `#rrggbb` or a bare word, the only colours let into a picture."""
    return _COLOR.fullmatch(name) is not None


def visible(text: str) -> str:
    r"""Return the text with every control, format and direction character written out as an escape.

    >>> visible("a\u202eb\n")
    'a\\u202eb\\n'
    """
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category not in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"):
        return character
    return {"\n": r"\n", "\t": r"\t", "\r": r"\r"}.get(character, f"\\u{ord(character):04x}")


@lru_cache(maxsize=4096)
def typeset_latex(latex: str) -> Drawing:
    r"""Typeset LaTeX mathematics; what cannot be typeset is drawn as plain text, and only a
    missing typesetter raises (LayoutError).

    Arguments: `latex` without dollar signs.

    >>> width, height = typeset_latex(r"\frac{a}{b}").size(20)
    >>> height > width
    True
    """
    _ziamath()  # that it is missing is no fault of the LaTeX
    try:
        if len(latex) > LONGEST_LATEX:
            return typeset_text(latex)
        with _TYPESETTING:
            return _draw(_mathml_of_latex(latex), visible(latex))
    except Exception:  # ziamath answers bad LaTeX with errors of many unrelated types
        return typeset_text(latex)


@lru_cache(maxsize=4096)
def typeset_text(text: str) -> Drawing:
    """Typeset plain text exactly as it stands, nothing in it being markup; this never raises.

    Invisible characters come out as escapes, characters the font lacks as a hollow box, and text beyond
    160 characters is cut with an ellipsis (the drawing's `text` keeps it whole).
    """
    _ziamath()
    shown = visible(text)
    if len(shown) > LONGEST_TEXT:
        shown = shown[: LONGEST_TEXT - 1] + "…"
    for attempt in (shown, shown.encode("ascii", "backslashreplace").decode()):
        root = ET.Element("math")
        # MathML trims and joins spaces, and ziamath draws two hyphens as one long rule.
        ET.SubElement(root, "mtext").text = attempt.replace(" ", "\u00a0").replace("-", "\u2010")
        try:
            with _TYPESETTING:
                return _draw(root, visible(text))
        except Exception:  # a glyph or substitution the font reader cannot handle
            continue
    return Drawing((), 0.0, 0.0, 0.0, 0.0, visible(text))


def _ziamath() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # ziamath 0.13 reads its font with a retired call
        try:
            import ziamath
            import ziamath.tex
        except ModuleNotFoundError as missing:
            raise LayoutError(
                f"A picture's mathematics is set by ziamath, which cannot be imported ({missing}). "
                "Install it with: python -m pip install ziamath"
            ) from missing
    return ziamath


def _mathml_of_latex(latex: str) -> str:
    # A minus that begins something is a sign; outside braces it would be spaced like an operator.
    mathml: str = _ziamath().tex.tex2mml(_UNARY_MINUS.sub(r"\1{-}", latex))
    # It sets the sign of a partial derivative as an operator, with a space after it; in a group there is none.
    mathml = mathml.replace("<mo>&#x02202;</mo>", "<mrow><mo>&#x02202;</mo></mrow>")
    # ziamath stretches every hat to a wide one; over a single letter the small circumflex is right.
    return _NARROW_HAT.sub(r'\1/mi></mrow><mo stretchy="false">&#710;', mathml)


def _draw(mathml: str | ET.Element, text: str) -> Drawing:
    ziamath = _ziamath()
    settings = ziamath.config
    before = settings.svg2, settings.precision
    try:
        # SVG 2 output would define a <symbol> per glyph in every label: the same id many times in a picture.
        settings.svg2, settings.precision = False, 2
        canvas = ET.Element("g")
        ziamath.Math(mathml, size=UNITS).drawon(canvas)
    finally:
        settings.svg2, settings.precision = before
    box = _InkBox()
    pieces = [piece for element in canvas.iter() for piece in _outlines(element, box)]
    if not pieces:
        raise ValueError("nothing to draw")
    return Drawing(tuple(_joined(pieces)), *box.in_ems(), text)


class _InkBox:
    """The extent of all coordinates seen; control points count, so it may exceed the ink by a hair."""

    def __init__(self) -> None:
        self.across: list[float] = []
        self.down: list[float] = []

    def add(self, x: float, y: float) -> None:
        self.across.append(x)
        self.down.append(y)

    def in_ems(self) -> tuple[float, float, float, float]:
        edges = (min(self.across), min(self.down), max(self.across), max(self.down))
        left, top, right, bottom = (edge / UNITS for edge in edges)
        return left, top, right, bottom


def _outlines(element: ET.Element, box: _InkBox) -> Iterator[Outline]:
    """Yield an element's outline; only shapes with known attributes pass, so nothing of the input can."""
    if element.tag == "path":
        path = _relative_path(element.get("d", ""), box)
    elif element.tag == "rect":
        x, y, width, height = (float(element.get(name, "0")) for name in ("x", "y", "width", "height"))
        path = _relative_path(f"M{x} {y}L{x + width} {y}L{x + width} {y + height}L{x} {y + height}Z", box)
    elif element.tag == "g":
        return
    else:
        raise ValueError(f"cannot draw <{element.tag}>")
    line_width = float(element.get("stroke-width", "0"))
    color = element.get("stroke" if line_width else "fill", "black")
    yield Outline(path, None if color == "black" or not is_color(color) else color, line_width)


def _relative_path(path: str, box: _InkBox) -> str:
    """Rewrite an absolute path in whole relative units, a third of the length."""
    written: list[str] = []
    tokens: list[str] = _PATH.findall(path)
    here_x = here_y = start_x = start_y = 0
    position = 0
    while position < len(tokens):
        command = tokens[position]
        position += 1
        if command == "Z":
            written.append("z")
            here_x, here_y = start_x, start_y
            continue
        numbers = [round(float(token)) for token in tokens[position : position + _COORDINATES[command]]]
        position += len(numbers)
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        for x, y in points:
            box.add(x, y)
        steps = [(x - here_x, y - here_y) for x, y in points]
        here_x, here_y = points[-1]
        if command == "M":
            start_x, start_y = here_x, here_y
            written.append(f"M{here_x} {here_y}")
        elif command == "L" and steps == [(0, 0)]:
            continue
        else:
            written.append(command.lower() + " ".join(f"{x} {y}" for x, y in steps).replace(" -", "-"))
    return "".join(written)


_COORDINATES = {"M": 2, "L": 2, "Q": 4, "C": 6}


def _joined(pieces: list[Outline]) -> Iterator[Outline]:
    """Yield the outlines with neighbours of the same look joined into one."""
    path, look = pieces[0].path, pieces[0]
    for piece in pieces[1:]:
        if (piece.color, piece.line_width) == (look.color, look.line_width):
            path += piece.path
        else:
            yield Outline(path, look.color, look.line_width)
            path, look = piece.path, piece
    yield Outline(path, look.color, look.line_width)
