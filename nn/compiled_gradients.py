"""Gradients from a compiled program: one example's loss is recorded once, and runs on whole minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument
from autograd_core.compiler.compiled import Compiled
from autograd_core.errors import OperandError
from autograd_core.tracing import Recorder, Tracer
from autograd_core.watching import observers, refusing_comparisons
from nn.dropout import Dropout
from nn.errors import SettingError
from nn.gradients import (
    EagerGradients,
    MeanLoss,
    Penalty,
    couples_examples,
    of_one,
    read_parameters,
    write_parameters,
)
from nn.losses import Loss
from nn.module import Module
from nn.normalization import BatchNorm
from nn.penalties import Penalty as OwnPenalty


class CompiledGradients:
    """As :class:`EagerGradients`, through a program that is recorded when the model's modes change.

    What watches or alters recorded graphs, as ``detect_anomaly`` does, gets them: within such a block every
    minibatch is recorded eagerly.  So are models with a module that is not ``is_replayable``, and penalties that are
    not nn's own, whose numbers may change from call to call.

    ``program`` is the :class:`Compiled` one of the last call: its ``source`` is the quick reference of the network.

    >>> from nn import MLP, half_squared_error
    >>> model = MLP([1, 1], bias=False, init="zeros")
    >>> found = CompiledGradients(model, half_squared_error).mean(np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]))
    >>> found.loss, found.gradient
    (2.5, array([-3.5]))
    """

    def __init__(self, model: Module, loss: Loss, penalty: Penalty | None = None) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty
        self.parameters = model.parameters()
        self._modules = list(model.modules())
        self.program: Compiled | None = None
        self._programs: dict[object, _Recorded] = {}
        self._vector: np.ndarray | None = None

    def move_to(self, vector: np.ndarray) -> None:
        """The parameters of the next call; the model gets them with ``write``."""
        self._vector = vector

    def write(self) -> None:
        """Put the parameters last given into the model."""
        if self._vector is not None:
            write_parameters(self.parameters, self._vector)

    def mean(self, X: np.ndarray, targets: np.ndarray) -> MeanLoss:
        """The mean loss over the examples, the penalty, and the gradient of their sum."""
        if observers or not self._can_compile():
            self.write()
            return EagerGradients(self.model, self.loss, self.penalty).mean(X, targets)
        if len(X) < 2 and couples_examples(self.model):
            return EagerGradients(self.model, self.loss, self.penalty).mean(X, targets)  # which refuses it
        recorded = self._recorded(X.shape[1], targets.shape[1])
        inputs = self._inputs(recorded, X, targets)
        compiled = recorded.compiled
        _, gradients, (loss, penalty, *statistics) = compiled.run(
            inputs, compiled.value_and_grad, compiled.replayed_value_and_grad)
        if statistics:
            for (norm, unit), mean, variance in zip(recorded.norms, statistics[::2], statistics[1::2], strict=True):
                norm.remember(unit, float(mean), float(variance), len(X))
        return MeanLoss(float(loss), float(penalty), np.reshape(gradients[0], -1)[: len(self.parameters)])

    def per_example(self, X: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each example, shape (examples,), and its gradient, shape (examples, parameters), unpenalized."""
        if couples_examples(self.model):
            raise SettingError(
                "BatchNorm in training mode couples the examples of a minibatch, so none has a gradient of its own. "
                "Call eval() on the model first, or ask for the mean."
            )
        recorded = CompiledGradients(self.model, self.loss)._recorded(X.shape[1], targets.shape[1])
        data, adjoints = recorded.compiled.replayed(self._inputs(recorded, X, targets), per_lane=True)
        output = recorded.compiled.recorded.outputs[0]
        losses = data[output] if type(output) is int else output
        slots = range(len(adjoints))[recorded.first_parameter : recorded.first_parameter + len(self.parameters)]
        gradients = [np.broadcast_to(adjoints[slot], len(X)) for slot in slots]
        return np.array(np.broadcast_to(losses, len(X))), np.stack(gradients, axis=1)

    def _can_compile(self) -> bool:
        own = self.penalty is None or isinstance(self.penalty, OwnPenalty)
        return own and all(module.is_replayable for module in self._modules)

    def _inputs(self, recorded: _Recorded, X: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
        vector = read_parameters(self.parameters) if self._vector is None else self._vector
        others = recorded.compiled.parameters[len(self.parameters) :]
        if others:  # Values that the loss closes over
            vector = np.append(vector, [value.data for value in others])
        factors = [dropout.factors(len(X), units).T for dropout, units in recorded.dropouts]
        return recorded.compiled.laid_out([X.T, targets.T, *factors, vector])

    def _recorded(self, inputs: int, outputs: int) -> _Recorded:
        key = (inputs, outputs, tuple(map(_mode, self._modules)))
        if key not in self._programs:
            if len(self._programs) == _MOST_PROGRAMS:  # running statistics that change are constants of new ones
                del self._programs[next(iter(self._programs))]
            self._programs[key] = _Recorded(self.model, self.loss, self.penalty, self.parameters, inputs, outputs)
        self.program = self._programs[key].compiled
        return self._programs[key]


_MOST_PROGRAMS = 8


def _mode(module: Module) -> object:
    """What a recording of the module has as constants."""
    if isinstance(module, BatchNorm):
        statistics = () if module.training else (module.running_mean.tobytes(), module.running_variance.tobytes())
        return module.training, module.epsilon, statistics
    return module.training, module.keep if isinstance(module, Dropout) else None


class _Recorded:
    """One recording: the program, and which modules draw factors for it or take statistics from it, in order."""

    def __init__(
        self, model: Module, loss: Loss, penalty: Penalty | None, parameters: list[Any], inputs: int, outputs: int
    ) -> None:
        self.dropouts: list[tuple[Dropout, int]] = []
        self.norms: list[tuple[BatchNorm, int]] = []
        self._statistics: list[Any] = []
        self._recorder = recorder = Recorder()
        self._arguments: list[Argument] = []
        x, y = self._lanes("x", inputs), self._lanes("y", outputs)
        with self._listening(model), refusing_comparisons():
            try:
                output = self._forward(model, x)
                of_example = of_one(loss, output, y)
                extra = 0.0 if penalty is None else penalty(model)
                whole = of_example + extra if penalty is not None else of_example
            except OperandError as error:
                raise OperandError(
                    f"{error} This model or loss cannot be compiled as it is; train with engine='eager' otherwise."
                ) from error
        for parameter in parameters:
            recorder.slot_of(parameter, "a parameter")
        outputs_of = [whole, of_example, extra, *self._statistics]
        tape = recorder.finish([recorder.slot_of(each, "The loss") for each in outputs_of], parameters)
        self.first_parameter = sum(len(argument.slots) for argument in self._arguments)
        self.compiled = Compiled(tape, self._arguments, "training", optimize=True)

    def _lanes(self, name: str, count: int) -> list[Tracer]:
        recorder = self._recorder
        start = len(recorder.inputs)
        scalars = [recorder.argument(f"{name}_{at}", True) for at in range(1, count + 1)]
        self._arguments.append(Argument(name, True, range(start, start + count), [0.0] * count, list))
        return scalars

    def _forward(self, model: Module, x: list[Tracer]) -> list[Any]:
        [output] = model.forward([x])
        return output

    @contextmanager
    def _listening(self, model: Module) -> Iterator[None]:
        """Within the block, Dropout takes its factors from the program, and BatchNorm gives it its statistics."""
        listening = [module for module in model.modules() if isinstance(module, (Dropout, BatchNorm))]
        try:
            for module in listening:
                if isinstance(module, Dropout):
                    module.given = self._given_by(module)
                else:
                    module.observed = self._observed_by(module)
            yield
        finally:
            for module in listening:
                if isinstance(module, Dropout):
                    module.given = None
                else:
                    module.observed = None

    def _given_by(self, dropout: Dropout) -> Any:
        def given(units: int) -> list[Tracer]:
            self.dropouts.append((dropout, units))
            return self._lanes(f"kept_{len(self.dropouts)}", units)

        return given

    def _observed_by(self, norm: BatchNorm) -> Any:
        def observed(unit: int, mean: Any, variance: Any) -> None:
            self.norms.append((norm, unit))
            self._statistics += [mean, variance]

        return observed
