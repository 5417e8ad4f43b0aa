"""Notebooks opened and run in the page of a real JupyterLab, as a person would."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING

from .jupyterlab_server import JupyterLab
from .visits import Visits

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_MILLISECONDS_TO_START = 60_000
"""A first kernel is waited for so long."""

# What is run too early is silently not run, and the page's own indicator says "idle" before there is a kernel.
_KERNEL_IS_READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""

_numbers = count(1)


class Lab:
    """Opens notebooks in JupyterLab's page and runs their cells through its menus and keys."""

    def __init__(self, server: JupyterLab, visit: Visits) -> None:
        self._server = server
        self._visit = visit

    def __call__(
        self, cells: Iterable[str], shows: str, width: int = 1280, height: int = 800, dark: bool = False
    ) -> Page:
        """Open a new notebook of these code cells, run all of them, wait, and give the page.

        Arguments: `shows` is the CSS selector of what is waited for, inside the cells' outputs; the rest as in
        `Visits.__call__`. The page may ask for nothing but the server's own files.
        """
        import nbformat.v4

        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = self._server.notebooks / f"notebook-{next(_numbers)}.ipynb"
        nbformat.write(notebook, path)
        page = self._visit(self._server.url(path), width, height, dark, allowed=self._server.address)
        page.wait_for_function(_KERNEL_IS_READY, timeout=_MILLISECONDS_TO_START)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(f".jp-OutputArea-output {shows}").first.wait_for(timeout=_MILLISECONDS_TO_START)
        return page

    def output(self, page: Page, cell: int) -> Locator:
        """All that a cell, counted from 0, has put out."""
        return page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")

    def run(self, page: Page, cell: int) -> Locator:
        """Run a cell, counted from 0, once more, and give what it puts out; `expect(...)` waits for it."""
        page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-InputArea-editor .cm-content").click()
        page.keyboard.press("Control+Enter")
        return self.output(page, cell)
