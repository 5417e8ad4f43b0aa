"""Schedules by their equations, and the words with which they and the optimizers refuse settings."""

from __future__ import annotations

import inspect
import math
import pickle
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core import Value
from autograd_core.errors import AutogradError, OperandError
from nn.errors import SettingError, ShapeError, UnknownSettingError
from nn.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, OptimizerState, RMSprop
from nn.schedules import Constant, CosineDecay, ExponentialDecay, Schedule, StepDecay, WarmUp, rate_after
from nn.settings import Settings

SCHEDULES: list[Schedule] = [
    Constant(0.1),
    StepDecay(0.4, every=10, factor=0.5),
    ExponentialDecay(0.4, factor=0.97),
    CosineDecay(0.4, steps=60, end=0.05),
    WarmUp(then=0.4, steps=7),
    WarmUp(then=CosineDecay(0.4, steps=60), steps=7),
]
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)

# Worked by hand: schedule, updates made so far, learning rate.
BY_HAND: list[tuple[Schedule, int, float]] = [
    (Constant(0.25), 0, 0.25),
    (Constant(0.25), 10**9, 0.25),
    (StepDecay(1.0, every=4, factor=0.25), 3, 1.0),
    (StepDecay(1.0, every=4, factor=0.25), 4, 0.25),
    (StepDecay(1.0, every=4, factor=0.25), 11, 1 / 16),
    (StepDecay(1.0, every=1), 1, 0.1),
    (ExponentialDecay(3.0, factor=0.5), 0, 3.0),
    (ExponentialDecay(3.0, factor=0.5), 5, 3 / 32),
    (ExponentialDecay(3.0, factor=1.0), 50, 3.0),
    (ExponentialDecay(3.0, factor=0.5), 10**6, 0.0),
    (CosineDecay(2.0, steps=12), 0, 2.0),
    (CosineDecay(2.0, steps=12), 3, 1 + math.sqrt(0.5)),
    (CosineDecay(2.0, steps=12), 4, 1.5),
    (CosineDecay(2.0, steps=12), 6, 1.0),
    (CosineDecay(2.0, steps=12, end=1.0), 8, 1.25),
    (CosineDecay(2.0, steps=12, end=1.0), 12, 1.0),
    (CosineDecay(2.0, steps=12, end=1.0), 999, 1.0),
    (WarmUp(then=2.0, steps=4), 0, 0.5),
    (WarmUp(then=2.0, steps=4), 2, 1.5),
    (WarmUp(then=2.0, steps=4), 3, 2.0),
    (WarmUp(then=2.0, steps=4), 100, 2.0),
    (WarmUp(then=ExponentialDecay(2.0, factor=0.5), steps=4), 1, 1.0),
    (WarmUp(then=ExponentialDecay(2.0, factor=0.5), steps=4), 4, 2.0),
    (WarmUp(then=ExponentialDecay(2.0, factor=0.5), steps=4), 6, 0.5),
    (WarmUp(then=WarmUp(then=8.0, steps=2), steps=2), 1, 4.0),
    (WarmUp(then=WarmUp(then=8.0, steps=2), steps=2), 2, 4.0),
    (WarmUp(then=WarmUp(then=8.0, steps=2), steps=2), 3, 8.0),
]


@pytest.mark.parametrize(("schedule", "step", "rate"), BY_HAND, ids=str)
def test_the_rate_is_the_one_worked_by_hand(schedule: Schedule, step: int, rate: float) -> None:
    assert schedule(step) == pytest.approx(rate, rel=4e-16, abs=0.0)
    assert rate_after(schedule, step) == schedule(step)


@pytest.mark.parametrize(("schedule", "theirs", "settings"), [
    (StepDecay(0.4, every=10, factor=0.5), "StepLR", {"step_size": 10, "gamma": 0.5}),
    (ExponentialDecay(0.4, factor=0.97), "ExponentialLR", {"gamma": 0.97}),
    (CosineDecay(0.4, steps=60, end=0.05), "CosineAnnealingLR", {"T_max": 60, "eta_min": 0.05}),
], ids=str)
def test_pytorch_has_the_same_rates(schedule: Schedule, theirs: str, settings: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    scheduler = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **settings)
    for step in range(60):
        assert schedule(step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        scheduler.step()


@given(st.sampled_from(SCHEDULES), st.integers(0, 200))
def test_a_rate_is_never_negative_nor_above_the_largest(schedule: Schedule, step: int) -> None:
    assert 0.0 <= schedule(step) <= 0.4
    assert schedule(np.int64(step)) == schedule(step)  # type: ignore[arg-type]


@given(st.sampled_from([schedule for schedule in SCHEDULES if not isinstance(schedule, WarmUp)]), st.integers(0, 200))
def test_a_decay_never_rises(schedule: Schedule, step: int) -> None:
    assert schedule(step + 1) <= schedule(step)


@each_schedule
def test_a_schedule_is_frozen_and_survives_pickling_and_its_repr(schedule: Schedule) -> None:
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule == eval(repr(schedule)) and hash(again) == hash(schedule)
    assert replace(schedule) == schedule
    with pytest.raises(FrozenInstanceError):
        schedule.start = 1.0  # type: ignore[attr-defined]


def test_numbers_are_kept_as_floats_and_counts_as_ints() -> None:
    assert repr(StepDecay(np.float32(0.5), np.int64(3), 1)) == "StepDecay(start=0.5, every=3, factor=1.0)"  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", [Constant, StepDecay, ExponentialDecay, CosineDecay, WarmUp])
def test_the_equation_and_the_settings_can_be_read(schedule: type[Schedule]) -> None:
    assert "math:" in (schedule.__doc__ or "")
    assert "settings" not in inspect.signature(schedule).parameters  # those of the class, not of what checks them


@dataclass(frozen=True)
class Fixed(Schedule):
    """A schedule of a user's own, which gives whatever it holds."""

    rate: Any = 0.1

    def after(self, step: int) -> float:
        rate: float = self.rate
        return rate


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: Constant(0.0),
     "Constant: learning_rate must be a positive, finite number; got 0.0. Write learning_rate=0.1, for example."),
    (lambda: Constant(math.inf), "learning_rate must be a positive, finite number; got inf."),
    (lambda: Constant("0.1"), "learning_rate must be a positive, finite number; got '0.1'."),  # type: ignore[arg-type]
    (lambda: Constant(True), "learning_rate must be a positive, finite number; got True."),
    (lambda: StepDecay(-1.0, 10), "StepDecay: start must be a positive, finite number; got -1.0. Write start=0.1"),
    (lambda: StepDecay(0.1, 0),
     "StepDecay: every must be a whole number, 1 or more; got 0. Write every=100, for example."),
    (lambda: StepDecay(0.1, 2.5), "every must be a whole number, 1 or more; got 2.5."),  # type: ignore[arg-type]
    (lambda: StepDecay(0.1, 10, factor=1.5),
     "StepDecay: factor must be a number above 0 and at most 1; got 1.5. Write factor=0.1, for example."),
    (lambda: ExponentialDecay(math.nan, 0.9), "ExponentialDecay: start must be a positive, finite number; got nan."),
    (lambda: ExponentialDecay(0.1, 0.0), "factor must be a number above 0 and at most 1; got 0.0. Write factor=0.99"),
    (lambda: CosineDecay(0.1, 0), "CosineDecay: steps must be a whole number, 1 or more; got 0. Write steps=1000"),
    (lambda: CosineDecay(0.1, math.inf), "steps must be a whole number, 1 or more; got inf."),  # type: ignore[arg-type]
    (lambda: CosineDecay(0.1, 10, end=-0.1),
     "CosineDecay: end must be a finite number, 0 or more; got -0.1. Write end=0.0, for example."),
    (lambda: WarmUp(-0.1, 10),
     "WarmUp: then must be a positive, finite number, or a Schedule; got -0.1. Write then=0.1, for example."),
    (lambda: WarmUp(None, 10), "then must be a positive, finite number, or a Schedule; got None."),  # type: ignore[arg-type]
    (lambda: WarmUp(0.1, -1), "WarmUp: steps must be a whole number, 1 or more; got -1. Write steps=100"),
    (lambda: Constant(0.1)(-1), "Constant: step counts the updates made so far and must be a whole number, 0 or more; "
                                "got -1. Write schedule(0) for the first update."),
    (lambda: Constant(0.1)(0.5), "must be a whole number, 0 or more; got 0.5."),  # type: ignore[arg-type]
    (lambda: Constant(0.1)(True), "must be a whole number, 0 or more; got True."),
    (lambda: Fixed(-0.1)(3), "Fixed: the learning rate after 3 updates must be a finite number, 0 or more; got -0.1. "
                             "Look at the schedule's method after."),
    (lambda: Fixed(math.nan)(0), "the learning rate after 0 updates must be a finite number, 0 or more; got nan."),
    (lambda: Fixed(None)(0), "the learning rate after 0 updates must be a finite number, 0 or more; got None."),
    *((lambda wrong=wrong: Adam(wrong), "Adam: learning_rate must be a positive, finite number, or a Schedule; "
       f"got {shown}. Write learning_rate=0.1, for example.") for wrong, shown in [
        (0.0, "0.0"), (-1, "-1"), (math.nan, "nan"), (math.inf, "inf"), (True, "True"), ("0.1", "'0.1'"),
        (None, "None"), (1j, "1j"), (10**400, "an integer of 1329 bits"), (Value(0.1), "Value(0.1)"),
    ]),
    (lambda: Momentum(momentum=1.0), "Momentum: momentum must be a number from 0 up to, but not including, 1; "
                                     "got 1.0. Write momentum=0.9, for example."),
    (lambda: Nesterov(momentum=-0.1), "momentum must be a number from 0 up to, but not including, 1; got -0.1"),
    (lambda: RMSprop(decay=math.nan), "RMSprop: decay must be a number from 0 up to, but not including, 1; got nan."),
    (lambda: RMSprop(epsilon=0), "RMSprop: epsilon must be a positive, finite number; got 0. Write epsilon=1e-08"),
    (lambda: Adagrad(epsilon=-1.0), "epsilon must be a positive, finite number; got -1.0. Write epsilon=1e-10"),
    (lambda: Adam(beta_1=1), "beta_1 must be a number from 0 up to, but not including, 1; got 1. Write beta_1=0.9"),
    (lambda: Adam(beta_2=2), "beta_2 must be a number from 0 up to, but not including, 1; got 2. Write beta_2=0.999"),
    (lambda: AdamW(weight_decay=-0.1), "AdamW: weight_decay must be a finite number, 0 or more; got -0.1."),
    (lambda: Adam().bind([]), "There are no parameters to move. Write bind(model), or bind([w, b]) with at least one."),
    (lambda: Adam().bind([Value(1.0)], clip=1.0),  # type: ignore[arg-type]
     "clip must be ClipNorm, ClipValue or None; got 1.0. Write ClipNorm(1.0)."),
    (lambda: Momentum().update([1.0], [1.0], Adam().start([1.0])),
     "Momentum remembers velocity; this state holds mean, mean_square. Begin with Momentum().start(parameters)."),
    (lambda: SGD().update([1.0], [1.0], Adagrad().start([1.0])), "SGD remembers nothing; this state holds sum_of"),
    (lambda: Momentum().update([1.0], [1.0], OptimizerState(3)), "remembers velocity; this state holds nothing."),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_setting_out_of_range_says_what_it_must_be(call: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingError) as refused:
        call()
    assert message in str(refused.value) and not isinstance(refused.value, UnknownSettingError)


MISFITS: list[tuple[Callable[[], object], type[AutogradError], str]] = [
    (lambda: Adam().update([1.0, 2.0], [1.0], Adam().start([1.0, 2.0])), ShapeError,
     "Adam moves 2 parameters; the gradient has 1 numbers. Give one per parameter, in the same order"),
    (lambda: Adam().update([1.0, 2.0], [1.0, 2.0], Adam().start([1.0])), ShapeError,
     "Adam moves 2 parameters; the mean has 1 numbers."),
    (lambda: SGD().start([[1.0]]), ShapeError,
     "The parameters must be one flat vector; got an array of shape (1, 1). Write array.ravel()."),
    (lambda: SGD().update([1.0], 1.0, OptimizerState(0)), ShapeError, "The gradient must be one flat vector; got an"),
    (lambda: SGD().start([Value(1.0)]), OperandError, "Write v.data for the number"),
    (lambda: SGD().bind(Value(1.0)), OperandError,
     "bind takes a model or a list of Values; got Value(1.0). Write bind(model), bind([w])."),
    (lambda: SGD().bind([1.0]), OperandError,  # type: ignore[list-item]
     "An optimizer moves leaves, which are Values that were not computed; got 1.0. Write bind(model)"),
    (lambda: SGD().bind([Value(1.0) * 2]), OperandError, "which are Values that were not computed; got Value(2.0)."),
    (lambda: SGD().bind([[Value(1.0)]]), OperandError,  # type: ignore[list-item]
     "which are Values that were not computed; got [Value(1.0)]."),
]


@pytest.mark.parametrize(("call", "error", "message"), MISFITS, ids=[row[-1] for row in MISFITS])
def test_what_an_optimizer_cannot_move_says_what_it_needs(
    call: Callable[[], object], error: type[AutogradError], message: str
) -> None:
    with pytest.raises(error) as refused:
        call()
    assert message in str(refused.value)


# Class, what was given by position and by keyword, and the answer.
MODEL = [Value(1.0)]
FOREIGN: list[tuple[type[Settings], tuple[Any, ...], dict[str, Any], str]] = [
    (Adam, (), {"lr": 0.1}, "Adam has no setting lr. Write Adam(learning_rate=0.1)."),
    (Adam, (), {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-6},
     "Adam has no setting lr and no betas and no eps. "
     "Write Adam(learning_rate=0.1, beta_1=0.9, beta_2=0.99, epsilon=1e-06)."),
    (Adam, (), {"betas": 0.9},
     "Adam has no setting betas. Write Adam(). It takes learning_rate, beta_1, beta_2, epsilon."),
    (Adam, (), {"alpha": 0.1}, "Adam has no setting alpha. Write Adam(learning_rate=0.1)."),
    (Adam, (0.1,), {"weight_decay": 0.5}, "Adam has no setting weight_decay. Write AdamW(0.1, weight_decay=0.5)."),
    (Adam, (), {"lr": 0.1, "weight_decay": 0},
     "Adam has no setting lr and no weight_decay. Write Adam(learning_rate=0.1)."),
    (RMSprop, (), {"alpha": 0.9}, "RMSprop has no setting alpha. Write RMSprop(decay=0.9)."),
    (SGD, (), {"lr": 0.1, "momentum": 0.9}, "Write Momentum(learning_rate=0.1, momentum=0.9)."),
    (SGD, (), {"lr": 0.1, "momentum": 0.9, "nesterov": True}, "Write Nesterov(learning_rate=0.1, momentum=0.9)."),
    (SGD, (), {"lr": 0.1, "momentum": 0}, "SGD has no setting lr and no momentum. Write SGD(learning_rate=0.1)."),
    (Momentum, (), {"nesterov": True}, "Momentum has no setting nesterov. Write Nesterov()."),
    (SGD, (0.1,), {"weight_decay": 0.01}, "SGD has no setting weight_decay. Write SGD(0.1). It takes learning_rate. "
                                          "AdamW has weight_decay; others train with fit(..., penalty=L2(0.01))."),
    (Adam, (), {"params": MODEL, "lr": 0.1}, "Parameters are bound afterwards: optimizer.bind(model)."),
    (Adam, (MODEL,), {"lr": 0.1}, "Adam does not take the parameters. Write Adam(learning_rate=0.1).bind(model)."),
    (Adam, (MODEL,), {"learning_rate": 0.1}, "Write Adam(learning_rate=0.1).bind(model)."),
    (SGD, (iter(MODEL), 0.1), {}, "SGD does not take the parameters. Write SGD(0.1).bind(model)."),
    (Constant, (), {"lr": 0.1}, "Constant has no setting lr. Write Constant(learning_rate=0.1)."),
    (StepDecay, (), {"lr": 0.1, "step_size": 30, "gamma": 0.5},
     "StepDecay has no setting lr and no step_size and no gamma. Write StepDecay(start=0.1, every=30, factor=0.5)."),
    (ExponentialDecay, (0.1,), {"gamma": 0.9}, "Write ExponentialDecay(0.1, factor=0.9)."),
    (CosineDecay, (0.1,), {"T_max": 100, "eta_min": 0.01}, "Write CosineDecay(0.1, steps=100, end=0.01)."),
    (WarmUp, (), {"then": 0.1, "warmup_steps": 5}, "Write WarmUp(then=0.1, steps=5)."),
    (WarmUp, (), {"then": Constant(0.1), "total_iters": 5}, "Write WarmUp(then=Constant(learning_rate=0.1), steps=5)."),
    (CosineDecay, (0.1,), {"steps": 9, "last_epoch": 3},
     "CosineDecay has no setting last_epoch. Write CosineDecay(0.1, steps=9). It takes start, steps, end."),
]


@pytest.mark.parametrize(("cls", "positions", "settings", "message"), FOREIGN, ids=[row[-1] for row in FOREIGN])
def test_a_foreign_word_is_answered_with_a_call_that_works(
    cls: type[Settings], positions: tuple[Any, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownSettingError) as refused:
        cls(*positions, **settings)
    answer = str(refused.value)
    assert answer.endswith(message)
    call = re.search(r"Write (\w+\(.*?\))(\.bind\(model\))?\.($| It takes)", answer)
    assert call is not None and isinstance(eval(call[1]), Settings)
