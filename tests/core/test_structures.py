"""Numbers out of structures and back in: the same structure, the same order, and what is refused."""

from collections import OrderedDict, namedtuple
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core.errors import OperandError
from autograd_core.structures import described, flatten, flatten_like, is_scalar
from autograd_core.value import Value

Layer = namedtuple("Layer", ["w", "b"])

NESTED = st.recursive(
    st.floats(allow_nan=False),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3), st.lists(parts, max_size=3).map(tuple), st.builds(Layer, parts, parts),
        st.dictionaries(st.text(max_size=2), parts, max_size=3),
    ),
    max_leaves=12,
)


class Row(list[Any]):
    pass


@given(NESTED)
def test_what_is_taken_out_goes_back_to_where_it_was(structure: Any) -> None:
    scalars, rebuild = flatten(structure)
    again = rebuild(scalars)
    assert again == structure
    assert type(again) is type(structure)
    assert flatten(rebuild(list(range(len(scalars)))))[0] == list(range(len(scalars)))


@given(NESTED)
def test_a_structure_is_like_itself(structure: Any) -> None:
    assert flatten_like(structure, structure, "This", "itself") == flatten(structure)[0]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0,), (0, 2), (2, 1, 2)])
def test_arrays_keep_their_shape(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    scalars, rebuild = flatten(array)
    assert all(type(scalar) is float for scalar in scalars)
    again = rebuild(scalars)
    assert again.shape == shape
    assert again.dtype == np.float64
    np.testing.assert_array_equal(again, array)


def test_arrays_of_arrays_are_stacked_and_of_structures_become_structures_of_arrays() -> None:
    _, rebuild = flatten(np.zeros((2, 2)))
    assert rebuild([np.full(3, at) for at in range(4)]).shape == (2, 2, 3)
    values = rebuild([Value(at) for at in range(4)])
    assert values.dtype == object
    assert values[1, 0].data == 2.0
    assert rebuild([1.0, Value(2.0), 3.0, 4.0]).dtype == object
    held = rebuild([{"a": float(at), "b": Layer([at * 10.0], (np.full(3, at * 1.0), []))} for at in range(4)])
    assert list(held) == ["a", "b"]
    assert held["a"].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert isinstance(held["b"], Layer)
    assert held["b"].w[0].tolist() == [[0.0, 10.0], [20.0, 30.0]]
    assert held["b"].b[0].shape == (2, 2, 3)
    assert held["b"].b[1] == []


def test_the_order_is_that_of_reading() -> None:
    structure = {"w": np.array([[1, 2], [3, 4]]), "b": (5.0, [6.0, {"c": 7.0}]), "a": Layer(8.0, [])}
    scalars, rebuild = flatten(structure)
    assert scalars == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    again = rebuild([-scalar for scalar in scalars])
    np.testing.assert_array_equal(again["w"], [[-1.0, -2.0], [-3.0, -4.0]])
    assert list(again) == ["w", "b", "a"]
    assert again["b"] == (-5.0, [-6.0, {"c": -7.0}])
    assert again["a"] == Layer(-8.0, [])
    assert isinstance(again["a"], Layer)


@pytest.mark.parametrize(
    "number", [2, 2.0, np.float64(2), np.float32(2), np.int8(2), np.array(2.0), np.array(2), Fraction(2)]
)
def test_every_kind_of_real_number_becomes_a_float(number: Any) -> None:
    scalars, rebuild = flatten(number)
    assert scalars == [2.0]
    assert type(scalars[0]) is float
    assert rebuild([7.0]) == 7.0


def test_values_are_kept_even_in_an_array_without_dimensions() -> None:
    value = Value(1.0)
    assert flatten(value)[0][0] is value
    assert flatten(np.array(value))[0][0] is value
    assert flatten(np.array([[value]]))[0][0] is value


def test_mappings_come_back_as_dicts_and_lists_as_their_kind() -> None:
    for mapping in (OrderedDict(a=1.0), MappingProxyType({"a": 1.0})):
        scalars, rebuild = flatten(mapping)
        assert rebuild(scalars) == {"a": 1.0}
    scalars, rebuild = flatten(Row([1.0, 2.0]))
    assert type(rebuild(scalars)) is Row


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("3", "'3' of type str"), (None, "None of type NoneType"), (True, "True of type bool"),
        (1j, "1j of type complex"), (np.complex64(1), "complex64"), (np.str_("3"), "str_"), (b"3", "bytes"),
        (np.bool_(True), "bool"), (10**400, "an integer of 1329 bits of type int"), ({1.0}, "set"),
        (np.datetime64("2020-01-01"), "datetime64"), (range(2), "range"), (lambda x: x, "function"),
    ],
    ids=lambda thing: type(thing).__name__,
)
@pytest.mark.parametrize("inside", [lambda thing: thing, lambda thing: {"a": [1.0, (thing,)]}], ids=["bare", "inside"])
def test_anything_else_is_refused_and_shown(thing: Any, said: str, inside: Any) -> None:
    with pytest.raises(OperandError, match=r"^an argument of f holds .* Use numbers and Values, and lists") as error:
        flatten(inside(thing), "an argument of f")
    assert said in str(error.value)


@pytest.mark.parametrize("thing", ["3", b"3", True, 1j, None])
def test_arrays_of_anything_else_are_refused(thing: Any) -> None:
    with pytest.raises(OperandError, match="the argument holds"):
        flatten(np.array([thing]))


def test_likeness_goes_by_keys_and_by_length() -> None:
    like = {"w": np.zeros((2, 2)), "b": [0.0, (0.0,)]}
    given = {"b": (5, np.array([6.0])), "w": [[1, 2], np.array([3, 4])]}
    assert flatten_like(given, like, "A tangent", "its argument") == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert flatten_like(np.array(2.0), 1.0, "A tangent", "its argument") == [2.0]
    assert flatten_like([], [], "A tangent", "its argument") == []


@pytest.mark.parametrize(
    ("given", "like", "said"),
    [
        ([1.0], [0.0, 0.0], "a list of 2; got a list of 1."),
        (1.0, [0.0], "a list of 1; got one scalar."),
        ([1.0], 0.0, "one scalar; got a list of 1."),
        (np.zeros(3), (0.0, 0.0), "a tuple of 2; got an array of shape (3,)."),
        ({"a": 1.0}, {"b": 1.0}, "a dict with the keys 'b'; got a dict with the keys 'a'."),
        ({"a": 1.0}, [1.0], "a list of 1; got a dict with the keys 'a'."),
        ([1.0], {"a": 1.0}, "a dict with the keys 'a'; got a list of 1."),
        ({}, {"a": 1.0}, "a dict with the keys 'a'; got an empty dict."),
        (None, [1.0], "a list of 1; got None."),
        ([[1.0], [2.0]], np.zeros((2, 2)), "an array of shape (2,); got a list of 1."),
    ],
)
def test_unlike_structures_are_refused(given: Any, like: Any, said: str) -> None:
    with pytest.raises(OperandError) as error:
        flatten_like(given, like, "A tangent", "its argument")
    assert str(error.value) == f"A tangent must be shaped like its argument: {said}"


def test_scalars_are_told_from_structures_and_described() -> None:
    assert [is_scalar(each) for each in (1.0, Value(1.0), np.array(1.0), None)] == [True] * 4
    assert [is_scalar(each) for each in ([], (), {}, np.zeros(1), Layer(1.0, 2.0))] == [False] * 5
    assert described(Layer(1.0, 2.0)) == "a Layer of 2"
    assert described(Value(1.0)) == "one scalar"
