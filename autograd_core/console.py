"""Text for a stream that may not be able to encode it."""

from __future__ import annotations

import sys
from collections.abc import Callable


def printable(text: str, in_ascii: Callable[[], str]) -> str:
    """``text`` if standard output can encode it, otherwise ``in_ascii()``, whatever is left in it spelled out."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return in_ascii().encode("ascii", "backslashreplace").decode()
    return text
