"""The quick reference: forward propagation, backpropagation and its three steps, in matrices and on the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autograd_core.derivative_tables import relationships
from autograd_core.explanation import explain
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.sweeps import topological_order
from autograd_core.table import Table
from autograd_core.value import Value
from autograd_core.writing import ASCII
from nn.gradients import EagerGradients
from nn.losses import half_squared_error
from nn.matrix_form import (
    deltas,
    deltas_by_element,
    forward_by_element,
    forward_propagation,
    weight_derivatives,
)
from nn.matrix_network import Network
from nn.matrix_tables import backpropagation_table
from nn.mlp import MLP
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample, first_row
from viz.stepping import step

Matrix = Sequence[Sequence[float]]

WEIGHTS = (((0.2, -0.3), (0.4, 0.1)), ((0.5, -0.6), (-0.2, 0.7)), ((0.8, -0.9),))
"""The weights of a 2-2-2-1 network, layer by layer."""


def sigmoid_network(W: Sequence[Matrix]) -> MLP:
    """The network with these weights, every unit a sigmoid, without biases.

    >>> sigmoid_network(WEIGHTS).sizes
    [2, 2, 2, 1]
    """
    sizes = [len(W[0][0]), *map(len, W)]
    model = MLP(sizes, activation="sigmoid", output="sigmoid", bias=False, init="zeros")
    weights = (weight for layer in W for row in layer for weight in row)
    for parameter, weight in zip(model.parameters(), weights, strict=True):
        parameter.data = weight
    return model


def forward(x: Sequence[float] = (1.0, -2.0), W: Sequence[Matrix] = WEIGHTS) -> WorkedExample:
    """Forward propagation: a^(k) = W^(k) z^(k-1), z^(k) = sigma(a^(k)), unit by unit and in matrices.

    The last layer has one unit; sigma is the sigmoid.

    >>> f"{forward().results['yhat']:.10f}"
    '0.4744591911'
    """
    model = sigmoid_network(W)
    inputs = [Value(each, f"x_{j}") for j, each in enumerate(x, 1)]
    yhat = model(inputs)

    network = Network.of(model)
    activations = forward_propagation(network, [x])
    by_element = forward_by_element(network, [x])

    nodes = named_nodes(yhat)
    numbers = by_unit("a", activations.A) | by_unit("z", activations.Z)
    element_numbers = by_unit("a", by_element.A) | by_unit("z", by_element.Z)
    last = f"z_1^({network.depth})"
    graph_numbers = {name: node.data for name, node in nodes.items()} | {last: yhat.data}
    computed = [name for name in numbers if name in graph_numbers]
    return WorkedExample(
        id="forward",
        title="Quick reference: forward propagation",
        says="Two equations, applied layer after layer: a⁽ᵏ⁾ = W⁽ᵏ⁾ z⁽ᵏ⁻¹⁾ and z⁽ᵏ⁾ = σ(a⁽ᵏ⁾). "
        "They begin with z⁽⁰⁾ = x and end with z⁽ᴷ⁾ = ŷ.",
        parts=(
            ("The network: the weights are on the arrows", draw(yhat, wrt=inputs, flow="forward")),
            ("Unit by unit, on the graph", relationships(yhat, wrt=inputs)),
            ("Layer by layer, in matrices: an example is a column", activations.table()),
            ("Step through it", step(yhat, wrt=inputs)),
        ),
        values={Name.of(name).identifier: node for name, node in nodes.items()},
        results={
            **{name: numbers[name] for name in computed},
            "yhat": yhat.data,
            "a unit": first_row(relationships(yhat, wrt=inputs)),
            "in matrices": ", ".join(line.write(ASCII) for line, _ in activations.lines[1:3]),
            "largest |matrix - graph|": max(abs(numbers[name] - graph_numbers[name]) for name in computed),
            "largest |matrix - unit by unit|": max(abs(numbers[name] - element_numbers[name]) for name in numbers),
        },
        builder=forward,
    )


def backward(x: Sequence[float] = (1.0, -2.0), y: float = 1.0, W: Sequence[Matrix] = WEIGHTS) -> WorkedExample:
    """Backpropagation: delta^(K), then delta^(k) from delta^(k+1), and the weight derivatives, for one example.

    The last layer has one unit; sigma is the sigmoid.

    >>> f"{backward().results['delta_1^(3)']:.10f}"
    '-0.1310423747'
    """
    model = sigmoid_network(W)
    inputs, target = [Value(each, f"x_{j}") for j, each in enumerate(x, 1)], Value(y, "y")
    E = half_squared_error(model(inputs), target).named("E")

    network = Network.of(model)
    activations = forward_propagation(network, [x])
    errors = deltas(network, activations, [y])
    derivatives = weight_derivatives(network, activations, errors)

    graph = Graph(E, wrt=[*inputs, *model.parameters()])
    adjoints = graph.adjoints()
    nodes = named_nodes(E)
    of_E = {name: adjoints[graph.index(node)] for name, node in nodes.items() if node is not target}
    delta = by_unit("delta", errors.delta)
    names = [Name.of(name).ascii for name, _ in model.named_parameters()]
    of_weight = dict(zip(names, derivatives.gradient.tolist(), strict=True))
    by_element = by_unit("delta", deltas_by_element(network, activations, [y]).delta)
    differences = [delta[name] - of_E[name.replace("delta", "a")] for name in delta]
    differences += [of_weight[name] - of_E[name] for name in of_weight]
    table = backpropagation_table(network, x, y)
    k = max(network.depth - 1, 1)
    return WorkedExample(
        id="backward",
        title="Quick reference: backpropagation",
        says="The error signal of a unit, δ = ∂E/∂a, comes from those of the layer after it; a weight's derivative "
        "is the δ it leads to times the z it comes from.",
        parts=(
            ("The network and its error", draw(E, wrt=inputs, flow="backward")),
            ("The steps, in matrices", backpropagation_table(network)),
            ("The same with numbers", numbers_of(table)),
            ("The error signals", errors.table()),
            ("The weight derivatives", derivatives.table()),
            ("An error signal on the graph: the sum over the units after it", explain(E, nodes["a_1^(1)"])),
            ("A weight, through the error signal it leads to",
             explain(E, nodes[f"w_11^({k})"], through=nodes[f"a_1^({k})"])),
            ("An erratum", "The slide prints layer 3 on the right of the first equation. It must be K, the last layer, "
             "which is 3 only in a network of three layers."),
            ("A sum, not a mean", "With several examples as columns, δ⁽ᵏ⁾ Z⁽ᵏ⁻¹⁾ᵀ adds up their derivatives. Training "
             "takes the mean: the same divided by their number."),
            ("Step through it", step(E, wrt=inputs)),
        ),
        values={Name.of(name).identifier: node for name, node in nodes.items()},
        results={
            "E": E.data,
            **delta,
            **{f"dE/d{name}": slope for name, slope in of_weight.items()},
            **{f"dE/dx_{j}": of_E[f"x_{j}"] for j in range(1, len(x) + 1)},
            "steps": ", ".join(row[1].write(ASCII) for row in table.rows if not isinstance(row[1], str)),
            "the last delta": errors.lines[0][0].write(ASCII),
            "a delta": errors.lines[-1][0].write(ASCII),
            "a layer's weights": derivatives.lines[0][0].write(ASCII),
            "largest |matrix - graph|": max(map(abs, differences)),
            "largest |matrix - unit by unit|": max(abs(delta[name] - by_element[name]) for name in delta),
        },
        builder=backward,
    )


def three_steps(
    X: Matrix = ((1.0, -2.0), (0.5, 1.5), (-1.0, 0.25)),
    Y: Sequence[float] = (1.0, 0.0, 1.0),
    W: Sequence[Matrix] = WEIGHTS,
    learning_rate: float = 0.5,
) -> WorkedExample:
    """The three steps of backpropagation on a batch of examples, and a step of gradient descent with what they gave.

    X has one example per row; the last layer has one unit, and sigma is the sigmoid.

    >>> f"{three_steps().results['mean of dE_n/dw_11^(3)']:.10f}"
    '-0.0257631269'
    """
    model = sigmoid_network(W)
    network = Network.of(model)
    activations = forward_propagation(network, X)
    errors = deltas(network, activations, Y)
    total = weight_derivatives(network, activations, errors)
    mean = weight_derivatives(network, activations, errors, mean=True)

    def mean_error(at: Network) -> float:
        return float(np.mean((forward_propagation(at, X).Z[at.depth] - np.array(Y)) ** 2) / 2)

    after = Network({k: W_k - learning_rate * mean.W[k] for k, W_k in network.W.items()}, {}, network.activations)
    targets = half_squared_error.targets(Y, 1)
    eager = EagerGradients(model, half_squared_error)
    each = eager.per_example(np.array(X), targets)[1]
    return WorkedExample(
        id="three-steps",
        title="Backpropagation in three steps",
        says=f"Three calls, each showing what it computed, for {len(X)} examples at once: an example is a column.",
        parts=(
            ("1. Run forward propagation and calculate all the activations", activations.table()),
            ("2. Evaluate δ for all units", errors.table()),
            ("3. Compute the weight derivatives: the sum over the examples", total.table()),
            ("Their mean, which gradient descent uses", mean.table()),
            ("Now we can run gradient descent",
             f"One step with a learning rate of {learning_rate:g} takes the mean error from {mean_error(network):.6f} "
             f"to {mean_error(after):.6f}."),
        ),
        values={Name.of(name).identifier: parameter for name, parameter in model.named_parameters()},
        results={
            "examples": float(len(X)),
            "mean error": mean_error(network),
            "sum of dE_n/dw_11^(1)": float(total.W[1][0, 0]),
            "mean of dE_n/dw_11^(1)": float(mean.W[1][0, 0]),
            "sum of dE_n/dw_11^(3)": float(total.W[network.depth][0, 0]),
            "mean of dE_n/dw_11^(3)": float(mean.W[network.depth][0, 0]),
            "mean error after a step": mean_error(after),
            "largest |sum - sum of the graphs' gradients|": float(np.abs(total.gradient - each.sum(axis=0)).max()),
            "largest |mean - training's gradient|":
                float(np.abs(mean.gradient - eager.mean(np.array(X), targets).gradient).max()),
        },
        builder=three_steps,
    )


def named_nodes(output: Value) -> dict[str, Value]:
    """The named nodes that an output was computed from, by their name in plain letters: ``a_1^(2)``."""
    return {Name.of(node.name).ascii: node for node in topological_order((output,)) if node.name}


def by_unit(letter: str, layers: Mapping[int, np.ndarray]) -> dict[str, float]:
    """The numbers of one example by the name of their unit: ``a_1^(2)``.

    >>> by_unit("a", {2: np.array([[0.5], [0.25]])})
    {'a_1^(2)': 0.5, 'a_2^(2)': 0.25}
    """
    return {f"{letter}_{i}^({k})": number for k, matrix in layers.items()
            for i, number in enumerate(matrix[:, 0].tolist(), 1)}


def numbers_of(table: Table) -> Table:
    """The backward pass without its formulas: the step, the variable, and the three columns of numbers."""
    header = ("step", "variable", "its value", "local derivative", "backpropagated derivative")
    return Table(header, tuple((row[0], row[1], row[2], row[5], row[7]) for row in table.rows))
