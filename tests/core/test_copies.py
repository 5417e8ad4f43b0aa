"""Copies and pickles: any depth, what is shared stays shared, and what is stale stays stale."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import autograd_core as ag
from autograd_core.errors import StaleGraphError
from autograd_core.graph import Graph
from autograd_core.value import Value, topological_order

ROOT = Path(__file__).resolve().parent.parent.parent
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def through_pickle(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


each_way = pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, through_pickle],
                                   ids=["copy", "deepcopy", "pickle"])
each_deep_way = pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle], ids=["deepcopy", "pickle"])


def example() -> tuple[Value, Value, Value]:
    x, w = Value(0.5, "x"), Value(-1.5, "w")
    h = (w * x * x + 2).named("h")
    y = ag.logsumexp([h, x, 3.0, h.tanh()]).named("y")
    return x, w, y


def described(root: Value) -> list[tuple[Any, ...]]:
    order = topological_order((root,))
    place = {id(node): at for at, node in enumerate(order)}
    return [
        (node.data, node.name, node.op, node.partials, repr(node),
         [each if isinstance(each, float) else place[id(each)] for each in node.operands])
        for node in order
    ]


def leaf(root: Value, name: str) -> Value:
    return next(node for node in topological_order((root,)) if node.name == name)


# --- what a copy is -------------------------------------------------------------------------------


@each_way
def test_a_copy_is_equal_node_by_node_and_gives_the_same_gradients(duplicate: Callable[[Value], Value]) -> None:
    _, _, y = example()
    y.backward()
    twin = duplicate(y)
    assert twin is not y
    assert described(twin) == described(y)
    y.zero_grad()
    twin.zero_grad()
    twin.backward(2.0)
    found = [node.grad for node in topological_order((twin,))]
    y.zero_grad()
    y.backward(2.0)
    assert found == [node.grad for node in topological_order((y,))]


@each_deep_way
def test_a_deep_copy_shares_no_node_with_the_original(duplicate: Callable[[Value], Value]) -> None:
    x, _, y = example()
    twin = duplicate(y)
    originals = set(map(id, topological_order((y,))))
    assert not originals & set(map(id, topological_order((twin,))))
    twin.backward()
    leaf(twin, "x").data = 9.0
    twin.recompute()
    assert (x.grad, x.data, y.grad, "stale" in repr(y)) == (0.0, 0.5, 0.0, False)


def test_a_shallow_copy_is_one_new_node_on_the_same_operands() -> None:
    x, _, y = example()
    twin = copy.copy(y)
    assert twin.operands == y.operands
    twin.backward()
    assert x.grad != 0.0
    assert y.grad == 0.0
    other = copy.copy(x)
    other.data = 7.0
    assert x.data == 0.5
    assert "stale" not in repr(y)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_pickle_protocol_keeps_everything(protocol: int) -> None:
    _, _, y = example()
    y.backward()
    assert described(pickle.loads(pickle.dumps(y, protocol))) == described(y)


@each_way
@pytest.mark.parametrize("number", [float("inf"), float("nan"), -0.0, 5e-324])
def test_a_leaf_alone_keeps_its_number_to_the_last_bit(duplicate: Callable[[Value], Value], number: float) -> None:
    x = Value(number, "x")
    x.grad = number
    assert repr(duplicate(x)) == repr(x)


@each_way
def test_a_copy_of_an_unswept_node_is_unswept(duplicate: Callable[[Value], Value]) -> None:
    _, _, y = example()
    assert "grad" not in repr(duplicate(y))


@each_way
def test_a_copy_can_be_computed_with_set_and_copied_again(duplicate: Callable[[Value], Value]) -> None:
    _, w, y = example()
    twin = duplicate(duplicate(y))
    z = twin * y
    z.backward()
    leaf(twin, "x").data = 0.25
    with pytest.raises(StaleGraphError, match="'x'"):
        z.backward()
    z.recompute().zero_grad()
    z.backward()
    alone = Value(0.25, "x"), Value(-1.5, "w")
    assert leaf(twin, "w") is w if duplicate is copy.copy else leaf(twin, "w") is not w
    assert leaf(twin, "x").data == alone[0].data


@each_way
def test_constants_in_the_place_of_positions_stay_constants(duplicate: Callable[[Value], Value]) -> None:
    a, b = Value(5.0, "a"), Value(7.0, "b")
    y = ag.total([0.0, a, 1.0, b, 2.0])
    twin = duplicate(y)
    assert [each if isinstance(each, float) else each.name for each in twin.operands] == [0.0, "a", 1.0, "b", 2.0]


# --- sharing --------------------------------------------------------------------------------------


@each_deep_way
def test_two_roots_travel_as_one_graph_and_keep_sharing(duplicate: Callable[[Graph], Graph]) -> None:
    x = Value(2.0, "x")
    h = (x * x).named("h")
    y1, y2 = (3 * h).named("y_1"), (h + x).named("y_2")
    first, second = duplicate(Graph([y1, y2])).roots
    assert (first.name, second.name) == ("y_1", "y_2")
    assert leaf(first, "x") is leaf(second, "x")
    assert leaf(first, "h") is leaf(second, "h")
    first.backward()
    second.backward()
    assert leaf(first, "x").grad == 3 * 4.0 + 4.0 + 1.0
    assert x.grad == 0.0


def test_a_deep_copy_of_a_container_keeps_what_is_shared_inside_it() -> None:
    x = Value(2.0, "x")
    y = x * x
    for things in ([x, y, y], [y, x, y]):
        twins = copy.deepcopy(things)
        by_name = {id(each): each for each in twins}
        assert len(by_name) == 2
        inside, root = sorted(by_name.values(), key=lambda node: node.op is not None)
        assert root.operands == (inside, inside)
        root.backward()
        assert inside.grad == 4.0
        assert x.grad == 0.0


def test_a_deep_copy_after_a_leaf_was_copied_stays_stale() -> None:
    x = Value(2.0, "x")
    y = x * x
    x.data = 3.0
    twin_of_x, twin = copy.deepcopy([x, y])
    assert twin.operands[0] is twin_of_x
    with pytest.raises(StaleGraphError, match="the leaf 'x'"):
        twin.backward()


def test_the_same_root_twice_in_a_pickle_is_one_node() -> None:
    _, _, y = example()
    first, second = through_pickle([y, y])
    assert first is second


# --- staleness ------------------------------------------------------------------------------------


def stale_by_a_leaf() -> Value:
    x, _, y = example()
    x.data = 3.0
    return y


def stale_by_a_shared_part_recomputed() -> Value:
    x = Value(2.0, "x")
    h = x * x
    y = h + 1.0
    x.data = 3.0
    h.recompute()
    return y


@each_way
@pytest.mark.parametrize("make", [stale_by_a_leaf, stale_by_a_shared_part_recomputed])
def test_stale_stays_stale_until_recomputed(duplicate: Callable[[Value], Value], make: Callable[[], Value]) -> None:
    y = make()
    twin = duplicate(y)
    assert repr(twin) == repr(y)
    with pytest.raises(StaleGraphError, match="the leaf 'x' was set after"):
        twin.backward()
    assert all(node.grad == 0.0 for node in topological_order((twin,)))
    expected = make().recompute()
    assert described(twin.recompute()) == described(expected)
    twin.backward()


@each_way
def test_a_copy_of_a_fresh_graph_is_fresh_and_notices_a_leaf_set_later(duplicate: Callable[[Value], Value]) -> None:
    _, _, y = example()
    twin = duplicate(y)
    twin.backward()
    leaf(twin, "w").data = 1.0
    with pytest.raises(StaleGraphError, match="'w'"):
        twin.backward()


# --- rows -----------------------------------------------------------------------------------------


@each_way
def test_a_row_travels_by_name_and_a_renamed_one_keeps_its_name(duplicate: Callable[[Value], Value]) -> None:
    x = Value(0.5)
    assert duplicate(x.tanh()).op is ag.tanh
    twin = duplicate(ag.tanh.renamed("g", (r"\gamma", "γ"))(x))
    row: Any = twin.op
    assert (row.name, row.head, row.alias_of) == ("g", (r"\gamma", "γ"), ag.tanh)
    twin.backward()
    x.zero_grad()
    y = x.tanh()
    y.backward()
    assert twin.operands[0].grad == x.grad or duplicate is copy.copy


@pytest.mark.parametrize("name", ["mystery", "tanh"])
def test_a_row_outside_the_table_is_copied_but_not_pickled(name: str) -> None:
    outsider = replace(ag.tanh, name=name, scalar=lambda x: 2.0 * x)
    y = outsider(Value(0.5)) * 2
    assert copy.deepcopy(y).data == y.data == 2.0
    for graph in (y, Graph(y)):
        with pytest.raises(pickle.PicklingError, match=f"The row '{name}' is not in the table of primitives"):
            pickle.dumps(graph)


def test_a_row_unknown_to_the_reader_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps(Value(0.5).tanh())
    monkeypatch.delitem(ag.primitives._BY_NAME, "tanh")
    with pytest.raises(LookupError, match=r"uses the operation 'tanh', which the table of primitives here does not"):
        pickle.loads(pickled)


def test_a_pickle_is_read_by_another_process() -> None:
    _, _, y = example()
    program = "import pickle, sys; y = pickle.load(sys.stdin.buffer); y.backward(); pickle.dump(y, sys.stdout.buffer)"
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(y), capture_output=True, cwd=ROOT,
                          timeout=60, check=True)
    y.backward()
    assert described(pickle.loads(done.stdout)) == described(y)


# --- depth ----------------------------------------------------------------------------------------


@each_way
def test_depth_is_no_matter(duplicate: Callable[[Any], Any]) -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(20_000):
        y = y + x
    twin = duplicate(y)
    twin.backward()
    assert leaf(twin, "x").grad == 20_001.0
    stale = duplicate(y)
    leaf(stale, "x").data = 2.0
    assert duplicate(stale).recompute().data == 40_002.0
