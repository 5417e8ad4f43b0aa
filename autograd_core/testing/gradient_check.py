"""A gradient checker that knows kinks and names the wrong edge.

The strongest oracle that applies is used.  With mpmath and a row's ``exact`` form for every operation, each
local derivative is computed anew at the numbers the graph saw, to 50 digits, and accumulated apart from the
engine: what is left of an error is a wrong rule or a wrong sweep.  What cannot be replayed is held
against differences in double precision, whose error is estimated and not assumed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_core.errors import AutogradError, CheckError, OperandError
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.structures import flatten
from autograd_core.testing import float_differences, located, replayed
from autograd_core.testing.foreign_gradients import Oracle, check_foreign
from autograd_core.testing.recording import (
    Cut,
    Recording,
    branches_beside,
    find_cut,
    first_not_finite,
    function_name,
    input_names,
    path_scales,
    record,
)
from autograd_core.testing.report import Culprit, Entry, Report
from autograd_core.transforms import grad, jvp
from autograd_core.value import Value


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    gradient: Callable[..., Any] | None = None,
    wrt: int | Sequence[int] | None = None,
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
    rng: int | np.random.Generator = 0,
    oracle: Oracle | None = None,
) -> Report:
    """Check the gradient of ``f`` at ``inputs``: a verdict for every scalar of every input.

    ``f`` takes numbers, and lists, dicts and arrays of them, and returns one scalar.  ``gradient`` is another
    gradient to check, called with plain inputs: a tuple of structures like the inputs (or one, for one input).
    ``wrt`` chooses the positional inputs to check; ``order=2`` checks the Hessian, too.  ``rtol`` is relative
    to the sum of the absolute path products and ``atol`` absolute; by default they come from the graph.
    ``rng`` draws the shifts that find cuts, and directions at kinks.  ``oracle`` forces one of the two.

    *pass*: the gradient is right.  *fail*: it is not, and the report says where.  *kink*: the function has no
    derivative here; the report gives the one-sided ones and says whether the gradient lies between them, along
    each input and along directions of several.
    *inconclusive*: nothing was proved, and the note says why.  Raises :class:`CheckError` for a function that
    cannot be checked at all.

    >>> from autograd_core import relu, tanh
    >>> print(gradcheck(lambda a, b: a * tanh(b), 0.5, -1.0))
    input  gradient      expected      relative error  verdict
    -----  ------------  ------------  --------------  -------
    a      -0.761594156  -0.761594156  0.0e+00         pass
    b      0.2099871708  0.2099871708  ...  pass
    Held against: local derivatives at 50 digits, accumulated apart.
    >>> gradcheck(relu, 0.0).entries[0].verdict
    'kink'
    """
    if order not in (1, 2):
        raise ValueError(f"order is 1 for gradients or 2 for Hessians, too; got {order!r}.")
    if oracle not in (None, "replay", "differences"):
        raise ValueError(f"oracle is 'replay' or 'differences', or None for the strongest; got {oracle!r}.")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        _require_tolerance(name, tolerance)
    generator = np.random.default_rng(rng)
    positions = _positions(wrt, inputs, f"an input of {function_name(f)}")
    chosen = _leaves_of(inputs, positions)
    if order == 2 and gradient is not None:
        raise ValueError("order=2 is for the engine's own derivatives; a gradient of your own has order=1.")
    if gradient is not None:
        return check_foreign(f, inputs, gradient, positions, chosen, rtol, atol, generator, oracle)
    recording = record(f, inputs)
    report = _check(recording, chosen, rtol, atol, generator, oracle)
    if order == 1:
        return report
    if report:
        return _with_hessian(report, recording, inputs, chosen, rtol, atol, generator, oracle)
    return replace(report, notes=(*report.notes, "The Hessian was not checked: the gradient did not pass."))


def check_output(y: Value, **options: Any) -> Report:
    """Check the gradient of a graph that is there already: its operations are replayed on new leaves.

    ``options`` are those of :func:`gradcheck`.  Raises :class:`CheckError` for a leaf, unless it has a second name
    as an output, as in ``y = x``.

    >>> from autograd_core import parse
    >>> check_output(parse("y = x*tanh(w)", x=2.0, w=0.5).y).verdicts
    {'x': 'pass', 'w': 'pass'}
    """
    graph = Graph(y)
    if y.is_leaf and len(Name.all_of(y.name or "")) < 2:
        raise CheckError(f"{graph.name(graph.outputs[0]).ascii} is a leaf: there is nothing to check.")
    f = _Operations(graph)
    return gradcheck(f, *f.point, **options)


class _Operations:
    """The operations of a graph as a function of its leaves."""

    def __init__(self, graph: Graph) -> None:
        self.record = graph.record
        self.__name__ = graph.name(graph.outputs[0]).ascii
        leaves = [node for node in graph.record if node.op is None]
        self.point = [graph.number(node.index) for node in leaves]
        self.input_names = [node.name or graph.name(node.index).ascii for node in leaves]
        if not graph.record[-1].operands:
            self.input_names = [Name.all_of(name)[-1].ascii for name in self.input_names]

    def __call__(self, *inputs: Any) -> Any:
        given = iter(inputs)
        values: list[Any] = []
        for node in self.record:
            if node.op is None:
                values.append(next(given))
                continue
            operands = [values[each] if type(each) is int else each for each in node.operands]
            size = len(operands) // node.op.lists
            lists = [operands[at : at + size] for at in range(0, len(operands), size)]
            values.append(node.op(*(operands if node.op.arity is not None else lists)))
        return values[-1]


def assert_gradients(
    f: Callable[..., Any], *inputs: Any, allow: str | Sequence[str] = ("kink",), **options: Any
) -> None:
    """Raise AssertionError, with the report, unless every gradient of ``f`` passes.

    ``allow`` is a verdict let through besides *pass*, or several; a kink only if the gradient is legal there.  The
    other arguments are those of :func:`gradcheck`.

    >>> assert_gradients(lambda a, b: a * b.tanh(), 0.5, -1.0)
    """
    allowed: Any = (allow,) if isinstance(allow, str) else allow
    if not isinstance(allowed, Collection) or not set(allowed) <= {"kink", "inconclusive"}:
        raise ValueError(f"allow takes 'kink' and 'inconclusive', one or both, or () for neither; got {allow!r}.")
    report = gradcheck(f, *inputs, **options)
    refused = [
        entry for entry in report.entries
        if entry.verdict == "fail" or (entry.verdict == "kink" and not entry.legal)
        or (entry.verdict != "pass" and entry.verdict not in allowed)
    ]
    if refused:
        counted = ", ".join(f"{entry.name} {entry.verdict}" for entry in refused)
        raise AssertionError(f"The gradient of {report.function} was not confirmed: {counted}.\n{report}")


def _check(
    recording: Recording, chosen: Sequence[int], rtol: float | None, atol: float | None,
    rng: np.random.Generator, oracle: Oracle | None,
) -> Report:
    """The verdicts on the engine's own gradient of a recorded function."""
    name = function_name(recording.function)
    gradients, sums, memory = _swept(recording)
    broken = first_not_finite(recording)
    if broken:
        entries = [
            Entry(recording.names[at], "inconclusive", gradients[at], None, 0.0, 0.0, note=broken) for at in chosen
        ]
        return Report(name, recording.output.data, tuple(entries), "nothing: there are no finite numbers to compare")
    cut = find_cut(recording, rng)
    unfit = "it was not asked for" if oracle == "differences" else replayed.obstacle(recording.graph)
    if not unfit and not cut and branches_beside(recording):
        unfit = "the function branches on the data of a Value right here, which a recorded graph does not know."
    if oracle == "replay" and unfit:
        raise CheckError(f"{name} cannot be replayed at 50 digits: {unfit}")
    replay = None if unfit else replayed.Replay(recording.graph)
    culprit = kept = located.kept(recording, memory) if memory else None
    if replay:
        entries = replayed.entries(replay, recording, chosen, gradients, rtol, atol, rng)
        entries, culprit = _with_what_is_hidden(entries, recording, replay, chosen)
        culprit = culprit or kept
    else:
        entries = float_differences.entries(recording, chosen, gradients, rtol, atol, rng)
    notes = [f"Not replayed at 50 digits: {unfit}"] if unfit and oracle is None else []
    if cut:
        whole = float_differences.entries(recording, chosen, gradients, rtol, atol, rng, is_cut=True)
        entries = [
            _of_cut(held, cut) if at in cut.inputs else entry
            for at, entry, held in zip(chosen, entries, whole, strict=True)
        ]
        missed = [(entry, held) for entry, held in zip(entries, whole, strict=True) if entry.verdict == "fail"]
        cut = cut if any(not entry.is_good for entry in entries) else None
        if cut and missed:
            (entry, held), *_ = missed
            expected = math.nan if held.expected is None else held.expected
            culprit = located.cut_off(recording, cut, entry.name, expected, entry.gradient)
    if memory:
        entries = [located.failed(entry, f"{memory.what}.") for entry in entries]
    failed = any(entry.verdict == "fail" for entry in entries)
    if not failed and not cut:
        entries += _forward_mode(recording, gradients, rng)
    if failed and not cut and culprit is None:
        culprit = located.culprit(recording, replay, sums)
    used = replayed.NAME if replay else float_differences.NAME
    return Report(name, recording.output.data, tuple(entries), used, culprit, tuple(notes))


def _with_what_is_hidden(
    entries: list[Entry], recording: Recording, replay: replayed.Replay, chosen: Sequence[int]
) -> tuple[list[Entry], Culprit | None]:
    """The entries, failed where a value is wrong, or at a kink a local derivative beside it."""
    culprit = located.wrong_value(recording, replay)
    said = "a value it is computed through is wrong."
    if culprit is None and any(entry.verdict == "kink" for entry in entries):
        culprit, said = located.wrong_edge(recording, replay), "a local derivative on the way is wrong."
    if culprit is None:
        return entries, None
    reached = replayed.below(recording.graph, [culprit.node])
    hidden = [recording.index(at) in reached and entry.is_good for at, entry in zip(chosen, entries, strict=True)]
    entries = [located.failed(entry, said) if hides else entry for entry, hides in zip(entries, hidden, strict=True)]
    return entries, culprit


def _swept(recording: Recording) -> tuple[list[float], list[float], located.Memory | None]:
    """The engine's gradient, the adjoint of every node, and what two more sweeps say that they should not.

    A second one doubles what the leaves have accumulated; after ``zero_grad`` all is as at first.
    """
    output, leaves = recording.output, recording.leaves
    # What the function closes over keeps the gradients it has.
    mine = {id(leaf) for leaf in leaves} | {id(node) for node in recording.lines}
    others = [(node, node._grad) for node in recording.order if id(node) not in mine]
    output.zero_grad()
    output.backward()
    gradients, sums = [leaf.grad for leaf in leaves], [node.grad for node in recording.order]
    output.backward()
    second = [leaf.grad for leaf in leaves]
    output.zero_grad()
    output.backward()
    third = [leaf.grad for leaf in leaves]
    for node, grad_before in others:
        node._grad = grad_before
    if not all(map(math.isfinite, gradients)):
        return gradients, sums, None
    return gradients, sums, _memory(gradients, second, third)


def _memory(first: Sequence[float], second: Sequence[float], third: Sequence[float]) -> located.Memory | None:
    """What the gradients after one sweep, after two, and after one that follows zero_grad say of what was kept."""
    for at, (once, twice) in enumerate(zip(first, second, strict=True)):
        if twice != 2.0 * once:
            what = (
                "a second sweep overwrote what the first had left in an input, instead of adding to it"
                if twice == once else
                "a second sweep does not give the same again: something was kept from the first"
            )
            return located.Memory(what, at, 2.0 * once, twice)
    for at, (once, again) in enumerate(zip(first, third, strict=True)):
        if again != once:
            what = "after zero_grad a sweep does not give the same again: something was kept from the one before"
            return located.Memory(what, at, once, again)
    return None


def _of_cut(entry: Entry, cut: Cut) -> Entry:
    """The verdict of differences of the whole function on an input that a cut takes out of the graph."""
    if entry.is_good:
        return replace(entry, note=f"{entry.note} {_detached(cut)} It made no difference to this gradient.".strip())
    if entry.verdict == "inconclusive":
        return replace(entry, note=f"{entry.note} {_said_of(cut)}")
    return located.failed(entry, _said_of(cut))


def _detached(cut: Cut) -> str:
    return f"A number that changes with this input was detached: {cut.where}{f' ({cut.line})' if cut.line else ''}."


def _said_of(cut: Cut) -> str:
    line = f" ({cut.line})" if cut.line else ""
    return (
        f"the graph is cut at {cut.where}{line}: it changes with this input, but was recorded as a constant. "
        "Something like v.data took the number out of the graph; use this package's own functions on the Value."
    )


def _forward_mode(recording: Recording, gradients: Sequence[float], rng: np.random.Generator) -> list[Entry]:
    """The dot-product test: forward mode along a random direction against the gradient; an entry if they differ."""
    direction = rng.choice([-1.0, 1.0], len(gradients)) * rng.uniform(0.5, 1.0, len(gradients))
    tangents = recording.rebuild(list(map(float, direction)))
    try:
        _, forward = jvp(recording.function, recording.rebuild(list(recording.point)), tangents)
    except AutogradError:
        return []
    scales = path_scales(recording)
    terms = [d * g for d, g in zip(direction, gradients, strict=True)]
    scale = sum(
        abs(float(d)) * scales[index]
        for at, d in enumerate(direction) if (index := recording.index(at)) is not None
    )
    reverse = math.fsum(terms)
    if not math.isfinite(reverse - forward) or abs(forward - reverse) <= 1e-10 * scale + replayed.SMALLEST:
        return []
    note = "forward mode gives another derivative along a random direction than the gradient does."
    return [Entry("direction", "fail", reverse, float(forward), float(scale), 1e-10, note=note)]


def _with_hessian(
    report: Report, first: Recording, inputs: Sequence[Any], chosen: Sequence[int], rtol: float | None,
    atol: float | None, rng: np.random.Generator, oracle: Oracle | None,
) -> Report:
    """The report with an entry per second derivative: each component of the gradient is checked like a function.

    At a kink of the first derivative there is no second one.
    """
    f, every = first.function, tuple(range(len(inputs)))
    entries, culprit, notes = list(report.entries), None, list(report.notes)
    for at, checked in zip(chosen, report.entries, strict=False):
        if checked.verdict == "kink":
            name = Name.of(checked.name).unicode
            notes.append(f"The second derivatives to {name} first were not checked: the first has a kink there.")
            continue

        def component(*arguments: Any, at: int = at) -> Any:
            return flatten(grad(f, every)(*arguments))[0][at]

        try:
            recording = replace(record(component, inputs), names=tuple(input_names(f, inputs)))
        except CheckError:
            raise
        except AutogradError as error:
            note = _said_of_partials(first, error)
            seconds = [Entry(first.names[to], "inconclusive", math.nan, None, 0.0, 0.0, note=note) for to in chosen]
        else:
            second = _check(recording, chosen, rtol, atol, rng, oracle)
            seconds, culprit = list(second.entries), culprit or second.culprit
        entries += [replace(entry, name=f"{checked.name}, {entry.name}") for entry in seconds]
    return replace(report, entries=tuple(entries), culprit=culprit, notes=tuple(notes))


def _said_of_partials(recording: Recording, error: AutogradError) -> str:
    """Why a gradient cannot be differentiated again: the first operation whose partials cannot be."""
    for at, node in enumerate(recording.order):
        if node.op is None:
            continue
        try:
            node.op.partials_at(node, node.operands, [isinstance(each, Value) for each in node.operands])
        except OperandError:
            line = f" ({recording.line(at)})" if recording.line(at) else ""
            return (
                f"a partial of {node.op.name}{line} cannot be differentiated again, for it computes with plain "
                "numbers. Write it with this package's own functions: cos(x), not math.cos(x)."
            )
        except AutogradError as raised:
            return f"a partial of {node.op.name} cannot be differentiated again: {raised}"
    return f"the gradient cannot be differentiated again: {error}"


def _positions(wrt: int | Sequence[int] | None, inputs: Sequence[Any], what: str) -> list[int]:
    given = range(len(inputs)) if wrt is None else wrt if isinstance(wrt, Iterable) else [wrt]
    chosen = list(dict.fromkeys(each if isinstance(each, bool) else _counted(each) for each in given))
    if not inputs or not any(flatten(each, what)[0] for each in inputs):
        raise CheckError("There is nothing to check: the function has no inputs, or they hold no numbers.")
    outside = [at for at in chosen if type(at) is not int or not 0 <= at < len(inputs)]
    if outside or not chosen:
        raise ValueError(f"wrt counts the inputs from 0; got {wrt!r} for {len(inputs)} inputs.")
    return chosen


def _counted(position: Any) -> Any:
    """A position as an int, if it is one of any kind."""
    try:
        return operator.index(position)
    except TypeError:
        return position


def _require_tolerance(name: str, tolerance: Any) -> None:
    is_real = isinstance(tolerance, (int, float, np.floating, np.integer)) and not isinstance(tolerance, bool)
    if tolerance is not None and not (is_real and 0.0 <= tolerance < math.inf):
        raise ValueError(f"{name} is a number, 0 or more, or None to take it from the graph; got {tolerance!r}.")


def _leaves_of(inputs: Sequence[Any], positions: Sequence[int]) -> list[int]:
    """The scalars that belong to the chosen inputs, counted through all of them."""
    counts = [len(flatten(each)[0]) for each in inputs]
    return [sum(counts[:at]) + inside for at in positions for inside in range(counts[at])]


def _names_of(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    return input_names(f, inputs)
