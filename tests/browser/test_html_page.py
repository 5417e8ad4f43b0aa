"""The shell of our pages: a browser applies its style and runs its script, and nothing else."""

import re
from pathlib import Path

import pytest

import autograd_core as ag
import viz
from viz.html_shell import html_page

from .conftest import Axe
from .visits import Visits

STYLE = "p{color:rgb(1,2,3)}\n/* ∂é */\n"
SCRIPT = "const é = 'ran';\r\ndocument.querySelector('p').textContent = `${é} & <b>${typeof await 0}</b>`;\n"
REFUSED = [
    ("style", "a{}</STYLE >"),
    ("style", "a\0{}"),
    ("script", "'</script>'"),
    ("script", "'</ScRiPt'"),
    ("script", "'<!-- '"),
    ("script", "'\0'"),
]


def in_file(folder: Path, page: str) -> Path:
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_browser_hashes_as_we_do(tmp_path: Path, visit: Visits, newline: str) -> None:
    style, script = (text.replace("\r\n", "\n").replace("\n", newline) for text in (STYLE, SCRIPT))
    page = visit(in_file(tmp_path, html_page(title="A <b>", body="<p>waits</p>", style=style, script=script)))
    assert page.title() == "A <b>"
    assert page.locator("p").text_content() == "ran & <b>number</b>"
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(1, 2, 3)"
    assert visit.record(page).warnings == []


@pytest.mark.parametrize(
    "markup",
    [
        "<script>document.title = 'ran'</script>",
        "<svg onload=\"document.title = 'ran'\"></svg>",
        "<style>p{color:rgb(9,9,9)}</style>",
        "<p style='color:rgb(9,9,9)'></p>",
        "<img src='picture.png' alt=''>",
        "<iframe src='other.html'></iframe>",
        "<link rel=stylesheet href='other.css'>",
    ],
)
def test_what_the_policy_does_not_name_is_not_loaded_and_does_not_run(
    tmp_path: Path, visit: Visits, markup: str
) -> None:
    whole = html_page(title="A", body=f"<p>still</p>{markup}", style=STYLE, script="document.body.id = 'ran'")
    page = visit(in_file(tmp_path, whole), may_fail=True)
    assert page.title() == "A" and page.locator("body#ran").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('p:last-of-type')).color") != "rgb(9, 9, 9)"
    (error,) = visit.record(page).errors
    assert "Content Security Policy" in error


def test_text_is_never_evaluated_as_a_script(tmp_path: Path, visit: Visits) -> None:
    script = "try { eval('document.title = 1') } catch (error) { document.body.textContent = error.name }"
    page = visit(in_file(tmp_path, html_page(title="A", body="", style="", script=script)), may_fail=True)
    assert page.locator("body").text_content() == "EvalError" and page.title() == "A"


def test_a_page_without_a_script_may_run_none() -> None:
    page = html_page(title="A", body="<p>A</p>", style="", head='<meta name="generator" content="us">\n')
    assert "script" not in page
    assert page.index("Content-Security-Policy") < page.index("generator") < page.index("<title>")


@pytest.mark.parametrize(("element", "text"), REFUSED)
def test_what_would_end_its_own_element_is_refused(element: str, text: str) -> None:
    given = {"style": "", element: text}
    with pytest.raises(ValueError, match=rf"^A page's {element} must stand inside one <{element}> element; it holds"):
        html_page(title="A", body="", **given)


def test_an_invisible_character_in_a_title_is_written_out() -> None:
    (title,) = re.findall("<title>(.*)</title>", html_page(title="a\u202eb</title>", body="", style=""))
    assert title == r"a\u202eb&lt;/title&gt;"


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_of_a_picture_is_accessible(tmp_path: Path, visit: Visits, axe: Axe, dark: bool) -> None:
    drawn = viz.draw((3 * ag.Value(1.0, "x")).named("y"))
    violations = axe(visit(drawn.save(tmp_path / "picture.html"), dark=dark))
    # It is one picture with a name, and nothing a heading could stand over.
    assert [each for each in violations if not each.startswith("page-has-heading-one")] == []
