"""The README and the pages under docs/ say what is so: their code runs, their pictures and tables are current."""

from __future__ import annotations

import os
import re
from pathlib import Path

import autograd_core as ag
import viz
from autograd_core import Table
from viz.lecture import example_2

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def current(path: Path, text: str) -> bool:
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="\n")
    return path.read_text(encoding="utf-8") == text


def disputed_points() -> str:
    rows = []
    for row in ag.TABLE:
        for special in row.special:
            point = ", ".join(f"{operand:g}" for operand in special.operands)
            partials = ", ".join(f"{partial:g}" for partial in special.partials)
            rows.append((f"{row.name}({point})", f"{special.value:g}", partials, special.reason))
    table = Table(("at", "value", "derivative to each operand", "because"), tuple(rows))
    return (
        "# Disputed points\n\nWhere mathematics leaves a choice, or has only a limit, this is what the table of "
        "primitives takes. The page is written from the table itself.\n\n" + table.to_markdown() + "\n"
    )


def test_every_block_of_python_in_the_readme_runs(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert (tmp_path / "example-2.svg").exists()
    source = namespace["program"].source
    for line in re.search(r"```text\n(    a_1 = .*?)```", README, flags=re.DOTALL)[1].splitlines():
        assert line.strip() == "..." or line in source.splitlines(), line
    for line in re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)[0].splitlines():
        assert line in printed
    assert "2.0 2.0\n4.0\n" in printed


def test_the_readme_opens_with_the_picture_of_example_2() -> None:
    picture = viz.draw(example_2().y)
    assert current(ROOT / "docs" / "example-2.svg", picture.svg)
    assert "](docs/example-2.svg)" in README.split("\n## ")[0]


def test_the_page_of_disputed_points_is_the_tables_own() -> None:
    assert current(ROOT / "docs" / "disputed_points.md", disputed_points())


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_readme_names_every_function_of_the_table() -> None:
    named = re.search(r"\*\*Functions\.\*\* `([^`]*)`", README)
    assert named is not None
    signs = {"add", "sub", "mul", "div", "neg"}
    rest = {"greater", "batch_mean"}  # what maximum and batch normalization are made with
    assert set(named[1].split()) == {row.name for row in ag.TABLE} - signs - rest | {"softmax"}
