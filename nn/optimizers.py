r"""Optimizers: the rules by which a gradient moves the parameters.

An optimizer is a pure function of one flat vector of all parameters: ``start`` gives its state, ``update`` the
next parameters and state.  ``bind`` joins it to the Values of a model, for loops written by hand.  In the
formulas theta are the parameters, g the gradient, eta the learning rate and t counts updates from 1; squares,
roots and quotients are taken number by number.  All agree with PyTorch's classes of the same name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from autograd_core import Value
from autograd_core.errors import OperandError
from autograd_core.operand_checks import shown
from nn.clipping import Clip, Vector
from nn.errors import SettingError, ShapeError, UnknownSettingError
from nn.schedules import Schedule, rate_after, require_rate
from nn.settings import BELOW_ONE, NOT_NEGATIVE, POSITIVE, Settings, right_call

Slots = Mapping[str, Vector]
Moved = tuple[Vector, dict[str, Vector]]


class HasParameters(Protocol):
    """A model, as far as an optimizer sees it."""

    def parameters(self) -> Iterable[Value]: ...


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """What an optimizer remembers: the updates made so far, and its moving averages by name.

    Each slot is a float64 vector as long as the parameters.

    >>> Momentum().start([1.0, 2.0])
    OptimizerState(step=0, slots={'velocity': array([0., 0.])})
    """

    step: int
    slots: dict[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True)
class Optimizer(Settings, ABC):
    """A rule that moves parameters against a gradient.

    ``learning_rate`` is a positive, finite number or a :class:`Schedule`.  Settings outside their range raise
    :class:`SettingError`, foreign words such as ``lr`` raise :class:`UnknownSettingError`.  A rule of your own
    is a frozen dataclass with ``slot_names`` and ``moved``.
    """

    learning_rate: float | Schedule
    slot_names: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *positions: object, **settings: object) -> Self:
        if positions and _is_parameters(positions[0]):
            call = right_call(cls.meant_by(settings), settings, positions[1:])
            raise UnknownSettingError(f"{cls.__name__} does not take the parameters. Write {call}.bind(model).")
        return super().__new__(cls, *positions, **settings)

    def __post_init__(self) -> None:
        require_rate(self, "learning_rate", 0.1)

    @abstractmethod
    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        """The parameters and slots after update number ``count``, from 1, as fresh arrays."""

    def start(self, parameters: ArrayLike) -> OptimizerState:
        """The state before the first update of such a flat vector: every slot 0."""
        zeros = np.zeros_like(_vector(parameters, "The parameters"))
        return OptimizerState(0, {name: zeros.copy() for name in self.slot_names})

    def update(
        self, parameters: ArrayLike, gradient: ArrayLike, state: OptimizerState
    ) -> tuple[Vector, OptimizerState]:
        """The parameters and the state after one update, as fresh arrays; what is given stays as it is.

        ``parameters`` and ``gradient`` are flat vectors of equal length.  Numbers that become inf or nan do so
        silently.  Raises :class:`ShapeError` where lengths differ and :class:`SettingError` for the state of
        another optimizer.

        >>> sgd = SGD(learning_rate=0.1)
        >>> sgd.update([1.0, 2.0], [3.0, -1.0], sgd.start([1.0, 2.0]))[0]
        array([0.7, 2.1])
        """
        before, slope = _vector(parameters, "The parameters"), _vector(gradient, "The gradient")
        self._require_fit(before, slope, state)
        with np.errstate(all="ignore"):
            after, slots = self.moved(before, slope, state.slots, self.rate(state.step), state.step + 1)
        return after, OptimizerState(state.step + 1, slots)

    def rate(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        return rate_after(self.learning_rate, step)

    def bind(self, model_or_parameters: HasParameters | Iterable[Value], clip: Clip | None = None) -> BoundOptimizer:
        """This optimizer joined to the leaves it moves, for loops written by hand.

        ``clip`` is applied to the gradient before each update: a ``ClipNorm`` or ``ClipValue``.

        >>> x = Value(3.0, "x")
        >>> optimizer = SGD(learning_rate=0.25).bind([x])
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (x**2).backward()
        ...     optimizer.step()
        >>> x.data
        0.375
        """
        return BoundOptimizer(self, model_or_parameters, clip)

    def _require_fit(self, parameters: Vector, gradient: Vector, state: OptimizerState) -> None:
        name = type(self).__name__
        if set(state.slots) != set(self.slot_names):
            raise SettingError(
                f"{name} remembers {', '.join(self.slot_names) or 'nothing'}; this state holds "
                f"{', '.join(state.slots) or 'nothing'}. Begin with {name}().start(parameters)."
            )
        for what, vector in {"gradient": gradient, **state.slots}.items():
            if vector.shape != parameters.shape:
                raise ShapeError(
                    f"{name} moves {len(parameters)} parameters; the {what.replace('_', ' ')} has {vector.size} "
                    "numbers. Give one per parameter, in the same order, and a state started for them."
                )


@dataclass(frozen=True)
class SGD(Optimizer):
    r"""Gradient descent, stochastic where the gradient is that of a minibatch.

    .. math:: \theta_t = \theta_{t-1} - \eta g_t

    Source: the lecture's "gradient descent"; Robbins and Monro, A Stochastic Approximation Method (1951).

    >>> sgd = SGD(learning_rate=0.1)
    >>> sgd.update([1.0], [2.0], sgd.start([1.0]))[0]
    array([0.8])
    """

    learning_rate: float | Schedule = 0.1

    @classmethod
    def meant_by(cls, settings: dict[str, Any]) -> type[Settings]:
        return Nesterov if settings.get("nesterov") else Momentum if settings.get("momentum") else cls

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        return parameters - rate * gradient, {}


@dataclass(frozen=True)
class Momentum(Optimizer):
    r"""Gradient descent with a velocity that forgets slowly.

    .. math:: v_t = \mu v_{t-1} + g_t, \qquad \theta_t = \theta_{t-1} - \eta v_t, \qquad v_0 = 0

    ``momentum`` is mu in [0, 1).  Under a steady gradient the steps grow to 1/(1 - mu) times those of SGD, so the
    default rate is a tenth of SGD's.  Source: Polyak, Some methods of speeding up the convergence of iteration
    methods (1964); the rate stands outside the velocity, as in PyTorch.

    >>> rule = Momentum(learning_rate=0.1, momentum=0.5)
    >>> parameters, state = rule.update([1.0], [2.0], rule.start([1.0]))
    >>> rule.update(parameters, [2.0], state)
    (array([0.5]), OptimizerState(step=2, slots={'velocity': array([3.])}))
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.9
    slot_names: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("momentum", BELOW_ONE, 0.9)

    @classmethod
    def meant_by(cls, settings: dict[str, Any]) -> type[Settings]:
        return Nesterov if settings.get("nesterov") else cls

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        velocity = self.momentum * slots["velocity"] + gradient
        return parameters - rate * velocity, {"velocity": velocity}


@dataclass(frozen=True)
class Nesterov(Momentum):
    r"""Momentum that looks one step ahead.

    .. math:: v_t = \mu v_{t-1} + g_t, \qquad \theta_t = \theta_{t-1} - \eta (g_t + \mu v_t), \qquad v_0 = 0

    ``momentum`` is mu in [0, 1).  The parameters kept are those looked ahead to, where the gradient is taken, as
    in PyTorch.  Source: Nesterov, A method of solving a convex programming problem with convergence rate
    O(1/k^2) (1983); Sutskever and others, On the importance of initialization and momentum in deep learning (2013).

    >>> rule = Nesterov(learning_rate=0.1, momentum=0.5)
    >>> parameters, state = rule.update([1.0], [2.0], rule.start([1.0]))
    >>> parameters, rule.update(parameters, [2.0], state)[0]
    (array([0.7]), array([0.35]))
    """

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        velocity = self.momentum * slots["velocity"] + gradient
        return parameters - rate * (gradient + self.momentum * velocity), {"velocity": velocity}


@dataclass(frozen=True)
class RMSprop(Optimizer):
    r"""Each derivative is divided by the root of the moving average of its squares.

    .. math:: s_t = \rho s_{t-1} + (1 - \rho) g_t^2, \qquad
        \theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{s_t} + \epsilon}, \qquad s_0 = 0

    ``decay`` is rho in [0, 1), PyTorch's ``alpha``; ``epsilon`` is positive and stands outside the root.
    Source: Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5 (2012).

    >>> rule = RMSprop(learning_rate=0.1, decay=0.75)
    >>> rule.update([1.0, 1.0], [2.0, -200.0], rule.start([1.0, 1.0]))[0].round(6)
    array([0.8, 1.2])
    """

    learning_rate: float | Schedule = 0.01
    decay: float = 0.99
    epsilon: float = 1e-8
    slot_names: ClassVar[tuple[str, ...]] = ("mean_square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("decay", BELOW_ONE, 0.99)
        self.require("epsilon", POSITIVE, 1e-8)

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        mean_square = self.decay * slots["mean_square"] + (1 - self.decay) * gradient**2
        step = gradient / (np.sqrt(mean_square) + self.epsilon)
        return parameters - rate * step, {"mean_square": mean_square}


@dataclass(frozen=True)
class Adagrad(Optimizer):
    r"""Each derivative is divided by the root of the sum of its squares so far.

    .. math:: s_t = s_{t-1} + g_t^2, \qquad
        \theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{s_t} + \epsilon}, \qquad s_0 = 0

    ``epsilon`` is positive and stands outside the root.  The steps only shrink.  Source: Duchi, Hazan and Singer,
    Adaptive Subgradient Methods for Online Learning and Stochastic Optimization (2011), with diagonal matrices.

    >>> rule = Adagrad(learning_rate=0.1)
    >>> parameters, state = rule.update([1.0], [3.0], rule.start([1.0]))
    >>> parameters.round(6), rule.update(parameters, [4.0], state)[0].round(6)
    (array([0.9]), array([0.82]))
    """

    learning_rate: float | Schedule = 0.01
    epsilon: float = 1e-10
    slot_names: ClassVar[tuple[str, ...]] = ("sum_of_squares",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("epsilon", POSITIVE, 1e-10)

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        sum_of_squares = slots["sum_of_squares"] + gradient**2
        step = gradient / (np.sqrt(sum_of_squares) + self.epsilon)
        return parameters - rate * step, {"sum_of_squares": sum_of_squares}


@dataclass(frozen=True)
class Adam(Optimizer):
    r"""Moving averages of the gradient and of its squares, both corrected for beginning at 0.

    .. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2

    .. math:: \hat m_t = \frac{m_t}{1 - \beta_1^t}, \qquad \hat v_t = \frac{v_t}{1 - \beta_2^t}, \qquad
        \theta_t = \theta_{t-1} - \eta \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    ``beta_1`` and ``beta_2`` lie in [0, 1), ``epsilon`` is positive and stands outside the root.
    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1.

    >>> rule = Adam(learning_rate=0.1)
    >>> parameters, state = rule.update([1.0], [3.0], rule.start([1.0]))
    >>> parameters.round(6), rule.update(parameters, [-4.0], state)[0].round(6)
    (array([0.9]), array([0.919351]))
    """

    learning_rate: float | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    slot_names: ClassVar[tuple[str, ...]] = ("mean", "mean_square")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("beta_1", BELOW_ONE, 0.9)
        self.require("beta_2", BELOW_ONE, 0.999)
        self.require("epsilon", POSITIVE, 1e-8)

    @classmethod
    def meant_by(cls, settings: dict[str, Any]) -> type[Settings]:
        return AdamW if settings.get("weight_decay") else cls

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        mean = self.beta_1 * slots["mean"] + (1 - self.beta_1) * gradient
        mean_square = self.beta_2 * slots["mean_square"] + (1 - self.beta_2) * gradient**2
        corrected, corrected_square = mean / (1 - self.beta_1**count), mean_square / (1 - self.beta_2**count)
        step = corrected / (np.sqrt(corrected_square) + self.epsilon)
        return parameters - rate * step, {"mean": mean, "mean_square": mean_square}


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam on parameters that are first drawn towards 0, apart from the gradient.

    .. math:: \theta_t = (1 - \eta \lambda) \theta_{t-1} - \eta \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    ``weight_decay`` is lambda, 0 or more, and meets every parameter, biases too; the rest as in :class:`Adam`.
    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019), algorithm 2, with lambda
    multiplied by the learning rate as in PyTorch.

    >>> rule = AdamW(learning_rate=0.1, weight_decay=0.5)
    >>> rule.update([1.0], [3.0], rule.start([1.0]))[0].round(6)
    array([0.85])
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("weight_decay", NOT_NEGATIVE, 0.01)

    def moved(self, parameters: Vector, gradient: Vector, slots: Slots, rate: float, count: int) -> Moved:
        return super().moved((1 - rate * self.weight_decay) * parameters, gradient, slots, rate, count)


class BoundOptimizer:
    """An optimizer and the leaves it moves, made by ``bind``: call ``zero_grad()``, ``backward()``, ``step()``.

    It is given a model or an iterable of leaves, each moved once; what is no leaf raises :class:`OperandError`,
    none at all :class:`SettingError`.  ``state`` may be read, kept and set.
    """

    def __init__(
        self, optimizer: Optimizer, model_or_parameters: HasParameters | Iterable[Value], clip: Clip | None = None
    ) -> None:
        if clip is not None and not callable(clip):
            raise SettingError(f"clip must be ClipNorm, ClipValue or None; got {shown(clip)}. Write ClipNorm(1.0).")
        self.optimizer = optimizer
        self.parameters = _leaves(model_or_parameters)
        self.clip = clip
        self.state = optimizer.start(self._numbers())

    def step(self) -> None:
        """Make one update: read the gradients, set the data."""
        gradient = np.array([parameter.grad for parameter in self.parameters])
        if self.clip is not None:
            gradient = self.clip(gradient)
        numbers, self.state = self.optimizer.update(self._numbers(), gradient, self.state)
        for parameter, number in zip(self.parameters, numbers.tolist(), strict=True):
            parameter.data = number

    def zero_grad(self) -> None:
        """Forget the gradients, which ``backward`` adds up."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def _numbers(self) -> Vector:
        return np.array([parameter.data for parameter in self.parameters])


def _is_parameters(thing: Any) -> bool:
    return hasattr(thing, "parameters") or (isinstance(thing, Iterable) and not isinstance(thing, str))


def _leaves(thing: Any) -> list[Value]:
    if not _is_parameters(thing):
        raise OperandError(f"bind takes a model or a list of Values; got {shown(thing)}. Write bind(model), bind([w]).")
    given = thing.parameters() if hasattr(thing, "parameters") else thing
    leaves = list({id(leaf): leaf for leaf in given}.values())  # a shared parameter once
    for leaf in leaves:
        if not isinstance(leaf, Value) or not leaf.is_leaf:
            raise OperandError(
                f"An optimizer moves leaves, which are Values that were not computed; got {shown(leaf)}. "
                "Write bind(model), or bind([w, b]) with the Values themselves."
            )
    if not leaves:
        raise SettingError("There are no parameters to move. Write bind(model), or bind([w, b]) with at least one.")
    return leaves


def _vector(numbers: ArrayLike, what: str) -> Vector:
    vector = np.asarray(numbers, dtype=np.float64)
    if vector.ndim != 1:
        raise ShapeError(f"{what} must be one flat vector; got an array of shape {vector.shape}. Write array.ravel().")
    return vector
