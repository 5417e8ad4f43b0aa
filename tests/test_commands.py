"""The commands a newcomer types first, on machines that lack what they need.

Machines are imitated with a folder of stubs as the whole PATH, or before the system's. A stub called
python3.12 is this very interpreter claiming to be another version, so it answers whatever it is asked.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SH = shutil.which("sh")
MAKE = shutil.which("make")
TARGETS = {"help", "lecture", "test", "notebooks", "clean"}

needs_sh = pytest.mark.skipif(SH is None, reason="there is no sh")
needs_make = pytest.mark.skipif(SH is None or MAKE is None, reason="there is no make")

Machine = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """machine(name=shell lines, ...) -> a folder that holds just these programs."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def build(**programs: str) -> Path:
        for name, lines in programs.items():
            program = folder / name.replace("_", ".")
            program.write_text(f"#!{SH}\n{lines}\n")
            program.chmod(0o755)
        return folder

    return build


def python(major: int, minor: int, *, venv_module: bool = True, venv: str = "exit 1") -> str:
    """Shell lines of a Python that claims a version; `venv` is what it does for `-m venv FOLDER`."""
    hidden = "" if venv_module else "sys.modules['ensurepip'] = None; "
    claim = f"import sys; sys.version_info = ({major}, {minor}, 1, 'final', 0); {hidden}exec(sys.argv[1])"
    return f'case "$1 $2" in "-m venv") {venv};; esac\nexec \'{sys.executable}\' -c "{claim}" "$2"'


def find_python(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    assert SH
    return subprocess.run([SH, ROOT / ".ci/find-python"], env={"PATH": str(path), **environment},
                          capture_output=True, text=True, timeout=30)


@needs_sh
def test_the_newest_python_is_found(machine: Machine) -> None:
    folder = machine(python3_14=python(3, 14), python3_11=python(3, 11), python3=python(3, 13))
    found = find_python(folder)
    assert (found.stdout, found.stderr, found.returncode) == (f"{folder}/python3.14\n", "", 0)


@needs_sh
@pytest.mark.parametrize("name", ["python3", "python"])
def test_an_unnumbered_python_is_found_by_its_version(machine: Machine, name: str) -> None:
    folder = machine(**{name: python(3, 12)})
    assert find_python(folder).stdout == f"{folder}/{name}\n"


@needs_sh
def test_a_python_that_cannot_be_used_is_passed_over(machine: Machine) -> None:
    lacking = python(3, 13, venv_module=False)
    folder = machine(python3_14="exit 127", python3_13=lacking, python3_12=python(3, 12))
    assert find_python(folder).stdout == f"{folder}/python3.12\n"


@needs_sh
def test_no_python_at_all_says_how_to_get_one(machine: Machine) -> None:
    found = find_python(machine())
    assert (found.stdout, found.returncode) == ("", 1)
    assert "needs Python 3.11 or newer" in found.stderr
    assert "Looked for: python3.14 python3.13 python3.12 python3.11 python3 " in found.stderr
    assert "Found:\n  nothing\n" in found.stderr
    for system in ("Debian, Ubuntu  sudo apt", "Fedora +sudo dnf", "macOS +brew", "Windows +winget"):
        assert re.search(f"\n  {system} ", found.stderr)


@needs_sh
def test_what_was_found_instead_is_named(machine: Machine) -> None:
    folder = machine(python3_9=python(3, 9), python=python(2, 7), python3_13="exit 127")
    found = find_python(folder)
    assert (found.stdout, found.returncode) == ("", 1)
    assert f"  {folder}/python3.9 is Python 3.9.1: too old\n" in found.stderr
    assert f"  {folder}/python is Python 2.7.1: too old\n" in found.stderr
    assert f"  {folder}/python3.13 does not run\n" in found.stderr
    assert "-venv\n" not in found.stderr


@needs_sh
def test_a_missing_venv_module_is_named_with_its_package(machine: Machine) -> None:
    folder = machine(python3=python(3, 12, venv_module=False))
    found = find_python(folder)
    assert (found.stdout, found.returncode) == ("", 1)
    assert f"  {folder}/python3 is Python 3.12.1: new enough, but without its venv module" in found.stderr
    assert "sudo apt install python3.12-venv\n" in found.stderr


@needs_sh
def test_a_named_python_is_the_only_candidate(machine: Machine) -> None:
    folder = machine(python3_14=python(3, 14), mine=python(3, 11), old=python(3, 8))
    assert find_python(folder, PYTHON=f"{folder}/mine").stdout == f"{folder}/mine\n"
    assert f"{folder}/old is Python 3.8.1: too old" in find_python(folder, PYTHON="old").stderr
    assert "Looked for: gone\nFound:\n  nothing\n" in find_python(folder, PYTHON="gone").stderr


# `-m venv FOLDER` makes a Python that notes what it is asked in the file "asked" beside FOLDER, and whose pip
# fails while there is a file "offline".
WORKING_VENV = r"""mkdir -p "$3/bin"; cat >"$3/bin/python" <<'END'
#!/bin/sh
echo "$*" >>asked
case "$*" in *"pip install"*) test ! -e offline; exit;; esac
case "$1" in -c) echo runs;; esac
END
chmod +x "$3/bin/python"; exit 0"""
BROKEN_VENV = 'mkdir -p "$3/bin"; echo half >"$3/pyvenv.cfg"; echo "venv: no space left" >&2; exit 1'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder, with a space in its name, that holds what the Makefile needs."""
    folder = tmp_path / "my project"
    (folder / ".ci").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", ".ci/find-python"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def make(checkout: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert MAKE
    environment = {"PATH": f"{path}{os.pathsep}{os.defpath}", "HOME": str(checkout)}
    return subprocess.run([MAKE, *arguments], cwd=checkout, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def pip_calls(checkout: Path) -> list[str]:
    return [line for line in (checkout / "asked").read_text().splitlines() if "pip install" in line]


@needs_make
def test_a_failed_venv_leaves_nothing_behind(machine: Machine, checkout: Path) -> None:
    before = sorted(checkout.rglob("*"))
    done = make(checkout, machine(python3_14=python(3, 14, venv=BROKEN_VENV)), "test")
    assert done.returncode != 0
    assert "venv: no space left" in done.stderr
    assert "could not create .venv" in done.stderr
    assert "make test PYTHON=/path/to/python3" in done.stderr
    assert sorted(checkout.rglob("*")) == before


@needs_make
def test_an_installation_that_failed_is_tried_again_and_one_that_succeeded_is_not(
    machine: Machine, checkout: Path
) -> None:
    path = machine(python3_14=python(3, 14, venv=WORKING_VENV))
    (checkout / "offline").touch()
    done = make(checkout, path, "test")
    assert done.returncode != 0
    assert "The same command tries again" in done.stderr
    assert "-m pytest" not in (checkout / "asked").read_text()

    (checkout / "offline").unlink()
    assert make(checkout, path, "test", "ARGS=-k graph").returncode == 0
    assert (checkout / "asked").read_text().endswith("-m pytest -n auto -k graph\n")
    assert len(pip_calls(checkout)) == 2
    assert pip_calls(checkout)[1].endswith("--editable .[dev]")

    assert make(checkout, path, "test").returncode == 0
    assert len(pip_calls(checkout)) == 2


@needs_make
def test_a_changed_pyproject_is_installed_again(machine: Machine, checkout: Path) -> None:
    path = machine(python3_14=python(3, 14, venv=WORKING_VENV))
    assert make(checkout, path, "test").returncode == 0
    later = (checkout / ".venv/installed-dev").stat().st_mtime + 10
    os.utime(checkout / "pyproject.toml", (later, later))
    assert make(checkout, path, "test").returncode == 0
    assert len(pip_calls(checkout)) == 2


@needs_make
def test_a_venv_whose_python_has_gone_is_made_anew(machine: Machine, checkout: Path) -> None:
    path = machine(python3_14=python(3, 14, venv=WORKING_VENV))
    assert make(checkout, path, "test").returncode == 0
    (checkout / ".venv/bin/python").unlink()
    done = make(checkout, path, "test")
    assert done.returncode == 0, done.stderr
    assert "Creating .venv with" in done.stdout
    assert len(pip_calls(checkout)) == 2


@needs_make
def test_lecture_says_where_its_page_is(machine: Machine, checkout: Path) -> None:
    (checkout / "build/lecture").mkdir(parents=True)
    done = make(checkout, machine(python3_14=python(3, 14, venv=WORKING_VENV)), "lecture")
    assert done.returncode == 0, done.stderr
    assert (checkout / "asked").read_text().endswith("-m viz lecture --out build/lecture\n")
    assert f"Open {checkout}/build/lecture/index.html in a browser." in done.stdout
    assert pip_calls(checkout)[0].endswith("--editable .")


@needs_make
def test_help_is_what_make_alone_does_and_lists_every_target(machine: Machine, checkout: Path) -> None:
    done = make(checkout, machine())
    assert dict(re.findall(r"^  make (\w+) +(.+)$", done.stdout, re.M)).keys() == TARGETS


def test_every_target_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^([a-z]+):[^#\n]*## \S", makefile, re.M)) == TARGETS
    phony = re.search(r"^\.PHONY: (help.*)$", makefile, re.M)
    assert phony and set(phony[1].split()) == TARGETS


def test_the_commands_the_readme_gives_exist() -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("README.md is not written yet")
    text = readme.read_text(encoding="utf-8")
    given = set(re.findall(r"`make ([a-z]+)", text))
    for block in re.findall(r"^```.*?^```", text, re.M | re.S):
        given.update(re.findall(r"^(?:\$ )?make ([a-z]+)", block, re.M))
    assert {"lecture", "test"} <= given <= TARGETS
