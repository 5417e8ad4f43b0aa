"""Optimizers by their rules to the last digits, by PyTorch, and by what they reach on named problems."""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import FrozenInstanceError, fields, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core import Value, exp, mean, square, value_and_grad
from nn.clipping import ClipNorm
from nn.data import gabor, gabor_data
from nn.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, OptimizerState, RMSprop
from nn.schedules import Constant, ExponentialDecay, WarmUp
from tests.core.named_problems import PROBLEMS

EPSILON = 2.0**-52
CLASSES: list[type[Optimizer]] = [SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW]
OPTIMIZERS: list[Optimizer] = [each(learning_rate=0.1) for each in CLASSES]
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda each: type(each).__name__)
numbers = st.floats(-1e6, 1e6)


def named(name: str) -> Any:
    return next(problem for problem in PROBLEMS if problem.name == name)


def path(optimizer: Optimizer, start: Sequence[float], gradients: Sequence[Sequence[float]]) -> list[list[float]]:
    """The parameters after each of the given gradients."""
    parameters, state, found = np.array(start), optimizer.start(start), []
    for gradient in gradients:
        parameters, state = optimizer.update(parameters, gradient, state)
        found.append(parameters.tolist())
    return found


def descend(optimizer: Optimizer, slope: Callable[[list[float]], Any], start: Any, steps: int) -> tuple[Any, Any]:
    """The parameters and the state after as many updates."""
    parameters, state = np.array(start, dtype=np.float64), optimizer.start(start)
    for _ in range(steps):
        parameters, state = optimizer.update(parameters, slope(parameters.tolist()), state)
    return parameters, state


# --- the rules ----------------------------------------------------------------------------------

# Worked by hand from the printed rules with numbers that are exact in binary: optimizer, the gradients of one
# parameter that starts at 1, and where it is after each.
EXACT: list[tuple[Optimizer, list[float], list[Fraction]]] = [
    (SGD(0.25), [2, -1], [Fraction(1, 2), Fraction(3, 4)]),
    # v = 2, 2, 0
    (Momentum(0.25, momentum=0.5), [2, 1, -1], [Fraction(1, 2), Fraction(0), Fraction(0)]),
    # v = 2, 2, 0; g + v/2 = 3, 2, -1
    (Nesterov(0.25, momentum=0.5), [2, 1, -1], [Fraction(1, 4), Fraction(-1, 4), Fraction(0)]),
    # s = 1, 1, 1; steps 2/(1+1), -1/2, 1/2
    (RMSprop(0.25, decay=0.75, epsilon=1.0), [2, -1, 1], [Fraction(3, 4), Fraction(7, 8), Fraction(3, 4)]),
    # s = 9, 25, 169; steps 3/(3+3), 4/(5+3), -12/(13+3)
    (Adagrad(0.25, epsilon=3.0), [3, 4, -12], [Fraction(7, 8), Fraction(3, 4), Fraction(15, 16)]),
    # m = 5/2, 3/4, corrected 5, 1; v = 25/2, 27/4, corrected 25, 9; steps 5/(5+5), 1/(3+5)
    (Adam(0.25, beta_1=0.5, beta_2=0.5, epsilon=5.0), [5, -1], [Fraction(7, 8), Fraction(27, 32)]),
    # the same steps, after the parameter is multiplied by 1 - 1/8
    (AdamW(0.25, beta_1=0.5, beta_2=0.5, epsilon=5.0, weight_decay=0.5), [5, -1], [Fraction(3, 4), Fraction(5, 8)]),
]


@pytest.mark.parametrize(("optimizer", "gradients", "parameters"), EXACT, ids=[type(row[0]).__name__ for row in EXACT])
def test_the_rule_gives_exactly_what_was_worked_by_hand(
    optimizer: Optimizer, gradients: list[float], parameters: list[Fraction]
) -> None:
    assert path(optimizer, [1.0], [[each] for each in gradients]) == [[float(each)] for each in parameters]


def sgd(mp: Any, theta: Any, gradients: Any, eta: Any) -> Iterator[Any]:
    for g in gradients:
        theta = theta - eta * g
        yield theta


def momentum(mp: Any, theta: Any, gradients: Any, eta: Any, mu: Any, ahead: bool = False) -> Iterator[Any]:
    v = 0
    for g in gradients:
        v = mu * v + g
        theta = theta - eta * (g + mu * v if ahead else v)
        yield theta


def nesterov(mp: Any, theta: Any, gradients: Any, eta: Any, mu: Any) -> Iterator[Any]:
    return momentum(mp, theta, gradients, eta, mu, ahead=True)


def rmsprop(mp: Any, theta: Any, gradients: Any, eta: Any, rho: Any, epsilon: Any) -> Iterator[Any]:
    s = 0
    for g in gradients:
        s = rho * s + (1 - rho) * g**2
        theta = theta - eta * g / (mp.sqrt(s) + epsilon)
        yield theta


def adagrad(mp: Any, theta: Any, gradients: Any, eta: Any, epsilon: Any) -> Iterator[Any]:
    for t, g in enumerate(gradients, 1):
        theta = theta - eta * g / (mp.sqrt(sum(each**2 for each in gradients[:t])) + epsilon)
        yield theta


def adam(
    mp: Any, theta: Any, gradients: Any, eta: Any, beta_1: Any, beta_2: Any, epsilon: Any, decay: Any = 0
) -> Iterator[Any]:
    """The averages as weighted sums over all gradients so far, as in section 3 of the paper."""
    for t in range(1, len(gradients) + 1):
        m = (1 - beta_1) * sum(beta_1 ** (t - i) * gradients[i - 1] for i in range(1, t + 1))
        v = (1 - beta_2) * sum(beta_2 ** (t - i) * gradients[i - 1] ** 2 for i in range(1, t + 1))
        theta = theta * (1 - eta * decay)
        theta = theta - eta * (m / (1 - beta_1**t)) / (mp.sqrt(v / (1 - beta_2**t)) + epsilon)
        yield theta


RULES: dict[type[Optimizer], Callable[..., Iterator[Any]]] = {
    SGD: sgd, Momentum: momentum, Nesterov: nesterov, RMSprop: rmsprop, Adagrad: adagrad, Adam: adam, AdamW: adam,
}
SLOPES = [0.3, -1.7, 2.5, 2.5, -1e-3, 40.0, 0.0, -0.4]


@pytest.mark.parametrize("rate", [0.1, 0.003])
@pytest.mark.parametrize("optimizer", CLASSES)
def test_the_rule_is_right_to_the_last_digits(optimizer: type[Optimizer], rate: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    chosen = optimizer(learning_rate=rate)
    found = path(chosen, [0.7, 0.7], [[slope, -slope] for slope in SLOPES])
    with mpmath.workdps(50):
        settings = [mpmath.mpf(getattr(chosen, each.name)) for each in fields(chosen)]
        for sign, side in ((1, 0), (-1, 1)):
            gradients = [sign * mpmath.mpf(slope) for slope in SLOPES]
            wanted = list(RULES[optimizer](mpmath, mpmath.mpf(0.7), gradients, *settings))
            largest = max(map(abs, wanted))
            assert max(abs(row[side] - exact) for row, exact in zip(found, wanted, strict=True)) < 4 * EPSILON * largest


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_a_rule_without_its_extra_is_the_rule_it_extends(gradients: list[tuple[float, float]]) -> None:
    plain = path(SGD(0.1), [1.0, -2.0], gradients)
    assert path(Momentum(0.1, momentum=0.0), [1.0, -2.0], gradients) == plain
    assert path(Nesterov(0.1, momentum=0.0), [1.0, -2.0], gradients) == plain
    assert path(AdamW(0.1, weight_decay=0.0), [1.0, -2.0], gradients) == path(Adam(0.1), [1.0, -2.0], gradients)


@pytest.mark.parametrize("optimizer", [RMSprop, Adagrad, Adam])
@given(st.lists(st.floats(0.5, 1e3), min_size=1, max_size=8), st.sampled_from([2.0**-20, 2.0**20]))
def test_dividing_by_the_root_of_the_squares_forgets_the_scale(
    optimizer: Any, gradients: list[float], scale: float
) -> None:
    once = path(optimizer(epsilon=1e-300), [0.0], [[each] for each in gradients])
    scaled = path(optimizer(epsilon=1e-300), [0.0], [[scale * each] for each in gradients])
    assert once == scaled


@pytest.mark.parametrize("optimizer", CLASSES)
def test_the_rule_and_its_source_can_be_read(optimizer: type[Optimizer]) -> None:
    document = optimizer.__doc__ or ""
    assert all(part in document for part in (".. math::", r"\theta_t =", r"\theta_{t-1}", r"\eta", "Source: ", ">>> "))


def test_a_schedule_is_asked_for_the_updates_made_so_far() -> None:
    optimizer = SGD(learning_rate=WarmUp(then=ExponentialDecay(0.5, factor=0.5), steps=2))
    assert [optimizer.rate(step) for step in range(5)] == [0.25, 0.5, 0.5, 0.25, 0.125]
    assert path(optimizer, [0.0], [[-1.0]] * 5) == [[0.25], [0.75], [1.25], [1.5], [1.625]]


@each_optimizer
def test_a_constant_schedule_is_the_number(optimizer: Optimizer) -> None:
    scheduled = replace(optimizer, learning_rate=Constant(0.1))
    gradients = [[slope, -slope] for slope in SLOPES]
    assert path(optimizer, [1.0, 2.0], gradients) == path(scheduled, [1.0, 2.0], gradients)


# --- PyTorch ------------------------------------------------------------------------------------

# Optimizer, PyTorch's name and settings for it, and its names for our slots.  The quadratic's path stays away from
# its minimum, where an average of nearly 0 has no digits; at larger rates some paths hop across the valley, and a
# start moved by one rounding ends elsewhere.
THEIRS: list[tuple[Optimizer, str, dict[str, Any], dict[str, str]]] = [
    (SGD(1e-3), "SGD", {}, {}),
    (Momentum(2e-4, momentum=0.8), "SGD", {"momentum": 0.8}, {"velocity": "momentum_buffer"}),
    (Nesterov(2e-4, momentum=0.8), "SGD", {"momentum": 0.8, "nesterov": True}, {"velocity": "momentum_buffer"}),
    (RMSprop(), "RMSprop", {}, {"mean_square": "square_avg"}),
    (RMSprop(1e-3, decay=0.9, epsilon=1e-3), "RMSprop", {"alpha": 0.9, "eps": 1e-3}, {"mean_square": "square_avg"}),
    (Adagrad(), "Adagrad", {}, {"sum_of_squares": "sum"}),
    (Adagrad(0.5, epsilon=1e-3), "Adagrad", {"eps": 1e-3}, {"sum_of_squares": "sum"}),
    (Adam(), "Adam", {}, {"mean": "exp_avg", "mean_square": "exp_avg_sq"}),
    (Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4), "Adam", {"betas": (0.8, 0.95), "eps": 1e-4},
     {"mean": "exp_avg", "mean_square": "exp_avg_sq"}),
    (AdamW(), "AdamW", {}, {"mean": "exp_avg", "mean_square": "exp_avg_sq"}),
    (AdamW(0.05, weight_decay=0.3), "AdamW", {"weight_decay": 0.3}, {"mean": "exp_avg", "mean_square": "exp_avg_sq"}),
]


@pytest.mark.parametrize(("slope", "start"), [
    (lambda x: [3.0 * (x[0] - 10.0) + x[1], x[0] + 20.0 * x[1], 0.1 * (x[2] - 5.0)], [2.0, -3.0, 0.5]),
    (named("rosenbrock").gradient, [-1.2, 1.0]),
], ids=["quadratic", "rosenbrock"])
@pytest.mark.parametrize(("optimizer", "theirs", "settings", "slots"), THEIRS, ids=[str(row[0]) for row in THEIRS])
def test_pytorch_is_at_the_same_place_in_the_same_state_after_100_steps(
    optimizer: Optimizer, theirs: str, settings: dict[str, Any], slots: dict[str, str], slope: Any, start: list[float]
) -> None:
    torch = pytest.importorskip("torch")
    parameters, state = descend(optimizer, slope, start, 100)
    tensor = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    other = getattr(torch.optim, theirs)([tensor], lr=optimizer.rate(0), **settings)
    for _ in range(100):
        tensor.grad = torch.tensor(slope(tensor.tolist()), dtype=torch.float64)
        other.step()
    np.testing.assert_allclose(parameters, tensor.detach().numpy(), rtol=1e-12, atol=0.0)
    assert set(state.slots) == set(slots) and state.step == 100
    for slot, their_slot in slots.items():
        np.testing.assert_allclose(state.slots[slot], other.state[tensor][their_slot].numpy(), rtol=1e-12, atol=0.0)


@pytest.mark.parametrize(("ours", "theirs", "settings"), [
    (RMSprop(), "RMSprop", {"decay": "alpha", "epsilon": "eps"}), (Adagrad(), "Adagrad", {"epsilon": "eps"}),
    (Adam(), "Adam", {"epsilon": "eps"}), (AdamW(), "AdamW", {"epsilon": "eps", "weight_decay": "weight_decay"}),
], ids=lambda each: str(each))
def test_the_defaults_are_those_of_pytorch(ours: Any, theirs: str, settings: dict[str, str]) -> None:
    torch = pytest.importorskip("torch")
    defaults = getattr(torch.optim, theirs)([torch.zeros(1, requires_grad=True)]).defaults
    renamed = {"learning_rate": "lr", **settings}
    assert ours.learning_rate == defaults["lr"]
    assert [getattr(ours, name) for name in renamed] == [defaults[name] for name in renamed.values()]
    if isinstance(ours, Adam):
        assert (ours.beta_1, ours.beta_2) == defaults["betas"]


# --- what they reach ----------------------------------------------------------------------------


class Task(NamedTuple):
    """A cost, where to start, how many updates, and the cost that counts as arrived."""

    cost: Callable[[Any], Any]
    start: tuple[float, float]
    steps: int
    reached: float


X, Y = (column.tolist() for column in gabor_data(examples=30, noise=0.1, rng=0))


def gabor_cost(p: Any) -> Any:
    """The mean over the points of 1/2 (f(x; p) - y)^2."""
    return mean([0.5 * square(gabor(x, p[0], p[1]) - y) for x, y in zip(X, Y, strict=True)])


def toy_cost(p: Any) -> Any:
    """1 - exp(-2 p1^2) exp(-(p0 - .7)^2 / 8), whose minimum is 0 at (.7, 0)."""
    return 1 - exp(-2 * p[1] ** 2) * exp(-((p[0] - 0.7) ** 2) / 8)


TASKS = {
    "parabola": Task(lambda p: 0.5 * (p[0] ** 2 + 10 * p[1] ** 2), (3.0, -2.0), 200, 1e-8),
    "rosenbrock": Task(named("rosenbrock").f, (-1.2, 1.0), 2000, 0.01),
    "beale": Task(named("beale").f, (1.0, 1.0), 1000, 1e-4),
    "gabor": Task(gabor_cost, (-2.0, 14.0), 200, float(gabor_cost([0.0, 16.6]))),  # as good as the true parameters
    "toy": Task(toy_cost, (-0.7, -0.9), 200, 1e-8),
}
# The learning rate with which each optimizer arrives, by task in the order above.
RATES: dict[type[Optimizer], tuple[float, float, float, float, float]] = {
    SGD: (0.1, 0.002, 0.02, 5.0, 0.2),
    Momentum: (0.01, 0.001, 0.005, 1.0, 0.05),
    Nesterov: (0.05, 0.001, 0.005, 1.0, 0.1),
    RMSprop: (0.1, 0.005, 0.01, 0.05, 0.01),
    Adagrad: (1.0, 1.0, 0.2, 1.0, 0.5),
    Adam: (0.2, 0.1, 0.1, 0.1, 0.05),
    AdamW: (0.2, 0.1, 0.1, 1.0, 0.05),
}


@pytest.mark.parametrize("optimizer", CLASSES)
@pytest.mark.parametrize("task", TASKS)
def test_every_optimizer_arrives_on_every_problem(task: str, optimizer: Any) -> None:
    cost, start, steps, reached = TASKS[task]
    settings = {"weight_decay": 1e-4} if optimizer is AdamW else {}
    both = value_and_grad(cost)
    chosen = optimizer(learning_rate=RATES[optimizer][list(TASKS).index(task)], **settings)
    parameters, _ = descend(chosen, lambda p: both(p)[1], start, steps)
    assert both(parameters.tolist())[0] < reached < both(list(start))[0] / 10


@pytest.mark.parametrize(("optimizer", "steps", "reached"), [
    (SGD(0.08), 200, (0.668, 0.0)),
    (SGD(1.0), 40, (0.696, 0.195)),
    (Adam(0.05, beta_1=0.9, beta_2=0.99), 60, (0.667, 0.030)),
], ids=str)
def test_the_textbooks_toy_ends_where_the_lecture_says(
    optimizer: Optimizer, steps: int, reached: tuple[float, float]
) -> None:
    both = value_and_grad(toy_cost)
    parameters, _ = descend(optimizer, lambda p: both(p)[1], (-0.7, -0.9), steps)
    assert tuple(parameters.round(3)) == reached


# --- the contract -------------------------------------------------------------------------------


@each_optimizer
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
def test_an_update_is_pure_and_its_arrays_are_fresh(optimizer: Optimizer, pairs: list[tuple[float, float]]) -> None:
    parameters, gradient = (np.array(column) for column in zip(*pairs, strict=True))
    _, state = optimizer.update(parameters, gradient, optimizer.start(parameters))
    inputs = [parameters, gradient, *state.slots.values()]
    before = pickle.dumps((inputs, state.step))
    first, then = optimizer.update(parameters, gradient, state)
    assert pickle.dumps((inputs, state.step)) == before and then.step == state.step + 1 == 2
    for output in (first, *then.slots.values()):
        assert output.dtype == np.float64 and not any(np.shares_memory(output, each) for each in inputs)
    again, then_again = optimizer.update(parameters, gradient, state)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_equal(then.slots, then_again.slots)


@each_optimizer
def test_a_state_kept_as_arrays_continues_to_the_same_bits(optimizer: Optimizer) -> None:
    def slope(p: list[float]) -> list[float]:
        return [math.sin(p[0]), p[1] ** 3 + p[0]]

    parameters, state = descend(optimizer, slope, (1.0, 1.0), 7)
    file = io.BytesIO()
    np.savez(file, parameters=parameters, **state.slots)
    file.seek(0)
    with np.load(file) as arrays:
        slots = {name: arrays[name] for name in state.slots}
        kept = arrays["parameters"], OptimizerState(state.step, slots)
    for _ in range(5):
        parameters, state = optimizer.update(parameters, slope(parameters.tolist()), state)
        kept = optimizer.update(kept[0], slope(kept[0].tolist()), kept[1])
    assert kept[0].tolist() == parameters.tolist() and kept[1].step == state.step == 12
    np.testing.assert_equal(pickle.loads(pickle.dumps(kept[1])).slots, state.slots)


@each_optimizer
def test_an_optimizer_is_frozen_and_survives_pickling_and_its_repr(optimizer: Optimizer) -> None:
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer == eval(repr(optimizer)) == replace(optimizer)
    assert type(optimizer)(0.1) == optimizer and len({optimizer, replace(optimizer)}) == 1
    with pytest.raises(FrozenInstanceError):
        optimizer.learning_rate = 1.0  # type: ignore[misc]


@each_optimizer
@pytest.mark.parametrize("gradient", [1e300, -math.inf, math.nan])
def test_numbers_beyond_the_floats_pass_in_silence(optimizer: Optimizer, gradient: float) -> None:
    rows = path(optimizer, [1.0, 1e308], [[0.5, gradient], [gradient, -1e308]])  # warnings are errors here
    assert len(rows) == 2 and (math.isfinite(gradient) or not np.isfinite(rows[-1]).any())


class Line:
    """A model, as far as an optimizer sees it; its slope is listed twice."""

    def __init__(self) -> None:
        self.slope, self.offset = Value(3.0, "w"), Value(-1.0, "b")

    def parameters(self) -> Iterator[Value]:
        return iter([self.slope, self.offset, self.slope])


@each_optimizer
@pytest.mark.parametrize("clip", [None, ClipNorm(0.5)], ids=str)
def test_a_loop_by_hand_makes_the_same_updates(optimizer: Optimizer, clip: ClipNorm | None) -> None:
    model = Line()
    bound = optimizer.bind(model, clip=clip)
    parameters, state = np.array([3.0, -1.0]), optimizer.start([3.0, -1.0])
    for _ in range(5):
        bound.zero_grad()
        (2 * model.slope**2 + model.slope * model.offset).backward()
        bound.step()
        gradient = np.array([4 * parameters[0] + parameters[1], parameters[0]])
        parameters, state = optimizer.update(parameters, gradient if clip is None else clip(gradient), state)
        assert [model.slope.data, model.offset.data] == pytest.approx(parameters.tolist(), rel=1e-14)
    assert bound.state.step == 5 and len(bound.parameters) == 2
    bound.zero_grad()
    assert model.slope.grad == model.offset.grad == 0.0
