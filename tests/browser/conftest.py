"""Chromium for the tests of this folder: `visit` opens pages, `axe` judges them, `lab` is a real JupyterLab.

Browser and server live as long as this folder's tests, once in each process of pytest-xdist, and no longer:
while Playwright runs, its event loop counts as running in this thread, and other tests may want one of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .jupyterlab_server import JupyterLab
from .notebooks import Lab
from .visits import Visits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no page reaches the network
]
MILLISECONDS_TO_WAIT = 20_000
"""What `expect` waits for comes at once, but not on a machine that does ten things besides."""

ANSWERS_EVERY_FRAME = 'axe.configure({allowedOrigins: ["<unsafe_all_origins>"]})'
"""A sandboxed frame has an origin of its own, from which axe would take no questions."""

Axe = Callable[..., list[str]]


def needed(module: str, extra: str) -> Any:
    """The module; without it the test is skipped, and pytest's summary says what to install."""
    return pytest.importorskip(module, reason=f"{module.split('.')[0]} is missing; it comes with the extra {extra}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    playwright = needed("playwright.sync_api", "dev")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"there is no browser; install one of {', '.join(BROWSERS)} (Debian: apt install chromium)")
    playwright.expect.set_options(timeout=MILLISECONDS_TO_WAIT)
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visits]:
    """Opens pages: see `Visits.__call__`. Afterwards no page may have complained or asked for another file."""
    visits = Visits(browser)
    yield visits
    visits.close()
    assert not visits.problems


@pytest.fixture(scope="package")
def axe_source() -> str:
    """The program axe-core, which comes with a Python package."""
    found = needed("axe_playwright_python", "dev")
    return (Path(found.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def axe(axe_source: str) -> Axe:
    """`axe(page, within="html")`: what axe-core has against that part of the page, a line for each element."""

    def violations(page: Page, within: str = "html") -> list[str]:
        # Evaluated from outside, which a page's Content-Security-Policy does not forbid as it would a script element.
        for frame in page.frames:
            frame.evaluate(f"{axe_source}\n{ANSWERS_EVERY_FRAME}")
        found = page.evaluate(
            """async within => {
                const options = {resultTypes: ["violations"], preload: false};
                const {violations} = await axe.run(within, options);
                const line = ({id, impact, help}, {target, any}) =>
                    [`${id} (${impact}): ${target.flat().join(" ")}: ${help}.`, ...any.map(({message}) => message)]
                        .join(" ");
                return violations.flatMap(rule => rule.nodes.map(node => line(rule, node)));
            }""",
            within,
        )
        return list(found)

    return violations


@pytest.fixture(scope="package")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """A JupyterLab server that knows nothing of the user's own settings."""
    for module in ("jupyterlab", "anywidget", "ipykernel", "nbformat"):
        needed(module, "notebook")
    with JupyterLab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(lab_server: JupyterLab, visit: Visits) -> Lab:
    """Runs notebooks: see `Lab.__call__`."""
    return Lab(lab_server, visit)
