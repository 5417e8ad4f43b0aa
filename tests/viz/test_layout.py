"""Which engine lays a picture out, and what is said when one is missing or fails."""

import os
import stat
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from viz.errors import LayoutError
from viz.rendering import layout
from viz.rendering.layout import ENVIRONMENT_VARIABLE, available_engines, lay_out

DOT = 'digraph { a -> b [label="x"] }'


@pytest.fixture(autouse=True)
def no_choice_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def engine_script(folder: Path, body: str) -> str:
    """Write an executable that behaves as an engine might, and return its path."""
    path = folder / "engine"
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.stdin.read()\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


needs_scripts = pytest.mark.skipif(os.name == "nt", reason="scripts are not executable there")


def test_the_installed_engine_draws() -> None:
    root = ET.fromstring(lay_out(DOT))
    assert root.tag.endswith("svg")


def test_the_engine_is_found_without_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert lay_out(DOT).count("<ellipse") == 2


def test_every_engine_is_listed_with_place_and_version() -> None:
    found = {name: (path, version) for name, path, version in available_engines()}
    assert list(found) == ["graphviz-pure", "dot", "pygraphviz"]
    path, version = found["graphviz-pure"]
    assert path is not None and Path(path).is_file()
    assert version is not None and version[0].isdigit()


def test_no_engine_at_all_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_find", lambda name: None)
    with pytest.raises(LayoutError) as caught:
        lay_out(DOT)
    message = str(caught.value)
    for part in ("graphviz-pure", "pygraphviz", "PATH", "pip install graphviz-pure", "text is in .dot"):
        assert part in message
    assert ENVIRONMENT_VARIABLE in message and isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize("by_argument", [True, False])
def test_an_engine_asked_for_by_name_is_not_replaced_by_another(
    by_argument: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_argument:
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "no-such-engine")
    with pytest.raises(LayoutError, match="'no-such-engine'") as caught:
        lay_out(DOT, "no-such-engine" if by_argument else None)
    asked = "the argument engine" if by_argument else f"the environment variable {ENVIRONMENT_VARIABLE}"
    assert asked in str(caught.value)
    assert "installed here: graphviz-pure" in str(caught.value)


def test_the_argument_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "no-such-engine")
    assert "<svg" in lay_out(DOT, "graphviz-pure")


@needs_scripts
def test_a_path_is_an_engine(tmp_path: Path) -> None:
    assert lay_out(DOT, engine_script(tmp_path, "print('<svg/>')")).strip() == "<svg/>"


@needs_scripts
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('no memory for this graph')", "exit code 1.* no memory for this graph"),
        ("print('neither this nor that')", "not XML.*neither this nor that"),
        ("print('<html/>')", "<html>, not <svg>"),
        ("", "not XML"),
        ("sys.stdout.buffer.write(bytes([255, 254]))", "not XML"),
    ],
)
def test_a_failing_engine_is_quoted(body: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=f"(?s){said}.*The picture as text is in .dot"):
        lay_out(DOT, engine_script(tmp_path, body))


@needs_scripts
def test_an_engine_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "TIMEOUT_SECONDS", 0.3)
    with pytest.raises(LayoutError, match=r"within 0\.3 seconds"):
        lay_out(DOT, engine_script(tmp_path, "import threading; threading.Event().wait()"))


def test_a_syntax_error_in_the_dot_is_reported() -> None:
    with pytest.raises(LayoutError, match="graphviz-pure failed"):
        lay_out("digraph { a -> ")


def test_pygraphviz_missing_is_a_layout_error() -> None:
    if dict((name, path) for name, path, _ in available_engines())["pygraphviz"] is None:
        with pytest.raises(LayoutError, match="pygraphviz"):
            lay_out(DOT, "pygraphviz")
