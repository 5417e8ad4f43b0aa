"""`value.py` and the sweep, compiled by mypyc unchanged, pass the same tests.

The compiled files replace their sources in a copy of the project, so nothing else can be what is tested.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILED = ["autograd_core/value.py", "autograd_core/sweeps.py"]
TESTS = ["test_value.py", "test_backward.py", "test_copies.py", "test_operators.py", "test_numpy_interplay.py"]
PROBE = """
import types
from autograd_core import sweeps, value
files = [module.__file__ for module in (value, sweeps)]
assert not any(file.endswith(".py") for file in files), files
assert not isinstance(value.Value.backward, types.FunctionType)
assert not isinstance(sweeps.adjoints, types.FunctionType)
"""


def missing() -> str | None:
    """What is not here that compiling needs, or None."""
    for module in ("mypy", "mypyc", "setuptools"):
        if importlib.util.find_spec(module) is None:
            return module
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"the C compiler {compiler}"
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return None if header.is_file() else str(header)


def run(*command: str, cwd: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=environment, text=True, timeout=600,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.skipif(missing() is not None, reason=f"compiling needs {missing()}")
def test_value_and_the_sweep_compiled_by_mypyc_pass_their_tests(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    shutil.copytree(ROOT / "autograd_core", tmp_path / "autograd_core", ignore=ignored)
    run("-m", "mypyc", "--strict", "--ignore-missing-imports", *COMPILED, cwd=tmp_path)
    for source in COMPILED:
        (tmp_path / source).unlink()
    run("-c", PROBE, cwd=tmp_path)
    (tmp_path / "tests" / "core").mkdir(parents=True)
    for name in TESTS:
        shutil.copy(ROOT / "tests" / "core" / name, tmp_path / "tests" / "core")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tests = [f"tests/core/{name}" for name in TESTS]
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=tmp_path)
