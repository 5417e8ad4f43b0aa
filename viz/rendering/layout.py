"""Run a Graphviz layout engine on DOT text; which engine, and what to say when there is none."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from viz.errors import LayoutError

ENVIRONMENT_VARIABLE = "AUTOGRAD_CORE_LAYOUT"
ENGINES = ("graphviz-pure", "dot", "pygraphviz")
"""In the order they are tried; `dot` is the system's Graphviz."""

TIMEOUT_SECONDS = 120.0
_TAIL_CHARACTERS = 600


def lay_out(dot: str, engine: str | None = None) -> str:
    """Return the SVG that a layout engine makes of DOT text.

    Arguments: `engine` is one of `ENGINES` or the path of a Graphviz-compatible program; by default the
    environment variable AUTOGRAD_CORE_LAYOUT decides, and without it the first engine that is installed.
    Raises LayoutError when there is no engine, or the engine fails, hangs, or answers with something else.
    """
    name, path = _choose(engine)
    svg = _run_pygraphviz(dot) if name == "pygraphviz" else _run_program(name, path or name, dot)
    try:
        root = ET.fromstring(svg)
    except ET.ParseError as problem:
        raise LayoutError(_failure(name, f"its output is not XML ({problem})", svg)) from None
    if root.tag.rpartition("}")[2] != "svg":
        raise LayoutError(_failure(name, f"its output is <{root.tag}>, not <svg>", svg))
    return svg


def available_engines() -> list[tuple[str, str | None, str | None]]:
    """Return (name, path or None, version or None) of every engine, in order; path None: not installed."""
    return [(name, path, _version(name, path)) for name in ENGINES for path in [_find(name)]]


def _choose(engine: str | None) -> tuple[str, str | None]:
    wanted = engine or os.environ.get(ENVIRONMENT_VARIABLE) or None
    if wanted is None:
        for name in ENGINES:
            if (path := _find(name)) is not None:
                return name, path
        raise LayoutError(
            "Laying out a picture requires a Graphviz engine, and none of "
            f"{', '.join(ENGINES)} was found (looked in the installed Python packages and on PATH). "
            'Run "pip install graphviz-pure", or install Graphviz, or set '
            f"{ENVIRONMENT_VARIABLE} to the path of a dot program. "
            "The picture as text is in .dot and needs no engine."
        )
    path = _find(wanted)
    if path is not None:
        return wanted, path
    source = "the argument engine" if engine else f"the environment variable {ENVIRONMENT_VARIABLE}"
    found = [name for name in ENGINES if _find(name) is not None]
    raise LayoutError(
        f"The layout engine {wanted!r}, asked for by {source}, was not found. "
        f"It must be one of {', '.join(ENGINES)} or the path of a dot program; "
        f"installed here: {', '.join(found) or 'none'}. "
        "Leave it out to use the first that is installed. "
        "The picture as text is in .dot and needs no engine."
    )


def _find(name: str) -> str | None:
    """Return where an engine is, or None; for pygraphviz, which is a module, where its package is."""
    if name == "graphviz-pure":
        return _find_graphviz_pure()
    if name == "pygraphviz":
        specification = importlib.util.find_spec("pygraphviz")
        return None if specification is None else specification.origin
    return shutil.which(name)


def _find_graphviz_pure() -> str | None:
    # Not PATH: the program lies in the environment's bin folder, which is on PATH only where it is activated.
    try:
        files = importlib.metadata.files("graphviz-pure") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("graphviz-pure", "graphviz-pure.exe"):
            path = Path(str(file.locate())).resolve()
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    return None


def _version(name: str, path: str | None) -> str | None:
    if path is None:
        return None
    if name != "dot":
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None
    try:
        answer = subprocess.run([path, "-V"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = (answer.stderr + answer.stdout).decode("utf-8", "replace").split()
    return next((word for word in words if word[0].isdigit()), None)


def _run_program(name: str, path: str, dot: str) -> str:
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows only, where a console would flash up
    try:
        answer = subprocess.run(
            [path, "-Tsvg"],
            input=dot.encode("utf-8"),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            creationflags=flags,
        )
    except subprocess.TimeoutExpired:
        raise LayoutError(
            _failure(name, f"it did not finish within {TIMEOUT_SECONDS:g} seconds; draw fewer nodes", "")
        ) from None
    except OSError as problem:
        raise LayoutError(_failure(name, f"it could not be started ({problem})", "")) from None
    if answer.returncode != 0:
        stderr = answer.stderr.decode("utf-8", "replace")
        raise LayoutError(_failure(name, f"it ended with exit code {answer.returncode}", stderr))
    return answer.stdout.decode("utf-8", "replace")


def _run_pygraphviz(dot: str) -> str:
    try:
        import pygraphviz

        drawn: bytes = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
    except Exception as problem:  # whatever a compiled extension and the program it starts may raise
        raise LayoutError(_failure("pygraphviz", str(problem), "")) from problem
    return drawn.decode("utf-8", "replace")


def _failure(name: str, what: str, output: str) -> str:
    tail = output.strip()[-_TAIL_CHARACTERS:]
    said = f" It said: {tail}" if tail else ""
    return (
        f"The layout engine {name} failed: {what}.{said} "
        f"Try another with engine= or {ENVIRONMENT_VARIABLE} (one of {', '.join(ENGINES)}). "
        "The picture as text is in .dot and needs no engine."
    )
