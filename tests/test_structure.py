"""The house keeps its plan: imports run downward, packages only re-export, files stay short."""

import ast
import builtins
import graphlib
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("autograd_core", "nn", "viz")  # from the bottom up
DRAWING = {"graphviz", "pygraphviz", "graphviz_pure", "ziamath", "ziafont", "resvg_py", "matplotlib"}
EXTRAS = {"matplotlib", "anywidget", "ipykernel", "IPython", "traitlets", "jupytext", "nbclient", "jupyterlab"}
EXTRAS |= {"hypothesis", "mpmath", "safetensors", "tqdm", "sklearn", "distributed", "numba", "pygraphviz", "torch"}
SOURCES = {".py", ".js", ".css", ".html"}
LONGEST = 400

each_package = pytest.mark.parametrize("package", PACKAGES)


class Import(NamedTuple):
    """One imported name: `from module import name`, or `import module` where name is None."""

    module: str
    name: str | None
    line: int
    at_import_time: bool


def sources(package: str) -> dict[str, Path]:
    """Dotted name -> file, for every module of a package; skips the test while there is none."""
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    if not found:
        pytest.skip(f"{package} is not written yet")
    return found


def modules() -> dict[str, Path]:
    """Dotted name -> file, for every module of the packages that exist."""
    return {name: path for package in PACKAGES if (ROOT / package).is_dir()
            for name, path in sources(package).items()}


def is_package(path: Path) -> bool:
    return path.name == "__init__.py"


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(name: str, path: Path) -> Iterator[Import]:
    """The imports of a module in absolute form, inside functions too, except under `if TYPE_CHECKING`."""
    parents = name.split(".") if is_package(path) else name.split(".")[:-1]

    def visit(node: ast.AST, at_import_time: bool) -> Iterator[Import]:
        match node:
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for statement in node.orelse:
                    yield from visit(statement, at_import_time)
                return
            case ast.Import():
                for alias in node.names:
                    yield Import(alias.name, None, node.lineno, at_import_time)
            case ast.ImportFrom():
                above = parents[: len(parents) - node.level + 1] if node.level else []
                module = ".".join([*above, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield Import(module, alias.name, node.lineno, at_import_time)
            case ast.Call(
                func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield Import(module, None, node.lineno, at_import_time)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                at_import_time = False
        for child in ast.iter_child_nodes(node):
            yield from visit(child, at_import_time)

    yield from visit(parse(path), True)


def target(found: Import, known: dict[str, Path]) -> str | None:
    """The project's module that an import reads, or None if it is someone else's."""
    as_module = f"{found.module}.{found.name}"
    return as_module if as_module in known else found.module if found.module in known else None


def offenders(package: str, forbidden: set[str], *, at_import_time: bool = False) -> list[str]:
    """`file:line imports module`, for every import of a forbidden top-level package."""
    return [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        for name, path in sources(package).items()
        for found in imports(name, path)
        if found.module.split(".")[0] in forbidden and (found.at_import_time or not at_import_time)
    ]


@each_package
def test_a_package_imports_nothing_of_those_above_it(package: str) -> None:
    assert not offenders(package, set(PACKAGES[PACKAGES.index(package) + 1 :]))


@pytest.mark.parametrize("package", PACKAGES[:-1])
def test_nothing_below_viz_draws(package: str) -> None:
    assert not offenders(package, DRAWING)


@each_package
def test_mpmath_and_hypothesis_are_never_needed_to_import(package: str) -> None:
    found = offenders(package, {"mpmath", "hypothesis"}, at_import_time=True)
    places = [Path(line.split(":")[0]) for line in found]
    allowed = Path("autograd_core/testing"), Path("nn/testing.py")
    assert not [place for place in places if not any(map(place.is_relative_to, allowed))]


def test_imports_run_strictly_downward() -> None:
    known = modules()
    graph = {
        name: {target(found, known) for found in imports(name, path)} - {None, name}
        for name, path in known.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("these modules import each other: " + " -> ".join(reversed(error.args[1])))


@each_package
def test_every_package_imports_without_the_extras(package: str) -> None:
    names = [name for name, path in sources(package).items() if is_package(path)]
    program = f"import sys; sys.modules.update(dict.fromkeys({sorted(EXTRAS)}))\n"
    program += "\n".join(f"import {name}" for name in names)
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@each_package
def test_init_files_only_re_export(package: str) -> None:
    def allowed(node: ast.stmt) -> bool:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
                return True
            case ast.Assign(targets=[ast.Name("__all__" | "__version__")]):
                return True
            case ast.AnnAssign(target=ast.Name("__all__" | "__version__")):
                return True
        return False

    assert not [
        f"{path.relative_to(ROOT)}:{node.lineno} does more than re-export"
        for path in sources(package).values() if is_package(path)
        for node in parse(path).body if not allowed(node)
    ]


@each_package
def test_all_names_what_exists_once_and_shadows_no_builtin(package: str) -> None:
    for name, path in sources(package).items():
        if not is_package(path):
            continue
        module = importlib.import_module(name)
        exported = getattr(module, "__all__", None)
        assert exported is not None, f"{name} has no __all__"
        assert sorted(exported) == sorted(set(exported)), f"{name}.__all__ names something twice"
        missing = [entry for entry in exported if not hasattr(module, entry)]
        assert not missing, f"{name}.__all__ names what is not there: {missing}"
        shadowing = [entry for entry in exported if hasattr(builtins, entry)]
        assert not shadowing, f"{name}.__all__ shadows builtins under `import *`: {shadowing}"


@each_package
def test_no_module_shares_its_name_with_a_name_its_package_exports(package: str) -> None:
    known = sources(package)
    for name, path in known.items():
        if not is_package(path):
            continue
        exported = {found.name for found in imports(name, path) if target(found, known) == found.module}
        beside = {other.removeprefix(f"{name}.") for other in known if other.startswith(f"{name}.")}
        assert not exported & beside, f"in {name}, a module and an exported name are both called that"


@each_package
def test_files_can_be_read_in_one_sitting(package: str) -> None:
    sources(package)
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*") if path.suffix in SOURCES
    }
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


@each_package
def test_the_distribution_holds_every_package_and_its_type_marker(package: str) -> None:
    found = {name for name, path in sources(package).items() if is_package(path)}
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert found <= set(setuptools["packages"]), "add the new package to pyproject.toml"
    assert (ROOT / package / "py.typed").is_file()
