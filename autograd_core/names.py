r"""How a name is written: ``w_{ij}^{(2)}`` in LaTeX, ``wᵢⱼ⁽²⁾`` in a terminal, ``w_ij_2`` in code.

A name is a base, an index and an exponent.  ``a1`` and ``a_1`` are the same name; what follows ``_`` up
to ``^`` is the index (``a1_2`` has two); a Greek letter's name (``delta``, ``\delta``) is that letter; ``yhat`` and
``\hat{y}`` wear a hat; any other word of several letters is upright.  A name may be an equation,
``z_0 = x``: one node under two names, the first of which formulas use.  What is not valid mathematics
is plain text.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

GREEK = dict(
    alpha="α", beta="β", gamma="γ", delta="δ", epsilon="ε", zeta="ζ", eta="η", theta="θ", iota="ι", kappa="κ",
    mu="μ", nu="ν", xi="ξ", pi="π", rho="ρ", sigma="σ", tau="τ", upsilon="υ", phi="φ", chi="χ", psi="ψ",
    omega="ω", Gamma="Γ", Delta="Δ", Theta="Θ", Lambda="Λ", Xi="Ξ", Pi="Π", Sigma="Σ", Phi="Φ", Psi="Ψ",
    Omega="Ω")
GREEK["lambda"] = "λ"
_NAME_OF_LETTER = {letter: word for word, letter in GREEK.items()}
_SUBSCRIPT = dict(zip("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_SUPERSCRIPT = dict(zip("0123456789+-()iknTN", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁱᵏⁿᵀᴺ", strict=True))
_HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"

_BASE = (
    r"\\hat\{(?P<hat>[A-Za-z])\}|\\hat (?P<hat2>[A-Za-z])|(?P<wordhat>[afpxyz])hat"
    r"|\\(?P<greek>[A-Za-z]+)|(?P<word>[A-Za-z]+)"
)
_PART = r"\{[A-Za-z0-9,+\-() ]+\}"
_INDEX = rf"(?:_(?P<index>{_PART}|[A-Za-z0-9_]+))?"
_EXPONENT = rf"(?:\^(?P<exponent>{_PART}|[A-Za-z0-9]|\([A-Za-z0-9]+\)))?"
_NAME = re.compile(rf"(?:{_BASE})(?P<digits>\d+)?{_INDEX}{_EXPONENT}(?P<primes>'*)")


@dataclass(frozen=True)
class Name:
    """A name under every notation.

    >>> Name.of(r"w_{ij}^{(2)}").latex, Name.of("a1").unicode, Name.of("yhat").latex
    ('w_{ij}^{(2)}', 'a₁', '\\\\hat{y}')
    """

    latex: str
    unicode: str
    ascii: str
    identifier: str
    is_mathematics: bool
    stem: str = ""
    index: str = ""
    exponent: str = ""

    def with_index(self, index: str) -> Name:
        """The name with another index: ``w_1^{(2)}`` with ``j`` is ``w_j^{(2)}``."""
        return _name_of(f"{self.stem}_{{{index}}}" + (f"^{{{self.exponent}}}" if self.exponent else ""))

    @staticmethod
    def of(text: str) -> Name:
        """The name written ``text``; of an equation ``z_0 = x``, its first name."""
        return _name_of(text.split(" = ")[0].strip())

    @staticmethod
    def all_of(text: str) -> tuple[Name, ...]:
        """Every name of the equation ``text``, in order."""
        return tuple(_name_of(part.strip()) for part in text.split(" = "))


def arrows(names: Sequence[Name]) -> Name:
    """The names in a row with arrows between them, as one name: a path."""
    return Name(
        latex=r" \to ".join(name.latex for name in names),
        unicode=" → ".join(name.unicode for name in names),
        ascii=" -> ".join(name.ascii for name in names),
        identifier="_".join(name.identifier for name in names),
        is_mathematics=True,
    )


@lru_cache(maxsize=4096)
def _name_of(text: str) -> Name:
    if text[:1] in _NAME_OF_LETTER:
        text = f"\\{_NAME_OF_LETTER[text[0]]}{text[1:]}"
    match = _NAME.fullmatch(text)
    if match is None or (match["greek"] and match["greek"] not in GREEK):
        return _plain(text)
    part = match.groupdict()
    hat = part["hat"] or part["hat2"] or part["wordhat"]
    word = hat or part["greek"] or part["word"]
    if hat:
        latex, unicode, code = rf"\hat{{{hat}}}", unicodedata.normalize("NFC", hat + _HAT), hat + "hat"
    elif word in GREEK:
        latex, unicode, code = "\\" + word, GREEK[word], word
    else:
        latex, unicode, code = (word if len(word) == 1 else rf"\mathrm{{{word}}}"), word, word
    index = ",".join(filter(None, [part["digits"], *re.split(r"[_,]+", (part["index"] or "").strip("{}"))]))
    exponent = (part["exponent"] or "").strip("{}")
    primes = part["primes"]
    return Name(
        latex=latex + _latex_script("_", index) + _latex_script("^", exponent) + primes,
        unicode=unicode + raised("_", index) + raised("^", exponent) + primes,
        ascii=code + (f"_{index.replace(',', '_')}" if index else "") + (f"^{exponent}" if exponent else "") + primes,
        identifier=_identifier("_".join(filter(None, [code, index, exponent])) + "_prime" * len(primes)),
        is_mathematics=True,
        stem=rf"\hat{{{hat}}}" if hat else f"\\{word}" if word in GREEK else str(word),
        index=index,
        exponent=exponent,
    )


def _latex_script(mark: str, script: str) -> str:
    if not script:
        return ""
    return f"{mark}{script}" if len(script) == 1 else f"{mark}{{{script}}}"


def raised(mark: str, script: str) -> str:
    """``script`` in small letters, below the line for the mark ``_`` or above it for ``^``, where unicode has them."""
    letters = _SUBSCRIPT if mark == "_" else _SUPERSCRIPT
    if all(letter in letters for letter in script):
        return "".join(letters[letter] for letter in script)
    return f"{mark}{script}"


def in_ascii(text: str) -> str:
    """A text with the small letters and the Greek ones in it as they are typed.

    >>> in_ascii("v₁₂ = δ²")
    'v_12 = delta^2'
    """
    for mark, letters in (("_", _SUBSCRIPT), ("^", _SUPERSCRIPT)):
        typed = {small: letter for letter, small in letters.items()}
        runs = re.split(f"([{re.escape(''.join(typed))}]+)", text)
        text = "".join(mark + "".join(typed[each] for each in run) if at % 2 else run for at, run in enumerate(runs))
    return "".join(_NAME_OF_LETTER.get(letter, letter) for letter in text)


def _identifier(text: str) -> str:
    word = re.sub(r"[\W_]+", "_", text, flags=re.ASCII).strip("_") or "v"
    if keyword.iskeyword(word):
        return f"{word}_"  # lambda, above all
    return word if word[0].isalpha() else f"v_{word}"


def _plain(text: str) -> Name:
    # Control and direction marks would reorder or break what is printed around the name.
    shown = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
    return Name(
        latex=rf"\text{{{escape_latex(shown)}}}",
        unicode=shown,
        ascii=shown.encode("ascii", "backslashreplace").decode(),
        identifier=_identifier(text),
        is_mathematics=False,
    )


_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
}


def escape_latex(text: str) -> str:
    r"""``text`` with every character LaTeX would interpret escaped.

    >>> escape_latex(r"\\input{x}")
    '\\textbackslash{}\\textbackslash{}input\\{x\\}'
    """
    return "".join(_LATEX_ESCAPES.get(letter, letter) for letter in text)
