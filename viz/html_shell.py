"""The one shell of every page we write: it loads nothing, and runs nothing but the script it is given."""

from __future__ import annotations

import base64
import hashlib
import html
import re

from viz.rendering.mathematics import visible

_ENDS_STYLE = re.compile(r"</style", re.IGNORECASE)
_ENDS_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)


def html_page(*, title: str, body: str, style: str, script: str = "", head: str = "") -> str:
    """A whole document whose Content-Security-Policy names its style sheet and its script by their hashes.

    Arguments: `title` as plain text, escaped here; `body` and `head` as HTML, `head` goes before the title;
    `style` as CSS without a tag; `script` as one ES module, run when the body is there. The policy forbids
    everything else: requests, eval, style and event attributes, forms. Raises ValueError for a style or script
    that would end its own element (`</style`; `</script`, `<!--`), or with a null character.

    >>> print(html_page(title="A & B", body="<h1>A</h1>", style="h1{color:red}"))
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-...'; ...">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>A &amp; B</title>
    <style>h1{color:red}</style>
    </head>
    <body>
    <h1>A</h1>
    </body>
    </html>
    <BLANKLINE>
    """
    style = _as_parsed(style, _ENDS_STYLE, "style")
    script = _as_parsed(script, _ENDS_SCRIPT, "script")
    sources = f"style-src {_hash(style)}; " + (f"script-src {_hash(script)}; " if script else "")
    policy = f"default-src 'none'; {sources}base-uri 'none'; form-action 'none'"
    running = f'<script type="module">{script}</script>\n' if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head}<title>{html.escape(visible(title))}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n{running}</body>\n</html>\n"
    )


def _as_parsed(text: str, ends: re.Pattern[str], element: str) -> str:
    # A browser hashes what its parser made of the element: newlines are \n there, and null characters replaced.
    found = ends.search(text) or re.search("\0", text)
    if found:
        raise ValueError(
            f"A page's {element} must stand inside one <{element}> element; it holds {found[0]!r}, which would end or "
            "change it. Write it in another way, in a string with an escape."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
