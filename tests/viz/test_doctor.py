"""The doctor: what it says of installations that lack something."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from viz import doctor
from viz.cli import main

ROOT = Path(__file__).resolve().parents[2]


def findings() -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.examine()}


def test_a_sound_installation_has_nothing_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert not err
    for what in ("python", "autograd-core", "import nn", "numpy", "ziamath", "resvg-py", "extra dev",
                 "layout engines", "a small picture", "this terminal", "node"):
        assert re.search(rf"^(ok|note|missing) +{what} ", out, re.MULTILINE), what
    assert "broken" not in out


def test_the_lists_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        others = [each for each in requirements if not each.startswith(project["name"])]
        return {re.split(r"[\s<>=!~;]", each)[0] for each in others}

    assert set(doctor.REQUIRED) == names(project["dependencies"])
    extras = {name: names(listed) for name, listed in project["optional-dependencies"].items()}
    assert extras == {name: set(listed) for name, listed in doctor.EXTRAS.items()} | {"all": set()}


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    found = findings()
    assert found["ziamath"] == doctor.Finding(
        "ziamath", "not installed", "broken", f'{doctor._python()} -m pip install "ziamath"'
    )
    assert found["extra plots"].state == "missing"
    assert found["extra plots"].advice == f'{doctor._python()} -m pip install -e ".[plots]"'


def test_a_package_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    found = findings()
    assert found["resvg-py"].state == "broken"
    assert "importing it fails" in found["resvg-py"].found
    assert found["a small picture"].state == "broken"


@pytest.mark.parametrize("file", ["nn.py", "viz/__init__.py"])
def test_a_file_in_this_folder_that_hides_a_package(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"programs started in this folder, by {tmp_path / file}" in out
    assert "What to do:" in out
    assert "Rename or remove it" in out


def test_a_folder_of_files_alone_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nn").mkdir()  # without __init__.py: Python prefers a package further down its path
    monkeypatch.chdir(tmp_path)
    assert findings()["import nn"].state == "ok"


def test_another_package_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nn", raising=False)
    found = findings()["import nn"]
    assert (found.state, found.found) == ("broken", f"shadowed by {tmp_path / 'nn/__init__.py'}")


def test_another_distribution_with_a_package_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"nn": ["autograd-core", "other-nets"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: owners)
    found = findings()["import nn"]
    assert (found.state, found.found) == ("broken", "also installed by other-nets")
    assert "pip uninstall other-nets" in found.advice


@pytest.mark.parametrize(
    ("engine", "said"), [("nonexistent", "was not found"), (sys.executable, "exit code")]
)
def test_a_layout_engine_that_fails(engine: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRAD_CORE_LAYOUT", engine)
    found = findings()
    assert f"AUTOGRAD_CORE_LAYOUT asks for {engine}" in found["layout engines"].found
    assert (found["a small picture"].state, said in found["a small picture"].advice) == ("broken", True)


def test_no_layout_engine_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGRAD_CORE_LAYOUT", raising=False)
    engines = [("graphviz-pure", None, None), ("dot", None, None)]
    monkeypatch.setattr(doctor, "available_engines", lambda: engines)
    found = findings()["layout engines"]
    assert (found.state, found.found) == ("broken", "no graphviz-pure, no dot")


def test_node_is_only_for_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = findings()["node"]
    assert (found.state, found.found) == ("missing", "not found")


def test_a_copy_that_hides_the_installed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "autograd_core").mkdir()
    (tmp_path / "autograd_core/__init__.py").touch()
    information = tmp_path / "autograd_core-9.9.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: autograd-core\nVersion: 9.9\n")
    (information / "RECORD").write_text("autograd_core/__init__.py,,\n")
    monkeypatch.setattr(sys, "path", [tmp_path.as_posix(), *sys.path])
    found = findings()["autograd-core"]
    assert (found.state, f"hides 9.9 in {tmp_path}" in found.found) == ("note", True)


def test_what_a_terminal_can_show_is_said() -> None:
    program = "from viz.doctor import examine; print(*[each.found for each in examine()], sep='\\n')"
    command = [sys.executable, "-c", program]
    for encoding, said in (("ascii", "mathematics is written in ASCII"), ("utf-8", "in its own signs")):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert f"{encoding}: mathematics is written" in done.stdout
        assert said in done.stdout
