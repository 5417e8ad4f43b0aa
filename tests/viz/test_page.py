"""The lecture's page stands alone, runs only its steppers, and is written whole or not at all."""

import base64
import hashlib
import html
import itertools
import os
import re
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gallery import HOSTILE_NAMES
from test_fragments import Reader

import viz
from autograd_core.explanation import explain
from autograd_core.path_sums import paths
from autograd_core.value import Value
from viz.drawing import draw
from viz.lecture.catalogue import CATALOGUE, Row
from viz.lecture.worked_example import Check, WorkedExample
from viz.page import chosen_rows, lecture_page, write_lecture
from viz.stepping import stepper_script

OLD = '<meta name="generator" content="autograd-core">'


def diamond(name: str = "x") -> WorkedExample:
    """Example 2, small, with a name of one's own."""
    x = Value(1.0, name)
    a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    y = (2 * a_1 + a_2).named("y")
    lines = explain(y, x)
    return WorkedExample(
        id="diamond",
        title=f"Two paths from {name}",
        says=f"{name} reaches y twice.",
        parts=(
            (f"From {name}", draw(y)),
            ("The derivative", lines),
            ("The paths", paths(y, x).table()),
            ("Note", name),
            ("In full", draw(y, style="full")),
        ),
        values={"y": y},
        results={"dy/dx": lines.derivative, "name": name},
        builder=diamond,
    )


DIAMOND = diamond()
ROWS = (Row(1, "diamond", "two paths", diamond, {"dy/dx": "5", "name": "x"}), Row(2, "later", "another time"))
CHECKS = {"diamond": DIAMOND.checks(ROWS[0].published)}
PAGE = lecture_page([DIAMOND], CHECKS, catalogue=ROWS)
WHOLE = lecture_page(
    [row.example() for row in CATALOGUE if row.example], {row.id: row.checks() for row in CATALOGUE}
)

each_page = pytest.mark.parametrize("page", [PAGE, WHOLE], ids=["diamond", "lecture"])


MODULE = re.compile(r'<script type="module">(.*?)</script>', re.DOTALL)


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def scripts(page: str) -> list[str | None]:
    """The types of a page's scripts: data, and the one module that runs."""
    return [look.get("type") for tag, look in Reader(page).elements if tag == "script"]


def attributes(page: str) -> list[tuple[str, str, str | None]]:
    return [(tag, name, value) for tag, look in Reader(page).elements for name, value in look.items()]


@each_page
def test_the_page_loads_nothing_and_runs_its_steppers_at_most(page: str) -> None:
    assert set(re.findall(r"https?:[^\s\"')\\]+", page)) <= {"http://www.w3.org/2000/svg"}
    loading = {"link", "img", "iframe", "object", "embed", "base", "form", "use"}
    assert not Reader(page).tags() & loading
    names = {name for _, name, _ in attributes(page)}
    assert not [name for name in names if name in ("src", "srcset", "style") or name.startswith("on")]
    assert all(value and value.startswith("#") for _, name, value in attributes(page) if name == "href")
    assert not re.search(r"@import|url\(", page)


@each_page
def test_the_policy_allows_this_style_sheet_and_script_and_nothing_else(page: str) -> None:
    (style,), script = re.findall(r"<style>(.*?)</style>", page, re.DOTALL), MODULE.findall(page)
    assert len(script) == (page is WHOLE)
    running = "".join(f"script-src {digest(each)}; " for each in script)
    policy = f"default-src 'none'; style-src {digest(style)}; {running}base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_every_stepper_of_the_lecture_is_on_the_page_and_one_module_runs_them_all() -> None:
    examples = [row.example() for row in CATALOGUE if row.example]
    steppers = [stepper for example in examples for stepper in example.steppers]
    assert len(steppers) > 1
    assert scripts(WHOLE) == ["application/json"] * len(steppers) + ["module"]
    assert MODULE.findall(WHOLE) == [stepper_script(steppers)]
    assert all(stepper.markup in WHOLE for stepper in steppers) and scripts(PAGE) == []
    assert WHOLE.count("<noscript>") == len(steppers)


def test_an_example_in_a_notebook_has_its_stepper_in_a_frame_of_its_own() -> None:
    example = replace(DIAMOND, parts=(("Step", viz.step(DIAMOND.values["y"])),))
    assert [tag for tag, _ in Reader(example._repr_html_()).elements if tag in ("script", "iframe")] == ["iframe"]
    assert scripts(lecture_page([example], {}, catalogue=ROWS)) == ["application/json", "module"]


@each_page
def test_the_page_can_be_heard_as_well_as_seen(page: str) -> None:
    found = Reader(page)
    assert ("html", {"lang": "en"}) in found.elements
    assert {"header", "nav", "main", "title"} <= found.tags()
    headings = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(headings))
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        element = ET.fromstring(svg)
        title = element.find("{http://www.w3.org/2000/svg}title")
        assert element.get("role") == "img"
        assert element.get("aria-label") or (title is not None and title.text)


@each_page
def test_every_id_is_there_once_and_every_link_arrives(page: str) -> None:
    ids = [value for _, name, value in attributes(page) if name == "id"]
    links = {value for _, name, value in attributes(page) if name == "href"}
    assert len(ids) == len(set(ids)) and links == {f"#{each}" for each in ids}


def test_the_contents_name_all_rows_and_link_those_shown() -> None:
    assert WHOLE.count("<li ") == 24
    assert '<li value="1"><a href="#diamond">Two paths from x</a></li>' in PAGE
    assert '<li value="2"><span class="absent">another time</span></li>' in PAGE
    assert "two paths (not on this page)" in lecture_page([], {}, catalogue=ROWS)


def test_what_was_checked_is_shown_with_its_verdict_in_words() -> None:
    assert "2 results</a> were held against the lecture's own: all agree." in PAGE
    assert PAGE.count("✓ ok") == 2 and "✗ differs" not in PAGE
    wrong = lecture_page([DIAMOND], {"diamond": (Check("dy/dx", "6", 5.0),)}, catalogue=ROWS)
    assert "<td>dy/dx</td><td>6</td><td>5</td><td class=\"differs\">✗ differs</td>" in wrong
    assert ": 1 differ.</p>" in wrong
    assert "checked" not in lecture_page([DIAMOND], {}, catalogue=ROWS).split("</style>")[1]


def test_the_same_examples_are_the_same_bytes() -> None:
    assert lecture_page([diamond()], CHECKS, catalogue=ROWS) == PAGE


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if name])
def test_hostile_names_are_only_text_on_the_page(name: str) -> None:
    example = diamond(name)
    checks = {"diamond": (Check(name, name, name),)}
    page = lecture_page([example], checks, catalogue=(Row(1, "later", name), *ROWS))
    assert Reader(page).tags() <= Reader(PAGE).tags() | {"span"}
    assert not [each for each in attributes(page) if each[1].startswith("on") or each[1] == "style"]
    assert not set(page) & {"\u202e", "\u2066", "\x00", "\x1b"}
    notebook = example._repr_html_()
    assert "<script" not in notebook and notebook.startswith("<style>")
    assert "\u202e" not in notebook
    stepped = lecture_page([replace(example, parts=((name, viz.step(example.y)),))], checks, catalogue=ROWS)
    assert scripts(stepped) == ["application/json", "module"] and not set(stepped) & {"\u202e", "\u2066", "\x00"}
    assert Reader(stepped).tags() <= Reader(WHOLE).tags() | {"span"}


def test_a_notebook_shows_the_same_section() -> None:
    assert DIAMOND.to_html() in PAGE and DIAMOND._repr_html_().endswith(DIAMOND.to_html())
    assert html.escape("x = Value(1.0, name)") in PAGE


def test_the_folder_holds_the_page_and_every_picture(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    folder = tmp_path / "new" / "lecture"
    written = write_lecture(folder, progress=lambda *step: told.append(step), catalogue=ROWS)
    assert written.passed
    names = ["diamond-1.png", "diamond-1.svg", "diamond-2.png", "diamond-2.svg", "index.html"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert written.page.read_text(encoding="utf-8") == PAGE
    assert (folder / "diamond-1.svg").read_text(encoding="utf-8") == DIAMOND.pictures[0].svg
    assert (folder / "diamond-2.png").read_bytes() == DIAMOND.pictures[1].png
    assert sorted(path.name for path in written.pictures) == names[:-1]
    assert all(path.is_file() for path in (*written.pictures, written.page))
    assert told == [(0, 2, "diamond"), (1, 2, "index.html"), (2, 2, "")]
    assert [example.id for example in written.examples] == ["diamond"] == list(written.checks)


def test_writing_again_replaces_only_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "index.html").write_text(OLD)
    write_lecture(tmp_path, catalogue=ROWS)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == PAGE
    assert (tmp_path / "mine.txt").read_text() == "mine" and not list(tmp_path.glob(".*"))


def test_rows_are_chosen_by_id_in_the_lecture_s_order() -> None:
    assert [row.id for row in chosen_rows(["simple", "example-1", "simple"])] == ["example-1", "simple"]
    assert [row.id for row in chosen_rows("chain")] == ["chain"]
    assert {row.id for row in chosen_rows(None)} == {row.id for row in CATALOGUE if row.example}


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["diamand"], "A row of the lecture is chosen by its id; 'diamand' is none. Choose from diamond."),
        (["diamond", "later"], "Row 2 of the lecture, 'later', is still to come. Choose from diamond."),
        ([], "At least one row of the lecture must be chosen; none was. Choose from diamond."),
    ],
)
def test_a_row_that_is_not_there_is_refused_before_anything_is_made(
    tmp_path: Path, ids: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        write_lecture(tmp_path / "lecture", ids, catalogue=ROWS)
    assert not list(tmp_path.iterdir())


def never() -> WorkedExample:
    raise AssertionError("nothing is worked out for a folder that cannot be written")


NEVER = (Row(1, "never", "", never),)


def contents(folder: Path) -> Mapping[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    ("below", "why"),
    [("", "cannot (a file is in the way)"), ("a/b", "taken')")],
)
def test_a_file_in_the_folder_s_way_is_named_at_once(tmp_path: Path, below: str, why: str) -> None:
    (tmp_path / "taken").write_text("mine")
    before = contents(tmp_path)
    target = tmp_path / "taken" / below
    with pytest.raises(NotADirectoryError) as refused:
        write_lecture(target, catalogue=NEVER)
    said = str(refused.value)
    assert said.startswith(f"The lecture is written to a place that can be written; {str(target)!r} cannot (")
    assert why in said and "a file is in the way" in said
    assert said.endswith("). Choose another place or free this one.")
    assert contents(tmp_path) == before


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"link' cannot"):
        write_lecture(tmp_path / "link", catalogue=NEVER)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="the administrator may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match=r"\(Permission denied\)"):
            write_lecture(tmp_path / "lecture", catalogue=NEVER)
    finally:
        tmp_path.chmod(0o755)


def test_a_read_only_disk_is_refused_before_anything_is_worked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=r"lecture' cannot \(Read-only file system\)\. Choose another place"):
        write_lecture(tmp_path / "lecture", catalogue=NEVER)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way_of_a_file_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    before = contents(tmp_path)
    with pytest.raises(IsADirectoryError, match=r"index.html' cannot \(it is a folder\)"):
        write_lecture(tmp_path, catalogue=ROWS)
    assert contents(tmp_path) == before


def test_a_disk_that_fills_up_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "index.html":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "index.html").write_text(OLD)
    before = contents(tmp_path)
    for folder in (tmp_path / "old", tmp_path / "new" / "lecture"):
        with pytest.raises(OSError, match=r"\(No space left on device\)"):
            write_lecture(folder, catalogue=ROWS)
        assert contents(tmp_path) == before


def test_a_row_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> WorkedExample:
        raise ArithmeticError("worked out wrongly")

    with pytest.raises(ArithmeticError):
        write_lecture(tmp_path / "lecture", catalogue=(*ROWS, Row(3, "fails", "", fail)))
    assert not list(tmp_path.iterdir())


def test_another_page_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>mine</h1>")
    with pytest.raises(FileExistsError, match="is not the lecture's"):
        write_lecture(tmp_path, ["example-1"])
    assert (tmp_path / "index.html").read_text() == "<h1>mine</h1>"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="name given is empty"):
        write_lecture("")
    write_lecture(tmp_path / "new", ["example-1"])
    write_lecture(tmp_path / "new", ["example-1"])
