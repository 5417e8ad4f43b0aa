"""The states of random generators as JSON can hold them, and which modules share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd_core.operand_checks import shown
from nn.errors import CheckpointError
from nn.module import Module

BIT_GENERATORS: dict[str, Any] = {
    each.__name__: each
    for each in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)
}
# NumPy takes any position for these and then reads outside its memory.
LAST_POSITIONS = {"pos": 624, "buffer_pos": 4}

Holders = Mapping[str, tuple[Any, str]]


def generator_holders(module: Module, path: str) -> dict[str, tuple[Any, str]]:
    """Where generators are, as (module, attribute) by path: every module with a Generator called ``rng``.

    >>> from nn import MLP
    >>> list(generator_holders(MLP([2, 3, 3, 1], keep=0.5), "model"))
    ['model.2', 'model.5']
    """
    found: dict[str, tuple[Any, str]] = {}
    if isinstance(getattr(module, "rng", None), np.random.Generator):
        found[path] = (module, "rng")
    for name, child in module.children().items():
        found |= generator_holders(child, f"{path}.{name}")
    return found


def states_and_numbers(holders: Holders) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The state of each generator once, as JSON can hold it, and by path which of them is held there.

    Raises :class:`CheckpointError` for generators that are not NumPy's.
    """
    held = {path: getattr(*place).bit_generator for path, place in holders.items()}
    for path, generator in held.items():
        if type(generator) not in BIT_GENERATORS.values():
            raise CheckpointError(
                f"A checkpoint keeps NumPy's own random generators, {', '.join(BIT_GENERATORS)}; {path} has "
                f"{type(generator).__name__}. Use np.random.default_rng(seed)."
            )
    shared = {id(generator): generator for generator in held.values()}
    order = list(shared)
    numbers = {path: order.index(id(generator)) for path, generator in held.items()}
    return [_plain(generator.state) for generator in shared.values()], numbers


def generator_in(state: Any) -> np.random.Generator:
    """A new generator in such a state; ``ValueError`` for what is none.

    >>> from nn import Dropout
    >>> dropout = Dropout(rng=0)
    >>> [state], _ = states_and_numbers(generator_holders(dropout, "model"))
    >>> generator_in(state).random() == dropout.rng.random()
    True
    """
    name = state.get("bit_generator") if isinstance(state, dict) else None
    if not isinstance(name, str) or name not in BIT_GENERATORS:
        raise ValueError(f"{shown(state)} is of no generator known here")
    generator = np.random.Generator(BIT_GENERATORS[name](0))
    try:
        generator.bit_generator.state = _like(generator.bit_generator.state, state)
    except OverflowError as problem:
        raise ValueError(str(problem)) from problem
    return generator


def put_generators(holders: Holders, numbers: Mapping[str, int], saved: Sequence[np.random.Generator]) -> None:
    """Put holders into the saved states, sharing generators as ``numbers`` says.

    They keep the generators they have, which others may hold too, unless theirs is of another kind or they
    shared one that is not shared any more.
    """
    given: dict[int, np.random.Generator] = {}
    for path, (holder, attribute) in holders.items():
        number, own = numbers[path], getattr(holder, attribute)
        if number not in given:
            taken = any(own.bit_generator is other.bit_generator for other in given.values())
            if taken or type(own.bit_generator) is not type(saved[number].bit_generator):
                own = saved[number]
            own.bit_generator.state = saved[number].bit_generator.state
            given[number] = own
        if getattr(holder, attribute) is not given[number]:
            setattr(holder, attribute, given[number])


def _plain(state: Any) -> Any:
    if isinstance(state, Mapping):
        return {key: _plain(part) for key, part in state.items()}
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


def _like(form: Any, saved: Any, key: str = "") -> Any:
    """``saved`` with the types, shapes and ranges of ``form``, the state of a generator of that kind."""
    match form, saved:
        case Mapping(), dict() if form.keys() == saved.keys():
            return {key: _like(part, saved[key], key) for key, part in form.items()}
        case np.ndarray(), list() if len(saved) == len(form) and all(type(number) is int for number in saved):
            return np.array(saved, dtype=form.dtype)
        case str(), str():
            return saved
        case (int() | np.integer()), int() if type(saved) is int and 0 <= saved <= LAST_POSITIONS.get(key, 2**128):
            return saved
    raise ValueError(f"{shown(saved)} stands where {shown(_plain(form))} could")
