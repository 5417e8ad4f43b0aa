"""Mutants: each spoils a gradient, leaves nothing behind, and is killed by the engine's own tests.

The tests of the engine are run in this process, one after the other, until one of them fails.  What is asked of
them is what a real mistake would meet, so for a mistake in a row the tests over the table get the row that has it.
"""

import inspect
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import sweeps
from autograd_core.errors import NamingError, OperandError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.sweeps import adjoints, sweeping_with
from autograd_core.testing.expressions import draw_expression
from autograd_core.testing.mutants import MUTANTS, Mutant, find_mutant, is_equivalent, planted, scaled
from autograd_core.testing.trials import Trial, try_mutant
from autograd_core.value import Value
from autograd_core.watching import altering, detect_anomaly, observers
from tests.core import test_backward, test_edge_values, test_higher_derivatives, test_table, test_value
from tests.core.sweeps import call

each_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
each_wrong_row = pytest.mark.parametrize("mutant", [each for each in MUTANTS if each.row], ids=lambda each: each.name)


def everything() -> list[str]:
    """Gradients of each row, of a graph with shared nodes, parallel edges and constants, and of a second sweep."""
    found = []
    for row in TABLE:
        rng = np.random.default_rng([2, *row.name.encode()])
        for _ in range(6):
            leaves = [Value(number) for number in row.domain.sample(rng, row.arity or 2 * row.lists)]
            output = call(row, leaves)
            output.backward()
            found += [f"{row.name} {leaf.grad!r}" for leaf in leaves]
    x, y = Value(3.0), Value(-2.0)
    h = x * x
    z = 5 * h - h * y
    for _ in range(2):
        z.backward()
        found.append(repr((x.grad, y.grad, h.grad, z.grad)))
    return found


HEALTHY = everything()


# --- what they are --------------------------------------------------------------------------------


def test_there_are_many_and_each_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len(MUTANTS) >= 28
    for field in ("name", "says"):
        texts = [getattr(mutant, field) for mutant in MUTANTS]
        assert len(set(texts)) == len(texts)
        assert all(text == text.strip() and text for text in texts)
    assert all(mutant.says.endswith(".") for mutant in MUTANTS)
    assert {mutant.kind for mutant in MUTANTS} == {"row", "sweep"}


@each_wrong_row
def test_a_wrong_row_computes_what_the_right_one_does(mutant: Mutant) -> None:
    row = mutant.row
    assert row is not None
    assert (mutant.mutated.scalar, mutant.mutated.exact, mutant.mutated.arity) == (row.scalar, row.exact, row.arity)
    rng = np.random.default_rng(0)
    numbers = row.domain.sample(rng, row.arity or 2 * row.lists)
    with mutant.applied():
        output = call(row, [Value(number) for number in numbers])
        wanted = mutant.mutated.local_derivatives(output.data, numbers, [True] * len(numbers))
    assert list(output.partials) == wanted
    assert output.data == call(row, numbers)


def test_an_unknown_name_lists_all() -> None:
    with pytest.raises(NamingError, match=r"no mutant 'sub'\. Choose one of: add-drops-second, sub-sign, neg-sign, "):
        find_mutant("sub")
    with pytest.raises(NamingError, match="no mutant"), planted("off-by-one"):
        pass
    assert all(find_mutant(mutant.name) is mutant for mutant in MUTANTS)


def test_a_mutant_is_wrong_in_a_row_or_in_the_sweep() -> None:
    wrong: list[dict[str, Any]] = [
        {}, {"row": ag.sin}, {"row": ag.sin, "partials": (None,), "sweep": adjoints},
        {"partials": (None,)}, {"partials": (None,), "sweep": adjoints},
    ]
    for fields in wrong:
        with pytest.raises(OperandError, match="needs a row with other partials, or else a sweep"):
            Mutant("half", "It is half of a mutant.", **fields)
    with pytest.raises(OperandError, match="assign is a mistake in the sweep"):
        find_mutant("assign").mutated  # noqa: B018 - a property


# --- nothing is left behind -----------------------------------------------------------------------


@each_mutant
def test_each_changes_a_gradient_and_after_the_block_all_is_as_before(mutant: Mutant) -> None:
    with mutant.applied():
        assert observers
        assert everything() != HEALTHY
    assert observers == []
    assert everything() == HEALTHY


@pytest.mark.parametrize("name", ["tanh-slightly-off", "assign"])
def test_after_an_error_in_the_block_all_is_as_before_too(name: str) -> None:
    with pytest.raises(RuntimeError, match="in between"), planted(name):
        raise RuntimeError("in between")
    assert observers == []
    assert everything() == HEALTHY


@pytest.mark.parametrize("name", ["tanh-slightly-off", "assign"])
def test_other_threads_are_unaffected(name: str) -> None:
    found: list[list[str]] = []
    planted_now, looked = threading.Event(), threading.Event()

    def look() -> None:
        assert planted_now.wait(20)
        found.append(everything())
        looked.set()

    thread = threading.Thread(target=look)
    thread.start()
    with planted(name):
        planted_now.set()
        assert looked.wait(20)
        assert everything() != HEALTHY
    thread.join()
    assert found == [HEALTHY]


@pytest.mark.parametrize("names", [("sub-sign", "assign"), ("assign", "sub-sign")])
def test_a_wrong_row_and_a_wrong_sweep_add_up(names: tuple[str, str]) -> None:
    x = Value(3.0)
    with planted(names[0]), planted(names[1]):
        y = x * 2 - x * 5
        y.backward()
        assert [edge.partial for edge in y.edges] == [1.0, 1.0]
        assert x.grad == 2.0  # the older reader is swept last
    assert observers == []


def test_two_wrong_rows_add_up_and_in_one_row_the_inner_mistake_counts() -> None:
    x = Value(3.0)
    with planted("sin-sign"), planted("neg-sign"):
        (-x.sin()).backward()
        assert x.grad == -math.cos(3.0)
    with planted("tanh-not-squared"):
        with planted("tanh-slightly-off"):
            assert x.tanh().partials == pytest.approx((1.0001 / math.cosh(3.0) ** 2,), rel=1e-14)
        assert x.tanh().partials == (1.0 - math.tanh(3.0),)
    with planted("assign"):
        with planted("seed-forgotten"):
            assert swept_square() == 0.0
        assert swept_square() == 3.0
    assert swept_square() == 6.0


def swept_square() -> float:
    x = Value(3.0)
    (x * x).backward()
    return x.grad


def test_a_renamed_row_has_the_mistake_and_another_row_of_that_name_has_not() -> None:
    from dataclasses import replace

    x = Value(3.0)
    with planted("tanh-not-squared"):
        assert ag.tanh.renamed("g")(x).partials == (1.0 - math.tanh(3.0),)
        assert replace(ag.tanh)(x).partials == pytest.approx((1.0 / math.cosh(3.0) ** 2,))


def test_what_is_recomputed_in_the_block_has_the_mistake_and_afterwards_not() -> None:
    x, y = Value(3.0), Value(1.0)
    z = x - y
    with planted("sub-sign"):
        y.data = 2.0
        assert z.recompute().partials == (1.0, 1.0)
    y.data = 3.0
    assert z.recompute().partials == (1.0, -1.0)


def test_a_constant_keeps_its_zero_and_its_partial_is_not_evaluated() -> None:
    def never(out: float, x: float, y: float) -> float:
        raise AssertionError("evaluated")

    x = Value(-3.0)
    with Mutant("pow-never", "It never comes to this.", ag.pow, (None, never)).applied():
        assert (x**2).partials == (-6.0, 0.0)


def test_a_mutant_beside_other_observers() -> None:
    x = Value(3.0)
    with ag.recording_lines() as lines, planted("neg-sign"), detect_anomaly():
        y = -x
        y.backward()
    assert (x.grad, list(lines)) == (1.0, [y])


# --- the seam -------------------------------------------------------------------------------------


def test_what_alters_is_shown_each_new_node_of_this_context_once() -> None:
    seen: list[Value] = []
    with altering(seen.append):
        x = Value(3.0)
        y = 2 * x + 1
        y.backward()
        y.recompute()
        thread = threading.Thread(target=lambda: Value(1.0) * 2.0)
        thread.start()
        thread.join()
    assert seen == [x, y.operands[0], y]


def test_an_error_of_what_alters_is_raised_where_the_node_is_made_and_nothing_stays() -> None:
    def refuse(node: Value) -> None:
        raise RuntimeError("no such node")

    x = Value(3.0)
    with pytest.raises(RuntimeError, match="no such node"), altering(refuse):
        x * x
    assert observers == []
    assert swept_square() == 6.0


def test_a_sweep_of_ones_own_sees_the_nodes_in_order_and_the_seed() -> None:
    seen: list[Any] = []

    def noted(order: Any, seeds: Any) -> list[float]:
        seen.append((list(order), dict(seeds)))
        return adjoints(order, seeds)

    x = Value(3.0)
    h = 2 * x
    y = h * x
    with sweeping_with(noted):
        y.backward(0.5)
    assert seen == [([x, h, y], {id(y): 0.5})]
    assert (x.grad, h.grad, y.grad) == (6.0, 1.5, 0.5)


def test_a_sweep_that_fails_writes_nothing_and_frees_the_lock() -> None:
    def fail(order: Any, seeds: Any) -> list[float]:
        raise RuntimeError("out of order")

    x = Value(3.0)
    y = x * x
    with pytest.raises(RuntimeError, match="out of order"), sweeping_with(fail):
        y.backward()
    with pytest.raises(ValueError, match="zip"), sweeping_with(lambda order, seeds: []):
        y.backward()
    assert observers == []
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join(timeout=20)
    assert x.grad == 6.0


def test_a_nan_of_a_wrong_sweep_is_an_anomaly_too() -> None:
    y = Value(3.0) * 2.0
    no_numbers = sweeping_with(lambda order, seeds: [math.nan] * len(order))
    with pytest.raises(ag.AnomalyError, match="adjoint of mul"), detect_anomaly(), no_numbers:
        y.backward()


# --- one partial a little off ---------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_scaled_spoils_one_partial_of_any_row(row: Primitive) -> None:
    size = row.arity or 2 * row.lists
    numbers = row.domain.sample(np.random.default_rng(3), size)
    right = call(row, [Value(number) for number in numbers]).partials
    for operand in range(size):
        mutant = scaled(row, 1.0 + 1e-6, operand)
        with mutant.applied():
            got = call(row, [Value(number) for number in numbers]).partials
        factors = [1.0] * size
        factors[operand] += 1e-6
        assert repr(got) == repr(tuple(factor * partial for factor, partial in zip(factors, right, strict=True)))
        assert str(operand) in mutant.says


@pytest.mark.parametrize(("row", "operand"), [(ag.sin, 1), (ag.sin, -1), (ag.mul, 2), (ag.total, -1)])
def test_scaled_refuses_an_operand_that_is_not_there(row: Primitive, operand: int) -> None:
    with pytest.raises(OperandError, match=f"{row.name} has no operand {operand}"):
        scaled(row, 2.0, operand)


# --- where a mutant changes nothing ---------------------------------------------------------------


def test_equivalence_is_judged_relative_to_the_sum_of_absolute_paths() -> None:
    def f(x: Any) -> Any:
        return 1e6 * x - 1e6 * x + x.sin()  # the paths into x have a sum of 2e6, and only cos(x) is left

    assert is_equivalent(scaled(ag.sin, 1.0 + 1e-6), f, [1.0])
    assert not is_equivalent(scaled(ag.sin, 1.0 + 1e-6), f, [1.0], tolerance=1e-14)
    assert not is_equivalent(scaled(ag.sin, 1.01), f, [1.0])
    assert is_equivalent(scaled(ag.tanh, 2.0), f, [1.0])


def test_equivalence_takes_structures_values_and_functions_that_ignore_an_input() -> None:
    inputs = [{"w": [Value(1.0), 2.0]}, np.array([3.0, 4.0]), 7.0]

    def f(p: Any, x: Any, unread: Any) -> Any:
        return p["w"][0] * x[0] - p["w"][1] * x[1]

    assert not is_equivalent(find_mutant("sub-sign"), f, inputs)
    assert is_equivalent(find_mutant("tan-not-squared"), f, inputs)
    assert is_equivalent(find_mutant("sub-sign"), lambda x: 3.0, [1.0])
    assert is_equivalent(find_mutant("assign"), lambda x: x, [1.0])


@pytest.mark.parametrize("name", ["kept-adjoints", "leaves-overwritten"])
def test_what_shows_in_a_second_sweep_only(name: str) -> None:
    mutant = find_mutant(name)
    assert is_equivalent(mutant, lambda x: (2 * x).tanh(), [1.0])
    assert not is_equivalent(mutant, lambda x: (2 * x).tanh(), [1.0], sweeps=2)


def test_a_change_to_nan_is_a_change() -> None:
    broken = Mutant("sin-nan", "The derivative is no number.", ag.sin, (lambda out, x: math.nan,))
    assert not is_equivalent(broken, ag.sin, [1.0])


# --- who kills them -------------------------------------------------------------------------------

JUDGES = (test_backward, test_value, test_edge_values, test_higher_derivatives, test_table)
OVER_THE_TABLE = (test_edge_values, test_table)

# Why a test is not asked, though it could be called here.
NOT_ASKED = {
    "test_random_graphs_have_the_gradients_pytorch_gives_them": "needs PyTorch, which need not be there",
    "test_thirty_runs_of_one_program_are_bit_identical": "compares the engine with itself, mutant and all",
    "test_one_sweep_waits_until_another_is_done": "is about another thread, where the mutant is not",
    "test_every_pair_of_a_row_and_an_operand_position_hands_on_its_partial":
        "holds a node to its row, which a real mistake in the row would spoil as well",
    "test_values_of_floats_are_exact_to_the_ulp_the_row_states": "a mutant has the right values",
    "test_values_of_arrays_are_exact_to_the_ulp_the_row_states": "a mutant has the right values",
    "test_complex_step_agrees_with_the_difference": "reads no partial",
    "test_draws_lie_in_the_domain_and_in_its_array_reading": "reads no partial",
    "test_partials_of_arrays_are_exact_to_the_ulp_the_row_states": "the floats' test of the same partials is asked",
}


def questions(judge: ModuleType, mutant: Mutant) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each test of a module with each of its parameters, as calls without arguments.

    Left out are tests with fixtures, which only pytest can make, and those of Hypothesis, which would keep the
    mutant's failures as examples for later.
    """
    for name, test in vars(judge).items():
        if not name.startswith("test_") or name in NOT_ASKED or hasattr(test, "hypothesis"):
            continue
        marks = getattr(test, "pytestmark", [])
        row = mutant.row if judge in OVER_THE_TABLE else None
        grid = [columns(row, mutant, *mark.args) for mark in marks if mark.name == "parametrize"]
        given = {key for column in grid for key in column[0]}
        if given != set(inspect.signature(test).parameters) or any(mark.name != "parametrize" for mark in marks):
            continue
        for cells in itertools.product(*grid):
            chosen = {key: cell for each in cells for key, cell in each.items()}
            if judge is test_table and mutant.mutated not in chosen.values():
                continue  # what is said there of other rows takes long, and is what it was
            yield f"{judge.__name__.rpartition('.')[2]}.{name}", partial(test, **chosen)


def columns(row: Primitive | None, mutant: Mutant, names: Any, values: Any) -> list[dict[str, Any]]:
    """What a parametrize mark gives to a test, with the mutant's row in the place of the right one."""
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    found = []
    for value in values:
        cells = value.values if isinstance(value, type(pytest.param())) else value if len(keys) > 1 else (value,)
        swapped = [mutant.mutated if row and cell is row else cell for cell in cells]
        found.append(dict(zip(keys, swapped, strict=True)))
    return found


def killer(mutant: Mutant) -> str | None:
    """The first test of the suite that fails while the mutant is planted."""
    for judge in JUDGES if mutant.row else JUDGES[:-1]:
        for name, ask in questions(judge, mutant):
            try:
                with mutant.applied():
                    ask()
            except AssertionError:
                return name
    return None


@each_mutant
def test_the_suite_kills_each_mutant(mutant: Mutant, record_property: Callable[[str, object], None]) -> None:
    name = killer(mutant)
    assert name is not None, f"no test sees that {mutant.name} is wrong: {mutant.says}"
    record_property("killed by", name)
    print(f"{mutant.name} is killed by {name}")


def test_nobody_kills_the_healthy_engine() -> None:
    harmless = Mutant("none", "It changes nothing.", sweep=adjoints)
    assert len({name for judge in JUDGES[:-1] for name, _ in questions(judge, harmless)}) > 60
    assert killer(harmless) is None


@pytest.mark.parametrize("row", [ag.tanh, ag.maximum, ag.logsumexp], ids=lambda row: row.name)
def test_nobody_kills_a_row_because_it_is_a_copy(row: Primitive) -> None:
    assert killer(Mutant("none", "It changes nothing.", row, row.partials)) is None


def test_every_test_that_is_not_asked_is_there() -> None:
    assert set(NOT_ASKED) <= {name for judge in JUDGES for name in vars(judge)}


# --- whom the checker catches ---------------------------------------------------------------------


@each_mutant
def test_the_checker_catches_each_mutant(mutant: Mutant) -> None:
    pytest.importorskip("mpmath")
    trial = try_mutant(mutant, functions=3, rng=5)
    assert trial, trial.missed
    assert trial.caught == 3


def test_a_trial_of_a_mutant_that_changes_nothing_is_no_success() -> None:
    trial = try_mutant(Mutant("none", "It changes nothing.", sweep=sweeps.adjoints), functions=2)
    assert (trial.spoiled, trial.unchanged, bool(trial)) == (0, 80, False)


def test_a_trial_shows_what_was_missed() -> None:
    f = draw_expression(np.random.default_rng(0))
    trial = Trial(MUTANTS[0], 4, (f,), 2)
    assert (trial.spoiled, bool(trial)) == (5, False)


def test_a_trial_needs_a_function() -> None:
    with pytest.raises(OperandError, match="needs at least one function; got 0"):
        try_mutant(MUTANTS[0], functions=0)
