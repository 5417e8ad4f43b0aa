"""The command line: ``autograd-core``, also ``python -m viz``.

Exit codes: 0 all is well, 1 something checked is not, 2 what was asked for cannot be done, 130 Ctrl-C,
141 the reader of the output went away.  Progress and errors go to the standard error stream.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from autograd_core import __version__
from autograd_core.errors import AutogradError, NoPathError
from autograd_core.explanation import explain
from autograd_core.names import Name
from autograd_core.parsing import Definitions, parse
from autograd_core.table import Table
from viz.console_text import say
from viz.drawing import draw
from viz.errors import LayoutError
from viz.stepping import step

if TYPE_CHECKING:
    from viz.lecture.worked_example import Check

# The page, the typesetting and the doctor are imported where they are used: --help should not wait for them.

PROGRAM = "autograd-core"
FINE, DIFFERS, REFUSED, INTERRUPTED, NO_READER = 0, 1, 2, 130, 141

_MOST_EXPLAINED = 3
_WIDEST_CELL = 32
_EXAMPLES = """\
examples:
  autograd-core lecture                                the worked examples as a page with pictures
  autograd-core draw "y = 2*a; a = 3*x"                a picture and the derivative in symbols
  autograd-core draw "y = x*sin(x)" --at x=2 --open    the same with numbers
  autograd-core step "y = x*sin(x)" --at x=2           a page that steps through both passes
  autograd-core check "y = x*sin(x)" --at x=2          the gradient against finite differences
  autograd-core mutants                                whether classic mistakes would be found
"""


class UsageError(Exception):
    """What was typed cannot be done; the message says what to type instead."""


class _Parser(argparse.ArgumentParser):
    """argparse, whose complaints become one line like all others; a file's name in them may hold anything."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        if message.endswith("required: TEXT"):
            message = (
                "the TEXT to read is missing. Write it first, in quotes and as a definition: "
                f'{self.prog} "y = -2*x" --at x=1'
            )
        raise UsageError(f"{message.rstrip('.')}. See {self.prog} --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    >>> main(["draw", "y = 2*a; a = 3*x", "--at", "x=1", "--out", "nowhere/graph.svg"])
    2
    """
    try:
        try:
            code = _run(argv)
        except (UsageError, AutogradError, LayoutError) as error:
            code = _refuse(str(error))
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            code = _refuse(_what_failed(error))
        if sys.stdout is not None:
            sys.stdout.flush()  # a reader that went away, or a full disk, shows here, not when Python ends
        return code
    except BrokenPipeError:
        _silence(sys.stdout, sys.stderr)
        return NO_READER
    except OSError as error:
        _silence(sys.stdout)
        return _refuse(_what_failed(error))
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as done:  # after --help and --version
        return int(done.code or FINE)
    if options.command is None:
        parser.print_help()
        return FINE
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _parser() -> _Parser:
    says = "Derivatives of scalar graphs: computed, explained and drawn."
    parser = _Parser(prog=PROGRAM, description=says, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, run: Callable[[argparse.Namespace], int], says: str) -> _Parser:
        made: _Parser = commands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
        made.set_defaults(run=run)
        return made

    lecture = command("lecture", _lecture, "write the lecture's worked examples as a page with pictures")
    lecture.add_argument("--out", metavar="DIR", default="lecture", help="the folder to write (lecture)")
    lecture.add_argument("--only", metavar="ID", nargs="+", action="extend", help="only rows with these ids")
    lecture.add_argument("--list", action="store_true", help="list all rows with their ids, write nothing")

    drawing = command("draw", _draw, "draw the graph of a text of definitions and explain its derivatives")
    _add_text(drawing, "numbers for all inputs; without them the picture has symbols only")
    drawing.add_argument("--wrt", metavar="NAME", nargs="+", action="extend",
                         help="differentiate with respect to these (all inputs); "
                              "the others become symbols on arrows")
    drawing.add_argument("--out", metavar="FILE", default="graph.svg",
                         help="where to, as .svg, .png, .html or .dot (graph.svg)")
    drawing.add_argument("--open", action="store_true", help="show the picture in a browser")
    drawing.add_argument("--style", choices=("lecture", "full"), default="lecture",
                         help="circles with names, or every node with all it holds (lecture)")
    drawing.add_argument("--show", choices=("symbols", "numbers", "both", "expanded"),
                         help="what stands beside arrows; expanded writes out an activation's derivative")
    drawing.add_argument("--values", action=argparse.BooleanOptionalAction, help="the value in each node")
    drawing.add_argument("--gradients", action=argparse.BooleanOptionalAction, help="the gradients too")
    drawing.add_argument("--highlight", metavar=("FROM", "TO"), nargs=2,
                         help="give each path from one name to another a colour")
    drawing.add_argument("--down", action="store_true", help="draw from top to bottom")
    drawing.add_argument("--engine", metavar="NAME", help="graphviz-pure, dot, pygraphviz or a dot's path")

    stepping = command("step", _step, "write a page that steps through the forward and the backward pass of a text")
    _add_text(stepping, "numbers for all inputs")
    stepping.add_argument("--wrt", metavar="NAME", nargs="+", action="extend",
                          help="the picture is of what lies on a path from these (all inputs)")
    stepping.add_argument("--out", metavar="FILE", default="step.html", help="where to, as .html (step.html)")
    stepping.add_argument("--open", action="store_true", help="show the page in a browser")
    stepping.add_argument("--view", choices=("lecture", "full"), default="lecture",
                          help="begin with the named nodes, or with every node (lecture)")
    stepping.add_argument("--order", choices=("topological", "depth_first"), default="topological",
                          help="begin with the right order of the backward pass or with the wrong one (topological)")

    check = command("check", _check, "check the gradients of a text with the strongest oracle that applies")
    _add_text(check, "numbers for all inputs")

    mutants = command("mutants", _mutants, "plant classic mistakes in the engine and see whether they are found")
    mutants.add_argument("names", metavar="NAME", nargs="*", help="only these mutants (all)")
    mutants.add_argument("--functions", metavar="N", type=int, default=25,
                         help="random functions to spoil with each (25)")
    mutants.add_argument("--seed", metavar="N", type=int, default=0, help="draw other functions (0)")

    command("doctor", _doctor, "look at the installation and say what is missing or broken")
    return parser


def _add_text(parser: _Parser, numbers: str) -> None:
    parser.add_argument("text", metavar="TEXT", help='definitions in any order, such as "y = 2*a; a = 3*x"')
    parser.add_argument("--at", metavar="NAME=NUMBER", nargs="+", action="extend", type=_assignment,
                        default=[], help=numbers)


def _assignment(text: str) -> tuple[str, float]:
    name, sign, number = (part.strip() for part in text.partition("="))
    if not name or not sign or not number:
        problem = f"{text!r} is not a name with a number. After the TEXT write --at x=1 y=-0.5"
        raise argparse.ArgumentTypeError(problem)
    try:
        return name, float(number)
    except ValueError:
        problem = f"{number!r} is not a number for {name!r}. After the TEXT write --at x=1 y=-0.5"
        raise argparse.ArgumentTypeError(problem) from None


# --- the commands -------------------------------------------------------------------------------


def _lecture(options: argparse.Namespace) -> int:
    from viz.lecture.catalogue import CATALOGUE
    from viz.page import chosen_rows, write_lecture

    if options.list:
        coming = {True: "", False: "still to come"}
        rows = [(str(row.number), row.id, row.slide, coming[row.example is not None]) for row in CATALOGUE]
        say(Table(("row", "id", "about", ""), tuple(rows)))
        return FINE
    try:
        chosen_rows(options.only)
    except ValueError as error:
        raise UsageError(f"{error} All of them: {PROGRAM} lecture --list") from None

    def progress(done: int, of: int, what: str) -> None:
        if what:
            say(f"[{done + 1}/{of}] {what}", sys.stderr)

    lecture = write_lecture(options.out, options.only, progress)
    checks = [(id, check) for id, checks in lecture.checks.items() for check in checks]
    verdicts = {True: "ok", False: "DIFFERS"}
    cells = [
        (id, check.what, _cut(check.expected, check), _cut(check.shown, check), verdicts[check.passed])
        for id, check in checks
    ]
    say(Table(("id", "what", "expected", "got", "verdict"), tuple(cells)))
    passed = sum(check.passed for _, check in checks)
    say(f"{passed} of {len(checks)} as the lecture has them.")
    say(f"The page, with {len(lecture.pictures)} pictures beside it: {lecture.page.resolve()}")
    return FINE if lecture.passed else DIFFERS


def _draw(options: argparse.Namespace) -> int:
    definitions = _definitions(options)
    for name in options.wrt or ():
        _require_reaching(definitions, name)
    graph = definitions.graph(wrt=options.wrt)
    if not graph.has_numbers:
        _require_no_numbers(options, definitions)
    picture = draw(
        graph, style=options.style, show=options.show, values=options.values, gradients=options.gradients,
        highlight=tuple(options.highlight) if options.highlight else None,
        direction="down" if options.down else "right", engine=options.engine,
    )
    try:
        saved = picture.save(options.out)
    except ValueError as error:  # the file's ending
        raise UsageError(str(error)) from None
    asked = options.wrt or definitions.inputs
    if options.wrt or len(asked) <= _MOST_EXPLAINED:
        for output in definitions.outputs:
            for name in dict.fromkeys(asked):
                _explain(definitions, output, name, options)
    else:
        one = Name.of(asked[0]).ascii
        say(f"There are {len(asked)} inputs. For the derivative with respect to one: --wrt {one}\n")
    say(f"The picture: {saved.resolve()}")
    _open_if_asked(options, saved)
    return FINE


def _step(options: argparse.Namespace) -> int:
    definitions = _definitions(options)
    for name in options.wrt or ():
        _require_reaching(definitions, name)
    graph = definitions.graph(wrt=options.wrt)
    if not graph.has_numbers:
        raise UsageError(f"A stepper needs a number for each input: {_example_of(definitions)}.")
    stepper = step(graph, view=options.view, order=options.order)
    try:
        saved = stepper.save(options.out)
    except ValueError as error:  # the file's ending
        raise UsageError(str(error)) from None
    say(f"The page, with {stepper.steps} steps: {saved.resolve()}")
    _open_if_asked(options, saved)
    return FINE


def _open_if_asked(options: argparse.Namespace, saved: Path) -> None:
    if options.open and not webbrowser.open(saved.resolve().as_uri()):
        say("No browser could be opened.", sys.stderr)


def _require_no_numbers(options: argparse.Namespace, definitions: Definitions) -> None:
    wanted = [f"--show {options.show}"] if options.show in ("numbers", "both") else []
    wanted += [f"--{name}" for name in ("values", "gradients") if getattr(options, name)]
    if wanted:
        raise UsageError(f"{wanted[0]} needs a number for each input: {_example_of(definitions)}.")


def _require_reaching(definitions: Definitions, name: str) -> None:
    """Raise NoPathError if no output depends on ``name``, but for what it is itself."""
    graph = definitions.graph().seen_from([name])
    (tail,) = graph.inputs
    others = [output for output in graph.outputs if output != tail]
    if others and not set(others) & set(graph.shown):
        raise NoPathError(graph.no_path(tail, others[0]))


def _explain(definitions: Definitions, output: str, name: str, options: argparse.Namespace) -> None:
    whole = definitions.graph().seen_from([name])
    (tail,), head = whole.inputs, whole.index(output)
    if head in whole.shown:
        show = "expanded" if options.show == "expanded" else "symbols"
        say(explain(definitions.graph(wrt=[name], output=output), show=show))
    elif options.wrt:
        say(whole.no_path(tail, head))
    else:
        return
    say("")


def _check(options: argparse.Namespace) -> int:
    from autograd_core.testing.gradient_check import check_output

    definitions = _definitions(options)
    if not definitions.graph().has_numbers:
        raise UsageError(f"A check needs a number for each input: {_example_of(definitions)}.")
    reports = []
    for output in definitions.outputs:
        if definitions[output].is_leaf and output in definitions.inputs:
            raise UsageError(f"{output} is a number, not computed from any input: there is nothing to check.")
        reports.append(report := check_output(definitions[output]))
        say(f"{report.function} = {report.value:.10g}")
        say(report)
        say("")
    say("Every gradient was confirmed." if all(reports) else "Some gradients were not confirmed.")
    return FINE if all(reports) else DIFFERS


def _mutants(options: argparse.Namespace) -> int:
    from viz.mutants_command import try_mutants

    return FINE if try_mutants(options.names, options.functions, options.seed) else DIFFERS


def _doctor(options: argparse.Namespace) -> int:
    from viz.doctor import examine

    findings = list(examine())
    width = max(len(each.what) for each in findings)
    for each in findings:
        say(f"{each.state:<7}  {each.what:<{width}}  {each.found}")
    for title, broken in (("What to do:", True), ("If you like:", False)):
        advised = [each for each in findings if each.advice and (each.state == "broken") is broken]
        if advised:
            say("\n".join(["", title, *(f"  {each.what}: {each.advice}" for each in advised)]))
    return DIFFERS if any(each.state == "broken" for each in findings) else FINE


def _definitions(options: argparse.Namespace) -> Definitions:
    numbers: dict[str, float] = {}
    for name, number in options.at:
        if name in numbers:
            both = f"{numbers[name]:g} and {number:g}"
            raise UsageError(f"--at gives {name!r} two numbers, {both}. Give it one.")
        numbers[name] = number
    return parse(options.text, **numbers)


def _example_of(definitions: Definitions) -> str:
    return "--at " + " ".join(f"{Name.of(name).ascii}=1" for name in definitions.inputs)


def _cut(cell: str, check: Check) -> str:
    """A cell of the table of checks, cut short where the two are equal anyway."""
    return cell if len(cell) <= _WIDEST_CELL or not check.passed else f"{cell[: _WIDEST_CELL - 3]}..."


# --- the terminal -------------------------------------------------------------------------------


def _refuse(message: str) -> int:
    with contextlib.suppress(OSError):  # nobody can be told
        say(f"{PROGRAM}: {message}", sys.stderr)
    return REFUSED


def _what_failed(error: OSError) -> str:
    if error.strerror and error.filename:
        name = str(error.filename)
        return f"{name!r} cannot be used ({error.strerror}). Choose another place or free this one."
    return error.strerror or str(error) or type(error).__name__


def _silence(*streams: TextIO | None) -> None:
    """Send what is still buffered nowhere, so that Python's last flush does not complain again."""
    for stream in streams:
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:
            if stream is not None:
                os.dup2(nothing.fileno(), stream.fileno())  # a stream without a file raises
