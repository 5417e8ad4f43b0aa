"""Sweeps: what they write, when they refuse, and whether the gradients are right on graphs nobody designed."""

import itertools
import math
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core import sweeps
from autograd_core.errors import DomainError, StaleGraphError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.value import Value, topological_order

# --- what a sweep writes --------------------------------------------------------------------------


def test_interior_nodes_are_assigned_and_leaves_accumulate() -> None:
    x = Value(3.0)
    h = 2 * x
    y = h * x
    for times in (1, 2, 3):
        y.backward()
        assert (y.grad, h.grad, x.grad) == (1.0, 3.0, 12.0 * times)


def test_two_roots_sharing_interior_nodes_give_the_true_sum() -> None:
    x = Value(3.0)
    h = x * x
    y, z = 2 * h, h * h
    y.backward()
    z.backward()
    assert h.grad == 2 * 9.0
    assert x.grad == 2 * 2 * 3.0 + 4 * 27.0
    assert (y.grad, z.grad) == (1.0, 1.0)


def test_a_root_inside_another_roots_graph_does_not_disturb_it() -> None:
    x = Value(3.0)
    h = x * x
    y = 5 * h
    h.backward()
    y.backward()
    h.backward()
    assert (x.grad, h.grad, y.grad) == (6.0 + 30.0 + 6.0, 1.0, 1.0)


def test_a_leaf_is_its_own_output() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(0.5)
    assert x.grad == 1.5


@pytest.mark.parametrize("seed", [2, -0.5, 0.0, np.float32(2), math.inf])
def test_the_seed_is_the_adjoint_of_the_output(seed: float) -> None:
    x = Value(3.0)
    y = 4 * x
    y.backward(seed)
    assert (y.grad, x.grad) == (seed, 4 * seed)
    assert type(x.grad) is float


def test_zero_grad_clears_everything_that_reaches_the_node_and_nothing_else() -> None:
    x, w = Value(3.0), Value(2.0)
    h = x * w
    y, other = h + 1, h * w
    y.backward()
    other.backward()
    y.zero_grad()
    assert [node.grad for node in (x, w, h, y)] == [0.0] * 4
    assert "grad" not in repr(x)
    assert other.grad == 1.0


def test_a_constant_receives_nothing_and_its_partial_is_never_evaluated() -> None:
    x = Value(-8.0)
    y = x**3  # log(-8), the derivative to the 3, does not exist
    y.backward()
    assert (x.grad, y.partials) == (192.0, (192.0, 0.0))


def test_a_repeated_operand_receives_the_sum_over_its_edges() -> None:
    a = Value(3.0)
    for build, expected in (
        (lambda: a * a, 6.0), (lambda: a + a, 2.0), (lambda: a - a, 0.0), (lambda: a / a, 0.0),
        (lambda: a**a, 27.0 * (1 + math.log(3.0))), (lambda: ag.dot([a, a], [a, 2.0]), 8.0),
        (lambda: ag.total([a] * 5), 5.0), (lambda: ag.maximum(a, a), 1.0), (lambda: ag.hypot(a, a), math.sqrt(2)),
    ):
        a.zero_grad()
        build().backward()
        assert a.grad == pytest.approx(expected, rel=1e-15, abs=1e-15)


# --- stale graphs ---------------------------------------------------------------------------------


def gradients(root: Value) -> list[str]:
    return [repr(node._grad) for node in topological_order((root,))]


def test_a_stale_graph_is_refused_naming_leaf_and_remedy_with_nothing_written() -> None:
    x, w = Value(3.0, "x"), Value(2.0, "w")
    h = (x * w).named("h")
    y = (h * h + x).named("y")
    y.backward()
    before = gradients(y)
    w.data = 5.0
    for attempt in (y.backward, h.backward, lambda: ag.Graph(y), lambda: ag.explain(y, x), lambda: ag.paths(y, x)):
        with pytest.raises(StaleGraphError) as caught:
            attempt()
        assert "the leaf 'w' was set after values were computed from it, so the graph is stale" in str(caught.value)
        assert "recompute()" in str(caught.value)
        assert gradients(y) == before


def test_an_unnamed_leaf_is_shown_by_its_number() -> None:
    x = Value(3.0)
    y = x.exp()
    x.data = 4.25
    with pytest.raises(StaleGraphError, match=r"the leaf with data 4\.25 was set"):
        y.backward()


def test_setting_a_leaf_to_the_same_number_makes_its_readers_stale_too() -> None:
    x = Value(3.0, "x")
    y = x.exp()
    x.data = 3.0
    with pytest.raises(StaleGraphError):
        y.backward()


def test_a_leaf_set_before_its_reader_was_made_is_not_stale() -> None:
    x = Value(3.0)
    x.data = 4.0
    y = x * x
    y.backward()
    assert x.grad == 8.0


def test_of_several_leaves_set_the_last_one_is_named() -> None:
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    y = (a * b) + (b * c)
    c.data = 5.0
    a.data = 6.0
    with pytest.raises(StaleGraphError, match="'a'"):
        y.backward()


def test_only_what_reads_the_leaf_is_stale() -> None:
    x, w = Value(3.0), Value(2.0)
    y, z = x * 2, w * 2
    w.data = 7.0
    y.backward()
    assert x.grad == 2.0
    with pytest.raises(StaleGraphError):
        z.backward()


def test_what_is_computed_from_a_stale_node_is_stale() -> None:
    x = Value(3.0, "x")
    h = 2 * x
    x.data = 5.0
    y = h + 1
    with pytest.raises(StaleGraphError, match="'x'"):
        y.backward()
    h.recompute()
    with pytest.raises(StaleGraphError, match="'x'"):
        y.backward()
    assert y.recompute().data == 11.0


# --- recompute ------------------------------------------------------------------------------------


def test_recompute_replays_the_operations_on_the_present_data() -> None:
    x, w = Value(3.0, "x"), Value(2.0)
    y = ag.logsumexp([x * w, (x - w).tanh(), 1.0]) ** 2
    fresh_x, fresh_w = Value(-0.5, "x"), Value(4.0)
    expected = ag.logsumexp([fresh_x * fresh_w, (fresh_x - fresh_w).tanh(), 1.0]) ** 2
    x.data, w.data = -0.5, 4.0
    assert y.recompute() is y
    pairs = zip(topological_order((y,)), topological_order((expected,)), strict=True)
    assert all((one.data, one.partials) == (other.data, other.partials) for one, other in pairs)
    y.backward()
    expected.backward()
    assert (x.grad, w.grad) == (fresh_x.grad, fresh_w.grad)


def test_recompute_replays_no_python_branch() -> None:
    x = Value(3.0)
    y = x * 2 if x > 0 else x * -2
    x.data = -1.0
    assert y.recompute().data == -2.0


def test_recompute_keeps_gradients_and_names() -> None:
    x = Value(3.0, "x")
    y = (x * x).named("y")
    y.backward()
    x.data = 4.0
    assert repr(y.recompute()) == "Value(16.0, 'y', grad=1.0)"
    y.backward()
    assert x.grad == 6.0 + 8.0


@pytest.mark.parametrize("outside", [0.0, -1.0])
def test_a_recompute_that_fails_changes_nothing(outside: float) -> None:
    x, w = Value(3.0, "x"), Value(1.0)
    y = (x * w).exp() + x.log() + (x * 2)
    before = [(node.data, node.partials) for node in topological_order((y,)) if not node.is_leaf]
    x.data = outside
    with pytest.raises(DomainError, match="log"):
        y.recompute()
    assert [(node.data, node.partials) for node in topological_order((y,)) if not node.is_leaf] == before
    with pytest.raises(StaleGraphError, match="'x'"):
        y.backward()
    x.data = 2.0
    y.recompute().backward()
    assert y.data == math.exp(2.0) + math.log(2.0) + 4.0


def test_outputs_that_share_nodes_are_recomputed_one_after_the_other() -> None:
    x = Value(1.0, "x")
    h = 2 * x
    y, z = h + 1, h * 3
    x.data = 5.0
    assert y.recompute().data == 11.0
    y.backward()
    with pytest.raises(StaleGraphError, match="the leaf 'x'"):
        z.backward()
    assert "stale" in repr(z)
    assert z.recompute().data == 30.0
    z.backward()
    y.backward()
    assert x.grad == 2.0 + 6.0 + 2.0


def test_a_recompute_with_nothing_to_do_makes_nobody_stale() -> None:
    x = Value(1.0)
    h = 2 * x
    y, z = h + 1, h * 3
    y.recompute()
    h.recompute()
    z.backward()
    assert x.grad == 6.0


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_set_and_recomputed_in_any_order_the_end_is_as_if_built_anew(data: st.DataObject) -> None:
    def build(numbers: Sequence[float]) -> tuple[list[Value], list[Value]]:
        leaves = [Value(number, f"x_{at}") for at, number in enumerate(numbers)]
        nodes = list(leaves)
        for left, right, which in recipe:
            nodes.append((nodes[left] * nodes[right]) if which else (nodes[left] - nodes[right]))
        return leaves, nodes

    size = data.draw(st.integers(1, 8))
    recipe = [(data.draw(st.integers(0, at + 1)), data.draw(st.integers(0, at + 1)), data.draw(st.booleans()))
              for at in range(size)]
    numbers = [1.0, 2.0]
    leaves, nodes = build(numbers)
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(nodes) - 1))
        if at < 2:
            numbers[at] = float(data.draw(st.integers(-3, 3)))
            leaves[at].data = numbers[at]
        else:
            nodes[at].recompute()
        for node in nodes:
            order = topological_order((node,))
            place = {id(each): position for position, each in enumerate(order)}
            assert all(place[id(edge.parent)] < place[id(each)] for each in order for edge in each.edges)
            if "stale" not in repr(node):
                expected = build(numbers)[1][nodes.index(node)]
                assert node.data == expected.data
    expected_leaves, expected_nodes = build(numbers)
    nodes[-1].recompute().backward()
    expected_nodes[-1].backward()
    assert nodes[-1].data == expected_nodes[-1].data
    assert [leaf.grad for leaf in leaves] == [leaf.grad for leaf in expected_leaves]


# --- random graphs --------------------------------------------------------------------------------


class Step(NamedTuple):
    """One operation of a recipe: operands are positions of earlier nodes, or constants."""

    row: Primitive
    operands: tuple[int | float, ...]


class Recipe(NamedTuple):
    leaves: tuple[float, ...]
    steps: tuple[Step, ...]


def applied(row: Primitive, operands: Sequence[Any]) -> Any:
    if row.arity is not None:
        return row(*operands)
    half = len(operands) // row.lists
    return row(*(list(operands[at * half : (at + 1) * half]) for at in range(row.lists)))


def grown(recipe: Recipe) -> tuple[list[Value], list[Value]]:
    """The leaves, and all nodes, some steps of the recipe being left out where they are not defined."""
    leaves = [Value(number) for number in recipe.leaves]
    nodes = list(leaves)
    for row, operands in recipe.steps:
        chosen = [nodes[-1 - each % len(nodes)] if isinstance(each, int) else each for each in operands]
        if not any(isinstance(each, Value) for each in chosen):
            continue
        try:
            nodes.append(applied(row, chosen))
        except DomainError:
            continue
    return leaves, nodes


MODERATE = st.floats(-3.0, 3.0, allow_subnormal=False).map(lambda x: round(x, 3))
AWKWARD = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 1e300, -1e300, 5e-324, 1e-300])


def recipes(rows: Sequence[Primitive], numbers: st.SearchStrategy[float], most: int = 12) -> st.SearchStrategy[Recipe]:
    operand = st.one_of(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), numbers)

    def step(row: Primitive) -> st.SearchStrategy[Step]:
        sizes = st.just(row.arity) if row.arity is not None else st.integers(1, 3).map(lambda n: n * row.lists)
        return sizes.flatmap(lambda size: st.tuples(*[operand] * size)).map(lambda chosen: Step(row, chosen))

    steps = st.lists(st.sampled_from(list(rows)).flatmap(step), min_size=1, max_size=most).map(tuple)
    return st.builds(Recipe, st.lists(numbers, min_size=1, max_size=3).map(tuple), steps)


def path_sums(root: Value, leaf: Value) -> tuple[float, float]:
    """The sum over all paths of the product of derivatives along each, and that of absolute values."""
    total = size = 0.0
    stack = [(root, 1.0)]
    while stack:
        node, product = stack.pop()
        if node is leaf:
            total += product
            size += abs(product)
        stack.extend((edge.parent, product * edge.partial) for edge in node.edges)
    return total, size


def few_paths(root: Value, most: int = 3000) -> bool:
    counts: dict[int, int] = {}
    for node in topological_order((root,)):
        counts[id(node)] = sum(counts[id(edge.parent)] for edge in node.edges) or 1
    return counts[id(root)] <= most


def swept(root: Value, leaves: Sequence[Value]) -> list[float]:
    root.zero_grad()
    root.backward()
    return [leaf.grad for leaf in leaves]


@given(recipes(TABLE, MODERATE))
@settings(max_examples=400, deadline=None)
def test_every_gradient_is_the_sum_over_paths_of_the_product_along_each(recipe: Recipe) -> None:
    leaves, nodes = grown(recipe)
    if not few_paths(nodes[-1]):
        return
    for leaf, grad in zip(leaves, swept(nodes[-1], leaves), strict=True):
        total, size = path_sums(nodes[-1], leaf)
        if math.isfinite(size):
            assert abs(grad - total) <= 1e-13 * size + 1e-300


@given(recipes(TABLE, AWKWARD))
@settings(max_examples=400, deadline=None)
def test_zeros_infinities_and_nans_never_break_a_sweep_nor_are_hidden(recipe: Recipe) -> None:
    leaves, nodes = grown(recipe)
    root = nodes[-1]
    assert {type(node.data) for node in nodes} == {float}
    assert {type(partial) for node in nodes for partial in node.partials} <= {float}
    found = swept(root, leaves)
    assert {type(grad) for grad in found} == {float}
    assert [repr(grad) for grad in swept(root, leaves)] == [repr(grad) for grad in found]
    if not few_paths(root):
        return
    for leaf, grad in zip(leaves, found, strict=True):
        total, size = path_sums(root, leaf)
        if math.isfinite(size):
            assert math.isnan(grad) or abs(grad - total) <= 1e-12 * size + 1e-300
        elif not math.isnan(grad) and not math.isnan(size):
            assert math.isinf(grad) or size == math.inf


@given(recipes(TABLE, AWKWARD))
@settings(max_examples=300, deadline=None)
def test_a_replay_gives_what_building_gave_to_the_last_bit(recipe: Recipe) -> None:
    leaves, nodes = grown(recipe)
    for leaf in leaves:
        leaf.data = leaf.data
    before = [(repr(node.data), repr(node.partials)) for node in nodes]
    for node in nodes:
        node.recompute()
    assert [(repr(node.data), repr(node.partials)) for node in nodes] == before


EXACT = [ag.add, ag.sub, ag.mul, ag.neg, ag.square, ag.total, ag.dot]


@given(recipes(EXACT, st.integers(-3, 3).map(float), most=6))
@settings(max_examples=300, deadline=None)
def test_where_floats_are_exact_so_are_gradients(recipe: Recipe) -> None:
    leaves, nodes = grown(recipe)
    exact: dict[int, list[Fraction]] = {
        id(leaf): [Fraction(leaf is other) for other in leaves] for leaf in leaves
    }
    for node in nodes[len(leaves) :]:
        columns = [[Fraction(edge.partial) * each for each in exact[id(edge.parent)]] for edge in node.edges]
        exact[id(node)] = [sum(column, Fraction(0)) for column in zip(*columns, strict=True)]
    largest = max(abs(node.data) for node in nodes)
    if largest < 2**20:
        assert [Fraction(grad) for grad in swept(nodes[-1], leaves)] == exact[id(nodes[-1])]


def exact_replay(nodes: Sequence[Value], leaves: Sequence[Value], numbers: Sequence[Any]) -> Any:
    """The last node's value at other leaves, through the rows' exact formulas at the present precision."""
    values: dict[int, Any] = {id(leaf): number for leaf, number in zip(leaves, numbers, strict=True)}
    for node in nodes[len(leaves) :]:
        assert node.op is not None
        operands = [mpmath.mpf(each) if isinstance(each, float) else values[id(each)] for each in node.operands]
        values[id(node)] = node.op.exact(mpmath, *operands)
    return values[id(nodes[-1])]


def near_a_kink(nodes: Sequence[Value]) -> bool:
    for node in nodes:
        if node.op is not None:
            numbers = [each if isinstance(each, float) else each.data for each in node.operands]
            if any(abs(kink(*numbers)) < 1e-6 for kink in node.op.kinks):
                return True
    return False


@given(recipes(TABLE, MODERATE, most=6))
@settings(max_examples=400, deadline=None)
def test_gradients_agree_with_central_differences_at_fifty_digits(recipe: Recipe) -> None:
    leaves, nodes = grown(recipe)
    if any(not 1e-6 < abs(node.data) < 1e3 for node in nodes) or near_a_kink(nodes) or not few_paths(nodes[-1]):
        return
    if any(abs(partial) > 1e3 for node in nodes for partial in node.partials):
        return  # where a slope is steep it also changes fast, and one rounding of its operand is seen in it
    found = swept(nodes[-1], leaves)
    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -15
        point = [mpmath.mpf(leaf.data) for leaf in leaves]
        for at, (leaf, grad) in enumerate(zip(leaves, found, strict=True)):
            _, size = path_sums(nodes[-1], leaf)
            if not size <= 1e6:
                continue  # the float graph and the exact one are not at the same point any more
            above, below = (
                exact_replay(nodes, leaves, [*point[:at], point[at] + move, *point[at + 1 :]]) for move in (step, -step)
            )
            difference = (above - below) / (2 * step)
            if mpmath.im(difference) == 0:
                assert abs(float(mpmath.re(difference)) - grad) <= 1e-6 * (1.0 + size), leaf


def torch_readings(torch: Any) -> dict[Primitive, Callable[..., Any]]:
    functional = torch.nn.functional
    return {
        ag.add: lambda x, y: x + y, ag.sub: lambda x, y: x - y, ag.mul: lambda x, y: x * y, ag.div: lambda x, y: x / y,
        ag.neg: lambda x: -x, ag.square: torch.square, ag.exp: torch.exp, ag.sin: torch.sin, ag.cos: torch.cos,
        ag.tanh: torch.tanh, ag.sigmoid: torch.sigmoid, ag.relu: torch.relu, ag.softplus: functional.softplus,
        ag.silu: functional.silu, ag.gelu: functional.gelu, ag.atan: torch.atan, ag.asinh: torch.asinh,
        ag.maximum: torch.maximum, ag.minimum: torch.minimum, ag.hypot: torch.hypot, ag.log: torch.log,
        ag.sqrt: torch.sqrt, ag.total: lambda *terms: torch.stack(terms).sum(), ag.expm1: torch.expm1,
        ag.mean: lambda *terms: torch.stack(terms).mean(), ag.erf: torch.erf,
        ag.logsumexp: lambda *terms: torch.logsumexp(torch.stack(terms), 0),
    }


def test_random_graphs_have_the_gradients_pytorch_gives_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip("torch")
    readings = torch_readings(torch)

    def tensor(number: float) -> Any:
        return torch.tensor(number, dtype=torch.float64)

    @given(recipes(list(readings), MODERATE, most=20))
    @settings(max_examples=300, deadline=None)
    def check(recipe: Recipe) -> None:
        leaves, nodes = grown(recipe)
        if any(not 1e-9 < abs(node.data) < 1e6 for node in nodes) or near_a_kink(nodes):
            return
        twins = [tensor(leaf.data).requires_grad_() for leaf in leaves]
        values = {id(leaf): twin for leaf, twin in zip(leaves, twins, strict=True)}
        for node in nodes[len(leaves) :]:
            operands = [tensor(each) if isinstance(each, float) else values[id(each)] for each in node.operands]
            values[id(node)] = readings[node.op](*operands)  # type: ignore[index]
        root = values[id(nodes[-1])]
        if root.requires_grad:
            root.backward()
        for leaf, twin, grad in zip(leaves, twins, swept(nodes[-1], leaves), strict=True):
            expected = 0.0 if twin.grad is None else float(twin.grad)
            size = path_sums(nodes[-1], leaf)[1] if few_paths(nodes[-1]) else abs(expected)
            if size < 1e9:
                assert abs(grad - expected) <= 1e-9 * (1.0 + size)

    check()


def test_thirty_runs_of_one_program_are_bit_identical() -> None:
    def run() -> tuple[str, ...]:
        rng = np.random.default_rng(0)
        leaves = [Value(x) for x in rng.normal(size=20)]
        nodes = list(leaves)
        for _ in range(300):
            left, right = (nodes[at] for at in rng.integers(0, len(nodes), size=2))
            nodes.append((left * right).tanh() + left * float(rng.normal()) - right)
        y = ag.logsumexp(nodes[-30:])
        y.backward()
        return tuple(leaf.grad.hex() for leaf in leaves)

    assert len({run() for _ in range(30)}) == 1


# --- threads --------------------------------------------------------------------------------------


@pytest.fixture
def hurried() -> Any:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(*tasks: Callable[[], None]) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(len(tasks))

    def guarded(task: Callable[[], None]) -> None:
        try:
            start.wait()
            task()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not failures


@pytest.mark.usefixtures("hurried")
def test_threads_may_differentiate_graphs_that_share_nodes() -> None:
    x, w = Value(3.0), Value(2.0)
    shared = [x * w]
    for _ in range(50):
        shared.append(shared[-1] + x)
    roots = [shared[-1] * factor + w for factor in (1, 2, 3, 4)]
    times = 40

    def sweep(root: Value) -> Callable[[], None]:
        return lambda: [root.backward() for _ in range(times)] and None

    at_once(*map(sweep, roots))
    assert x.grad == times * sum(factor * (2.0 + 50.0) for factor in (1, 2, 3, 4))
    assert w.grad == times * sum(factor * 3.0 + 1.0 for factor in (1, 2, 3, 4))
    assert {node.grad for node in shared} <= {1.0, 2.0, 3.0, 4.0}
    assert len({node.grad for node in shared}) == 1


@pytest.mark.usefixtures("hurried")
def test_a_graph_recomputed_in_one_thread_is_fresh_or_stale_but_never_mixed_in_another() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(30):
        y = y * x  # dy/dx = 31 x**30
    seen: list[float] = []

    def change() -> None:
        for turn in range(100):
            x.data = 1.0 if turn % 2 else -1.0
            y.recompute()

    def sweep() -> None:
        for _ in range(100):
            before = len(seen)
            try:
                y.backward()
            except StaleGraphError:
                continue
            seen.append(1.0)
            assert len(seen) == before + 1

    at_once(change, sweep)
    assert x.grad == 31.0 * len(seen)
    y.recompute().backward()


@pytest.mark.parametrize("sweep", [Value.backward, Value.zero_grad, Value.recompute])
def test_one_sweep_waits_until_another_is_done(sweep: Callable[[Value], Any]) -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    x.data = 4.0
    if sweep is not Value.recompute:
        y.recompute()
    before = repr(x), repr(y)
    thread = threading.Thread(target=sweep, args=(y,))
    with sweeps._sweep_lock:
        thread.start()
        thread.join(timeout=0.1)
        assert thread.is_alive()
        assert (repr(x), repr(y)) == before
    thread.join(timeout=20)
    assert (repr(x), repr(y)) != before


@pytest.mark.usefixtures("hurried")
def test_threads_may_build_on_a_shared_leaf() -> None:
    x = Value(2.0)

    def build() -> None:
        for _ in range(50):
            y = Value(0.0)
            for _ in range(20):
                y = y + x
            y.backward()

    at_once(*[build] * 4)
    assert x.grad == 4 * 50 * 20.0


def test_a_row_may_differentiate_something_itself_while_it_is_replayed() -> None:
    from dataclasses import replace

    def slope_of_square(x: float) -> float:
        inner = Value(x)
        (inner * inner).backward()
        return inner.grad

    row = replace(ag.tanh, name="slope_of_square", scalar=slope_of_square, partials=(lambda out, x: 2.0,))
    x = Value(3.0)
    y = row(x)
    x.data = 4.0
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(y.recompute()), daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert done
    assert y.data == 8.0


# --- sizes ----------------------------------------------------------------------------------------


def test_many_paths_are_no_matter() -> None:
    x = Value(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert (y.data, x.grad) == (2.0**60, 2.0**60)


def test_a_long_row_of_operands_is_swept_in_order() -> None:
    leaves = [Value(float(n)) for n in range(2000)]
    ag.dot(leaves, leaves[::-1]).backward()
    assert [leaf.grad for leaf in leaves] == [2.0 * (1999 - n) for n in range(2000)]


def test_every_pair_of_a_row_and_an_operand_position_hands_on_its_partial() -> None:
    for row, seed in itertools.product(TABLE, range(5)):
        rng = np.random.default_rng([seed, *row.name.encode()])
        size = row.arity or 2 * row.lists
        numbers = row.domain.sample(rng, size)
        leaves = [Value(number) for number in numbers]
        out = applied(row, leaves)
        out.backward(2.0)
        expected = row.local_derivatives(out.data, numbers, [True] * size)
        assert [repr(leaf.grad) for leaf in leaves] == [repr(2.0 * partial + 0.0) for partial in expected]
