"""Where the elements of a page are, and which of them overlap or stick out."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Page


class Box(NamedTuple):
    """An element's rectangle in CSS pixels from the window's corner; `label` tells which element it is."""

    label: str
    left: float
    top: float
    right: float
    bottom: float


def boxes(page: Page, selector: str) -> list[Box]:
    """The rectangles of the elements that match a CSS selector and take up room, in the document's order."""
    found = page.locator(selector).evaluate_all(
        """elements => elements.map(element => {
            const {left, top, right, bottom} = element.getBoundingClientRect();
            const name = element.id ? "#" + element.id : element.getAttribute("class") ?? "";
            const text = element.getAttribute("aria-label") ?? element.textContent.trim().replace(/\\s+/g, " ");
            return [`${element.localName} ${name} ${text.slice(0, 40)}`.trim(), left, top, right, bottom];
        })"""
    )
    placed = [Box(*each) for each in found]
    return [box for box in placed if box.right > box.left and box.bottom > box.top]


def overlapping(page: Page, selector: str, tolerance: float = 0.5) -> list[tuple[str, str]]:
    """The pairs of matching elements that share more than `tolerance` pixels both across and down.

    An element overlaps those inside it, so the selector should match siblings.
    """
    return [
        (one.label, other.label)
        for one, other in combinations(boxes(page, selector), 2)
        if min(one.right, other.right) - max(one.left, other.left) > tolerance
        and min(one.bottom, other.bottom) - max(one.top, other.top) > tolerance
    ]


def outside_window(page: Page, selector: str, tolerance: float = 0.5) -> list[str]:
    """The matching elements that reach beyond the window's left or right edge by more than `tolerance` pixels."""
    width = page.evaluate("document.documentElement.clientWidth")
    return [
        box.label for box in boxes(page, selector) if box.left < -tolerance or box.right > width + tolerance
    ]


def overhang(page: Page) -> int:
    """By how many pixels the page can be scrolled sideways; 0 where nothing sticks out."""
    beyond: int = page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    return max(beyond, 0)
