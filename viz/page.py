"""The lecture as one self-contained page, and the folder it is written into with its pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from autograd_core.files import require_writable, write_files
from viz.fragments import escape, style_for
from viz.html_shell import html_page
from viz.lecture.catalogue import CATALOGUE, Row
from viz.lecture.worked_example import Check, WorkedExample
from viz.stepping import stepper_script, stepper_style

TITLE = "Backpropagation, worked out"
_INTRODUCTION = (
    "Every picture, equation and number on this page was computed by autograd-core, from the few lines of "
    "code that stand at the end of each section. The pictures read from left to right: a circle is a "
    "variable, and beside each arrow stands the local derivative of its head with respect to its tail. "
    "Along a path we multiply (the chain rule); across paths we add (the sum rule)."
)
_WRITTEN = "The lecture is written"
_GENERATOR = '<meta name="generator" content="autograd-core">'

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the number of steps, and what is being done now ('' at the end)."""


@dataclass(frozen=True)
class Lecture:
    """What was written: the page, the pictures' files, the examples, and their checks by the row's id."""

    page: Path
    pictures: tuple[Path, ...]
    examples: tuple[WorkedExample, ...]
    checks: Mapping[str, tuple[Check, ...]]

    @property
    def passed(self) -> bool:
        """Whether everything checked is as the lecture has it."""
        return all(check.passed for checks in self.checks.values() for check in checks)


def write_lecture(
    folder: str | os.PathLike[str],
    ids: Iterable[str] | None = None,
    progress: Progress = lambda done, of, what: None,
    *,
    catalogue: Sequence[Row] = CATALOGUE,
) -> Lecture:
    """Work out the lecture's rows, write `index.html` and every picture into a folder, and return all of it.

    Arguments: `folder` is made if it is missing; `ids` of the rows to write, in any order, all that are there
    by default; `progress` is told of each step. The pictures are `<id>-1.svg`, `<id>-1.png` and so on.
    Nothing is written unless everything could be made. Raises ValueError for an id that is unknown or still
    to come, OSError for a folder that cannot be written (before anything is worked out), LayoutError if no
    layout engine works.
    """
    rows = chosen_rows(ids, catalogue)
    target = Path(folder)
    if not str(folder).strip():
        raise ValueError("The lecture is written into a folder; the name given is empty. Name one, such as 'lecture'.")
    require_writable(target, _WRITTEN)
    _require_own_page(target / "index.html")
    examples: list[WorkedExample] = []
    checks: dict[str, tuple[Check, ...]] = {}
    made: dict[str, bytes] = {}
    for done, row in enumerate(rows):
        progress(done, len(rows) + 1, row.id)
        assert row.example is not None, "chosen_rows takes only rows with an example"
        example = row.example()
        examples.append(example)
        checks[row.id] = example.checks(row.published)
        for number, picture in enumerate(example.pictures, 1):
            made[f"{row.id}-{number}.svg"] = picture.svg.encode("utf-8")
            made[f"{row.id}-{number}.png"] = picture.png
    progress(len(rows), len(rows) + 1, "index.html")
    made["index.html"] = lecture_page(examples, checks, catalogue=catalogue).encode("utf-8")
    *pictures, page = write_files(target, made, _WRITTEN)
    progress(len(rows) + 1, len(rows) + 1, "")
    return Lecture(page, tuple(pictures), tuple(examples), checks)


def _require_own_page(page: Path) -> None:
    if page.is_file() and _GENERATOR not in page.read_text(encoding="utf-8", errors="replace"):
        raise FileExistsError(
            f"{_WRITTEN} to a folder without another page; {str(page)!r} is not the lecture's. Choose another folder."
        )


def chosen_rows(ids: Iterable[str] | None, catalogue: Sequence[Row] = CATALOGUE) -> tuple[Row, ...]:
    """The rows with these ids, in the lecture's order; without ids, every row that has an example.

    Raises ValueError for an id that is unknown or still to come, listing those there are.
    """
    there = [row for row in catalogue if row.example is not None]
    if ids is None:
        return tuple(there)
    wanted = [ids] if isinstance(ids, str) else list(dict.fromkeys(ids))
    advice = f"Choose from {', '.join(row.id for row in there)}."
    for id in wanted:
        row = next((row for row in catalogue if row.id == id), None)
        if row is None:
            raise ValueError(f"A row of the lecture is chosen by its id; {id!r} is none. {advice}")
        if row.example is None:
            raise ValueError(f"Row {row.number} of the lecture, {id!r}, is still to come. {advice}")
    if not wanted:
        raise ValueError(f"At least one row of the lecture must be chosen; none was. {advice}")
    return tuple(row for row in there if row.id in wanted)


def lecture_page(
    examples: Sequence[WorkedExample],
    checks: Mapping[str, Sequence[Check]],
    *,
    catalogue: Sequence[Row] = CATALOGUE,
) -> str:
    """One page of HTML with the examples and what was checked; it loads nothing, and runs only its steppers.

    Arguments: `examples` in the order they are shown, `checks` by the row's id, `catalogue` the rows of the
    table of contents. The same arguments give the same text.
    """
    titles = {example.id: example.title for example in examples}
    sections = "\n".join((*(example.to_html(scripted=True) for example in examples), _checked(checks)))
    body = (
        f"<header>\n<h1>{TITLE}</h1>\n<p>{_INTRODUCTION}</p>\n{_summary(checks)}</header>\n"
        f'<nav aria-label="Contents">\n{_contents(catalogue, titles)}\n</nav>\n<main>\n{sections}\n</main>'
    )
    style = style_for(body) + files("viz").joinpath("page.css").read_text(encoding="utf-8")
    steppers = [stepper for example in examples for stepper in example.steppers]
    script = stepper_script(steppers) if steppers else ""
    head = f'{_GENERATOR}\n<meta name="color-scheme" content="light dark">\n'
    return html_page(title=TITLE, body=body, style=style + stepper_style(), script=script, head=head)


def _contents(catalogue: Sequence[Row], titles: Mapping[str, str]) -> str:
    items = []
    for row in catalogue:
        if row.id in titles:
            item = f'<a href="#{escape(row.id)}">{escape(titles[row.id])}</a>'
        else:
            elsewhere = " (not on this page)" if row.example is not None else ""
            item = f'<span class="absent">{escape(row.slide)}{elsewhere}</span>'
        items.append(f'<li value="{row.number}">{item}</li>')
    unfinished = any(row.example is None for row in catalogue)
    note = ' <span class="absent">In grey: still to come.</span>' if unfinished else ""
    return f"<p><strong>The lecture.</strong>{note}</p>\n<ol>\n" + "\n".join(items) + "\n</ol>"


def _summary(checks: Mapping[str, Sequence[Check]]) -> str:
    all_checks = [check for each in checks.values() for check in each]
    if not all_checks:
        return ""
    differing = sum(not check.passed for check in all_checks)
    outcome = f"{differing} differ" if differing else "all agree"
    return (
        f'<p class="summary"><a href="#checked">{len(all_checks)} results</a> '
        f"were held against the lecture's own: {outcome}.</p>\n"
    )


def _checked(checks: Mapping[str, Sequence[Check]]) -> str:
    groups = "\n".join(_checked_row(id, each) for id, each in checks.items() if each)
    if not groups:
        return ""
    head = "".join(f'<th scope="col">{title}</th>' for title in ("what", "expected", "got", "verdict"))
    return (
        '<section class="worked" id="checked">\n<h2><a href="#checked">What was checked</a></h2>\n'
        "<p>The numbers and lines of the lecture, as printed there, beside what was computed here; a number "
        "agrees if it does to every decimal printed.</p>\n"
        '<div class="table checks" role="group" aria-label="What was checked" tabindex="0">\n'
        f"<table><thead><tr>{head}</tr></thead>\n{groups}\n</table>\n</div>\n</section>"
    )


def _checked_row(id: str, checks: Sequence[Check]) -> str:
    lines = [f'<tr><th scope="rowgroup" colspan="4"><a href="#{escape(id)}">{escape(id)}</a></th></tr>']
    for check in checks:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (check.what, check.expected, check.shown))
        verdict = '<td class="ok">✓ ok</td>' if check.passed else '<td class="differs">✗ differs</td>'
        lines.append(f"<tr>{cells}{verdict}</tr>")
    return "<tbody>\n" + "\n".join(lines) + "\n</tbody>"
