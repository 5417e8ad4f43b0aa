"""Text for a terminal of which nothing is known: not what it can encode, nor whether it is there."""

from __future__ import annotations

import sys
from typing import TextIO

# Signs of ours that not every terminal has; names and formulas come with an ASCII form of their own.
_PLAIN = str.maketrans({"\u2026": "...", "\u2192": "->", "\u2212": "-", "\u2013": "-", "\u2019": "'"})


def say(thing: object, stream: TextIO | None = None) -> None:
    """Write a line, or several, in what the stream can encode and without control characters."""
    stream = stream or sys.stdout
    if stream is None:  # a program without a console
        return
    text = "".join(sign if sign.isprintable() or sign == "\n" else _escaped(sign) for sign in str(thing))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        # Of several lines, columns (the caret under a mistake) stay below each other.
        instead = "replace" if "\n" in text else "backslashreplace"
        text = text.translate(_PLAIN).encode(encoding, instead).decode(encoding)
    stream.write(f"{text}\n")


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
