"""The operations a page computes with, those of one's own among them; and the numbers as the page writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

import viz
from autograd_core import Graph, Value, backward_events
from autograd_core import primitives as rows
from autograd_core.domains import Box, Interval, Region
from autograd_core.row import Primitive
from autograd_core.writing import UNICODE, format_number
from tests.core.test_javascript import needs_node, number_text, run_in_node
from viz.stepping.operations import operation_key, operation_of, write_operations
from viz.stepping.stepper import stepper_module


def own(name: str, **changed: object) -> Primitive:
    """A primitive of one's own: tanh, but for what is changed."""
    plain: dict[str, object] = {"name": name, "primed": False, "head": None, "textbook": None}
    return replace(rows.tanh, **(plain | changed))  # type: ignore[arg-type]


def computed(row: Primitive, *operands: float) -> list[float]:
    """The value and the partials of a row, as a stepper's page computes them."""
    stepper = viz.step(row(*(Value(x, f"x_{at}") for at, x in enumerate(operands))).named("y"))
    key = json.dumps(operation_key(operation_of(row, len(operands))))
    given = ", ".join(map(number_text, operands))
    program = (
        f"const {{value, partials}} = OPERATIONS[{key}], out = value({given});"
        f"console.log(JSON.stringify([out, ...partials(out, {given})]));"
    )
    found: list[float] = run_in_node(f"{stepper_module([stepper])}\n{program}")
    return found


def in_python(row: Primitive, *operands: float) -> list[float]:
    y = row(*(Value(x, f"x_{at}") for at, x in enumerate(operands))).named("y")
    return [y.data, *(event.local_derivative for event in backward_events(y))]


@needs_node
@pytest.mark.parametrize("row", [rows.tanh.renamed("g"), rows.sigmoid.renamed("my activation!", ("h", "h"))])
def test_a_row_under_another_name_is_computed_as_what_it_is(row: Primitive) -> None:
    assert computed(row, 0.3) == pytest.approx(in_python(row, 0.3), rel=1e-14)
    assert operation_of(row, 1) == (row.alias_of, 1)


CUBE = own("cube", scalar=lambda x: x**3, array=lambda x: x**3, javascript="x => x ** 3",
           partials=(lambda out, x: 3.0 * x * x,))
BLEND = own("blend", scalar=lambda x, y: x * y + y, array=lambda x, y: x * y + y, javascript="(x, y) => x * y + y",
            partials=(lambda out, x, y: y, lambda out, x, y: rows.add(x, 1.0)))
RELYING = own("relying", javascript="Math.tanh", partials=(lambda out, x: 1.0 - CUBE(x) * out,))
OWN = {
    "cube": CUBE,
    "of two operands": BLEND,
    "its partial needs another row of one's own": RELYING,
}


@needs_node
@pytest.mark.parametrize("row", OWN.values(), ids=OWN)
def test_a_primitive_of_one_s_own_is_computed_as_written(row: Primitive) -> None:
    operands = (0.3, 0.7)[: row.arity]
    assert computed(row, *operands) == pytest.approx(in_python(row, *operands), rel=1e-14)


@pytest.mark.parametrize("name", ["my-op", "new", "two words", "1st"])
def test_a_name_that_is_none_in_javascript_is_refused(name: str) -> None:
    stepper = viz.step(own(name, javascript="Math.tanh")(Value(0.5, "x")).named("y"))
    with pytest.raises(ValueError, match=name):
        stepper.html  # noqa: B018


@needs_node
def test_a_domain_of_one_s_own_is_the_page_s_too() -> None:
    def below_1(*javascript: str) -> Region:
        return Region("x < 1", lambda x: x < 1, lambda rng: (0.0,), *javascript)

    domains = {
        "box": Box((Interval(-1.0, 2.0, True, False, holes=(0.0, 1.0)),)), "told": below_1("x => x < 1"),
        "untold": below_1(), "numpy": Box((Interval(low=np.float64(0.5)),)),
    }
    own_rows = [own(name, domain=domain, javascript="Math.tanh") for name, domain in domains.items()]
    tried = [-1.5, -1.0, -0.5, 0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
    asked = ", ".join(f"{name}: {json.dumps(tried)}.map(x => OPERATIONS.{name}.inside(x))" for name in domains)
    program = f"{write_operations((row, 1) for row in own_rows)}console.log(JSON.stringify({{{asked}}}));"
    right = {name: [bool(domain.contains(x)) for x in tried] for name, domain in domains.items()}
    assert run_in_node(program) == right | {"untold": [True] * len(tried)}


TWINS: dict[str, tuple[Primitive, Primitive]] = {
    "a row of the table": (rows.tanh, own("exp", javascript="Math.tanh")),
    "in JavaScript": (own("f", javascript="Math.tanh"), own("f", javascript="Math.sinh")),
    "in the partials": (own("f"), own("f", partials=(lambda out, x: 1.0,))),
    "in the partials, one in the table": (rows.tanh, own("tanh", partials=(lambda out, x: 1.0,))),
    "in the domain": (own("f"), own("f", domain=Box((Interval(low=0.0),)))),
}


@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_two_primitives_with_one_name_are_refused(twins: tuple[Primitive, Primitive]) -> None:
    x = Value(0.5, "x")
    stepper = viz.step((twins[0](x) * twins[1](x)).named("y"))
    with pytest.raises(ValueError, match=r"^Two primitives are called"):
        stepper.html  # noqa: B018


def test_two_steppers_of_one_page_share_what_they_compute_with() -> None:
    x = Value(0.5, "x")
    first, second = viz.step((CUBE(x) * 2.0).named("y")), viz.step((CUBE(x) + rows.total([x, x])).named("z"))
    assert stepper_module([first, second]).count('"cube": {') == 1
    assert '"total/2"' in stepper_module([first, second]) and '"total/2"' not in stepper_module([first])


ENDING: list[Callable[[], Primitive]] = [
    lambda: own("f", javascript="x => '</script>'.length"),
    lambda: own("f", javascript="x => '</ScRiPt'.length"),
    lambda: own("f", javascript="x => /<!--/.test(x)"),
    lambda: own("f", domain=Region("</script>", lambda x: x == x, lambda rng: (0.0,))),
]


@pytest.mark.parametrize("make", ENDING)
def test_what_would_end_the_page_s_script_is_refused(make: Callable[[], Primitive]) -> None:
    stepper = viz.step(make()(Value(0.5, "x")).named("y"))
    with pytest.raises(ValueError, match="must not hold '</script' or '<!--'"):
        stepper.html  # noqa: B018


def test_a_page_grows_with_the_operands_of_an_operation_not_with_their_square() -> None:
    for row in (rows.total, rows.dot, rows.logsumexp):
        few, many = (len(write_operations([(row, count)])) - len(write_operations([])) for count in (50, 400))
        assert many < 16 * few, f"{row.name} of 400 operands takes {many:,} letters, of 50 {few:,}"


def test_the_order_of_the_operations_is_that_of_their_names_not_of_a_set() -> None:
    operations = [operation_of(row, row.arity or 2 * row.lists) for row in rows.TABLE]
    assert write_operations(operations) == write_operations(reversed(operations)) == write_operations(set(operations))


def test_the_module_of_a_graph_holds_its_own_operations_and_no_others() -> None:
    graph = Graph((rows.sin(Value(1.0, "x")) * 2.0).named("y"))
    module = stepper_module([viz.step(graph)])
    keys = module[module.index("return {\n") : module.index("})();")]
    assert keys.count("inside: ") == 2 and '"sin": {' in keys and '"mul": {' in keys


# --- numbers as text ----------------------------------------------------------------------------

TIES = (1.0625, 0.15625, 2.00048828125, 0.00030517578125 * 3, 1234.5, 1235.5, -1.1875)


def numbers_to_write() -> list[float]:
    rng = np.random.default_rng(2)
    wide = rng.choice([-1.0, 1.0], 1500) * 10.0 ** rng.uniform(-323, 308, 1500)
    usual = rng.choice([-1.0, 1.0], 1500) * 10.0 ** rng.uniform(-6, 8, 1500)
    whole = [sign * (1e6 + near) for near in range(-3, 4) for sign in (1.0, -1.0)]
    ends = [0.0, -0.0, 1e-320, 5e-324, 1e308, math.inf, -math.inf, math.nan, 9999.6, 9999.4, 999.96, 0.00012345]
    ends += [1e-4, 9.9994e-5, 9.9996e-5, 0.99996, 0.1 + 0.2, 1e4, 1e5, 12345.0, 1234.56, 999999.5, 100.0, -3.0, 2.5e-7]
    return [*ends, *whole, *map(float, [*wide, *usual])]


def as_typeset(text: str) -> str:
    """Python's text with a minus sign and a power of ten as they are typeset."""
    mantissa, _, power = text.partition("e")
    small = power.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return mantissa.replace("-", "−") + (f"·10{small}" if power else "")


def written_in_node(numbers: Sequence[float]) -> list[str]:
    held = json.dumps([number_text(x) for x in numbers])
    shown = f"console.log(JSON.stringify({held}.map(x => formatNumber(Number(x)))));"
    found: list[str] = run_in_node(f"{stepper_module([])}\n{shown}")
    return found


def disagreements(numbers: Sequence[float]) -> list[tuple[float, str, str]]:
    right = [as_typeset(format_number(x, UNICODE)) for x in numbers]
    return [each for each in zip(numbers, written_in_node(numbers), right, strict=True) if each[1] != each[2]]


@needs_node
def test_numbers_are_written_as_everywhere_else() -> None:
    assert disagreements(numbers_to_write()) == []


@needs_node
def test_a_number_half_way_between_two_others_is_rounded_as_everywhere_else() -> None:
    assert disagreements(TIES) == []


@needs_node
def test_a_number_that_is_not_0_is_never_written_as_0_and_reads_as_itself() -> None:
    numbers = [x for x in numbers_to_write() if x and math.isfinite(x)]
    for x, text in zip(numbers, written_in_node(numbers), strict=True):
        mantissa, _, power = text.partition("·10")
        read = f"{mantissa}e{power.translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789')) or 0}".replace("−", "-")
        assert float(read) == pytest.approx(x, rel=5.1e-4, abs=5e-324) and text != "0"
