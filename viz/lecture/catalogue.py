"""The lecture's 24 rows: their ids, the function that works each out, and the numbers and lines printed there.

A row without a function is still to come; its place is kept so that ids and numbers never move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from viz.lecture.chain_rule import chain, example_1, example_2, example_3, simple
from viz.lecture.networks import mini_network, scalar_network
from viz.lecture.quick_reference import backward, forward, three_steps
from viz.lecture.worked_example import Check, WorkedExample


@dataclass(frozen=True)
class Row:
    """One row of the lecture: its number, its id, what its slides are about, and what must come out.

    ``published`` are the results as the lecture's sheet prints them, for the default arguments of
    ``example``.
    """

    number: int
    id: str
    slide: str
    example: Callable[..., WorkedExample] | None = None
    published: Mapping[str, str] = field(default_factory=dict)

    def checks(self) -> tuple[Check, ...]:
        """What is printed beside what is computed; empty for a row still to come."""
        return self.example().checks(self.published) if self.example else ()


CATALOGUE: tuple[Row, ...] = (
    Row(1, "error-and-step", "forward propagation, error, gradient descent"),
    Row(2, "example-1", "y = 2a, a = 3x", example_1, {
        "picture": "x -3-> a, a -2-> y",
        "dy/dx": "6",
        "derivation": "dy/dx = dy/da da/dx = (2)(3) = 6",
    }),
    Row(3, "example-2", "y = 2 a_1 + a_2, a_1 = 3x, a_2 = -x", example_2, {
        "picture": "x -3-> a_1, x --1-> a_2, a_1 -2-> y, a_2 -1-> y",
        "products of the paths": "6, -1",
        "dy/dx": "5",
        "line 1": "d/dx (2a_1 + 1a_2) [sum rule]",
        "line 2": "(2) da_1/dx + (1) da_2/dx [chain rule]",
        "line 3": "dy/da_1 da_1/dx + dy/da_2 da_2/dx [local derivatives, by name]",
        "line 4": "(2)(3) + (1)(-1) [numbers]",
        "line 5": "5 [result]",
    }),
    Row(4, "example-3", "y = sum_j w_j^(2) a_j, a_j = w_j^(1) x", example_3, {
        "dy/dx": "1.1000000000",
        "rules": "sum_{j=1}^{5} dy/da_j da_j/dx",
        "general term": "sum_{j=1}^{5} w_j^(2) w_j^(1)",
        "dy/dw_i^(2)": "a_2",
        "dy/dw_i^(1)": "w_2^(2) x",
    }),
    Row(5, "chain", "backpropagation intuitively", chain, {
        "fold 0": "df/dw dw/dx dx/dy dy/dz",
        "fold 1": "[df/dw dw/dx = df/dx] dx/dy dy/dz",
        "fold 2": "[df/dx dx/dy = df/dy] dy/dz",
        "fold 3": "[df/dy dy/dz = df/dz]",
        "fold 4": "df/dz",
        "df/dz": "3.1783876752",
    }),
    Row(6, "simple", "f(a, b) = a + b", simple, {
        "picture": "a -1-> y, b -1-> y",
        "dy/da": "1",
        "dy/db": "1",
        "d(a+a)/da, edges": "1, 1",
        "d(a*a)/da, edges": "2, 2",
        "d(a*a)/da": "4",
    }),
    Row(7, "scalar-network", "yhat = sigma(w_2 sigma(w_1 z_0)), E = 1/2 (yhat - y)^2", scalar_network, {
        "yhat": "0.2503797710",
        "E": "0.2809652439",
        "delta_2": "-0.1406960268",
        "delta_1": "0.0414937768",
        "dE/dw_2": "-0.1028570374",
        "dE/dw_1": "0.0829875535",
        "rule": "dE/dyhat dyhat/da_2 da_2/dz_1 dz_1/da_1 da_1/dw_1",
        "factors": "(yhat - y) sigmoid'(a_2) w_2 sigmoid'(a_1) z_0",
        "through delta": "delta_1 z_0",
        "picture": "z_0 -w_1-> a_1, a_1 -sigmoid'(a_1)-> z_1, z_1 -w_2-> a_2, a_2 -sigmoid'(a_2)-> yhat, "
                   "yhat -yhat - y-> E",
    }),
    Row(8, "mini-network", "an actual mini neural network", mini_network, {
        "yhat": "0.7002606404",
        "E": "0.0449218418",
        "dE/da_0": "-0.14930150",
        "dE/da_1": "0.03362055",
        "dE/da_2": "-0.08969738",
        "dE/dw_0": "-0.16097489",
        "dE/dw_1": "0.25426400",
        "dE/dw_2": "0.01497449",
        "largest |dE/dw_ij - dE/da_i x_j|": "0",
        "weights": "12",
        "a general unit": "a_i = w_i0 x_0 + w_i1 x_1 + w_i2 x_2",
        "a general weight": "dE/dw_ij = dE/dyhat dyhat/dz_i dz_i/da_i da_i/dw_ij = (yhat - y) w_i g'(a_i) x_j",
    }),
    Row(9, "forward", "quick reference 5.1: forward propagation", forward, {
        "a unit": "a_1^(1) = w_11^(1) x_1 + w_12^(1) x_2",
        "in matrices": "A^(1) = W^(1) Z^(0), Z^(1) = sigmoid(A^(1))",
        "a_1^(1)": "0.8000000000",
        "a_2^(1)": "0.2000000000",
        "z_1^(1)": "0.6899744811",
        "z_2^(1)": "0.5498339973",
        "a_1^(2)": "0.0150868422",
        "a_2^(2)": "0.2468889019",
        "z_1^(2)": "0.5037716390",
        "z_2^(2)": "0.5614106061",
        "a_1^(3)": "-0.1022522343",
        "yhat": "0.4744591911",
        "largest |matrix - graph|": "0",
        "largest |matrix - unit by unit|": "0",
    }),
    Row(10, "backward", "quick reference 5.2: backpropagation", backward, {
        "steps": "z^(3), a^(3), z^(2), a^(2), z^(1), a^(1), x",
        "the last delta": "delta^(3) = (Z^(3) - Y^T) o sigmoid'(A^(3))",
        "a delta": "delta^(1) = W^(2)T delta^(2) o sigmoid'(A^(1))",
        "a layer's weights": "dE/dW^(1) = delta^(1) Z^(0)T",
        "E": "0.1380965709",
        "delta_1^(3)": "-0.1310423747",
        "delta_1^(2)": "-0.0262069836",
        "delta_2^(2)": "0.0290397586",
        "delta_1^(1)": "-0.0040453411",
        "delta_2^(1)": "0.0089234727",
        "dE/dw_11^(1)": "-0.0040453411",
        "dE/dw_12^(1)": "0.0080906823",
        "dE/dw_21^(1)": "0.0089234727",
        "dE/dw_22^(1)": "-0.0178469455",
        "dE/dw_11^(2)": "-0.0180821499",
        "dE/dw_12^(2)": "-0.0144094906",
        "dE/dw_21^(2)": "0.0200366924",
        "dE/dw_22^(2)": "0.0159670466",
        "dE/dw_11^(3)": "-0.0660154319",
        "dE/dw_12^(3)": "-0.0735685790",
        "dE/dx_1": "0.0027603209",
        "dE/dx_2": "0.0021059496",
        "largest |matrix - graph|": "0",
        "largest |matrix - unit by unit|": "0",
    }),
    Row(11, "three-steps", "the three steps of backpropagation", three_steps, {
        "examples": "3",
        "mean error": "0.1275587515",
        "sum of dE_n/dw_11^(1)": "0.0025927431",
        "mean of dE_n/dw_11^(1)": "0.0008642477",
        "sum of dE_n/dw_11^(3)": "-0.0772893806",
        "mean of dE_n/dw_11^(3)": "-0.0257631269",
        "mean error after a step": "0.1267713129",
        "largest |sum - sum of the graphs' gradients|": "0",
        "largest |mean - training's gradient|": "0",
    }),
    Row(12, "descent", "batch gradient descent, SGD, minibatch"),
    Row(13, "optimizers", "momentum, RMSprop, Adam"),
    Row(14, "gabor", "a cost with several local minima: the Gabor model"),
    Row(15, "minibatch-costs", "the global cost and three minibatch costs"),
    Row(16, "descent-paths", "full-batch gradient descent against minibatch SGD"),
    Row(17, "activations", "tanh, sigmoid, ReLU"),
    Row(18, "initialization", "weight initialization"),
    Row(19, "batch-norm", "batch normalization"),
    Row(20, "regularization", "L2, L1, dropout, early stopping"),
    Row(21, "learning-curves", "watch your learning curves"),
    Row(22, "recipe", "successfully training networks"),
    Row(23, "tuning", "hyperparameter tuning"),
    Row(24, "playbook", "the Deep Learning Tuning Playbook"),
)
