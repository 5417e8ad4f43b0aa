"""Opening pages in a browser while noting what they complain of and what they ask for."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

_PATIENCE = 10_000
"""Milliseconds to wait for an element."""


@dataclass
class Record:
    """What happened on one page: the console's errors and warnings, exceptions nobody caught, requested addresses.

    `allowed` is the beginning of the addresses it may ask for; `may_fail` pages are not held to anything.
    """

    allowed: str
    may_fail: bool
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """What a page must not do, in words."""
        # A blob's address names the page that made it; that of a file names none.
        elsewhere = [url for url in self.requests if not url.removeprefix("blob:").startswith(self.allowed)]
        return [
            *(f"console error: {text}" for text in self.errors),
            *(f"exception: {text}" for text in self.exceptions),
            *(f"request: {url}" for url in elsewhere),
        ]

    def hear(self, message: ConsoleMessage) -> None:
        """Note an error or a warning of the console."""
        heard = {"error": self.errors, "warning": self.warnings}.get(message.type)
        if heard is not None:
            heard.append(f"{message.text} ({message.location['url']}:{message.location['lineNumber']})")


class Visits:
    """The pages opened in one test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._records: dict[Page, Record] = {}
        self._open = ExitStack()

    def __call__(
        self,
        path_or_url: Path | str,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        reduced_motion: bool = False,
        *,
        allowed: str | None = None,
        may_fail: bool = False,
    ) -> Page:
        """Open a file or an address in a browser that is new (no cookies, no storage) and give its loaded page.

        Arguments: `width` and `height` of the window in CSS pixels; `dark` and `reduced_motion` are what the
        reader prefers; `allowed`, how the addresses begin that the page may ask for, by default only its own;
        `may_fail` for a test that looks at `record(page)` itself.
        """
        url = path_or_url.as_uri() if isinstance(path_or_url, Path) else path_or_url
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        context.set_default_timeout(_PATIENCE)
        self._open.callback(context.close)
        page = context.new_page()
        record = self._records[page] = Record(allowed or url.partition("#")[0], may_fail)
        # The context's events are those of its frames and workers too.
        context.on("console", record.hear)
        context.on("weberror", lambda error: record.exceptions.append(str(error.error)))
        context.on("request", lambda request: record.requests.append(request.url))
        page.on("websocket", lambda socket: record.requests.append(socket.url.replace("ws://", "http://", 1)))
        page.goto(url)
        return page

    def record(self, page: Page) -> Record:
        """What has happened on a page so far."""
        return self._records[page]

    @property
    def problems(self) -> list[str]:
        """What the pages did that they must not do."""
        return [problem for record in self._records.values() if not record.may_fail for problem in record.problems]

    def close(self) -> None:
        """Close every page."""
        self._open.close()
