"""``fit``: what it computes, what it records, when it stops, and what it refuses."""

from __future__ import annotations

import io
import itertools
import math
import sys
from fractions import Fraction

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.testing.mutants import planted
from nn import (
    L1,
    L2,
    MLP,
    SGD,
    Activation,
    Adam,
    BatchNorm,
    ClipNorm,
    CosineDecay,
    Dropout,
    EagerGradients,
    EarlyStopping,
    ElasticNet,
    GradientBelow,
    Linear,
    Module,
    Sequential,
    fit,
    half_squared_error,
    hinge,
    mean_squared_error,
    softmax_cross_entropy,
)
from nn.errors import DataError, DivergedError, SettingError, ShapeError, UnknownSettingError
from nn.gradients import MeanLoss
from nn.training import batches

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = np.array([1.0, 3.0, 5.0, 8.0])


def line(bias: bool = True) -> MLP:
    """A line through the points; its cost is convex, and exactly computable."""
    return MLP([1, 1], bias=bias, init="zeros")


def steps_by_hand(chosen: list[list[int]], rate: Fraction) -> tuple[Fraction, Fraction]:
    """Weight and bias of the line after one update per minibatch, in exact fractions, from the lecture's rule."""
    weight = bias = Fraction(0)
    for batch in chosen:
        errors = [weight * Fraction(X[at, 0]) + bias - Fraction(Y[at]) for at in batch]
        slope_w = sum(error * Fraction(X[at, 0]) for error, at in zip(errors, batch, strict=True)) / len(batch)
        slope_b = sum(errors) / len(batch)
        weight, bias = weight - rate * slope_w, bias - rate * slope_b
    return weight, bias


@pytest.mark.parametrize(("batch_size", "updates"), [(None, 1), (4, 1), (2, 2), (3, 2), (1, 4)])
def test_batch_minibatch_and_sgd_are_one_parameter(batch_size: int | None, updates: int) -> None:
    model = line()
    history = fit(model, X, Y, optimizer=SGD(0.125), batch_size=batch_size, epochs=3, rng=5)
    order = np.random.default_rng(5)
    chosen = [batch.tolist() for _ in range(3) for batch in batches(4, batch_size or 4, order)]
    expected = steps_by_hand(chosen, Fraction(1, 8))
    assert [each.data for each in model.parameters()] == pytest.approx([float(each) for each in expected], rel=1e-14)
    assert history.updates == [updates, 2 * updates, 3 * updates]
    assert history.examples == [4, 8, 12]


@pytest.mark.parametrize(("examples", "size"), [*itertools.product([1, 5, 12], [1, 2, 5, 12])])
def test_every_example_is_used_once_per_epoch(examples: int, size: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        drawn = list(batches(examples, min(size, examples), rng))
        assert sorted(np.concatenate(drawn).tolist()) == list(range(examples))
        assert all(len(batch) == min(size, examples) for batch in drawn[:-1])


def test_the_order_is_drawn_anew_each_epoch_and_from_the_seed_alone() -> None:
    first, second = (np.concatenate(list(batches(50, 7, rng))) for rng in [np.random.default_rng(0)] * 2)
    assert first.tolist() != second.tolist()
    runs = [fit(line(), X, Y, batch_size=1, epochs=5, optimizer=SGD(0.05), rng=seed).loss for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_the_whole_batch_is_not_shuffled() -> None:
    rng = np.random.default_rng(3)
    fit(line(), X, Y, epochs=2, rng=rng)
    assert rng.random() == np.random.default_rng(3).random()


def test_the_history_is_what_happened() -> None:
    model = line()
    history = fit(model, X, Y, optimizer=SGD(CosineDecay(0.1, steps=4)), epochs=4, penalty=L2(0.5),
                  validation=([[4.0]], [9.0]))
    assert history.loss[0] == pytest.approx((1 + 9 + 25 + 64) / 8)
    assert history.penalty[0] == 0.0
    assert history.penalty[1] > 0.0
    assert history.gradient_norm[0] == pytest.approx(math.hypot((3 + 10 + 24) / 4, 17 / 4))
    assert history.learning_rate == [CosineDecay(0.1, steps=4)(step) for step in range(4)]
    assert history.validation_loss[-1] == pytest.approx((model.predict([[4.0]])[0] - 9.0) ** 2 / 2)
    assert history.stopped_because == "all 4 epochs done"
    assert list(history.to_dict()) == ["epoch", "loss", "penalty", "validation_loss", "gradient_norm",
                                       "learning_rate", "updates", "examples"]
    assert {len(curve) for curve in history.to_dict().values()} == {4}
    assert repr(history).startswith("History(4 epochs, loss 12.38 -> ")


def test_defaults_are_the_lecture_s_batch_gradient_descent() -> None:
    with_defaults, written_out = line(), line()
    fit(with_defaults, X, Y)
    fit(written_out, X, Y, loss=half_squared_error, optimizer=SGD(0.1), batch_size=4, epochs=100)
    assert [each.data for each in with_defaults.parameters()] == [each.data for each in written_out.parameters()]


def test_the_model_ends_in_evaluation_mode() -> None:
    model = MLP([1, 4, 1], keep=0.5)
    fit(model, X, Y, epochs=1)
    assert not any(module.training for module in model.modules())


class TestGradients:
    @pytest.mark.parametrize("penalty", [None, L1(0.1), L2(0.1), ElasticNet(0.1, 0.5), L2(0.1, biases=True)], ids=repr)
    @pytest.mark.parametrize("norm", [None, "batch"])
    def test_they_are_right(self, norm: str | None, penalty) -> None:
        """Against differences in the parameters, at 50 digits through the checker's replay."""
        from autograd_core.testing import assert_gradients

        model = MLP([2, 3, 2], norm=norm, rng=1)
        rng = np.random.default_rng(0)
        inputs, labels = rng.normal(size=(3, 2)), np.array([0, 1, 1])
        targets = softmax_cross_entropy.targets(labels, 2)
        point = [each.data for each in model.parameters()]

        def mean_loss(parameters):
            layers = rebuilt(model, parameters)
            outputs = layers.forward(inputs.tolist())
            each = [softmax_cross_entropy(out, target) for out, target in zip(outputs, targets.tolist(), strict=True)]
            return ag.mean(each) + (penalty(layers) if penalty else 0.0)

        found = EagerGradients(model, softmax_cross_entropy, penalty).mean(inputs, targets)
        assert_gradients(mean_loss, point, gradient=lambda parameters: found.gradient)

    def test_per_example_gradients_average_to_the_mean(self) -> None:
        model = MLP([1, 3, 1], rng=2)
        gradients = EagerGradients(model, mean_squared_error)
        losses, each = gradients.per_example(X, Y[:, None])
        mean = gradients.mean(X, Y[:, None])
        assert each.shape == (4, 10)
        np.testing.assert_allclose(each.mean(axis=0), mean.gradient, rtol=1e-13)
        assert losses.mean() == pytest.approx(mean.loss)
        for at in range(4):
            np.testing.assert_array_equal(each[at], gradients.mean(X[at : at + 1], Y[at : at + 1, None]).gradient)

    def test_coupled_examples_have_none_of_their_own(self) -> None:
        gradients = EagerGradients(MLP([1, 2, 1], norm="batch"), half_squared_error)
        with pytest.raises(SettingError, match=r"BatchNorm in training mode couples the examples.*Call eval\(\)"):
            gradients.per_example(X, Y[:, None])

    def test_grad_is_neither_read_nor_written(self) -> None:
        model = line()
        model([2.0]).backward()
        before = [each.grad for each in model.parameters()]
        EagerGradients(model, half_squared_error, L2(1.0)).mean(X, Y[:, None])
        assert [each.grad for each in model.parameters()] == before


def rebuilt(model: MLP, parameters) -> MLP:
    """The same network on the given scalars in place of its parameters."""
    import copy

    twin = copy.deepcopy(model)
    remaining = iter(parameters)
    for module in twin.modules():
        for attribute, thing in vars(module).items():
            if attribute in ("weight", "bias", "scale", "shift"):
                nested = attribute == "weight"
                setattr(module, attribute, [[next(remaining) for _ in row] for row in thing] if nested
                        else [next(remaining) for _ in thing])
    twin.weights = lambda: [each for module in twin.modules() for row in getattr(module, "weight", []) for each in row]
    twin.parameters = lambda: list(parameters)
    return twin


class TestStopping:
    def test_none_is_no_criterion_and_no_callback(self) -> None:
        assert fit(line(), X, Y, epochs=3, stop=None, callbacks=None).epochs == 3

    def test_early_stopping_restores_the_best_weights(self) -> None:
        """The validation point contradicts the training points: its loss falls, then rises."""
        model, states = line(), []
        history = fit(model, X, Y, optimizer=SGD(0.05), epochs=200, validation=([[1.0]], [1.5]),
                      stop=EarlyStopping(patience=5), callbacks=[lambda run: states.append(run.model.state_dict())])
        best = int(np.argmin(history.validation_loss))
        assert history.stopped_because == "no improvement in 5 epochs"
        assert history.epochs == best + 1 + 5
        assert {name: each.tolist() for name, each in model.state_dict().items()} == {
            name: each.tolist() for name, each in states[best].items()}

    def test_without_restoring_the_last_weights_stay(self) -> None:
        model, states = line(), []
        fit(model, X, Y, optimizer=SGD(0.05), epochs=200, validation=([[1.0]], [1.5]),
            stop=EarlyStopping(patience=5, restore_best=False),
            callbacks=[lambda run: states.append(run.model.state_dict())])
        assert model.state_dict()["0.weight"].tolist() == states[-1]["0.weight"].tolist()

    def test_the_best_is_restored_when_the_epochs_run_out_too(self) -> None:
        model = line()
        history = fit(model, X, Y, optimizer=SGD(0.05), epochs=60, validation=([[1.0]], [1.5]),
                      stop=EarlyStopping(patience=1000))
        predicted = (model.predict([[1.0]])[0] - 1.5) ** 2 / 2
        assert predicted == pytest.approx(min(history.validation_loss)) != pytest.approx(history.validation_loss[-1])

    def test_a_minimum_improvement_counts_smaller_ones_as_none(self) -> None:
        history = fit(line(), X, Y, optimizer=SGD(0.05), epochs=500,
                      stop=EarlyStopping(patience=3, minimum_improvement=0.01))
        assert history.epochs < 100
        assert all(before - after <= 0.01 for before, after in itertools.pairwise(history.loss[-3:]))

    def test_a_flat_gradient_ends_the_run(self) -> None:
        history = fit(line(), X, Y, optimizer=SGD(0.2), epochs=5000, stop=[GradientBelow(1e-6)])
        assert history.stopped_because == "the norm of the gradient fell below 1e-06"
        assert history.gradient_norm[-1] < 1e-6 <= history.gradient_norm[-2]

    def test_a_callback_sees_each_epoch_and_may_end_the_run(self) -> None:
        seen = []

        def enough(run) -> bool:
            seen.append((run.epoch, run.history.loss[-1]))
            return run.epoch == 3

        history = fit(line(), X, Y, epochs=10, callbacks=[enough])
        assert [epoch for epoch, _ in seen] == [1, 2, 3]
        assert history.stopped_because == "enough asked for it"

    @pytest.mark.parametrize("at", [0, 1, 2, 5, 7])
    def test_an_interrupt_returns_the_history_and_leaves_a_usable_model(self, at: int) -> None:
        whole, model = line(), line()
        counter = itertools.count()

        class Interrupted(EagerGradients):
            def mean(self, X, targets) -> MeanLoss:
                if next(counter) == at:
                    raise KeyboardInterrupt
                return super().mean(X, targets)

        history = fit(model, X, Y, batch_size=2, epochs=10, engine=Interrupted, rng=4, optimizer=SGD(0.05))
        expected = fit(whole, X, Y, batch_size=2, epochs=10, rng=4, optimizer=SGD(0.05))
        assert history.epochs == at // 2
        assert history.loss == expected.loss[: at // 2]
        assert history.stopped_because == f"interrupted in epoch {at // 2 + 1}"
        assert np.isfinite(model.predict(X)).all()
        assert not model.training

    @pytest.mark.parametrize("callbacks, at, epochs", [([lambda run: None], 2, 3), ([], 0, 10)])
    def test_an_interrupt_while_parameters_are_written_completes_them(
        self, monkeypatch, callbacks, at, epochs
    ) -> None:
        from nn import training

        model, untouched = line(), line()
        write = training._Descent.write
        calls = itertools.count()

        def interrupted(descent) -> None:
            if next(calls) == at:
                descent.run.model.parameters()[0].data = float(descent.vector[0])
                raise KeyboardInterrupt
            write(descent)

        monkeypatch.setattr(training._Descent, "write", interrupted)
        fit(model, X, Y, epochs=10, callbacks=callbacks)
        monkeypatch.undo()
        fit(untouched, X, Y, epochs=epochs)
        assert [each.data for each in model.parameters()] == [each.data for each in untouched.parameters()]


class TestDivergence:
    def test_the_error_names_epoch_rate_and_node_and_keeps_the_model(self) -> None:
        model = line(bias=False)
        with pytest.raises(DivergedError, match=r"Training diverged in epoch \d+: .* at a learning rate of 1e\+100\. "
                                                r"First bad node: .*Try a learning rate of 1e\+99") as caught:
            fit(model, X, Y, optimizer=SGD(1e100), epochs=10)
        assert caught.value.learning_rate == 1e100
        assert caught.value.history.epochs == caught.value.epoch - 1
        assert all(math.isfinite(each.data) for each in model.parameters())

    def test_a_bad_node_is_named_with_where_it_came_from(self) -> None:
        model = MLP([1, 1, 1], activation="exp", init="zeros", bias=False)
        model.weights()[0].data = 800.0
        with pytest.raises(DivergedError) as caught:
            fit(model, X, Y, epochs=1)
        assert caught.value.node == "z_1^{(1)} = inf, from exp(800), in example 1 of the minibatch"

    def test_an_infinite_gradient_of_a_finite_loss(self) -> None:
        model = MLP([1, 1, 1], activation="square", init="zeros", bias=False)
        model.weights()[0].data, model.weights()[1].data = 1e150, 1e8
        with pytest.raises(DivergedError, match=r"(the loss became inf|gradient became infinite)"):
            fit(model, [[1.0]], [1.0], epochs=1)

    def test_an_update_that_overflows(self) -> None:
        model = line(bias=False)
        message = r"an update overflowed .*First bad node: w_\{11\}\^\{\(1\)\}, which went from 0 to inf"
        with pytest.raises(DivergedError, match=message):
            fit(model, [[1e160]], [1e140], optimizer=SGD(1e300), epochs=1)
        assert model.weights()[0].data == 0.0

    def test_under_batch_normalization_the_batch_is_searched(self) -> None:
        model = MLP([1, 2, 1], activation="exp", norm="batch")
        model[1].scale[0].data = 1e6
        with pytest.raises(DivergedError, match=r"= inf, from exp\(") as caught:
            fit(model, X, Y, epochs=1)
        assert "example" in caught.value.node


@pytest.mark.parametrize("engine", ["compiled", "eager"])
class TestEngines:
    """What must not depend on the engine, nor on how it takes the examples."""

    def test_a_run_that_diverges_within_an_epoch_keeps_the_last_parameters(self, engine: str) -> None:
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
        model = MLP([2, 16, 1], activation="relu")
        before = model.state_dict()["0.weight"].tolist()
        with pytest.raises(DivergedError) as caught:
            fit(model, X, y, optimizer=SGD(1e200), batch_size=10, epochs=20, engine=engine)
        assert "none; repeated" not in caught.value.node
        assert model.state_dict()["0.weight"].tolist() != before
        assert all(math.isfinite(each.data) for each in model.parameters())

    def test_a_callback_may_set_the_parameters(self, engine: str) -> None:
        def cap(run) -> None:
            for weight in run.model.weights():
                weight.data = 0.0

        model = line(bias=False)
        history = fit(model, X, Y, epochs=5, callbacks=[cap], engine=engine)
        assert history.loss == [history.loss[0]] * 5
        assert [weight.data for weight in model.weights()] == [0.0]

    def test_a_module_of_ones_own_that_couples_examples_is_trained_as_it_is(self, engine: str) -> None:
        class Centred(Module):
            couples_examples = True

            def forward(self, examples):
                means = [ag.mean(column) for column in zip(*examples, strict=True)]
                return [[scalar - mean for scalar, mean in zip(row, means, strict=True)] for row in examples]

        model = Sequential(Linear(1, 1, bias=False, init="zeros"), Centred())
        history = fit(model, X, Y, optimizer=SGD(0.1), epochs=1, engine=engine)
        # dE/dw = -mean(y (x - mean x)) = -2.875 at w = 0, where the outputs are 0.
        assert model.weights()[0].data == pytest.approx(0.2875)
        assert history.loss == pytest.approx([(1 + 9 + 25 + 64) / 8])

    def test_a_penalty_of_ones_own_is_asked_every_time(self, engine: str) -> None:
        strengths = iter([0.0, 0.0, 7.0, 0.0])
        history = fit(line(), X, Y, epochs=3, engine=engine, penalty=lambda model: ag.total(
            [next(strengths) * ag.square(model.weights()[0])]))
        assert [each > 0.0 for each in history.penalty] == [False, False, True]

    def test_diverging_batch_statistics_are_not_remembered(self, engine: str) -> None:
        model = MLP([1, 2, 1], activation="exp", norm="batch")
        model[0].weight[0][0].data = 1e308
        with pytest.raises(DivergedError):
            fit(model, X * 10, Y, epochs=1, engine=engine)
        assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_the_engines_drop_the_same_units() -> None:
    losses = [fit(MLP([1, 6, 6, 1], keep=0.5, rng=3), X, Y, epochs=5, engine=engine, optimizer=SGD(0.01)).loss
              for engine in ("compiled", "eager")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_clipping_bounds_the_step_and_not_what_is_recorded() -> None:
    model = line()
    history = fit(model, X, Y, optimizer=SGD(1.0), epochs=1, clip=ClipNorm(0.5))
    assert math.hypot(*(each.data for each in model.parameters())) == pytest.approx(0.5)
    assert history.gradient_norm[0] > 5.0


def test_dropout_trains_with_its_own_generator_and_validates_without() -> None:
    model = Sequential(Linear(1, 50, rng=0), Dropout(keep=0.5, rng=1), Linear(50, 1, rng=2))
    twin = Sequential(Linear(1, 50, rng=0), Dropout(keep=0.5, rng=1), Linear(50, 1, rng=2))
    histories = [fit(each, X, Y, epochs=5, optimizer=SGD(0.001), validation=(X, Y)) for each in (model, twin)]
    assert histories[0].loss == histories[1].loss
    assert histories[0].validation_loss[-1] == pytest.approx(((model.predict(X) - Y) ** 2).mean() / 2)


def test_a_wrong_gradient_reaches_training_through_the_declared_seam() -> None:
    right, wrong = MLP([1, 4, 1]), MLP([1, 4, 1])
    fit(right, X, Y, epochs=3)
    with planted("tanh-at-output"):
        fit(wrong, X, Y, epochs=3)
    assert [each.data for each in right.parameters()] != [each.data for each in wrong.parameters()]


class TestProgress:
    def test_it_is_quiet_where_nobody_watches(self, capsys) -> None:
        fit(line(), X, Y, epochs=2)
        assert capsys.readouterr() == ("", "")

    def test_it_shows_when_asked_and_in_a_terminal(self, monkeypatch) -> None:
        pytest.importorskip("tqdm")

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        for stream, progress in ((Terminal(), None), (io.StringIO(), True)):
            monkeypatch.setattr(sys, "stderr", stream)
            fit(line(), X, Y, epochs=2, progress=progress, validation=(X, Y))
            assert "2/2" in stream.getvalue()
            assert "validation=" in stream.getvalue()

    def test_without_tqdm_only_asking_for_it_fails(self, monkeypatch) -> None:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        fit(line(), X, Y, epochs=1)
        with pytest.raises(ImportError, match=r"tqdm is not installed. It comes with the extra 'training'"):
            fit(line(), X, Y, epochs=1, progress=True)


NAN = X.copy()
NAN[2, 0] = math.nan
BATCHED = dict(model=lambda: Sequential(Linear(1, 2), BatchNorm(2), Linear(2, 1)))

REFUSED = [
    (dict(lr=0.1), UnknownSettingError, r"fit takes no lr: the learning rate belongs to the optimizer\. "
                                        r"Write optimizer=SGD\(0\.1\)\."),
    (dict(validation_data=(X, Y)), UnknownSettingError, r"fit takes no validation_data\. Write validation=\."),
    (dict(epoch=3), UnknownSettingError, r"fit takes no epoch\. Write epochs=\."),
    (dict(shuffle=True), UnknownSettingError, r"fit takes no shuffle\. It takes model, X, y, loss"),
    (dict(batch_size=0), SettingError,
     r"batch_size \(1 is stochastic, None the whole batch\) must be a whole number, 1 or more; got 0\."),
    (dict(batch_size=5), SettingError, r"batch_size=5 is more than the 4 examples there are"),
    (dict(batch_size=2.5), SettingError, r"must be a whole number, 1 or more; got 2\.5"),
    (dict(epochs=0), SettingError,
     r"epochs, how often every example is used, must be a whole number, 1 or more; got 0"),
    (dict(optimizer="adam"), SettingError,
     r"optimizer is one of nn's, such as SGD\(0\.1\) or Adam\(0\.01\); got 'adam'"),
    (dict(penalty=0.01), SettingError, r"penalty is one of nn's, such as L2\(0\.01\); got 0\.01"),
    (dict(loss="mse"), SettingError, r"loss is one of nn's, such as half_squared_error, .* got 'mse'"),
    (dict(clip=1.0), SettingError, r"clip is one of nn's, such as ClipNorm\(1\.0\); got 1\.0"),
    (dict(stop=5), SettingError, r"stop takes functions, such as stop=EarlyStopping\(10\); got 5"),
    (dict(callbacks=[5]), SettingError, r"callbacks takes functions, such as callbacks=\[print\]; got \[5\]"),
    (dict(validation=0.2), SettingError, r"validation is a pair \(X_val, y_val\)"),
    (dict(model=lambda: Sequential(Activation("tanh"))), SettingError, r"Sequential has no parameters to train"),
    (dict(engine="fast"), SettingError,
     r"engine is 'compiled' or 'eager', or a function like EagerGradients; got 'fast'"),
    (dict(X=NAN), DataError, r"nan.*row 2.*column 0|row 2.*column 0.*nan"),
    (dict(X=[], y=[]), DataError, r"X must hold at least one number"),
    (dict(y=Y[:3]), DataError, r"4.*3|3.*4"),
    (dict(X=np.zeros((4, 2))), ShapeError, r"The model takes 1 inputs; X has 2 columns\."),
    (dict(validation=(np.zeros((4, 2)), Y)), ShapeError, r"The model takes 1 inputs; X has 2 columns\."),
    (dict(loss=hinge), DataError, r"-1"),
    (dict(loss=softmax_cross_entropy), SettingError, r"binary_cross_entropy_with_logits"),
    (dict(batch_size=3, **BATCHED), ShapeError,
     r"BatchNorm needs two examples in every minibatch, but with batch_size=3 of 4 examples the last one has a single "
     r"example\. Use batch_size=4"),
    (dict(batch_size=1, **BATCHED), ShapeError, r"Use batch_size=2"),
]


@pytest.mark.parametrize(("settings", "error", "message"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_changes(settings, error: type[Exception], message: str) -> None:
    settings = {"X": X, "y": Y, "model": line} | settings
    model = settings.pop("model")()
    before = {name: array.tolist() for name, array in model.state_dict().items()}
    with pytest.raises(error, match=message):
        fit(model, settings.pop("X"), settings.pop("y"), **settings)
    assert {name: array.tolist() for name, array in model.state_dict().items()} == before
    assert model.training


@pytest.mark.parametrize("rate", [0.0, -0.1, math.nan, math.inf])
def test_a_learning_rate_is_positive_and_finite(rate: float) -> None:
    with pytest.raises(SettingError, match="positive"):
        fit(line(), X, Y, optimizer=Adam(learning_rate=rate))
