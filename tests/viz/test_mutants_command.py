"""The command ``mutants``: its table, its exit codes, and what it refuses."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

import viz.mutants_command
from autograd_core.testing.expressions import draw_expression
from autograd_core.testing.mutants import MUTANTS, Mutant
from autograd_core.testing.trials import Trial
from viz.cli import main

pytest.importorskip("mpmath")


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments: Done(main(["mutants", *arguments]), *capsys.readouterr())


def test_every_mutant_is_a_line_with_a_verdict_and_what_is_wrong(run: Run) -> None:
    done = run("--functions", "2")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["mutant", "verdict", "the", "mistake"]
    assert [line.split()[0] for line in lines[2:-1]] == [mutant.name for mutant in MUTANTS]
    for line, mutant in zip(lines[2:-1], MUTANTS, strict=True):
        assert "  caught 2 of 2  " in line
        assert line.endswith(mutant.says)
    assert lines[-1] == f"{len(MUTANTS)} of {len(MUTANTS)} mutants were caught wherever they change a gradient."
    assert done.err.splitlines()[-1] == f"[{len(MUTANTS)}/{len(MUTANTS)}] {MUTANTS[-1].name}"


def test_named_mutants_only_each_once(run: Run) -> None:
    done = run("sub-sign", "assign", "sub-sign", "--functions", "3", "--seed", "7")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[2:-1]] == ["sub-sign", "assign"]


def test_the_same_seed_gives_the_same_table(run: Run) -> None:
    arguments = ("maximum-swapped", "--functions", "3", "--seed", "3")
    assert run(*arguments).out == run(*arguments).out


def test_a_mutant_that_is_missed_is_shown_with_a_function_and_ends_in_1(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(mutant: Mutant, functions: int, seed: int) -> Trial:
        return Trial(mutant, functions - 1, (draw_expression(np.random.default_rng(seed)),), 0)

    monkeypatch.setattr(viz.mutants_command, "try_mutant", missing)
    done = run("assign", "--functions", "4")
    assert done.code == 1
    assert "assign  caught 3 of 4  " in done.out
    assert "\nassign was missed in: x = " in done.out
    assert "\n0 of 1 mutants were caught" in done.out


def test_a_mutant_that_changed_nothing_ends_in_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viz.mutants_command, "try_mutant", lambda mutant, functions, seed: Trial(mutant, 0, (), 9))
    done = run("assign")
    assert done.code == 1
    assert "assign  changed nothing  " in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("signs",), "There is no mutant 'signs'. Choose one of: add-drops-second, sub-sign, "),
        (("--functions", "0"), "Mutants need at least 1 function and a seed of at least 0; got 0 and 0."),
        (("--seed", "-1"), "got 25 and -1."),
        (("--functions", "many"), "argument --functions: invalid int value: 'many'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("autograd-core: ")


def test_the_help(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    assert done.out.startswith("usage: autograd-core mutants")
    assert done.out.isascii()
