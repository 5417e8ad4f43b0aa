"""What ``autograd-core doctor`` finds out about an installation: data, which the command line prints."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import autograd_core
from viz.drawing import draw
from viz.rendering.layout import ENVIRONMENT_VARIABLE, available_engines

DISTRIBUTION = "autograd-core"
PACKAGES = ("autograd_core", "nn", "viz")
REQUIRED = {
    "numpy": "numpy",
    "graphviz": "graphviz",
    "graphviz-pure": "",
    "ziamath": "ziamath",
    "resvg-py": "resvg_py",
}
"""Distribution -> the module to import; graphviz-pure is a program."""

EXTRAS = {
    "plots": ("matplotlib",),
    "notebook": ("anywidget", "traitlets", "ipykernel", "jupytext", "nbclient", "jupyterlab"),
    "testing": ("hypothesis", "mpmath"),
    "training": ("safetensors", "tqdm"),
    "data": ("scikit-learn",),
    "tune": ("scikit-learn",),
    "cluster": ("distributed",),
    "native": ("numba",),
    "dev": (
        "pytest", "pytest-xdist", "playwright", "axe-playwright-python", "ruff", "mypy", "build", "setuptools",
    ),
}
"""As in pyproject.toml, to which a test holds them."""

MATHEMATICS = "∂ ₁ ⁽²⁾ ŷ α σ′ → … −"
_HOME = Path(autograd_core.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found, whether it is ``ok``, ``missing``, ``broken`` or worth a ``note``.

    Only what is ``broken`` keeps the package from working; ``advice`` says what to do, where there is
    something to do.
    """

    what: str
    found: str
    state: str = "ok"
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one finding at a time; nothing found raises."""
    yield Finding("python", f"{platform.python_version()} at {sys.executable}")
    yield _this_package()
    yield from (_importable(name) for name in PACKAGES)
    yield from (_required(name, module) for name, module in REQUIRED.items())
    yield from (_extra(name, packages) for name, packages in EXTRAS.items())
    yield _engines()
    yield _rendering()
    yield _encoding()
    yield _node()


def _this_package() -> Finding:
    number = autograd_core.__version__
    try:
        installed = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        advice = f"It works in this folder only; for others: {_install()}"
        return Finding(DISTRIBUTION, f"{number} in {_HOME}, not installed", "note", advice)
    # An editable installation lists no modules; it is where it was made from.
    own = [file for file in installed.files or () if file.as_posix() == "autograd_core/__init__.py"]
    place = Path(str(own[0].locate())).resolve().parent.parent if own else _HOME
    if place != _HOME and place.is_dir():
        found = f"{number} in {_HOME}, which hides {installed.version} in {place}"
        advice = "The first is used. If that is a surprise, work in another folder."
        return Finding(DISTRIBUTION, found, "note", advice)
    if installed.version != number:
        found = f"{number} in {_HOME}, installed as {installed.version}"
        return Finding(DISTRIBUTION, found, "note", f"Bring the installation up to date: {_install()}")
    return Finding(DISTRIBUTION, f"{number} in {_HOME}")


def _importable(name: str) -> Finding:
    """Whether importing ``name`` gives this project's package: nn and viz are common names."""
    what, ours = f"import {name}", _HOME / name / "__init__.py"
    rename = f"It hides this project's {name}. Rename or remove it, or work in another folder."
    try:
        specification = importlib.util.find_spec(name)
    except (ImportError, ValueError) as problem:
        return Finding(what, _first_line(problem), "broken", f"Install this package again: {_install()}")
    if specification is None:
        return Finding(what, "not found", "broken", f"Install this package again: {_install()}")
    folders = [*(specification.submodule_search_locations or ())]
    found = specification.origin or next(iter(folders), "somewhere unknown")
    if Path(found).resolve() != ours:
        return Finding(what, f"shadowed by {found}", "broken", rename)
    for local in (Path.cwd() / f"{name}.py", Path.cwd() / name / "__init__.py"):
        if local.is_file() and local.resolve() != ours:
            found = f"shadowed, for programs started in this folder, by {local}"
            return Finding(what, found, "broken", rename)
    others = sorted(set(importlib.metadata.packages_distributions().get(name, ())) - {DISTRIBUTION})
    if others:
        advice = f"One hides the other: {_python()} -m pip uninstall {' '.join(others)}, then {_install()}"
        return Finding(what, f"also installed by {', '.join(others)}", "broken", advice)
    return Finding(what, str(ours.parent))


def _required(name: str, module: str) -> Finding:
    version = _version(name)
    if version is None:
        return Finding(name, "not installed", "broken", f'{_python()} -m pip install "{name}"')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it will need a newer version some day is not its illness
            if module:
                importlib.import_module(module)
    except Exception as problem:  # a damaged package may raise anything
        found = f"{version}, but importing it fails: {_first_line(problem)}"
        return Finding(name, found, "broken", f'{_python()} -m pip install --force-reinstall "{name}"')
    return Finding(name, version)


def _extra(name: str, packages: tuple[str, ...]) -> Finding:
    versions = {package: _version(package) for package in packages}
    found = [f"{package} {version}" for package, version in versions.items() if version]
    absent = [package for package, version in versions.items() if version is None]
    if not absent:
        return Finding(f"extra {name}", ", ".join(found))
    said = [*found, f"without {', '.join(absent)}"]
    return Finding(f"extra {name}", ", ".join(said), "missing", _install(name))


def _engines() -> Finding:
    engines = available_engines()
    said = ", ".join(
        f"{name} {version or ''}".strip() if path else f"no {name}" for name, path, version in engines
    )
    asked = os.environ.get(ENVIRONMENT_VARIABLE)
    chosen = f"; {ENVIRONMENT_VARIABLE} asks for {asked}" if asked else ""
    if asked or any(path for _, path, _ in engines):
        return Finding("layout engines", said + chosen)
    return Finding("layout engines", said, "broken", f'{_python()} -m pip install "graphviz-pure"')


def _rendering() -> Finding:
    try:
        picture = draw("y = 2*a; a = 3*x")
        drawn = len(picture.svg), len(picture.png)
    except Exception as problem:  # whatever the engine, the typesetting or the rendering raises
        said = str(problem) or type(problem).__name__
        return Finding("a small picture", f"fails with {type(problem).__name__}", "broken", said)
    return Finding("a small picture", "{} bytes of SVG, {} of PNG".format(*drawn))


def _encoding() -> Finding:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    try:
        MATHEMATICS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        advice = "If it can show UTF-8, set PYTHONUTF8=1 to see mathematics in its own signs."
        return Finding("this terminal", f"{encoding}: mathematics is written in ASCII", "note", advice)
    return Finding("this terminal", f"{encoding}: mathematics is written in its own signs")


def _node() -> Finding:
    path = shutil.which("node")
    if path is None:
        return Finding("node", "not found", "missing", "Only the tests of the JavaScript need it: nodejs.org")
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        found = f"{path} does not start: {_first_line(problem)}"
        return Finding("node", found, "note", "Only the tests of the JavaScript need it.")
    version = answer.stdout.decode("ascii", "replace").strip()
    return Finding("node", f"{version}, which only the tests of the JavaScript need")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _python() -> str:
    """This very Python, as one would type it: no environment need be activated."""
    here, python = os.getcwd(), sys.executable
    shown = os.path.relpath(python, here) if python.startswith(here + os.sep) else python
    return f'"{shown}"' if " " in shown else shown


def _install(extra: str = "") -> str:
    """The command that installs this package, from its folder where there is one."""
    part = f"[{extra}]" if extra else ""
    if (_HOME / "pyproject.toml").is_file():
        return f'{_python()} -m pip install -e ".{part}"'
    return f'{_python()} -m pip install "{DISTRIBUTION}{part}"'


def _first_line(problem: BaseException) -> str:
    return next(iter(str(problem).splitlines()), type(problem).__name__)
