"""The command line: what it prints and writes, and what it says to those who mistype."""

import io
import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

import viz
import viz.cli
import viz.page
from autograd_core import __version__
from viz.cli import main
from viz.lecture import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
THERE = [row.id for row in CATALOGUE if row.example]
STILL_TO_COME = [row.id for row in CATALOGUE if not row.example]


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGRAD_CORE_LAYOUT", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments: Done(main(arguments), *capsys.readouterr())


# --- lecture ------------------------------------------------------------------------------------


def test_lecture_writes_the_page_and_says_what_was_checked(run: Run, tmp_path: Path) -> None:
    done = run("lecture", "--only", "simple", "example-2")
    assert done.code == 0
    assert done.err.splitlines() == ["[1/3] example-2", "[2/3] simple", "[3/3] index.html"]
    header, _, *rows, passed, page = done.out.splitlines()
    assert header.split() == ["id", "what", "expected", "got", "verdict"]
    assert len(rows) == len(CATALOGUE[2].published) + len(CATALOGUE[5].published)
    assert rows[2].split()[:3] == ["example-2", "dy/dx", "5"]
    assert all(row.endswith("  ok") for row in rows)
    assert passed == f"{len(rows)} of {len(rows)} as the lecture has them."
    assert page.endswith(str(tmp_path / "lecture/index.html"))
    written = {path.name for path in (tmp_path / "lecture").iterdir()}
    assert {"index.html", "simple-1.svg", "example-2-1.png"} <= written


def test_lecture_fails_when_a_check_differs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(CATALOGUE[1], published={"dy/dx": "7", "derivation": "x" * 60})
    original = viz.page.write_lecture
    monkeypatch.setattr(viz.page, "write_lecture", lambda *given: original(*given, catalogue=[wrong]))
    done = run("lecture", "--only", "example-1", "--out", "out")
    assert done.code == 1
    assert "example-1  dy/dx" in done.out
    assert done.out.count("DIFFERS") == 2
    assert "x" * 60 in done.out  # what differs is not cut
    assert "0 of 2 as the lecture has them." in done.out
    assert Path("out/index.html").is_file()


def test_lecture_lists_every_row(run: Run) -> None:
    done = run("lecture", "--list")
    rows = done.out.splitlines()[2:]
    assert [row.split()[:2] for row in rows] == [[str(row.number), row.id] for row in CATALOGUE]
    assert [row.split()[1] for row in rows if row.endswith("  still to come")] == STILL_TO_COME
    assert not list(Path().iterdir())


# --- draw ---------------------------------------------------------------------------------------


def test_draw_writes_the_picture_and_explains(run: Run, tmp_path: Path) -> None:
    done = run("draw", "y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x", "--at", "x=1")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "∂y/∂x = ∂/∂x (2a₁ + 1a₂)               [sum rule]",
        "      = (2) ∂a₁/∂x + (1) ∂a₂/∂x        [chain rule]",
        "      = ∂y/∂a₁ ∂a₁/∂x + ∂y/∂a₂ ∂a₂/∂x  [local derivatives, by name]",
        "      = (2)(3) + (1)(-1)",
        "      = 5",
        "",
        f"The picture: {tmp_path / 'graph.svg'}",
    ]
    assert Path("graph.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("y = 2*x",), "∂y/∂x = 2"),
        (("-x**2 + 1", "--wrt", "x"), "∂y/∂x = -2x"),
        (("y = a + b + c + d",), "There are 4 inputs. For the derivative with respect to one: --wrt a"),
        (("y = a + b + c + d", "--wrt", "b", "d", "b"), "∂y/∂b = 1\n\n∂y/∂d = 1\n\nThe"),
        (("y = 2*x; z = 3*x*w",), "∂y/∂x = 2\n\n∂z/∂x = 3w\n\n∂z/∂w = 3x\n\nThe"),
        (("y = 2*a; a = 4*x; b = 3*x", "--wrt", "a"), "db/da = 0: no path leads from a to b"),
        (("y = tanh(x)", "--show", "expanded"), "∂y/∂x = 1 - y²"),
        (("y = 5",), "∂y/∂y = 1"),
        (("y = x*x", "--at", "x=-1e3"), "= -2000"),
        (("y = x*w", "--at", "x=1", "--at", "w=2", "--wrt", "x", "--wrt", "w"), "∂y/∂w = x"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_draw_explains(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("draw", *arguments, "--out", "a.dot")
    assert (done.code, done.err) == (0, "")
    assert said in done.out.replace(" [local derivatives]", "").replace(" \n", "\n")


def test_draw_takes_the_choices_of_the_picture(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, object] = {}
    original = viz.cli.draw
    monkeypatch.setattr(viz.cli, "draw", lambda graph, **to: taken.update(to) or original(graph, **to))
    choices = ("--style", "full", "--show", "both", "--no-values", "--gradients", "--down")
    assert run("draw", "y = 2*a; a = 3*x", "--at", "x=1", *choices, "--highlight", "x", "y",
               "--engine", "graphviz-pure", "--out", "a.svg").code == 0
    assert taken == {
        "style": "full", "show": "both", "values": False, "gradients": True, "direction": "down",
        "highlight": ("x", "y"), "engine": "graphviz-pure",
    }


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.html", b"<!DOCTYPE"), ("a.dot", b"digraph")],
)
def test_draw_writes_every_form(run: Run, name: str, start: bytes) -> None:
    assert run("draw", "y = 2*x", "--out", name).code == 0
    assert Path(name).read_bytes().lstrip().startswith(start)


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize(("command", "file"), [("draw", "graph.svg"), ("step", "step.html")])
def test_what_was_written_is_opened_in_a_browser(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool, command: str, file: str
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: shown.append(address) or opened)
    done = run(command, "y = 2*x", "--at", "x=1", "--open")
    assert shown == [(tmp_path / file).as_uri()]
    assert (done.code, done.err) == (0, "" if opened else "No browser could be opened.\n")


# --- step ---------------------------------------------------------------------------------------


def test_step_writes_the_page_of_a_stepper(run: Run, tmp_path: Path) -> None:
    text = "y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x"
    assert run("step", text, "--at", "x=1") == Done(0, f"The page, with 8 steps: {tmp_path / 'step.html'}\n", "")
    assert Path("step.html").read_text(encoding="utf-8") == viz.step(text, at={"x": 1.0}).html


def test_step_takes_the_choices_of_the_stepper(run: Run) -> None:
    text, choices = "y = (b + b*s)*w; s = sin(b); b = a + a", ("--view", "full", "--order", "depth_first", "--wrt", "a")
    assert run("step", text, "--at", "a=3", "w=2", *choices, "--out", "a.HTML").code == 0
    chosen = viz.step(text, "a", at={"a": 3.0, "w": 2.0}, view="full", order="depth_first")
    assert Path("a.HTML").read_text(encoding="utf-8") == chosen.html and '"view":"full"' in chosen.html


# --- check --------------------------------------------------------------------------------------


def test_check_confirms_the_gradient_of_every_output(run: Run) -> None:
    done = run("check", "y = x*w; z = log(x)", "--at", "x=1e-7", "w=2")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert ["y", "=", "2e-07"] in lines
    assert [line for line in lines if line[:1] == ["x"]] == [
        ["x", "2", "2", "0.0e+00", "pass"], ["x", "10000000", "10000000", "0.0e+00", "pass"],
    ]
    assert "Held against: local derivatives at 50 digits, accumulated apart." in done.out
    assert done.out.endswith("Every gradient was confirmed.\n")


@pytest.mark.parametrize(("text", "code", "says"), [
    ("y = relu(x)", 0, "x: a kink: 0 on the left, 1 on the right; the gradient is 0."),
    ("y = relu(x) - relu(-x)", 1, "1 on the left, 1 on the right; the gradient is 0, which lies outside."),
    ("y = sqrt(x)", 1, "x: the gradient is inf, and it should be inf: not compared."),
])
def test_check_says_what_there_is_at_a_kink_or_a_pole(run: Run, text: str, code: int, says: str) -> None:
    done = run("check", text, "--at", "x=0")
    assert (done.code, says in done.out) == (code, True)
    assert done.out.endswith("Some gradients were not confirmed.\n" if code else "Every gradient was confirmed.\n")


# --- what is refused ----------------------------------------------------------------------------


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("drw",), "argument COMMAND: invalid choice: 'drw'"),
    (("--wrong",), "unrecognized arguments: --wrong. See autograd-core --help."),
    (("--\x1b[31m",), r"unrecognized arguments: --\x1b[31m"),
    (("draw",), 'the TEXT to read is missing. Write it first, in quotes and as a definition'),
    (("draw", "-x**2"), "the TEXT to read is missing"),
    (("draw", "--at", "x=1", "y = 2*x"), "'2*x' is not a number for 'y'. After the TEXT write --at x=1"),
    (("draw", "y=2*x", "--style", "big"), "argument --style: invalid choice: 'big'"),
    (("draw", "y=2*x", "--at", "x"), "argument --at: 'x' is not a name with a number."),
    (("draw", "y=2*x", "--at", "=1"), "'=1' is not a name with a number"),
    (("draw", "y=2*x", "--at", "x="), "'x=' is not a name with a number"),
    (("draw", "y=2*x", "--at", "x=1/2"), "'1/2' is not a number for 'x'"),
    (("draw", "y=2*x", "--at", "x=nan"), "x was given nan; an input needs a finite number"),
    (("check", "y=2*x", "--at", "x=-inf"), "x was given -inf; an input needs a finite number"),
    (("draw", "y=2*x", "--at", "x=1", "--at", "x=2"), "--at gives 'x' two numbers, 1 and 2. Give it one."),
    (("draw", "y=2*x_1", "--at", "x1=1", "x_1=2"), "x_1 was given two numbers; a1 and a_1 are one name"),
    (("draw", "y=2*x", "--at", "z=1"), "z was given a number, but"),
    (("draw", "y=a*b", "--at", "a=1"), "no number was given for b"),
    (("draw", "y=2*x", "--wrt", "q"), "No node is named 'q'. The named nodes are: x, y; pass any other as its Value."),
    (("draw", "y=2*a; a=3*x; b=4*x", "--wrt", "b"), "dy/db = 0: no path leads from b to y"),
    (("draw", "y=2*x", "--highlight", "x", "q"), "No node is named 'q'"),
    (("draw", "y=2*x", "--show", "numbers"), "--show numbers needs a number for each input: --at x=1."),
    (("draw", "y=v*w", "--gradients"), "--gradients needs a number for each input: --at v=1 w=1."),
    (("draw", "y=2*x", "--engine", "ink"), "The layout engine 'ink', asked for by the argument engine"),
    (("draw", "y=2*x", "--out", "a.bmp"), "saved as .svg, .png, .html or .dot; 'a.bmp' ends in"),
    (("draw", "y=2*x", "--out", "\x1b[31m"), "saved as .svg, .png, .html or .dot; '\\x1b[31m'"),
    (("draw", "y=2*x", "--out", "none/a.svg"), "saved into a folder that exists; 'none' does not."),
    (("draw", "y=2*x", "--out", "folder.svg"), "'folder.svg' cannot (it is a folder)"),
    (("draw", "y=2x"), "no operator after 2 at column 3; a product has a star: write 2*x\n  y=2x\n    ^\n"),
    (("draw", "y=\x1b[31m"), "the character \\x1b at column 3"),
    (("draw", "y=a; a=y"), "the definitions form a cycle"),
    (("draw", "y=9**9**9**9"), "the constant"),
    (("draw", "y=x.__class__"), "at column"),
    (("draw", "y=log(x)", "--at", "x=-1"), "log(-1) is not defined"),
    (("check", "y=2*x"), "A check needs a number for each input: --at x=1."),
    (("step", "y=v*w"), "A stepper needs a number for each input: --at v=1 w=1."),
    (("step", "y=5"), "y is a leaf: it was not computed from anything, so there is no step to show."),
    (("step", "y=2*x; z=3*x", "--at", "x=1"), "this graph has y, z. Give one of them."),
    (("step", "y=2*a; a=3*x; b=4*x", "--at", "x=1", "--wrt", "b"), "dy/db = 0: no path leads from b to y"),
    (("step", "y=2*x", "--at", "x=1", "--view", "big"), "argument --view: invalid choice: 'big'"),
    (("step", "y=2*x", "--at", "x=1", "--out", "a.svg"), "A stepper is saved as .html; 'a.svg' ends in '.svg'."),
    (("step", "y=2*x", "--at", "x=1", "--out", "none/a.html"), "saved into a folder that exists; 'none' does not."),
    (("lecture", "--only", "nothing"), f"'nothing' is none. Choose from {', '.join(THERE)}."),
    (("lecture", "--only", STILL_TO_COME[-1]), f"{STILL_TO_COME[-1]!r}, is still to come."),
    (("lecture", "--out", "file"), "'file' cannot (a file"),
    (("lecture", "--out", "file/below"), "The lecture is written to a place that can be written"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED, ids=[ascii(" ".join(given)) for given, _ in REFUSED])
def test_what_cannot_be_done_is_said_in_one_message(run: Run, arguments: tuple[str, ...], said: str) -> None:
    Path("file").touch()
    Path("folder.svg").mkdir()
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("autograd-core: ")
    assert "Traceback" not in done.err
    assert all(letter.isprintable() or letter == "\n" for letter in done.err)
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder.svg"]


@pytest.mark.parametrize("engine", ["nonexistent", sys.executable])
@pytest.mark.parametrize("command", [("draw", "y=x"), ("lecture", "--only", "simple"), ("step", "y=-x", "--at", "x=1")])
def test_a_layout_engine_that_is_missing_or_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch, engine: str, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AUTOGRAD_CORE_LAYOUT", engine)
    done = run(*command)
    assert (done.code, done.out) == (2, "")
    assert "autograd-core: The layout engine" in done.err
    assert not list(Path().iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize(
    "command", [("draw", "y = 2*x", "--out", "shut/a.svg"), ("lecture", "--out", "shut")]
)
def test_a_folder_that_cannot_be_written(run: Run, command: tuple[str, ...]) -> None:
    Path("shut").mkdir(mode=0o500)
    done = run(*command)
    assert (done.code, done.out) == (2, "")
    assert "Permission denied" in done.err


def test_an_operating_system_error_names_the_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied", "some\x1bwhere")

    monkeypatch.setattr(viz.cli, "draw", fail)
    assert run("draw", "y = 2*x") == Done(
        2, "", "autograd-core: 'some\\x1bwhere' cannot be used (Permission denied). "
               "Choose another place or free this one.\n")


def test_ctrl_c_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(viz.cli, "draw", interrupted)
    assert run("draw", "y = 2*x") == Done(130, "", "")


# --- the terminal -------------------------------------------------------------------------------


def test_without_arguments_the_help_is_printed(run: Run) -> None:
    done = run()
    assert (done.code, done.err) == (0, "")
    for word in ("usage: autograd-core", "lecture", "draw", "step", "check", "mutants", "doctor", "examples:"):
        assert word in done.out
    assert done.out == run("--help").out


@pytest.mark.parametrize("command", ["lecture", "draw", "step", "check", "mutants", "doctor"])
def test_every_command_has_help_in_ascii(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: autograd-core {command}")
    assert done.out.isascii()


def test_the_version(run: Run) -> None:
    assert run("--version") == Done(0, f"autograd-core {__version__}\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("draw", "y = 2*a_1; a_1 = λ*x", "--at", "λ=2", "x=1", "--out", "ŷ.dot"), "dy/dx = dy/da_1 da_1/dx"),
        (("check", "y = α**2", "--at", "α=3"), "alpha  6"),
        (("step", "y = α**2", "--at", "α=3", "--out", "ŷ.html"), "The page, with 3 steps: "),
        (("draw", "y = λ/2x"), "  y = ?/2x\n        ^\n"),
        (("draw", "y = 2*x", "--out", "ŷ.bmp"), "\\u0177.bmp"),
        (("lecture", "--only", "scalar-network", "--out", "out"), "[2/2] index.html"),
        (("lecture", "--list"), "still to come"),
        (("doctor",), "mathematics is written in ASCII"),
    ],
    ids=lambda given: ascii(" ".join(given)) if isinstance(given, tuple) else "",
)
def test_a_stream_that_cannot_encode_mathematics(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str, encoding: str
) -> None:
    written = io.BytesIO()
    narrow = io.TextIOWrapper(written, encoding, write_through=True)  # strict: what it cannot encode raises
    monkeypatch.setattr(sys, "stdout", narrow)
    monkeypatch.setattr(sys, "stderr", narrow)
    main(arguments)
    assert said in written.getvalue().decode(encoding)


def test_without_streams_the_work_is_still_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as under pythonw
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["draw", "y = 2*x", "--out", "a.dot"]) == 0
    assert Path("a.dot").is_file()
    assert main(["draw", "y = 2x"]) == 2


# --- as a program -------------------------------------------------------------------------------


def program(
    *arguments: str, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-W", "error", "-m", "viz", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=given, timeout=60)


def test_the_module_runs_in_ascii() -> None:
    done = program("draw", "y = 2*α; α = 3*x", "--out", "a.dot", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"dy/dx = dy/dalpha dalpha/dx")
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [("lecture", "--list"), ("draw", "y = 2*x", "--out", "a.dot")])
def test_a_reader_that_went_away_is_no_error(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = program(*arguments, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_is_said_once() -> None:
    with open("/dev/full", "wb") as full:
        done = program("lecture", "--list", stdout=full.fileno())
    assert (done.returncode, done.stderr) == (2, b"autograd-core: No space left on device\n")


def test_help_does_not_wait_for_the_typesetting() -> None:
    code = (
        "import sys; from viz.cli import main; main(['--help']);"
        "print(sorted({'ziamath', 'ziafont', 'resvg_py', 'viz.page', 'viz.doctor'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("\n[]\n"), done.stderr
