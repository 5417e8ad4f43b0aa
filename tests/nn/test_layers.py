"""Layers and networks: what they compute, what they are called, and what they refuse."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Graph, Parameter, Value
from nn import MLP, Activation, BatchNorm, Dropout, Linear, Module, Sequential
from nn.activations import is_activation
from nn.errors import SettingError, ShapeError, UnknownSettingError

ACTIVATIONS = [row for row in ag.TABLE if is_activation(row)]


def reference(model: MLP, x: np.ndarray, sigma) -> np.ndarray:
    """The network's outputs from its state alone, element by element, written from the slide."""
    state = model.state_dict()
    layers = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    z = [float(each) for each in x]
    for at, layer in enumerate(layers):
        W, b = state[f"{layer}.weight"], state.get(f"{layer}.bias", np.zeros(len(state[f"{layer}.weight"])))
        a = [math.fsum(W[i, j] * z[j] for j in range(len(z))) + b[i] for i in range(len(W))]
        z = [sigma(each) for each in a] if at < len(layers) - 1 else a
    return np.array(z)


@pytest.mark.parametrize("sizes", [[1, 1], [2, 1], [3, 4, 2], [2, 16, 16, 1], [1, 12, 1]], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_network_computes_the_slide(sizes: list[int], bias: bool) -> None:
    rng = np.random.default_rng(7)
    model = MLP(sizes, bias=bias, rng=rng)
    X = rng.normal(size=(5, sizes[0]))
    expected = np.array([reference(model, x, math.tanh) for x in X])
    one_by_one = np.array([[out.data for out in as_list(model(x))] for x in X])
    together = np.array([[out.data for out in as_list(row)] for row in model(X)])
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(together, one_by_one)
    np.testing.assert_allclose(model.predict(X).reshape(expected.shape), expected, rtol=1e-12, atol=1e-14)


def as_list(results: object) -> list[Value]:
    return results if isinstance(results, list) else [results]


@pytest.mark.parametrize("row", ACTIVATIONS, ids=lambda row: row.name)
def test_every_activation_of_the_table_runs_on_scalars_and_arrays(row) -> None:
    model = MLP([2, 3, 2], activation=row.name, output=row.name, rng=3)
    X = np.random.default_rng(1).normal(size=(4, 2))
    recorded = np.array([[out.data for out in results] for results in model(X)])
    np.testing.assert_allclose(model.predict(X), recorded, rtol=1e-12, atol=1e-14)


def test_the_activations_are_the_smooth_and_piecewise_rows_on_all_numbers() -> None:
    names = {row.name for row in ACTIVATIONS}
    assert {"tanh", "sigmoid", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "erf", "sin", "abs"} <= names
    assert not names & {"log", "sqrt", "reciprocal", "add", "maximum", "total", "asin"}


def test_an_activation_keeps_its_settings() -> None:
    layer = Activation("leaky_relu", slope=0.25)
    assert layer([-4.0]).data == -1.0
    np.testing.assert_array_equal(layer.on_arrays(np.array([[-4.0, 2.0]])), [[-1.0, 2.0]])


def test_names_are_those_of_the_lecture() -> None:
    model = MLP([2, 3, 2])
    assert [name for name, _ in model.named_parameters()] == [
        *(f"w_{{{i}{j}}}^{{(1)}}" for i in (1, 2, 3) for j in (1, 2)), *(f"b_{i}^{{(1)}}" for i in (1, 2, 3)),
        *(f"w_{{{i}{j}}}^{{(2)}}" for i in (1, 2) for j in (1, 2, 3)), *(f"b_{i}^{{(2)}}" for i in (1, 2)),
    ]
    names = [node.name for node in Graph(model([1.0, 2.0])).record if node.name]
    assert {"x_1", "x_2", "a_1^{(1)}", "z_3^{(1)}", r"\hat{y}_1", r"\hat{y}_2"} <= set(names)
    assert MLP([2, 1])([1.0, 2.0]).name == "yhat"
    assert MLP([10, 1]).named_parameters()[0][0] == "w_{1,1}^{(1)}"
    assert [name for name, _ in Linear(1, 1).named_parameters()] == ["w_{11}", "b_1"]
    assert [name for name, _ in MLP([1, 2, 1], norm="batch").named_parameters()][2:4] == [
        r"\gamma_1^{(1)}", r"\gamma_2^{(1)}"]


def test_calling_again_and_with_named_inputs_keeps_the_names() -> None:
    model = MLP([2, 2, 1])
    x = [Value(1.0, "height"), Value(2.0)]
    first, second = model(x), model(x)
    assert (first.name, second.name, x[0].name, x[1].name) == ("yhat", "yhat", "height", None)
    assert first.data == second.data


def test_a_picture_shows_inputs_and_units_and_the_weights_on_the_arrows() -> None:
    graph = Graph(MLP([2, 2, 1])([1.0, 2.0])).contract()
    arrows = {(graph.name(edge.tail).ascii, edge.symbol.ascii, graph.name(edge.head).ascii) for edge in graph.edges}
    assert ("x_1", "w_11^(1)", "a_1^(1)") in arrows
    assert ("x_2", "w_12^(1)", "a_1^(1)") in arrows
    assert ("z_2^(1)", "w_12^(2)", "yhat") in arrows
    assert {tail for tail, _, _ in arrows} == {"x_1", "x_2", "a_1^(1)", "a_2^(1)", "z_1^(1)", "z_2^(1)"}


def test_parameters_are_nodes_when_asked_about_or_alone() -> None:
    model = Linear(1, 1, bias=False)
    weight = model.weight[0][0]
    assert isinstance(weight, Parameter)
    y = model([2.0])
    assert Graph(y).contract().inputs != Graph(y, wrt=[weight]).inputs
    assert [Graph(3.0 * weight).record[each].name for each in Graph(3.0 * weight).inputs] == ["w_{11}"]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
                         ids=["deepcopy", "pickle"])
def test_a_copy_is_equal_and_independent(duplicate) -> None:
    model = MLP([2, 3, 1], norm="batch", keep=0.5)
    twin = duplicate(model)
    assert all(isinstance(each, Parameter) for each in twin.parameters())
    assert {name: array.tolist() for name, array in twin.state_dict().items()} == {
        name: array.tolist() for name, array in model.state_dict().items()}
    twin.parameters()[0].data = 99.0
    assert model.parameters()[0].data != 99.0


def test_weights_are_what_multiplies() -> None:
    model = MLP([2, 3, 1], norm="batch")
    assert len(model.weights()) == 9
    assert len(model.parameters()) == 9 + 3 + 3 + 1


def test_modes_reach_every_part() -> None:
    model = Sequential(Sequential(Linear(2, 2), Dropout(keep=0.5)), Linear(2, 1))
    assert model.training
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())


def test_zero_grad_forgets_the_gradients_of_the_parameters() -> None:
    model = MLP([1, 1])
    model([2.0]).backward()
    assert [each.grad for each in model.parameters()] == [2.0, 1.0]
    model.zero_grad()
    assert [each.grad for each in model.parameters()] == [0.0, 0.0]


def test_predict_leaves_the_mode_and_records_nothing() -> None:
    model = MLP([2, 3, 1], keep=0.5, norm="batch")
    model[0].training = False
    X = [[1.0, 2.0], [0.0, 1.0]]
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    assert [module.training for module in model.modules()][:3] == [True, False, True]


class TestState:
    def test_it_goes_and_comes_back(self) -> None:
        source, target = MLP([2, 3, 1], norm="batch", rng=0), MLP([2, 3, 1], norm="batch", rng=1)
        source[1].running_mean[:] = [1.0, 2.0, 3.0]
        target.load_state_dict(source.state_dict())
        X = np.random.default_rng(0).normal(size=(4, 2))
        np.testing.assert_array_equal(source.predict(X), target.predict(X))

    def test_it_is_a_copy(self) -> None:
        model = MLP([2, 1])
        model.state_dict()["0.weight"][:] = 7.0
        assert model.weights()[0].data != 7.0

    @pytest.mark.parametrize(("change", "message"), [
        (lambda state: state.pop("0.bias"), r"The state lacks 0\.bias; this model has 0\.weight, 0\.bias\."),
        (lambda state: state.update(more=np.zeros(2)), r"The state has besides more; this model has"),
        (lambda state: state.update({"0.weight": np.zeros((2, 1))}),
         r"0\.weight has shape \(2, 1\); this model needs \(1, 2\)\. Build the model with the sizes"),
        (lambda state: state.update({"0.bias": np.array([math.nan])}), r"0\.bias holds nan or inf"),
    ])
    def test_what_does_not_fit_changes_nothing(self, change, message: str) -> None:
        model = MLP([2, 1])
        before = model.state_dict()
        state = {name: array + 1.0 for name, array in before.items()}
        change(state)
        with pytest.raises(ShapeError, match=message):
            model.load_state_dict(state)
        assert {name: array.tolist() for name, array in model.state_dict().items()} == {
            name: array.tolist() for name, array in before.items()}


class TestBatchNorm:
    X = np.array([[1.0, -3.0], [2.0, 5.0], [4.0, 0.0], [9.0, 1.0]])

    def test_it_is_the_two_steps_of_the_slide(self) -> None:
        norm = BatchNorm(2, epsilon=1e-12)
        found = np.array([[out.data for out in row] for row in norm(self.X)])
        expected = (self.X - self.X.mean(axis=0)) / self.X.std(axis=0)  # NumPy's std is the biased one
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(found.var(axis=0), 1.0, rtol=1e-9)

    def test_gradients_flow_through_mean_and_deviation(self) -> None:
        from autograd_core.testing import assert_gradients

        def one_output(column: list[Value]) -> Value:
            norm = BatchNorm(1)
            norm.scale[0].data, norm.shift[0].data = 1.5, 0.25
            return ag.dot([row[0] for row in norm.forward([[each] for each in column])], [0.3, -1.0, 2.0])

        assert_gradients(one_output, [0.5, -1.25, 3.0])

    def test_what_the_inputs_have_in_common_does_not_reach_the_outputs(self) -> None:
        column = [Value(0.5), Value(2.0), Value(3.0)]
        out = BatchNorm(1)([[each] for each in column])[0]
        out.backward()
        assert abs(sum(each.grad for each in column)) < 1e-12

    def test_running_statistics_are_those_of_the_paper_and_serve_single_examples(self) -> None:
        norm = BatchNorm(2, momentum=1.0)
        norm(self.X)
        np.testing.assert_allclose(norm.running_mean, self.X.mean(axis=0))
        np.testing.assert_allclose(norm.running_variance, self.X.var(axis=0, ddof=1))
        norm.eval()
        expected = (self.X[0] - self.X.mean(axis=0)) / np.sqrt(self.X.var(axis=0, ddof=1) + norm.epsilon)
        np.testing.assert_allclose([out.data for out in norm(self.X[0])], expected)
        np.testing.assert_allclose(norm.predict(self.X[:1])[0], expected)

    def test_momentum_moves_them_by_a_share(self) -> None:
        norm = BatchNorm(1)
        norm([[0.0], [4.0]])
        assert norm.running_mean.tolist() == [0.2]
        assert norm.running_variance.tolist() == pytest.approx([1.0 + 0.1 * (8.0 - 1.0)])

    def test_without_scale_and_shift_it_has_no_parameters(self) -> None:
        assert BatchNorm(3, scale_and_shift=False).parameters() == []

    def test_predict_after_training_equals_evaluation_mode_on_values(self) -> None:
        model = MLP([2, 3, 1], norm="batch")
        model(self.X)
        predicted = model.predict(self.X)
        model.eval()
        np.testing.assert_allclose(predicted, [out.data for out in model(self.X)], rtol=1e-12)

    def test_no_bias_stands_before_it(self) -> None:
        model = MLP([2, 3, 1], norm="batch")
        assert [repr(layer) for layer in model] == [
            "Linear(2, 3, bias=False)", "BatchNorm(3)", 'Activation("tanh")', "Linear(3, 1)"]

    @pytest.mark.parametrize("batch", [[[1.0, 2.0]], [1.0, 2.0]], ids=["a batch of one", "one example"])
    def test_one_example_is_refused_in_training(self, batch: list) -> None:
        with pytest.raises(ShapeError, match=r"BatchNorm\(2\) in layer 1 normalizes over a minibatch, and one example "
                                             r"has no spread: pass two or more, or call eval\(\)"):
            Sequential(Linear(2, 2), BatchNorm(2))(batch)


class TestDropout:
    def test_units_are_kept_with_the_probability_and_scaled(self) -> None:
        dropout = Dropout(keep=0.8, rng=0)
        found = np.array([out.data for out in dropout([1.0] * 20_000)])
        assert set(found.tolist()) == {0.0, 1.25}
        assert abs((found > 0).mean() - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 20_000)
        assert abs(found.mean() - 1.0) < 4 * 0.5 / math.sqrt(20_000)

    def test_evaluation_does_nothing(self) -> None:
        x = [Value(2.0), Value(3.0)]
        assert Dropout(keep=0.1).eval()(x) == x

    def test_keep_one_draws_nothing(self) -> None:
        dropout = Dropout(keep=1.0, rng=5)
        dropout([1.0, 2.0])
        assert dropout.rng.random() == np.random.default_rng(5).random()

    def test_a_dropped_unit_gets_no_gradient_and_a_kept_one_the_factor(self) -> None:
        x = [Value(float(at)) for at in range(50)]
        out = Dropout(keep=0.5, rng=1)(x)
        ag.total(out).backward()
        assert [each.grad for each in x] == [2.0 if at and kept.data else kept.partials[0]
                                             for at, kept in enumerate(out)]
        assert {each.grad for each in x} == {0.0, 2.0}

    def test_arrays_and_values_draw_the_same(self) -> None:
        X = np.ones((4, 5))
        recorded = Dropout(keep=0.5, rng=2)(X)  # numbers, since nothing in it is recorded
        np.testing.assert_array_equal(Dropout(keep=0.5, rng=2).on_arrays(X), recorded)

    def test_the_same_seed_drops_the_same_units(self) -> None:
        assert [out.data for out in Dropout(keep=0.5, rng=3)([1.0] * 30)] == [
            out.data for out in Dropout(keep=0.5, rng=3)([1.0] * 30)]


def test_layers_without_a_seed_of_their_own_do_not_draw_the_same() -> None:
    first, second = Linear(3, 3), Linear(3, 3)
    model = Sequential(first, Dropout(keep=0.5), second, Dropout(keep=0.5), rng=4)
    assert model.state_dict()["0.weight"].tolist() != model.state_dict()["2.weight"].tolist()
    assert model[1].rng.random() != model[3].rng.random()
    again = Sequential(Linear(3, 3), Dropout(keep=0.5), Linear(3, 3), rng=4)
    assert again.state_dict()["2.weight"].tolist() == model.state_dict()["2.weight"].tolist()


def test_weights_that_were_given_or_changed_are_not_drawn_anew() -> None:
    given, changed = Linear(2, 2, rng=7), Linear(2, 2)
    changed.weight[0][0].data = 5.0
    before = [given.state_dict()["weight"].tolist(), changed.state_dict()["weight"].tolist()]
    Sequential(given, changed, rng=1)
    assert [given.state_dict()["weight"].tolist(), changed.state_dict()["weight"].tolist()] == before


def test_dropouts_that_share_a_generator_draw_apart() -> None:
    generator = np.random.default_rng(0)
    first, second = Dropout(keep=0.5, rng=generator), Dropout(keep=0.5, rng=generator)
    assert first.factors(4, 5).tolist() != second.factors(4, 5).tolist()


class Doubled(Module):
    def __init__(self) -> None:
        self.inner = [Linear(1, 1), Linear(1, 1)]
        self.offset = Parameter(1.0)

    def forward(self, examples):
        first, second = self.inner
        return [[out + self.offset for out in row] for row in second.forward(first.forward(examples))]


def test_a_module_of_ones_own_needs_only_forward() -> None:
    model = Doubled()
    assert len(model.parameters()) == 5
    assert [name for name, _ in model.named_parameters()] == [
        "offset", "w_{11}^{(1)}", "b_1^{(1)}", "w_{11}^{(2)}", "b_1^{(2)}"]
    assert list(model.state_dict()) == ["offset", "inner.0.weight", "inner.0.bias", "inner.1.weight", "inner.1.bias"]
    np.testing.assert_allclose(model.predict([[2.0], [3.0]]), [model([2.0]).data, model([3.0]).data])


REFUSED = [
    (lambda: MLP(2, [16, 1]), UnknownSettingError,
     r"one list of sizes, the number of inputs first: MLP\(\[2, 16, 1\]\)\."),
    (lambda: MLP(2), UnknownSettingError, r"MLP\(\[2, 1\]\)"),
    (lambda: MLP([2]), SettingError, r"at least two sizes, inputs and outputs: MLP\(\[2, 1\]\); got \[2\]\."),
    (lambda: MLP([2, 0, 1]), SettingError,
     r"MLP\(\[2, 0, 1\]\): a number of units must be a whole number, 1 or more; got 0\."),
    (lambda: MLP([2, 1.5]), SettingError, r"must be a whole number, 1 or more; got 1\.5"),
    (lambda: MLP([2, 3, 1], norm="layer"), SettingError, r"norm is None or 'batch'; got 'layer'\."),
    (lambda: MLP([2, 3, 1], activation="thanh"), SettingError, r"no activation 'thanh'\. Did you mean 'tanh'\?"),
    (lambda: MLP([2, 3, 1], activation="log"), SettingError, r"log is no activation: it must take any one real number"),
    (lambda: MLP([2, 3, 3], output="softmax"), SettingError, r"Leave output='identity' and train with loss=softmax"),
    (lambda: MLP([2, 3, 1], keep=1.5), SettingError,
     r"keep, the probability to keep a unit, must be a number above 0 and at most 1; got 1\.5"),
    (lambda: Activation("tanh", slope=2.0), ag.OperandError, r"tanh"),
    (lambda: MLP([2, 1], lr=0.1), UnknownSettingError,
     r"MLP takes no lr: it belongs to the optimizer: fit\(model, X, y"),
    (lambda: MLP([2, 1], size=3), UnknownSettingError, r"MLP takes no size: its settings are activation, output"),
    (lambda: Dropout(0.2), UnknownSettingError, r"Dropout has no setting without a name\. It takes keep"),
    (lambda: Dropout(p=0.2), UnknownSettingError,
     r"Dropout has no p\. It takes keep, .* PyTorch's p is the probability to drop one\. Write Dropout\(keep=0\.8\)\."),
    (lambda: Dropout(keep=0.0), SettingError, r"got 0\.0"),
    (lambda: BatchNorm(0), SettingError, r"must be a whole number, 1 or more; got 0"),
    (lambda: BatchNorm(2, epsilon=0.0), SettingError, r"epsilon must be a positive, finite number; got 0\.0"),
    (lambda: BatchNorm(2, momentum=1.5), SettingError,
     r"momentum, the new share, must be a number above 0 and at most 1; got 1\.5"),
    (lambda: Sequential(), SettingError, r"at least one module"),
    (lambda: Sequential([Linear(1, 1)]), SettingError, r"takes modules, one after the other"),
    (lambda: Sequential(Linear(2, 3), Activation("tanh"), Linear(4, 1)), ShapeError,
     r"Linear\(4, 1\) in layer 2 takes 4 inputs, but the layer before gives 3\."),
    (lambda: MLP([2, 3, 1])([1.0, 2.0, 3.0]), ShapeError, r"Linear\(2, 3\) in layer 1 takes 2 inputs; it got 3\."),
    (lambda: MLP([2, 3, 1]).predict([[1.0, 2.0, 3.0]]), ShapeError, r"layer 1 takes 2 inputs; it got 3\."),
    (lambda: Linear(2, 3)([1.0]), ShapeError, r"Linear\(2, 3\) takes 2 inputs; it got 1\."),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_cannot_be_is_refused_with_the_right_call(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
