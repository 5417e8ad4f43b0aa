"""The lecture's page as a reader has it: opened from a folder, in the light and in the dark, wide and narrow."""

from pathlib import Path

import pytest

from viz.page import write_lecture

from .conftest import Axe
from .rectangles import outside_window, overhang, overlapping
from .visits import Visits

in_every_window = pytest.mark.parametrize(
    ("width", "dark"),
    [(1280, False), (1280, True), (400, False), (400, True)],
    ids=["wide", "wide-dark", "narrow", "narrow-dark"],
)


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lecture(tmp_path_factory.mktemp("lecture")).page


@in_every_window
def test_the_page_is_whole_accessible_and_fits(
    lecture: Path, visit: Visits, axe: Axe, width: int, dark: bool
) -> None:
    page = visit(lecture, width, dark=dark)
    assert overhang(page) == 0
    assert not outside_window(page, "header, nav, main, section, h1, h2, h3, figure, .equations, .table, details")
    assert not overlapping(page, "main > section")
    assert not overlapping(page, "header, nav, main")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert axe(page) == []
    assert overhang(page) == 0
    assert visit.record(page).warnings == []


def test_the_style_applies_in_the_dark_too(lecture: Path, visit: Visits) -> None:
    papers = [visit(lecture, dark=dark).evaluate("getComputedStyle(document.body).backgroundColor")
              for dark in (False, True)]
    assert papers == ["rgb(253, 252, 250)", "rgb(23, 24, 27)"]
