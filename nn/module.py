r"""``Module``: parameters under the lecture's names, and a forward pass on scalars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from autograd_core.structures import flatten, is_scalar
from autograd_core.value import Parameter, Value
from nn.errors import ShapeError
from nn.preparation import examples as checked_examples


class Module:
    """A part of a network: parameters, parts of its own, and ``forward``.

    A subclass sets its parameters, arrays of numbers and modules as attributes and defines ``forward``.
    An attribute is found by what it holds: a :class:`Parameter` or nested lists of them, a NumPy array,
    a Module or a list of them.  Parameters whose attribute is called ``weight...`` are the weights: what a
    penalty takes.  A new module is in training mode.

    ``symbol`` is the letter its results are named by on one example; ``inputs`` and ``outputs`` are how many
    scalars it takes and gives, None where it takes any and gives as many.  ``couples_examples`` says that a result
    depends on other examples of the minibatch.  ``fit`` records a network once and replays it as a compiled program
    if all its modules are ``is_replayable``: if ``forward`` does the same operations on every call.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.weight = Parameter(2.0, "w")
    ...     def forward(self, examples):
    ...         return [[self.weight * scalar for scalar in example] for example in examples]
    >>> Scale()([1.0, 3.0])
    [Value(2.0), Value(6.0)]
    """

    training: bool = True
    symbol: str | None = None
    inputs: int | None = None
    outputs: int | None = None
    number: int | None = None
    couples_examples: bool = False
    is_replayable: bool = False

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The results of each example, a list of scalars each; scalars are floats, Values or whatever rows take."""
        name = type(self).__name__
        raise NotImplementedError(f"{name} needs a method forward(examples) that gives a list per example.")

    def on_arrays(self, X: np.ndarray) -> np.ndarray:
        """What ``forward`` gives, as numbers: (examples, inputs) in, (examples, outputs) out, nothing recorded.

        This one goes through ``forward``; a module with a faster way in NumPy overrides it.
        """
        found = self.forward(X.tolist())
        return np.array([[number_of(scalar) for scalar in row] for row in found])

    def __call__(self, x: Any) -> Any:
        """One example (numbers or Values) gives a Value, or a list of several; a list of examples gives a list.

        On one example the inputs that are plain numbers become Values ``x_1, x_2, ...``, and what is computed is
        named too, so that the result can be drawn.  In a batch plain numbers stay constants.  Raises
        :class:`ShapeError` for a wrong number of inputs.
        """
        if is_scalar(x):
            return self._on_one([x])
        if isinstance(x, np.ndarray):
            x = x.tolist()
        if len(x) and not all(is_scalar(each) for each in x):
            return [_one_or_list(row) for row in self.forward([list(example) for example in x])]
        return self._on_one(list(x))

    def _on_one(self, example: list[Any]) -> Any:
        self.name_parameters()
        inputs = [
            each if hasattr(each, "apply_primitive") else Value(flatten(each, "An example")[0][0], f"x_{index}")
            for each, index in zip(example, indices(len(example)), strict=True)
        ]
        found = self.forward_named(inputs)
        return _one_or_list(found)

    def forward_named(self, inputs: list[Any]) -> list[Any]:
        """The results of one example, under their names."""
        [found] = self.forward([inputs])
        self.name_results(found)
        return found

    def name_results(self, results: Sequence[Any]) -> None:
        """Give results without a name theirs: ``z_1^{(2)}`` for the symbol z in layer 2."""
        if self.symbol is not None:
            name_all(results, self.symbol, self.number)

    def predict(self, X: Any) -> np.ndarray:
        """The outputs for many examples as numbers, in evaluation mode: shape (examples,) for one output.

        ``X`` has shape (examples, inputs).  Nothing is recorded.  Raises :class:`DataError` for what is no table
        of finite numbers and :class:`ShapeError` for a wrong number of inputs.

        >>> from nn import MLP
        >>> MLP([2, 3, 1], init="zeros").predict([[1.0, 2.0], [3.0, 4.0]])
        array([0., 0.])
        """
        found = self.outputs_of(checked_examples(X))
        return found[:, 0] if found.shape[1] == 1 else found

    def outputs_of(self, X: np.ndarray) -> np.ndarray:
        """As ``predict``, of a checked array and always of shape (examples, outputs)."""
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # inf and nan are results, as on scalars
                return self.on_arrays(X)
        finally:
            for module, training in modes:
                module.training = training

    # --- parts ----------------------------------------------------------------------------------

    def children(self) -> dict[str, Module]:
        """The modules this one is made of, by the name they have in ``state_dict``."""
        found: dict[str, Module] = {}
        for attribute, thing in vars(self).items():
            if isinstance(thing, Module):
                found[attribute] = thing
            elif isinstance(thing, (list, tuple)) and thing and all(isinstance(each, Module) for each in thing):
                found |= {f"{attribute}.{at}": each for at, each in enumerate(thing)}
        return found

    def modules(self) -> Iterator[Module]:
        """This module and every one inside it, each before its parts."""
        yield self
        for child in self.children().values():
            yield from child.modules()

    def parameters(self) -> list[Parameter]:
        """Every parameter once, layer by layer."""
        return self._collected("")

    def weights(self) -> list[Parameter]:
        """The parameters that multiply: those of attributes called ``weight...``."""
        return self._collected("weight")

    def _collected(self, prefix: str) -> list[Parameter]:
        found: dict[int, Parameter] = {}
        for module in self.modules():
            for attribute, thing in vars(module).items():
                if attribute.startswith(prefix):
                    found |= {id(each): each for each in _parameters_in(thing)}
        return list(found.values())

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        r"""Every parameter with the lecture's name for it: ``w_{ij}^{(k)}`` leads from unit j to unit i of layer k.

        >>> from nn import MLP
        >>> [name for name, _ in MLP([2, 1]).named_parameters()]
        ['w_{11}^{(1)}', 'w_{12}^{(1)}', 'b_1^{(1)}']
        """
        self.name_parameters()
        return [(parameter.name or "", parameter) for parameter in self.parameters()]

    def name_parameters(self) -> None:
        """Give parameters without a name theirs; a module of several numbers its layers first."""
        if self.number is None and self.children():
            self.number_layers()
        for child in self.children().values():
            child.name_parameters()
        for attribute, thing in vars(self).items():
            name_nested(thing, attribute)

    def number_layers(self) -> None:
        """Count the layers with a matrix of weights; what follows one belongs to its layer."""
        number = 0
        for module in self.modules():
            if module.children():
                continue
            number += any(isinstance(thing, list) and _is_matrix(thing) for thing in vars(module).values())
            module.number = number or None

    def train(self) -> Self:
        """Go into training mode: Dropout drops, BatchNorm uses the minibatch. Returns the module."""
        return self._in_mode(True)

    def eval(self) -> Self:
        """Go into evaluation mode: nothing is random, BatchNorm uses what it has seen. Returns the module."""
        return self._in_mode(False)

    def _in_mode(self, training: bool) -> Self:
        for module in self.modules():
            module.training = training
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    # --- state ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Every parameter and every array of the module's own, by name, as fresh float64 arrays.

        >>> from nn import MLP
        >>> {name: array.shape for name, array in MLP([2, 3, 1]).state_dict().items()}
        {'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
        """
        found = {}
        for attribute, thing in vars(self).items():
            if isinstance(thing, np.ndarray):
                found[attribute] = thing.astype(np.float64)
            elif _parameters_in(thing):
                found[attribute] = np.array(_numbers(thing))
        for name, child in self.children().items():
            found |= {f"{name}.{key}": array for key, array in child.state_dict().items()}
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter and array from what ``state_dict`` gave; nothing is set unless all fits.

        Raises :class:`ShapeError` for missing and unknown names, other shapes, and numbers that are not finite.
        """
        own = self.state_dict()
        arrays = {name: np.asarray(array, dtype=np.float64) for name, array in state.items()}
        for names, what in ((own.keys() - arrays.keys(), "lacks"), (arrays.keys() - own.keys(), "has besides")):
            if names:
                raise ShapeError(f"The state {what} {', '.join(sorted(names))}; this model has {', '.join(own)}.")
        for name, array in arrays.items():
            if array.shape != own[name].shape:
                raise ShapeError(
                    f"The state's {name} has shape {array.shape}; this model needs {own[name].shape}. "
                    "Build the model with the sizes it was saved with."
                )
            if not np.isfinite(array).all():
                raise ShapeError(f"The state's {name} holds nan or inf; a model needs finite numbers.")
        self._set_state(arrays)

    def _set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        for attribute, thing in vars(self).items():
            if isinstance(thing, np.ndarray):
                thing[...] = arrays[attribute]
            elif parameters := _parameters_in(thing):
                for parameter, number in zip(parameters, arrays[attribute].ravel().tolist(), strict=True):
                    parameter.data = number
        for name, child in self.children().items():
            child._set_state({key: arrays[f"{name}.{key}"] for key in child.state_dict()})


def indices(count: int) -> list[str]:
    """The indices 1 to ``count``."""
    return [str(index) for index in range(1, count + 1)]


def scripted(symbol: str, index: str, number: int | None) -> str:
    """A name with its index below and the layer's number above.

    >>> scripted("w", "12", 2), scripted("b", "1", None)
    ('w_{12}^{(2)}', 'b_1')
    """
    below = index if len(index) == 1 else f"{{{index}}}"
    return f"{symbol}_{below}" + ("" if number is None else f"^{{({number})}}")


def name_all(scalars: Sequence[Any], symbol: str, number: int | None) -> None:
    """Name the Values among the scalars that have no name yet."""
    for scalar, index in zip(scalars, indices(len(scalars)), strict=True):
        if isinstance(scalar, Value) and scalar.name is None:
            scalar.named(scripted(symbol, index, number))


def name_nested(thing: Any, name: str) -> None:
    """Name the parameters of an attribute after it, those in lists with their indices."""
    if isinstance(thing, Parameter):
        if thing.name is None:
            thing.named(name)
    elif isinstance(thing, (list, tuple)) and _parameters_in(thing):
        for index, each in enumerate(thing, 1):
            name_nested(each, f"{name}_{index}")


def _is_matrix(thing: list[Any]) -> bool:
    return bool(thing) and isinstance(thing[0], list) and bool(_parameters_in(thing))


def number_of(scalar: Any) -> float:
    """The number of a Value or of a number."""
    return scalar.data if isinstance(scalar, Value) else float(scalar)


def is_lane(scalar: Any) -> bool:
    """Whether a scalar stands for a whole column of examples, as in a program that is being compiled."""
    return bool(getattr(scalar, "is_lane", False))


def _one_or_list(results: list[Any]) -> Any:
    return results[0] if len(results) == 1 else results


def _parameters_in(thing: Any) -> list[Parameter]:
    if isinstance(thing, Parameter):
        return [thing]
    if isinstance(thing, (list, tuple)):
        return [parameter for each in thing for parameter in _parameters_in(each)]
    return []


def _numbers(thing: Any) -> Any:
    return thing.data if isinstance(thing, Parameter) else [_numbers(each) for each in thing]
