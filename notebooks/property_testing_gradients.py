# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Property-testing gradients
#
# A wrong gradient raises no error. The network trains all the same, only worse, and nobody knows why. This
# notebook is about finding such mistakes: with finite differences, and where these fail; with a checker that
# says *which* derivative is wrong; and with random functions that look for a counterexample and make it small.
# It is for whoever writes derivatives, for a first exercise or for a library.
#
# Every claim is asserted in code. Six exercises wait at the end, with their solutions below them. Hypothesis and
# mpmath are needed (`pip install 'autograd-core[testing]'`).

# %%
import math

import numpy as np
from hypothesis import Phase, find, given, settings

import viz
from autograd_core import (
    CheckError,
    OperandError,
    Table,
    Value,
    abs,
    backward_events,
    cos,
    exp,
    grad,
    hessian,
    jvp,
    log,
    maximum,
    primitive,
    relu,
    sin,
    sqrt,
    tanh,
    total,
    vjp,
)
from autograd_core.testing import assert_gradients, fraction_gradient, gradcheck, oracles, planted, strategies
from autograd_core.testing.mutants import scaled

# %% [markdown]
# ## 1. What a central difference can tell
#
# By Taylor's theorem, if $f$ has three derivatives near $x$,
#
# $$\frac{f(x+h) - f(x-h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + O(h^4).$$
#
# In double precision each of the two values is off by about $\varepsilon |f(x)|$, $\varepsilon = 2.2 \cdot 10^{-16}$,
# and the division by $2h$ magnifies that. So the error is at most about
#
# $$E(h) = \frac{h^2}{6} |f'''(x)| + \frac{\varepsilon |f(x)|}{h}.$$
#
# The first part is called truncation, the second rounding. Here they are for $f(x) = e^x$ at $x = 1$.


# %%
def central(f, x, h):
    """The central difference of a function of floats."""
    return (f(x + h) - f(x - h)) / (2 * h)


EPSILON = 2.0**-52
steps = [10.0**-k for k in range(1, 14)]
errors = [math.fabs(central(math.exp, 1.0, h) - math.e) for h in steps]
truncation = [h**2 / 6 * math.e for h in steps]
rounding = [EPSILON * math.e / h for h in steps]

Table(
    ("h", "error", "truncation", "rounding"),
    tuple(tuple(f"{x:.0e}" for x in row) for row in zip(steps, errors, truncation, rounding, strict=True)),
)

# %% [markdown]
# The error falls by a factor of 100 with each line, then it rises, unsteadily, below its bound. Setting $E'(h) = 0$
# gives the best step and what is left there,
#
# $$h^* = \left(\frac{3 \varepsilon |f|}{|f'''|}\right)^{1/3} \qquad
# E(h^*) = \frac{3^{2/3}}{2} \, \varepsilon^{2/3} |f|^{2/3} |f'''|^{1/3}.$$
#
# For $e^x$ that is $h^* \approx 9 \cdot 10^{-6}$ and a relative error of $4 \cdot 10^{-11}$: even at its best, a
# central difference guarantees ten digits of the sixteen.

# %%
best = (3 * EPSILON) ** (1 / 3)

assert f"{best:.0e}" == "9e-06"
assert f"{best**2 / 6 + EPSILON / best:.0e}" == f"{3 ** (2 / 3) / 2 * EPSILON ** (2 / 3):.0e}" == "4e-11"
assert all(math.isclose(error, part, rel_tol=0.01) for error, part in zip(errors[:3], truncation[:3], strict=True))
assert all(error <= 2 * (a + b) for error, a, b in zip(errors, truncation, rounding, strict=True))
assert steps[errors.index(min(errors))] in (1e-5, 1e-6, 1e-7)

# %% [markdown]
# And $h^*$ depends on the function and the point. For $\log x$ it is proportional to $x$, nearly: with the
# customary $h = 10^{-6}$ the difference is 10 % off at $x = 2 \cdot 10^{-6}$, excellent near 1, and at $10^6$ it
# has four digits left.

# %%
for x in (2e-6, 1e-3, 1.0, 1e3, 1e6):
    print(f"x = {x:.0e}   relative error {math.fabs(central(math.log, x, 1e-6) * x - 1):.0e}")

assert 0.09 < central(math.log, 2e-6, 1e-6) * 2e-6 - 1 < 0.11
assert math.fabs(central(math.log, 1.0, 1e-6) - 1) < 1e-9
assert 1e-6 < math.fabs(central(math.log, 1e6, 1e-6) * 1e6 - 1) < 1e-2

# %% [markdown]
# What is magnified is a difference of two nearly equal numbers. The **complex step** has none. For an analytic
# $f$, $\; f'(x) = \operatorname{Im} f(x + ih) / h + O(h^2)$, and $h$ may be as small as one likes.

# %%
assert (np.exp(1 + 1e-50j).imag / 1e-50) == math.e

# %% [markdown]
# At a **kink** Taylor's theorem does not hold. A difference answers nevertheless: at a kink with the mean of the two
# slopes, and beside one, closer than $h$, with some mixture of them.


# %%
def ramp(x):
    """relu, on floats."""
    return max(x, 0.0)


for x in (0.0, 3e-7, 2e-6):
    print(f"x = {x:.0e}   difference {central(ramp, x, 1e-6):.3f}   derivative {'none' if x == 0 else '1'}")

assert all(central(ramp, 0.0, h) == 0.5 for h in steps)
assert math.isclose(central(ramp, 3e-7, 1e-6), 0.65)

# %% [markdown]
# ## 2. False alarms and silent passes
#
# The usual checker takes one step and one tolerance for everything. These are the default numbers of PyTorch's
# `gradcheck`.


# %%
def usual_check(f, derivative, x):
    """Whether a central difference confirms the derivative."""
    difference = central(f, x, 1e-6)
    return math.fabs(derivative(x) - difference) <= 1e-5 + 1e-3 * math.fabs(difference)


# %% [markdown]
# **False alarms**: the derivative is right, the checker says no. A kink nearby, a small input, and a large constant
# in front of a small change (a loss summed over a data set).

# %%
assert not usual_check(ramp, lambda x: 1.0, 3e-7)
assert not usual_check(math.log, lambda x: 1 / x, 2e-6)
assert not usual_check(lambda x: 1e8 + math.sin(x), math.cos, 1.0)

# %% [markdown]
# **Silent passes**: the derivative is wrong, the checker says yes. A small relative error; a small gradient with
# the wrong *sign*, let through by the absolute tolerance; a made-up slope at a kink; and a mistake that does not
# show at the point one happens to check ($\tanh' = 1 - \tanh$ instead of $1 - \tanh^2$, at 0).

# %%
assert usual_check(math.sin, lambda x: 1.0005 * math.cos(x), 1.0)
assert usual_check(lambda x: 1e-6 * math.sin(x), lambda x: -1e-6 * math.cos(x), 1.0)
assert usual_check(ramp, lambda x: 0.5, 0.0)
assert usual_check(math.tanh, lambda x: 1 - math.tanh(x), 0.0)

# %% [markdown]
# No other constants would do: what is too loose for one function is too tight for another. The last case is of
# another kind. At this point nothing *is* wrong, so no checker can see it; section 6 looks for better points.
#
# ## 3. `gradcheck` and its four verdicts
#
# This engine's graph is data, so a checker can compute every local derivative again, from another definition of
# the operation and with 50 digits, at the very numbers the graph saw, and do the sums apart. What then differs by
# more than the last digits is a mistake. First the cases of section 2. (`scaled` plants an error of a given size
# in one derivative. The engine is wrong within the block, and right again after it.)

# %%
assert gradcheck(relu, 3e-7) and gradcheck(log, 2e-6) and gradcheck(lambda x: 1e8 + sin(x), 1.0)

for factor in (1.0005, 1 + 1e-9):
    with scaled(sin, factor).applied():
        assert not gradcheck(sin, 1.0)

with scaled(sin, -1.0).applied():
    assert not gradcheck(lambda x: 1e-6 * sin(x), 1.0)

# %% [markdown]
# **Pass**: the gradient is right.

# %%
gradcheck(lambda x, y: x * tanh(y), 0.5, -1.0)

# %% [markdown]
# **Kink**: there is no derivative here. The report has the one-sided ones. A number between them is a legal choice,
# and a report of passes and legal kinks counts as true. (If $f$ is convex in $x$, they are its subdifferential.)

# %%
gradcheck(lambda x: relu(x), 0.0)

# %% [markdown]
# $\mathrm{relu}(x) - \mathrm{relu}(-x)$ is nothing but $x$, and its slope is 1 on both sides. The chain rule does not
# hold at a kink, the engine gets $0 + 0 = 0$, and that is *not* legal.

# %%
report = gradcheck(lambda x: relu(x) - relu(-x), 0.0)
(entry,) = report.entries
assert entry.verdict == "kink" and (entry.left, entry.right, entry.gradient) == (1, 1, 0)
assert not entry.legal and not report
report

# %% [markdown]
# **Inconclusive**: nothing was proved, and the note says why. A norm at 0, where the engine meets $\infty \cdot 0$:

# %%
report = gradcheck(lambda x: sqrt(x * x), 0.0)
assert report.verdicts == {"x": "inconclusive"} and not report
report

# %% [markdown]
# **Fail**: the gradient is wrong. Here is the loss of a small network, and we plant a classic: $1 - a$ for
# $1 - a^2$ in the derivative of $a = \tanh z$.


# %%
def loss(w_1, w_2):
    z = (2.0 * w_1).named("z")
    a = tanh(z).named("a")
    e = (w_2 * a - 1.0).named("e")
    return 0.5 * e * e


with planted("tanh-not-squared"):
    report = gradcheck(loss, 0.5, -1.5)

report

# %% [markdown]
# $w_2$ passes: no path from it leads through $\tanh$. Below the table stands the culprit: the node, the operand, your
# line, what was expected and what was found, here $1 - a^2 = 0.42$ and $1 - a = 0.24$ with $a = \tanh 1$. The picture
# is the smallest graph around it.

# %%
culprit = report.culprit
assert report.verdicts == {"w_1": "fail", "w_2": "pass"}
assert culprit.operation == "tanh" and culprit.line
assert math.isclose(culprit.expected, 1 - math.tanh(1) ** 2) and math.isclose(culprit.got, 1 - math.tanh(1))

viz.draw(report)

# %% [markdown]
# In a test one writes `assert_gradients`, which raises with the whole report. Functions that cannot be checked are
# refused in plain words.

# %%
assert_gradients(loss, 0.5, -1.5)

try:
    gradcheck(lambda x: [x, 2 * x], 1.0)
except CheckError as error:
    print(error)

# %% [markdown]
# ## 4. Oracles side by side
#
# An oracle finds the derivative in another way than the engine does. `oracles` runs all that apply: exact fractions,
# the complex step, dual numbers, the replay at 50 digits, and the sum over all paths. They share no derivative
# with the engine.

# %%
report = oracles(lambda x, y: sin(x) * exp(y), 0.5, 0.75)
assert report and report["fractions"].gradient is None
report

# %% [markdown]
# A polynomial with rational numbers in it needs no rounding at all. For $p = x^3 y - 2xy^2 + \frac{y}{x}$ at
# $x = \frac{1}{2}$, $y = \frac{3}{4}$:
#
# $$\frac{\partial p}{\partial x} = 3x^2y - 2y^2 - \frac{y}{x^2}
# = \frac{9}{16} - \frac{18}{16} - 3 = -\frac{57}{16} \qquad
# \frac{\partial p}{\partial y} = x^3 - 4xy + \frac{1}{x} = \frac{1}{8} - \frac{3}{2} + 2 = \frac{5}{8}$$

# %%
by_x, by_y = fraction_gradient(lambda x, y: x**3 * y - 2 * x * y**2 + y / x, 0.5, 0.75)
assert (by_x.as_integer_ratio(), by_y.as_integer_ratio()) == ((-57, 16), (5, 8))
by_x, by_y

# %% [markdown]
# If one of them errs, the table shows which, and the note below it says so.

# %%
with planted("sin-sign"):
    report = oracles(lambda x: x * sin(x), 0.5)

assert not report and {one for one, _, _ in report.disagreements} == {"engine"}
report

# %% [markdown]
# ## 5. Gradients from elsewhere
#
# With `gradient=` the same verdicts are given on a gradient of your own, or of another library. Here is the loss of
# logistic regression with labels $s_i = \pm 1$, where the last weight is the bias and is not regularized:
#
# $$L(w) = \frac{1}{n} \sum_i \log\left(1 + e^{-s_i x_i^\top w}\right) + \frac{\lambda}{2} (w_0^2 + w_1^2)$$
#
# Its gradient is $\frac{1}{n} \sum_i \frac{-s_i}{1 + e^{s_i x_i^\top w}} x_i + \lambda (w_0, w_1, 0)^\top$. The one
# below looks right.

# %%
rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(8, 2)), np.ones(8)])
s = np.sign(X @ [1.0, -2.0, 0.5])
decay = 0.1


def logistic_loss(w):
    return np.mean(np.log1p(np.exp(-s * (X @ w)))) + decay / 2 * np.sum(w[:2] ** 2)


def my_gradient(w):
    return X.T @ (-s / (1 + np.exp(s * (X @ w)))) / len(s) + decay * w


w = np.array([0.3, -0.2, 0.1])
report = gradcheck(logistic_loss, w, gradient=my_gradient)
assert list(report.verdicts.values()) == ["pass", "pass", "fail"]
report

# %% [markdown]
# The verdicts point at the bias: the gradient regularizes it, the loss does not. It is off by
# $\lambda w_2 = 0.01$, and training would have converged, to the minimum of another loss.

# %%
assert math.isclose(report.entries[2].gradient - report.entries[2].expected, decay * w[2])


def repaired(w):
    return my_gradient(w) - decay * np.array([0.0, 0.0, w[2]])


assert gradcheck(logistic_loss, w, gradient=repaired)

# %% [markdown]
# NumPy's functions go through arrays of Values, so this loss could be replayed at 50 digits. `np.logaddexp` does not.
# Such a function is a closed box for the checker, and it falls back on differences, but not on a single step:
# it extrapolates over many (Ridders' method) and estimates its own error. The last line of a report always says
# what the gradient was held against.


# %%
def closed_loss(w):
    return float(np.mean(np.logaddexp(0.0, -s * (X @ w))) + decay / 2 * np.sum(w[:2] ** 2))


report = gradcheck(closed_loss, w, gradient=repaired)
assert report and "differences" in report.oracle
assert all(entry.error < 1e-10 for entry in report.entries)
report

# %% [markdown]
# ## 6. Random functions
#
# One function at one point proves little. The strategy `expressions()` of `autograd_core.testing` draws straight-line
# programs over the whole table, with shared nodes and repeated operands, each at a point inside its domain.
# Hypothesis draws many, and if one fails, it simplifies it for as long as it still fails. The property is short:

# %%
quiet = settings(
    max_examples=50, derandomize=True, database=None, deadline=None, phases=(Phase.generate, Phase.shrink)
)


@quiet
@given(strategies.expressions(max_ops=6, sharing=False))
def test_gradients(expression):
    assert_gradients(expression, *expression.point)


test_gradients()

# %% [markdown]
# Nothing found. Now with a wrong sign in the derivative of $x - y$. The first failing function may have had six
# operations and three variables. This is what is left of it, as Python.

# %%
with planted("sub-sign"):
    try:
        test_gradients()
        found = False
    except AssertionError as error:
        found = True
        print(error.__notes__[0])

assert found

# %% [markdown]
# `find` gives the failing function as an object. It is callable, `.source` is the Python above, and `.text`
# is what `viz.draw` reads.


# %%
def small_failure(name, **options):
    """A small expression on which the engine with the planted mistake has a wrong gradient."""

    def fails(expression):
        with planted(name):
            return not gradcheck(expression, *expression.point)

    some = {"primitives": ["add", "sub", "mul", "sin"], "sharing": False, "max_ops": 4}
    return find(strategies.expressions(**(some | options)), fails, settings=settings(quiet, max_examples=200))


small = small_failure("sub-sign")
assert [step.row.name for step in small.steps] == ["sub"]
viz.draw(small.text, style="full")

# %% [markdown]
# A mistake in the *sweep* shrinks to the reason why it is one. To go through the graph depth first, without a
# topological order, is right on most small graphs. One on which it is not has a computed node with two readers, and
# this node hands on its adjoint when the first of them has contributed, too early for the second.

# %%
small = small_failure("depth-first", variables=1, sharing=True)
read = [each for step in small.steps for each in step.operands if not isinstance(each, float) and each > 0]
assert len(small.steps) <= 4 and any(read.count(each) >= 2 for each in read)  # place 0 is the variable
assert len(backward_events(small.record(), order="depth_first").lost) >= 1
assert not backward_events(small.record()).lost
print(small.source)
viz.draw(small.record())

# %% [markdown]
# The same functions test **other engines**: `ops=` names the operations to compute with. Here is forward mode in a
# few lines, with a slip in the product rule, and what Hypothesis has to say about it.


# %%
class Dual:
    """A number and its derivative."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope


def dual(x):
    return x if isinstance(x, Dual) else Dual(x)


def dual_add(a, b):
    a, b = dual(a), dual(b)
    return Dual(a.value + b.value, a.slope + b.slope)


def dual_mul(a, b):
    a, b = dual(a), dual(b)
    return Dual(a.value * b.value, a.slope * b.value + a.slope * b.slope)  # the slip


my_ops = {"add": dual_add, "mul": dual_mul, "sin": lambda a: Dual(math.sin(a.value), math.cos(a.value) * a.slope)}


def my_engine_is_wrong(expression, ops=None):
    def forward(*point):
        inputs = range(len(point))
        return tuple(expression(*[Dual(point[i], float(i == j)) for i in inputs], ops=ops or my_ops).slope
                     for j in inputs)

    return not gradcheck(expression, *expression.point, gradient=forward)


strategy = strategies.expressions(primitives=list(my_ops), sharing=False, max_ops=4)
small = find(strategy, my_engine_is_wrong, settings=quiet)
assert [step.row.name for step in small.steps] == ["mul"]
small

# %% [markdown]
# ## 7. The favourite bug: a cut graph
#
# A gradient may be wrong though every rule is right. `math.exp` takes floats, and the shortest way to make it take
# a Value is to pass `a.data`. The number is right. The record is not: what was computed from it is a constant now.


# %%
def cut_loss(w, b):
    a = w * 2.0 + b
    yhat = 1 / (1 + math.exp(-a.data))
    return (yhat - 1.0) ** 2 + 0.1 * w * w


report = gradcheck(cut_loss, 0.5, -1.5)
assert set(report.verdicts.values()) == {"fail"}
assert all("cut" in entry.note for entry in report.entries)
report

# %% [markdown]
# In the picture $b$ is missing altogether, and $w$ is connected through the regularization alone. (The
# checker calls the function at two points: a constant that changes with the inputs is none.)

# %%
w_, b_ = Value(0.5, "w"), Value(-1.5, "b")
L = cut_loss(w_, b_).named("L")
L.backward()
assert (w_.grad, b_.grad) == (0.1, 0)
viz.draw(L)

# %% [markdown]
# To pass the Value itself to `math.exp` is not a way out. The engine refuses, and says what to do.

# %%
try:
    math.exp(w_)
except OperandError as error:
    print(error)

# %% [markdown]
# ## 8. Operations of your own
#
# `@primitive` makes a function of floats an operation that is recorded, with the derivative you give: one partial
# for each operand, a function of the result and the operands. It is checked at once. Take
# $q(x) = \frac{1}{1 + x^2}$ with $q'(x) = -2x \, q(x)^2$, and forget the square:

# %%
try:

    @primitive(partials=[lambda out, x: -2.0 * x * out])
    def witch(x):
        return 1.0 / (1.0 + x * x)

    refused = False
except CheckError as error:
    refused = True
    print(error)

assert refused

# %% [markdown]
# Now the right one. With `exact`, the function in mpmath's numbers, it is checked to the last digits from then on.


# %%
@primitive(partials=[lambda out, x: -2.0 * x * out**2], exact=lambda mp, x: 1 / (1 + x * x))
def witch(x):
    return 1.0 / (1.0 + x * x)


report = gradcheck(lambda x, y: y * witch(x * x), 0.7, 2.0)
assert report and "50 digits" in report.oracle
report

# %% [markdown]
# ## 9. Derivatives of derivatives
#
# A partial is written with the table's own operations, so it can be differentiated again. `grad` maps a function to
# its derivative and may be applied to the result: $q''(x) = \frac{6x^2 - 2}{(1 + x^2)^3}$, and
# $\tanh'''(0) = -2$.

# %%
assert math.isclose(grad(grad(witch))(0.7), (6 * 0.7**2 - 2) / (1 + 0.7**2) ** 3)
assert grad(grad(grad(tanh)))(0.0) == -2


# %% [markdown]
# Rosenbrock's function $f = (1 - x_0)^2 + 100 (x_1 - x_0^2)^2$ has the Hessian
#
# $$\nabla^2 f = \begin{pmatrix} 2 - 400 x_1 + 1200 x_0^2 & -400 x_0 \\ -400 x_0 & 200 \end{pmatrix}.$$
#
# In its minimum $(1, 1)$ the eigenvalues are 1001.6 and 0.4: a valley 2500 times as steep across as along, which
# is why gradient descent is slow there.


# %%
def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


x = np.array([-1.2, 1.0])
published = [[2 - 400 * x[1] + 1200 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200]]
assert np.allclose(hessian(rosenbrock)(x), published, rtol=1e-14)

low, high = np.linalg.eigvalsh(hessian(rosenbrock)(np.array([1.0, 1.0])))
assert f"{high:.1f} {low:.1f} {high / low:.0f}" == "1001.6 0.4 2508"

gradcheck(rosenbrock, x, order=2)

# %% [markdown]
# **Forward against reverse.** `jvp` carries a direction $v$ forward, to $Jv$; `vjp` carries a cotangent $u$ back, to
# $J^\top u$, as `backward` does from $\sum_i u_i f_i$. They go opposite ways through the same local derivatives, and
#
# $$u^\top (J v) = (J^\top u)^\top v$$
#
# for all $u$ and $v$: the **dot-product test**. It needs no step and no oracle, but it cannot see a local derivative
# that is wrong in both. `gradcheck` does it, too.


# %%
def polar(r, t):
    return [r * cos(t), r * sin(t)]


def both_products(u=(3.0, 5.0), v=(0.25, -1.0)):
    """The two sides of the dot-product test at r = 2, t = 0.5."""
    _, forward = jvp(polar, (2.0, 0.5), v)
    r, t = Value(2.0), Value(0.5)
    total([a * b for a, b in zip(u, polar(r, t), strict=True)]).backward()
    return np.dot(u, forward), np.dot((r.grad, t.grad), v)


one, other = both_products()
_, pullback = vjp(polar, 2.0, 0.5)
assert math.isclose(one, other)
assert math.isclose(other, np.dot(pullback([3.0, 5.0]), (0.25, -1.0)))

with planted("sin-sign"):  # both are wrong now, in the same way
    wrong_one, wrong_other = both_products()
assert math.isclose(wrong_one, wrong_other) and not math.isclose(wrong_one, one)

with planted("assign"):  # a mistake in the reverse sweep alone
    wrong_one, wrong_other = both_products()
assert math.isclose(wrong_one, one) and not math.isclose(wrong_other, one)

# %% [markdown]
# For a gradient of $n$ inputs, forward mode needs $n$ runs, one for each direction. Reverse mode needs one.

# %%
directions = ([1.0, 0.0], [0.0, 1.0])
assert np.allclose([jvp(rosenbrock, (x,), (np.array(each),))[1] for each in directions], grad(rosenbrock)(x))

# %% [markdown]
# ## Exercises
#
# Predict first, then run. Put your answer in place of the `...`.


# %%
def compare(prediction, answer):
    """Say whether a prediction is right; numbers to a factor of 3."""
    if prediction is ...:
        print("Predict first: put your answer in place of the three dots.")
    elif prediction == answer or (isinstance(answer, float) and answer / 3 < prediction < answer * 3):
        print("Right!")
    else:
        print("Not this.")


# %% [markdown]
# **Exercise 1: one side only.** The forward difference $\frac{f(x+h) - f(x)}{h}$ has the truncation
# $\frac{h}{2} |f''|$ and the rounding $\frac{2 \varepsilon |f|}{h}$. Which $h$ is best for $e^x$ at 1, and how large
# is the relative error there? (A factor of 3 does not matter.)

# %%
best_step, relative_error = ..., ...

compare(best_step, 2 * EPSILON**0.5)
compare(relative_error, 2 * EPSILON**0.5)

# %% [markdown]
# **Exercise 2: verdicts at zero.** Predict, for each function at $x = 0$, the verdict and whether the report counts
# as true, like `("kink", True)`. The engine's choices: $\mathrm{relu}'(0) = 0$, $|\cdot|'(0) = 0$, and at
# $\max(a, a)$ each operand gets one half.

# %%
at_zero = {
    "relu(x) + relu(-x)": lambda x: relu(x) + relu(-x),
    "relu(x) - 2 relu(-x)": lambda x: relu(x) - 2 * relu(-x),
    "max(x, 2x)": lambda x: maximum(x, 2 * x),
    "x |x|": lambda x: x * abs(x),
    "sqrt(x)": sqrt,
    "tanh(x)": tanh,
}
predictions = dict.fromkeys(at_zero, ...)

for name, f in at_zero.items():
    report = gradcheck(f, 0.0)
    compare(predictions[name], (report.entries[0].verdict, bool(report)))

# %% [markdown]
# **Exercise 3: three patients.** Three engines, each with one mistake. You see only symptoms, the gradients of a few
# functions at $x = 2$, $y = 5$. Name each mistake in a sentence. Add functions of your own to tell your suspicions
# apart. (Do not read the next cell too closely.)

# %%
patients = {"A": "derauqs-ton-vid", "B": "ngissa", "C": "tfihs-stnatsnoc"}
probes = {
    "x*y": lambda x, y: x * y,
    "x/y": lambda x, y: x / y,
    "x*x": lambda x, y: x * x,
    "x*3 - y": lambda x, y: x * 3 - y,
    "3*x - y": lambda x, y: 3 * x - y,
    "sin(x) + x*y": lambda x, y: sin(x) + x * y,
}


def gradient(f):
    """What one sweep leaves in the inputs."""
    x, y = Value(2.0, "x"), Value(5.0, "y")
    f(x, y).backward()
    return x.grad, y.grad


def symptoms(patient):
    """The gradients that an engine gets, beside the right ones."""
    rows = []
    for name, f in probes.items():
        with planted(patients[patient][::-1]):
            got = gradient(f)
        right = gradient(f)
        rows.append((name, *(f"({a:.4g}, {b:.4g})" for a, b in (got, right)), "" if got == right else "wrong"))
    return Table(("function", "gradient", "right", f"patient {patient}"), tuple(rows))


symptoms("A")

# %%
symptoms("B")

# %%
symptoms("C")

# %% [markdown]
# **Exercise 4: mend the graph.** A colleague's loss of a neuron. The program runs and the loss is right. Find both
# cuts with `gradcheck` and mend them.


# %%
def colleagues_loss(w, b):
    a = total([w[0] * 1.5, w[1] * -0.5, b])
    z = Value(math.tanh(a.data))
    penalty = 0.01 * (w[0].data ** 2 + w[1].data ** 2)
    return (z - 1.0) ** 2 * b + penalty


# Your check goes here.

# %% [markdown]
# **Exercise 5: a test that kills.** A good test fails for every planted mistake. Find one function of two variables
# and one point at which `gradcheck` finds all eight of these. The one below misses some: which, and why?

# %%
to_kill = ("sub-sign", "mul-swapped", "div-not-squared", "sin-sign", "assign", "merged-edges", "constants-shift",
           "depth-first")


def survivors(f, *point):
    """The mistakes that the check of ``f`` does not find."""
    found = []
    for name in to_kill:
        with planted(name):
            if gradcheck(f, *point):
                found.append(name)
    return found


survivors(lambda x, y: x * y - sin(x) / y, 1.0, 1.0)

# %% [markdown]
# **Exercise 6: an operation of your own.** Declare $\mathrm{softsign}(x) = \frac{x}{1 + |x|}$ with its derivative, and
# check it at 0.7 and at 0. It has a derivative everywhere. Has it a second one at 0? Ask `gradcheck(..., order=2)`.

# %%
# Your operation goes here.

# %% [markdown]
# ## Solutions
#
# **Exercise 1.** $\frac{1}{2} f'' = \frac{2 \varepsilon f}{h^2}$ gives $h = 2\sqrt{\varepsilon} = 3 \cdot 10^{-8}$ for
# $f = f''$, and a relative error of $2\sqrt{\varepsilon}$, the same number. Eight digits, no more: one more
# evaluation, for the central difference, buys two or three.

# %%
assert f"{2 * EPSILON**0.5:.0e}" == "3e-08"
h = 2 * EPSILON**0.5
assert math.fabs((math.exp(1 + h) - math.e) / h / math.e - 1) <= 2 * EPSILON**0.5

# %% [markdown]
# **Exercise 2.** The first is $|x|$, and 0 lies between $-1$ and 1. The second has the slopes 2 and 1, and the engine
# says 0. The third has 1 and 2, and $\frac{1}{2} \cdot 1 + \frac{1}{2} \cdot 2$ lies between. $x|x|$ has the slope 0
# on both sides, but a path leads through a kink, and the verdict says so. The slope of the root is infinite.

# %%
expected = [("kink", True), ("kink", False), ("kink", True), ("kink", True), ("inconclusive", False), ("pass", True)]
for f, answer in zip(at_zero.values(), expected, strict=True):
    report = gradcheck(f, 0.0)
    assert (report.entries[0].verdict, bool(report)) == answer

# %% [markdown]
# **Exercise 3.** *A*: only $x/y$ is wrong, and only to $y$: $-\frac{2}{5}$, where $-\frac{x}{y^2} = -\frac{2}{25}$ is
# right. The square of the denominator is missing. *B*: wrong where $x$ is used twice, and then one of the
# contributions is there and the other not: `=` in place of `+=`. *C*: $x \cdot 3$ is right, $3 \cdot x$ is not. There
# $x$ gets 2, which is the derivative with respect to the constant: the list of operands lost its constant, the list
# of derivatives did not.

# %%
names = {patient: written[::-1] for patient, written in patients.items()}
assert names == {"A": "div-not-squared", "B": "assign", "C": "constants-shift"}
wrong = {patient: {row[0] for row in symptoms(patient).rows if row[3]} for patient in patients}
assert wrong == {"A": {"x/y"}, "B": {"x*x", "sin(x) + x*y"}, "C": {"3*x - y"}}

# %% [markdown]
# **Exercise 4.** A new Value is a new input, so nothing flows through `Value(math.tanh(a.data))`; and `w[0].data ** 2`
# is a number. Both with this package's functions:

# %%
report = gradcheck(colleagues_loss, [0.4, -0.3], 0.2)
assert not report and any("cut" in entry.note for entry in report.entries)
print(report)


def mended_loss(w, b):
    a = total([w[0] * 1.5, w[1] * -0.5, b])
    penalty = 0.01 * (w[0] ** 2 + w[1] ** 2)
    return (tanh(a) - 1.0) ** 2 * b + penalty


assert gradcheck(mended_loss, [0.4, -0.3], 0.2)
assert mended_loss([0.4, -0.3], 0.2) == colleagues_loss([Value(0.4), Value(-0.3)], Value(0.2)).data

# %% [markdown]
# **Exercise 5.** At $x = y = 1$ the swapped factors are equal and $y^2 = y$. Besides, no node uses another twice,
# there is no constant, and no computed node has two readers. Other numbers, and a few more arrows:

# %%
weak = survivors(lambda x, y: x * y - sin(x) / y, 1.0, 1.0)
assert set(weak) == {"mul-swapped", "div-not-squared", "merged-edges", "constants-shift", "depth-first"}


def killer(x, y):
    a = 3 * x - y
    b = a * a
    return a * (b + sin(a) / y)


assert survivors(killer, 0.7, 1.3) == []

# %% [markdown]
# **Exercise 6.** The derivative is $\frac{1}{(1 + |x|)^2}$, and it has a kink at 0: the second derivative is 2 on the
# left and $-2$ on the right.


# %%
@primitive(partials=[lambda out, x: 1.0 / (1.0 + abs(x)) ** 2], exact=lambda mp, x: x / (1 + mp.fabs(x)))
def softsign(x):
    return x / (1.0 + math.fabs(x))


assert gradcheck(softsign, 0.7, order=2)
report = gradcheck(softsign, 0.0, order=2)
first, second = report.entries
assert (first.verdict, first.gradient) == ("pass", 1)
assert (second.verdict, second.left, second.right) == ("kink", 2, -2)
report
