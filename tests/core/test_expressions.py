"""Random expressions: what they promise of their point, and that all their readings agree."""

import math
import operator
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autograd_core
from autograd_core import NamingError, OperandError, Value, parse
from autograd_core import primitives as rows
from autograd_core.primitives import find_primitive
from autograd_core.row import Primitive
from autograd_core.testing.expressions import Expression, draw_expression
from autograd_core.testing.random_programs import DEFAULT_ROWS, LARGEST, Step
from tests.core.sweeps import call

EACH = 25
OPTIONS: list[dict[str, Any]] = [
    {}, {"sharing": False}, {"scale": "integer"}, {"scale": "wide"}, {"kinks": "allow", "scale": "integer"},
    {"kinks": "force"}, {"kinks": "force", "scale": "integer"}, {"kinks": "force", "scale": "wide"},
    {"variables": ["w_1", "b"], "max_ops": 30}, {"primitives": ["add", "mul", "relu", "pow"], "kinks": "force"},
    {"primitives": ["exp"], "sharing": False}, {"primitives": ["div", "log", "acosh"], "max_ops": 5},
    {"primitives": ["clip"], "sharing": False}, {"max_ops": 2}, {"max_ops": 2, "kinks": "force"},
    {"max_ops": 1, "sharing": False, "kinks": "force"},
    {"primitives": rows.TABLE, "kinks": "allow"},
]


def each(options: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("options", options, ids=[",".join(map(str, each.values()))[:40] for each in options])


every_option = each(OPTIONS)


def drawn(options: dict[str, Any], count: int = EACH) -> list[Expression]:
    rng = np.random.default_rng(1)
    return [draw_expression(rng, **options) for _ in range(count)]


class Recorder:
    """An engine of its own: it computes with the rows and writes down each operation with its operands."""

    def __init__(self) -> None:
        self.calls: list[tuple[Primitive, list[float], float]] = []

    def __getattr__(self, name: str) -> Any:
        row = find_primitive(name)
        if row is None:
            raise AttributeError(name)

        def function(*operands: Any) -> float:
            lists = operands if row.arity is None else [operands]
            assert row.arity is not None or (len(lists) == row.lists and all(type(each) is list for each in lists))
            flat = [each for part in lists for each in part]
            self.calls.append((row, flat, call(row, flat)))
            return self.calls[-1][2]

        return function


def calls(expression: Expression, point: Any = None) -> list[tuple[Primitive, list[float], float]]:
    recorder = Recorder()
    expression(*(expression.point if point is None else point), ops=recorder)
    return recorder.calls


def value(expression: Expression) -> float:
    result = expression(*expression.point)
    assert type(result) is float
    return result


def reads(expression: Expression) -> Counter[int]:
    return Counter(each for step in expression.steps for each in step.operands if isinstance(each, int))


@every_option
def test_every_operation_is_inside_its_domain_and_no_number_is_extreme(options: dict[str, Any]) -> None:
    largest = LARGEST[options.get("scale", "unit")]
    for expression in drawn(options):
        for row, operands, result in calls(expression):
            assert row.domain.contains(*operands), expression
            assert result == 0.0 or 1e-100 <= abs(result) <= largest, expression


@every_option
def test_gradients_are_finite_and_leaves_are_named_as_the_variables(options: dict[str, Any]) -> None:
    for expression in drawn(options):
        y = expression.record()
        y.backward()
        leaves = {node.name: node for node in autograd_core.value.topological_order((y,)) if node.is_leaf}
        assert y.data == value(expression)
        assert list(leaves) == list(expression.variables)
        assert [leaf.data for leaf in leaves.values()] == [*expression.point]
        assert all(math.isfinite(leaf.grad) for leaf in leaves.values()), expression


@every_option
def test_everything_is_needed_and_the_size_is_as_asked(options: dict[str, Any]) -> None:
    names = options.get("variables", ["x", "y", "z"])
    for expression in drawn(options):
        places = len(expression.variables) + len(expression.steps)
        assert set(reads(expression)) == set(range(places - 1)), expression
        assert len(expression.steps) <= options.get("max_ops", 12)
        assert set(expression.variables) <= set(names)
        assert set(expression.primitives) == {step.row for step in expression.steps}


@each([options for options in OPTIONS if options.get("sharing", True)])
def test_sharing_is_guaranteed(options: dict[str, Any]) -> None:
    for expression in drawn(options):
        count = len(expression.variables)
        assert any(times > 1 for place, times in reads(expression).items() if place >= count), expression


@pytest.mark.parametrize("scale", LARGEST)
def test_off_the_kinks_means_off_them_nearby_too(scale: str) -> None:
    rng = np.random.default_rng(2)
    for expression in drawn({"scale": scale}, 200):
        kinks = [np.sign(kink(*operands)) for row, operands, _ in calls(expression) for kink in row.kinks]
        assert 0.0 not in kinks
        least = 0.0 if scale == "wide" else 1.0
        for _ in range(3):
            shifts = rng.choice([-1e-4, 1e-4], len(expression.point))
            moved = [x + max(abs(x), least) * shift for x, shift in zip(expression.point, shifts, strict=True)]
            near = calls(expression, moved)
            assert all(row.domain.contains(*operands) for row, operands, _ in near), expression
            assert [np.sign(kink(*operands)) for row, operands, _ in near for kink in row.kinks] == kinks, expression


@each([options for options in OPTIONS if options.get("kinks") == "force"])
def test_force_puts_one_operation_exactly_at_its_kink(options: dict[str, Any]) -> None:
    kinked = set()
    for expression in drawn(options):
        at_kinks = [row for row, operands, _ in calls(expression) if any(kink(*operands) == 0 for kink in row.kinks)]
        assert len(at_kinks) == 1, expression
        kinked.update(at_kinks)
    assert rows.where not in kinked
    assert len(kinked) > 3 or "primitives" in options


def test_forced_kinks_are_reached_by_the_inputs_not_only_by_constants() -> None:
    for expression in drawn({"kinks": "force", "sharing": False, "max_ops": 1, "primitives": ["relu", "leaky_relu"]}):
        assert expression.point[0] == 0.0 or expression.variables == ("x", "y")
        assert expression.steps[-1].operands[0] in (0, 1)


def test_integers_are_small_and_often_equal() -> None:
    points = [expression.point for expression in drawn({"scale": "integer"}, 300)]
    assert {x for point in points for x in point} == {-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0}
    several = [point for point in points if len(point) == 3]
    assert sum(len(set(point)) < 3 for point in several) > len(several) / 3


def test_wide_inputs_are_wide() -> None:
    sizes = [abs(x) for expression in drawn({"scale": "wide"}, 300) for x in expression.point]
    assert 1e-6 <= min(sizes) < 1e-5 and 1e3 < max(sizes) <= 1e4


def test_all_rows_occur_and_repeated_operands_often() -> None:
    many = drawn({}, 400)
    assert {row for expression in many for row in expression.primitives} == set(DEFAULT_ROWS)
    assert {row.name for row in set(rows.TABLE) - set(DEFAULT_ROWS)} == {"sign", "heaviside", "greater", "batch_mean"}
    repeated = [any(len(set(step.operands)) < len(step.operands) for step in expression.steps) for expression in many]
    assert sum(repeated) > len(many) / 2
    sizes = Counter(len(expression.steps) for expression in many)
    assert min(sizes[size] for size in range(2, 12)) > 15
    assert {len(expression.variables) for expression in many} == {1, 2, 3}


def test_the_same_seed_draws_the_same() -> None:
    first, second = ([draw_expression(np.random.default_rng(7), scale=scale) for scale in LARGEST] for _ in range(2))
    assert first == second and hash(first[0]) == hash(second[0])
    assert draw_expression(7) == draw_expression(np.random.default_rng(7)) != draw_expression(8)


# --- readings -----------------------------------------------------------------------------------


@every_option
def test_source_and_text_and_repr_give_the_same_value(options: dict[str, Any]) -> None:
    for expression in drawn(options):
        expected = value(expression)
        for code in (expression.source, repr(expression)):
            names: dict[str, Any] = {}
            exec(code, names)
            assert names["point"] == expression.point
            assert names["f"](*names["point"]) == expected, code
            again = names["f"](*map(Value, expression.point))
            again.backward()
            assert again.data == expected
        definitions = parse(expression.text)
        assert definitions.inputs and set(definitions.inputs) == set(expression.variables)
        (output,) = definitions.outputs
        assert definitions[output].data == expected, expression.text


def test_the_text_keeps_the_order_of_the_graph() -> None:
    expression = Expression(("y", "f"), (Step(rows.sub, (1, -0.5)), Step(rows.pow, (2, -2.0)),
                                         Step(rows.pow, (-2.0, 2)), Step(rows.dot, (3, 4, 3, -1.0))), (1.0, 1.5))
    assert expression.text == (
        "y = 1; f = 1.5; v_1 = f - -0.5; v_2 = v_1**-2; v_3 = pow(-2, v_1); g = dot([v_2, v_3], [v_2, -1])"
    )
    assert repr(expression).endswith(f'point = (1.0, 1.5)\n# viz.draw("{expression.text}")')
    assert parse(expression.text)["g"].data == value(expression) == 0.25**2 - 4.0


def test_arrays_are_computed_element_by_element() -> None:
    for expression in drawn({}, 100):
        columns = [np.array([x, x]) for x in expression.point]
        np.testing.assert_allclose(expression(*columns), [value(expression)] * 2, rtol=1e-9, atol=1e-9)


def test_names_of_steps_keep_clear_of_the_variables() -> None:
    v_1 = Expression(("v_1", "w_1"), (Step(rows.mul, (0, 1)), Step(rows.neg, (2,))), (2.0, 3.0))
    assert v_1.text == "v_1 = 2; w_1 = 3; u_1 = v_1*w_1; y = -u_1"


NUMPY = {"sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "pow": np.power,
         "total": lambda terms: sum(terms), "dot": lambda left, right: np.dot(left, right).item()}


def test_ops_may_be_numpy() -> None:
    class Numpy:
        def __getattr__(self, name: str) -> Any:
            return NUMPY[name] if name in NUMPY else getattr(np, name)

    names = ["add", *NUMPY, "sin", "acos", "log", "atan2", "maximum", "abs", "square", "hypot", "log1p"]
    every = {name: getattr(np, name) for name in ("add", "sin", "log", "arccos", "absolute", "arctan2", "maximum")}
    for expression in drawn({"primitives": names}, 200):
        assert expression(*expression.point, ops=Numpy()) == pytest.approx(value(expression), rel=1e-9, abs=1e-9)
        if all({row.name, *row.aliases} & set(every | NUMPY) for row in expression.primitives):
            assert expression(*expression.point, ops=every | NUMPY) == pytest.approx(value(expression), abs=1e-9)


def test_ops_may_be_another_engine() -> None:
    expression = Expression(("x", "y"), (Step(rows.mul, (0, 1)), Step(rows.total, (2, 2, 3.0)),
                                         Step(rows.dot, (3, 2.0, 0, 1))), (2.0, 5.0))
    seen = [(row.name, operands, result) for row, operands, result in calls(expression)]
    assert seen == [("mul", [2.0, 5.0], 10.0), ("total", [10.0, 10.0, 3.0], 23.0),
                    ("dot", [23.0, 2.0, 2.0, 5.0], 56.0)]
    ops = {"mul": operator.mul, "total": math.fsum}
    with pytest.raises(OperandError, match=r"ops has no function dot, which this expression uses\. Add it"):
        expression(*expression.point, ops=ops)
    with pytest.raises(OperandError, match="no function acos or arccos"):
        Expression(("x",), (Step(rows.acos, (0,)),), (0.5,))(0.5, ops=SimpleNamespace())


# --- rows of one's own --------------------------------------------------------------------------

cube = Primitive("cube", lambda x: x * x * x, lambda x: x * x * x, lambda mp, x: x**3,
                 partials=(lambda out, x: 3.0 * x * x,), domain=rows.ONE_REAL, javascript="x => x * x * x")


def test_a_row_of_ones_own_is_drawn_and_written_but_the_text_language_lacks_it() -> None:
    expression = draw_expression(0, primitives=[cube, "mul"], max_ops=4)
    assert cube in {row for each in range(9) for row in draw_expression(each, primitives=[cube, "mul"]).primitives}
    expression = Expression(("x",), (Step(cube, (0,)),), (2.0,))
    assert "# cube is no row of the table: import it here" in expression.source
    assert repr(expression) == expression.source
    names: dict[str, Any] = {"cube": cube}
    exec(expression.source, names)
    assert names["f"](2.0) == expression(2.0) == 8.0
    with pytest.raises(OperandError, match=r"language of parse does not know cube, .* Use \.source"):
        _ = expression.text


def test_a_renamed_row_is_written_under_the_tables_name() -> None:
    expression = Expression(("x",), (Step(rows.tanh.renamed("g"), (0,)),), (0.5,))
    assert expression.text == "x = 0.5; y = tanh(x)"
    assert expression(0.5, ops=Recorder()) == math.tanh(0.5)


def test_long_programs_can_be_drawn() -> None:
    expression = max((draw_expression(seed, max_ops=300, variables=20) for seed in range(5)),
                     key=lambda each: len(each.steps))
    assert len(expression.steps) > 100
    assert math.isfinite(value(expression))


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "words"), [
    ({"kinks": "never"}, "kinks is one of 'avoid', 'allow', 'force'; got 'never'"),
    ({"scale": "huge"}, "scale is one of 'unit', 'integer', 'wide'; got 'huge'"),
    ({"primitives": ["sine"]}, "primitives are rows or their names, such as 'sin'; got 'sine'"),
    ({"primitives": []}, "no primitives to draw from"),
    ({"primitives": ["sin"]}, "sharing=True needs an operation of two operands, such as add; got sin"),
    ({"primitives": ["add"], "kinks": "force"}, "kinks='force' needs an operation with a kink, such as relu; got add"),
    ({"primitives": ["where"], "kinks": "force"}, "needs an operation with a kink"),
    ({"max_ops": 1}, "max_ops=1 is too small: it takes 2 or more"),
    ({"max_ops": 0, "sharing": False}, "max_ops=0 is too small: it takes 1 or more"),
    ({"variables": 0}, "at least one"),
    ({"variables": ["x", "x"]}, "different names"),
    ({"variables": ["a1", "a_1"]}, "different names"),
    ({"variables": ["sin"]}, "no function's; got 'sin'"),
    ({"variables": ["2x"]}, "a name such as x or w_1"),
    ({"variables": ["lambda"]}, "a name such as x or w_1"),
], ids=str)
def test_what_cannot_be_drawn_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises((OperandError, NamingError)) as caught:
        draw_expression(0, **options)
    assert words in str(caught.value)


def test_a_row_that_is_nowhere_safe_is_said() -> None:
    nowhere = Primitive("nowhere", lambda x: math.nan, lambda x: x * math.nan, lambda mp, x: x,
                        partials=(lambda out, x: 1.0,), domain=rows.ONE_REAL, javascript="x => NaN")
    with pytest.raises(OperandError, match="No operands were found that are safe for any of nowhere"):
        draw_expression(0, primitives=[nowhere], sharing=False)
    with pytest.raises(OperandError, match="No two operations of clip were found that share a node"):
        draw_expression(0, 1, ["clip"], max_ops=2)  # clip(x, a, a) leaves its domain close by, clip(a, a, x) has a kink


@pytest.mark.parametrize("step", [
    Step(rows.sin, (1,)), Step(rows.sin, (-1,)), Step(rows.add, (0,)), Step(rows.add, (1.0, 2.0)),
    Step(rows.add, (0, True)), Step(rows.total, ()), Step(rows.dot, (0, 0, 0)),
], ids=str)
def test_steps_that_cannot_be_computed_are_refused(step: Step) -> None:
    with pytest.raises(OperandError, match=rf"The step {step.row.name}.* at place 1 cannot be computed"):
        Expression(("x",), (step,), (1.0,))


def test_inputs_are_counted() -> None:
    with pytest.raises(OperandError, match=r"takes 2 inputs \(x, y\); it got 1"):
        Expression(("x", "y"), (Step(rows.add, (0, 1)),), (1.0, 2.0))(1.0)
    with pytest.raises(OperandError, match="1 variables, 2 numbers and 1 steps"):
        Expression(("x",), (Step(rows.neg, (0,)),), (1.0, 2.0))


@pytest.mark.parametrize("variables", [-1, 2.5, True, None, "xy"])
def test_a_number_of_variables_that_is_none_is_refused(variables: Any) -> None:
    with pytest.raises(OperandError, match=r"variables is how many there are, 1 or more, or their names; got "):
        draw_expression(0, variables=variables)
