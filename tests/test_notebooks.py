"""The notebooks: each .ipynb is its script's, holds nothing but its cells, and runs to the end in a fresh kernel.

The script is what is edited and reviewed; outputs are not committed. In JupyterLab, where jupytext keeps the
two paired, either may be edited: the script is saved too, and rewriting then takes the outputs out again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted((ROOT / "notebooks").glob("*.py"))
REWRITE = "REWRITE_GOLDEN=1 python -m pytest tests/test_notebooks.py"
IMPORTABLE = {"autograd_core", "nn", "viz", "hypothesis", "itertools", "math", "numpy", "scipy", "tempfile"}

# What a cell that ends in a call shows, beside its plain text.
SHOWN_AS = {"viz.draw": "image/svg+xml", "explain": "text/latex"}
SHOWN_AS |= dict.fromkeys(("ledger", "relationships", "forward_and_backward", "Table", "symptoms"), "text/markdown")
SHOWN_AS |= dict.fromkeys(("example_2", "mini_network", "viz.derivation", "gradcheck"), "text/html")
SHOWN_AS["viz.step"] = "application/vnd.jupyter.widget-view+json"

NOT_PORTABLE = re.compile(r"https?://|(?<![\w.~])/(?:home|Users|root|tmp|work|opt|usr|mnt|var)/|\b[A-Z]:\\\w|~/")

each_notebook = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def needed(module: str) -> Any:
    """The module; without it the test is skipped, which pytest's summary shows."""
    return pytest.importorskip(module, reason=f"{module} is missing; it comes with the extras notebook and dev")


def committed(script: Path) -> dict[str, Any]:
    path = script.with_suffix(".ipynb")
    assert path.exists(), f"{path.name} is missing; write it with: {REWRITE}"
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def needed_to_run(script: Path) -> None:
    """A stepper's step is set in the kernel, which takes the widget; random functions take the extra testing."""
    text = script.read_text(encoding="utf-8")
    if "stepper.step = " in text:
        needed("anywidget")
    if "autograd_core.testing" in text:
        needed("hypothesis")
        needed("mpmath")


def sources(script: Path, kind: str = "code") -> list[str]:
    return ["".join(cell["source"]) for cell in committed(script)["cells"] if cell["cell_type"] == kind]


def made_of(script: Path) -> Any:
    """The notebook jupytext makes of a script, each cell with an id that only its own text changes."""
    jupytext = needed("jupytext")
    notebook = jupytext.read(script)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5  # the first version in which cells have ids
    notebook.metadata.jupytext.pop("text_representation", None)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def rewrite(script: Path) -> None:
    text = needed("nbformat").writes(made_of(script)).rstrip("\n") + "\n"
    script.with_suffix(".ipynb").write_text(text, encoding="utf-8", newline="\n")


def test_every_notebook_has_a_script_and_there_is_one() -> None:
    assert SCRIPTS
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} <= {script.stem for script in SCRIPTS}


@each_notebook
def test_the_notebook_is_what_jupytext_makes_of_the_script(script: Path) -> None:
    made = made_of(script)
    if os.environ.get("REWRITE_GOLDEN"):
        rewrite(script)
    there = committed(script)
    pairs = [(cell.cell_type, cell.source, cell.metadata, cell.id) for cell in made.cells]
    found = [(cell["cell_type"], "".join(cell["source"]), cell["metadata"], cell.get("id")) for cell in there["cells"]]
    differing = [at for at, (ours, theirs) in enumerate(zip(pairs, found, strict=False)) if ours != theirs]
    if differing or len(pairs) != len(found):
        at = differing[0] if differing else min(len(pairs), len(found))
        cell = (pairs + found)[at][1] if at < len(pairs) else found[at][1]
        pytest.fail(
            f"{script.stem}.ipynb is not what {script.name} makes; they part at cell {at}:\n{cell}\n\n"
            f"If the script is right, rewrite the notebook from it:\n    {REWRITE}\n"
            f"If you edited the notebook without jupytext, first:\n"
            f"    python -m jupytext --to py:percent notebooks/{script.stem}.ipynb",
            pytrace=False,
        )
    assert len({cell["id"] for cell in there["cells"]}) == len(found)
    assert there["metadata"]["kernelspec"]["name"] == made.metadata.kernelspec.name == "python3"
    assert set(there["metadata"]["jupytext"]["formats"].split(",")) == {"ipynb", "py:percent"}


@each_notebook
def test_the_notebook_is_committed_without_outputs(script: Path) -> None:
    stale = [
        at for at, cell in enumerate(committed(script)["cells"])
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None)
    ]
    assert not stale, f"cells {stale} hold outputs; take them out with: {REWRITE}"
    assert "widgets" not in committed(script)["metadata"]


@each_notebook
def test_the_notebook_names_no_address_and_no_path_of_a_machine(script: Path) -> None:
    notebook = committed(script)
    texts = [script.read_text(encoding="utf-8"), *sources(script), *sources(script, "markdown")]
    for text in [*texts, *(str(cell["metadata"]) for cell in notebook["cells"]), str(notebook["metadata"])]:
        assert not NOT_PORTABLE.findall(text)
        assert str(ROOT) not in text


@pytest.mark.parametrize("text", ["/home/me/x.py", r"C:\Users", "~/x", "https://example.org", "open('/tmp/x')"])
def test_such_a_path_would_be_found(text: str) -> None:
    assert NOT_PORTABLE.search(text)


@each_notebook
def test_the_notebook_needs_no_network_no_programs_and_no_global_randomness(script: Path) -> None:
    for source in sources(script):
        assert not re.search(r"^\s*[!%]", source, re.MULTILINE), f"a magic or a shell command:\n{source}"
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= IMPORTABLE, f"imports what it does not need:\n{source}"
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
                assert node.attr in ("default_rng", "Generator"), f"randomness without a generator:\n{source}"
        assert "default_rng()" not in source, f"a generator without a seed:\n{source}"


@each_notebook
def test_a_cell_run_twice_does_no_harm(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needed_to_run(script)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for source in sources(script):
        code = compile(source, script.name, "exec")
        exec(code, namespace)
        exec(code, namespace)
    assert capsys.readouterr().err == ""


def last_call(source: str) -> str:
    """The function whose result a cell shows, or nothing."""
    body = ast.parse(source).body
    if body and isinstance(body[-1], ast.Expr) and isinstance(body[-1].value, ast.Call):
        return ast.unparse(body[-1].value.func)
    return ""


def kernel_of_this_python(folder: Path) -> Path:
    """A folder with the one kernel "python3": this very Python, the project importable, no program to be found."""
    kernels, nothing = folder / "kernels", folder / "nothing"
    nothing.mkdir()
    (kernels / "python3").mkdir(parents=True)
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": str(nothing),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),  # not .hypothesis beside the notebook
        "IPYTHONDIR": str(folder / "ipython"),  # not the user's profile, with its start-up files
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's remark about frozen modules
    }
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    description = {"argv": command, "display_name": "Python 3", "language": "python", "env": environment}
    (kernels / "python3" / "kernel.json").write_text(json.dumps(description), encoding="utf-8")
    return kernels


def execute(notebook: Path, executed: Path, kernels: Path, work: Path) -> None:
    """Run a notebook with nbclient, in a kernel of its own whose working folder is ``work``."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
    cells = nbformat.read(notebook, as_version=4)
    NotebookClient(cells, km=kernel, timeout=120, resources={"metadata": {"path": str(work)}}).execute()
    nbformat.write(cells, executed)


@each_notebook
def test_the_notebook_runs_to_its_end_in_a_fresh_kernel(script: Path, tmp_path: Path) -> None:
    for module in ("nbclient", "nbformat", "ipykernel"):
        needed(module)
    needed_to_run(script)
    work, executed = tmp_path / "work", tmp_path / "executed.ipynb"
    work.mkdir()
    # In a process of its own: there Jupyter may leave sockets open and warn of it without failing other tests.
    paths = [script.with_suffix(".ipynb"), executed, kernel_of_this_python(tmp_path), work]
    done = subprocess.run([sys.executable, __file__, *map(str, paths)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")})
    assert done.returncode == 0, done.stderr
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]

    shown: Counter[str] = Counter()
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        source, outputs = "".join(cell["source"]), cell["outputs"]
        assert not [each for each in outputs if each["output_type"] == "error"], source
        printed = ["".join(each["text"]) for each in outputs if each.get("name") == "stderr"]
        assert not printed, f"{printed[0]}\nprinted to stderr by:\n{source}"
        forms = {form for each in outputs for form in each.get("data", {})}
        wanted = SHOWN_AS.get(last_call(source))
        assert wanted is None or wanted in forms, f"shows no {wanted}:\n{source}"
        shown.update(forms)
    assert shown["image/svg+xml"] >= 3
    assert list(work.iterdir()) == []


if __name__ == "__main__":
    execute(*map(Path, sys.argv[1:]))
