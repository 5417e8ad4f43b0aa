"""One program called from several threads with arguments of several shapes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.compiler.program import Program


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns after every few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run ``work(0)``, ``work(1)``, ... at once; what one raises is raised."""
    barrier, failures = threading.Barrier(count), []

    def run(at: int) -> None:
        barrier.wait()
        try:
            work(at)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(at,)) for at in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def squares(w: Any) -> Any:
    return ag.total([each * each * (at + 1) for at, each in enumerate(w)])


SHAPES: list[Any] = [
    *([0.5 * at for at in range(1, size + 1)] for size in range(1, 7)),
    *(np.linspace(-1.0, 2.0, size) for size in range(1, 7)), (1.0, 2.0), [3, 4], np.arange(3)]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("lanes", [False, True])
def test_every_thread_gets_its_own_answer_and_structure(lanes: bool) -> None:
    def weighted(w: Any, x: Any) -> Any:
        return squares(w) * x

    def make() -> Program:
        return Program(weighted, ("x",), True) if lanes else Program(squares, (), True)

    jobs = [(w, np.ones(1 + at % 3)) if lanes else (w,) for at, w in enumerate(SHAPES)]
    expected = [make().value_and_grad(*job) for job in jobs]
    for _ in range(3):
        program = make()

        def work(at: int, program: Program = program) -> None:
            for turn in range(60):
                place = (at * 7 + turn * (1 + at % 3)) % len(jobs)
                value, gradient = program.value_and_grad(*jobs[place])
                assert value == expected[place][0] == program(*jobs[place])
                assert type(gradient) is type(expected[place][1])
                np.testing.assert_array_equal(gradient, expected[place][1])
                assert program.tape and program.source and repr(program)

        in_threads(8, work)


class Interrupted(Program):
    """A program that another thread calls whenever one of its attributes has been set."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        call = self.__dict__.get("interruption")
        if call is not None and name != "interruption":
            self.__dict__["interruption"] = None
            in_threads(1, lambda at: call())


def test_what_the_program_shows_is_that_of_one_call_whoever_came_in_between() -> None:
    program = Interrupted(squares, (), True)
    longer, shorter = [1.0, 2.0, 3.0], [1.0]
    sizes = {3: len(program.trace(longer).tape), 1: len(program.trace(shorter).tape)}
    assert sizes[1] < sizes[3]
    program.interruption = lambda: program(shorter)
    program.value_and_grad(longer)
    for given in (longer, shorter, longer):
        program.value_and_grad(given)
        assert len(program.tape) == sizes[len(given)]


def test_two_threads_that_record_one_shape_share_the_program() -> None:
    barrier = threading.Barrier(2)

    def f(x: Any) -> Any:
        barrier.wait()  # until both record
        return x * 2.0

    program = Program(f, (), True)
    found: list[Any] = [None, None]

    def work(at: int) -> None:
        found[at] = program.trace(3.0)

    in_threads(2, work)
    assert found[0] is found[1]
