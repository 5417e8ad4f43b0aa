"""The instruments themselves: what a page does wrong is noticed, and where its elements are is measured rightly."""

from pathlib import Path

import pytest

from .conftest import Axe
from .rectangles import boxes, outside_window, overhang, overlapping
from .visits import Visits

PAGE = """<!DOCTYPE html><html lang="en"><head><title>A</title><style>
body {{ margin: 0 }} i {{ position: absolute; width: 100px; height: 10px }}
#b {{ left: 50px }} #c {{ left: 100px }} #d {{ left: 350px; top: 40px }} #e {{ left: -20px; top: 60px }}
</style></head><body><main><h1>A</h1>{}</main></body></html>"""
BOXES = '<i id="a">one</i><i id="b"></i><i id="c"></i><i id="d"></i><i id="e" aria-label="out"></i><i hidden></i>'


def written(folder: Path, inside: str) -> Path:
    path = folder / "page.html"
    path.write_text(PAGE.format(inside), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        ("<script>console.error('said so')</script>", "console error: said so"),
        ("<script>throw new TypeError('thrown')</script>", "exception: thrown"),
        ("<script>Promise.reject(new TypeError('late'))</script>", "exception: late"),
        ("<img src='other.png' alt=''>", "request: file://"),
        ("<iframe title='A' srcdoc='<script>console.error(1 + 1)</script>'></iframe>", "console error: 2"),
        ("<script>fetch('http://example.org/').catch(() => 0)</script>", "request: http://example.org/"),
        ("<script>new WebSocket('ws://127.0.0.1:1/')</script>", "request: http://127.0.0.1:1/"),
    ],
)
def test_what_a_page_does_wrong_is_noticed(tmp_path: Path, visit: Visits, inside: str, problem: str) -> None:
    page = visit(written(tmp_path, inside), may_fail=True)
    page.wait_for_load_state("networkidle")
    assert any(each.startswith(problem) for each in visit.record(page).problems)
    assert not visit.problems, "pages that may fail are left out"


def test_a_page_that_only_warns_has_no_problem(tmp_path: Path, visit: Visits) -> None:
    page = visit(written(tmp_path, "<script>console.warn('careful')</script>"))
    assert visit.record(page).warnings[0].startswith("careful")
    assert visit.problems == []


def test_the_reader_s_wishes_reach_the_page(tmp_path: Path, visit: Visits) -> None:
    path = written(tmp_path, "")
    asked = "[matchMedia('(prefers-color-scheme: dark)').matches, matchMedia('(prefers-reduced-motion)').matches]"
    assert visit(path).evaluate(asked) == [False, False]
    page = visit(path, 400, 600, dark=True, reduced_motion=True)
    assert page.evaluate(asked) == [True, True]
    assert page.evaluate("[innerWidth, innerHeight]") == [400, 600]


def test_axe_names_the_element_and_what_is_wrong_with_it(tmp_path: Path, visit: Visits, axe: Axe) -> None:
    page = visit(written(tmp_path, "<button id='mute'></button><p>well</p>"))
    (violation,) = axe(page)
    assert violation.startswith("button-name (critical): #mute: Buttons must have discernible text.")
    assert axe(page, "p") == []


def test_axe_looks_into_a_sandboxed_frame(tmp_path: Path, visit: Visits, axe: Axe) -> None:
    inner = "<html lang=en><title>A</title><button id=mute></button>"
    page = visit(written(tmp_path, f"<iframe title='A' sandbox='allow-scripts' srcdoc='{inner}'></iframe>"))
    assert [each.split(": ")[:2] for each in axe(page)] == [["button-name (critical)", "iframe #mute"]]


def test_overlaps_and_what_sticks_out_are_found(tmp_path: Path, visit: Visits) -> None:
    page = visit(written(tmp_path, BOXES), 400)
    assert [box.label for box in boxes(page, "i")] == ["i #a one", "i #b", "i #c", "i #d", "i #e out"]
    assert overlapping(page, "i") == [("i #a one", "i #b"), ("i #b", "i #c")]
    assert outside_window(page, "i") == ["i #d", "i #e out"]
    assert overhang(page) == 50
