"""``fit``: gradient descent on a model, by the batch, by the example or by the minibatch (LECTURE row 12)."""

from __future__ import annotations

import difflib
import inspect
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeGuard

import numpy as np

from nn.checkpoints import load_training
from nn.compiled_gradients import CompiledGradients
from nn.divergence import diverged
from nn.errors import SettingError, ShapeError, UnknownSettingError
from nn.gradients import EagerGradients, Engine, MeanLoss, Penalty, losses_on_arrays, read_parameters
from nn.history import History
from nn.losses import Loss, half_squared_error
from nn.module import Module
from nn.optimizers import SGD, Optimizer
from nn.preparation import paired
from nn.progress import progress_bar
from nn.settings import COUNT, number_in
from nn.stopping import Criterion, EarlyStopping
from nn.training_run import Training

Callback = Callable[[Training], object]

ENGINES: dict[str, Engine] = {"compiled": CompiledGradients, "eager": EagerGradients}


def fit(
    model: Module,
    X: Any,
    y: Any,
    *,
    loss: Loss = half_squared_error,
    optimizer: Optimizer | None = None,
    penalty: Penalty | None = None,
    batch_size: int | None = None,
    epochs: int = 100,
    validation: tuple[Any, Any] | None = None,
    clip: Callable[[np.ndarray], np.ndarray] | None = None,
    stop: Criterion | Sequence[Criterion] | None = None,
    callbacks: Sequence[Callback] | None = None,
    progress: bool | None = None,
    engine: str | Engine = "compiled",
    rng: int | np.random.Generator = 0,
    resume: str | os.PathLike[str] | None = None,
    **foreign: Any,
) -> History:
    r"""Train the model by gradient descent and return what was recorded.

    ``X`` has shape (examples, inputs), ``y`` what ``loss`` takes.  ``batch_size`` None is batch gradient descent,
    1 is stochastic, any other the minibatch's: each epoch uses every example once, in a new order drawn
    from ``rng``, and each update follows the mean gradient of its minibatch (the last may be smaller).
    ``optimizer`` None is SGD with a learning rate of 0.1.  ``penalty`` is added to each mean loss.  ``validation`` is
    (X, y) of data that are not trained on.  ``clip`` maps a gradient to the one to use.  ``stop`` holds criteria;
    ``callbacks`` are called after each epoch with the :class:`Training`, and one that returns True ends it.
    ``progress`` None shows a bar in a terminal only.  ``resume`` names a checkpoint of the same call, which is
    continued to ``epochs`` in all exactly as if it had not been interrupted.  The model ends in evaluation mode.

    Ctrl-C ends the run after the last complete update and returns its history.  Raises :class:`SettingError`,
    :class:`DataError` and :class:`ShapeError` before anything is changed, :class:`DivergedError` when a loss or
    gradient is no number any more.

    >>> from nn import MLP, fit
    >>> model = MLP([1, 1], init="zeros")
    >>> fit(model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=500)
    History(500 epochs, loss 5.833 -> 9.5...e-15, stopped: all 500 epochs done)
    >>> model.predict([[10.0]]).round(3)
    array([21.])
    """
    if foreign:
        raise UnknownSettingError(_right_call(next(iter(foreign)), next(iter(foreign.values()))))
    _require_kinds(model, loss, penalty, clip, validation)
    X, y = paired(X, y)
    _require_width(model, X)
    targets = loss.targets(y, _outputs(model, X))
    held_out = None if validation is None else _validation_set(model, loss, *validation)
    size = _batch_size(batch_size, len(X), model)
    epochs = number_in(COUNT, epochs, "fit: epochs, how often every example is used,", "epochs=100")
    criteria, callbacks = _several(stop, "stop", "EarlyStopping(10)"), _several(callbacks, "callbacks", "[print]")
    gradients = _engine(engine)(model, loss, penalty)
    run = _new_training(model, optimizer or SGD(0.1), rng)
    if resume is not None:
        load_training(resume, run)
    descent = _Descent(run, gradients, clip, loss)
    model.train()
    try:
        with progress_bar(epochs, run.epoch, progress) as show:
            reasons = _reasons(criteria, run.history) if run.epoch else []  # a resumed run may have ended already
            ended: list[Callback] = []
            while run.epoch < epochs and not (reasons or ended):
                descent.epoch(X, targets, size)
                if held_out is not None or callbacks or any(map(_restores, criteria)):
                    descent.write()  # for who looks at the model
                if held_out is not None:
                    run.history.validation_loss.append(validation_loss(model, loss, *held_out))
                _remember_best(run, criteria)
                show(run.history)
                reasons = _reasons(criteria, run.history)
                ended = [callback for callback in callbacks if _is_true(callback(run))]
                if callbacks:
                    descent.read()
            descent.write()
            asked = [f"{_name(callback)} asked for it" for callback in ended]
            run.history.stopped_because = [*reasons, *asked, f"all {epochs} epochs done"][0]
    except KeyboardInterrupt:
        _trim(run.history)
        run.history.stopped_because = f"interrupted in epoch {run.epoch + 1}"
    finally:
        descent.write()
        model.eval()
    if run.best is not None and any(map(_restores, criteria)):
        model.load_state_dict(run.best)
    return run.history


class _Descent:
    """The updates of a run; ``vector`` is the parameters after the last complete one."""

    def __init__(
        self, run: Training, gradients: Any, clip: Callable[[np.ndarray], np.ndarray] | None, loss: Loss
    ) -> None:
        self.run, self.gradients, self.clip, self.loss = run, gradients, clip, loss
        self.vector = read_parameters(run.model.parameters())
        self.is_written = True

    def epoch(self, X: np.ndarray, targets: np.ndarray, size: int) -> None:
        """One pass over the examples, recorded in the history when complete."""
        loss = penalty = rate = 0.0
        whole_gradient = np.zeros(len(self.vector))
        updates = 0
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is looked for
            for x, y in minibatches(X, targets, size, self.run.shuffler):
                found = self.gradients.mean(x, y)
                rate = self.update(found, x, y)
                share = len(x) / len(X)
                loss += share * found.loss
                penalty += share * found.penalty
                whole_gradient += share * found.gradient
                updates += 1
            norm = _norm(whole_gradient)
        history = self.run.history
        history.loss.append(loss)
        history.penalty.append(penalty)
        history.gradient_norm.append(norm)
        history.learning_rate.append(rate)
        history.updates.append((history.updates[-1] if history.updates else 0) + updates)
        history.examples.append((history.examples[-1] if history.examples else 0) + len(X))

    def update(self, found: MeanLoss, X: np.ndarray, targets: np.ndarray) -> float:
        """One step of the optimizer; its learning rate."""
        run = self.run
        rate = run.optimizer.rate(run.optimizer_state.step)
        if not (math.isfinite(found.loss + found.penalty) and _are_finite(found.gradient)):
            self.write()
            raise diverged(run.model, self.loss, X, targets, found, rate, run.epoch + 1, run.history)
        gradient = found.gradient if self.clip is None else self.clip(found.gradient)
        vector, state = run.optimizer.update(self.vector, gradient, run.optimizer_state)
        if not _are_finite(vector):
            self.write()
            raise diverged(run.model, self.loss, X, targets, found, rate, run.epoch + 1, run.history, vector)
        self.vector, run.optimizer_state = vector, state
        self.is_written = False
        self.gradients.move_to(vector)
        return rate

    def read(self) -> None:
        """Take the vector from the model, whose parameters a callback may have set."""
        self.is_written = True
        self.vector = read_parameters(self.run.model.parameters())
        self.gradients.move_to(self.vector)

    def write(self) -> None:
        """Put the vector into the model, unless that was done since the last update."""
        if not self.is_written:
            self.gradients.move_to(self.vector)
            self.gradients.write()
            self.is_written = True


def batches(examples: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The indices of each minibatch of one epoch: every example once, in an order drawn from ``rng``.

    The whole batch is not shuffled and draws nothing.

    >>> [batch.tolist() for batch in batches(5, 2, np.random.default_rng(0))]
    [[2, 4], [3, 0], [1]]
    """
    order = _order(examples, size, rng)
    for start in range(0, examples, size):
        yield order[start : start + size]


def _order(examples: int, size: int, rng: np.random.Generator) -> np.ndarray:
    return np.arange(examples) if size == examples else rng.permutation(examples)


def minibatches(
    X: np.ndarray, targets: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The examples and targets of each minibatch of one epoch, as views of one copy in the order drawn.

    >>> X = np.arange(5.0)[:, None]
    >>> [x.ravel().tolist() for x, _ in minibatches(X, X, 2, np.random.default_rng(0))]
    [[2.0, 4.0], [3.0, 0.0], [1.0]]
    """
    if size < len(X):
        order = _order(len(X), size, rng)
        X, targets = X[order], targets[order]
    for start in range(0, len(X), size):
        yield X[start : start + size], targets[start : start + size]


def _are_finite(numbers: np.ndarray) -> bool:
    # The sum of squares is quicker to ask, and inf also where only the squares are too large.
    return math.isfinite(numbers.dot(numbers)) or bool(np.isfinite(numbers).all())


def _norm(vector: np.ndarray) -> float:
    """The length of a vector, also where the squares of its numbers are too large."""
    squares = float(vector.dot(vector))
    return math.sqrt(squares) if 1e-200 < squares < math.inf else math.hypot(*vector.tolist())


def validation_loss(model: Module, loss: Loss, X: np.ndarray, targets: np.ndarray) -> float:
    """The mean loss in evaluation mode, without recording."""
    return float(losses_on_arrays(model, loss, X, targets).mean())


# --- what may be asked --------------------------------------------------------------------------


def _right_call(name: str, given: Any) -> str:
    if name in ("lr", "learning_rate", "eta", "learning_rate_init"):
        return f"fit takes no {name}: the learning rate belongs to the optimizer. Write optimizer=SGD({given!r})."
    known = [each for each in inspect.signature(fit).parameters if each != "foreign"]
    translated = {"val_data": "validation", "validation_data": "validation", "n_epochs": "epochs", "max_iter": "epochs",
                  "batch": "batch_size", "seed": "rng", "random_state": "rng", "verbose": "progress",
                  "criterion": "loss", "early_stopping": "stop", "alpha": "penalty", "weight_decay": "penalty"}
    close = [translated[name]] if name in translated else difflib.get_close_matches(name, known, n=1)
    hint = f"Write {close[0]}=." if close else f"It takes {', '.join(known)}."
    return f"fit takes no {name}. {hint}"


def _require_kinds(model: Module, loss: Any, penalty: Any, clip: Any, validation: Any) -> None:
    if not isinstance(loss, Loss):
        raise SettingError(
            f"loss is one of nn's, such as half_squared_error, or a function made one with @Loss; got {loss!r}.")
    for name, given, example in (("penalty", penalty, "L2(0.01)"), ("clip", clip, "ClipNorm(1.0)")):
        if given is not None and not callable(given):
            raise SettingError(f"{name} is one of nn's, such as {example}; got {given!r}.")
    if validation is not None and not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise SettingError("validation is a pair (X_val, y_val) of data that are not trained on; split() makes one.")
    if not model.parameters():
        raise SettingError(
            f"{type(model).__name__} has no parameters to train. A module is found as an attribute or in a list, "
            "not in a dict; a parameter is a Parameter or lists of them."
        )


def _several(given: Any, name: str, example: str) -> list[Any]:
    """One callable as a list of it, None as an empty one."""
    found = [given] if callable(given) else () if given is None else given
    if not isinstance(found, (list, tuple)) or not all(map(callable, found)):
        raise SettingError(f"{name} takes functions, such as {name}={example}; got {given!r}.")
    return list(found)


def _is_true(answer: object) -> bool:
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


def _require_width(model: Module, X: np.ndarray) -> None:
    if model.inputs is not None and X.shape[1] != model.inputs:
        raise ShapeError(f"The model takes {model.inputs} inputs; X has {X.shape[1]} columns.")


def _outputs(model: Module, X: np.ndarray) -> int:
    return model.outputs if model.outputs is not None else model.outputs_of(X[:1]).shape[1]


def _validation_set(model: Module, loss: Loss, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    X, y = paired(X, y, ("the validation X", "the validation y"))
    _require_width(model, X)
    return X, loss.targets(y, _outputs(model, X))


def _batch_size(batch_size: int | None, examples: int, model: Module) -> int:
    size = examples if batch_size is None else number_in(
        COUNT, batch_size, "fit: batch_size (1 is stochastic, None the whole batch)", "batch_size=32")
    if size > examples:
        raise SettingError(
            f"batch_size={size} is more than the {examples} examples there are. For the whole batch leave it out."
        )
    last = examples % size or size
    if last == 1 and any(module.couples_examples for module in model.modules()):
        other = next((each for each in range(max(size, 2), examples + 1) if examples % each != 1), None)
        advice = f"Use batch_size={other}" if other else "Use more examples"
        raise ShapeError(
            f"BatchNorm needs two examples in every minibatch, but with batch_size={size} of {examples} examples "
            f"the last one has a single example. {advice}, or leave BatchNorm out."
        )
    return int(size)


def _engine(engine: str | Engine) -> Engine:
    if callable(engine):
        return engine
    if engine not in ENGINES:
        known = " or ".join(map(repr, ENGINES))
        raise SettingError(f"engine is {known}, or a function like EagerGradients; got {engine!r}.")
    return ENGINES[engine]


# --- the run ------------------------------------------------------------------------------------


def _new_training(model: Module, optimizer: Optimizer, rng: int | np.random.Generator) -> Training:
    if not isinstance(optimizer, Optimizer):
        raise SettingError(f"optimizer is one of nn's, such as SGD(0.1) or Adam(0.01); got {optimizer!r}.")
    parameters = np.array([parameter.data for parameter in model.parameters()])
    return Training(model, optimizer, optimizer.start(parameters), np.random.default_rng(rng))


def _remember_best(run: Training, criteria: Sequence[Criterion]) -> None:
    for criterion in criteria:
        if _restores(criterion) and criterion.best_epoch(run.history) == run.epoch:
            run.best = run.model.state_dict()


def _restores(criterion: Criterion) -> TypeGuard[EarlyStopping]:
    return isinstance(criterion, EarlyStopping) and criterion.restore_best


def _reasons(criteria: Sequence[Criterion], history: History) -> list[str]:
    return [reason for criterion in criteria if (reason := criterion(history))]


def _trim(history: History) -> None:
    """Only epochs that every curve has: an interruption may come between two of them."""
    whole = min(len(curve) for curve in history.to_dict().values())
    for curve in (history.loss, history.penalty, history.validation_loss, history.gradient_norm,
                  history.learning_rate, history.updates, history.examples):
        del curve[whole:]


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
