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
# # The chain rule, one arrow at a time
#
# Backpropagation is two rules, used over and over: **along a path we apply the chain rule, across paths we
# apply the sum rule**. This notebook goes through the lecture's examples with a small engine that draws what it
# differentiates. You need to know what a derivative is, and a little Python.
#
# Run the cells from top to bottom (Shift+Enter). Then change numbers, run a cell twice, break things. A line
# that starts with `assert` is a claim: if it were false, the cell would stop with an error. Eight exercises
# wait at the end, with their solutions below them.

# %%
import math

import viz
from autograd_core import (
    Graph,
    StaleGraphError,
    Value,
    explain,
    forward_and_backward,
    ledger,
    parse,
    paths,
    relationships,
    relu,
    sigmoid,
    total,
)

# %% [markdown]
# ## A number that remembers
#
# A `Value` is a number with a name.

# %%
x = Value(2.0, "x")
x

# %% [markdown]
# Compute with it and you get another `Value`, which you may name too. Pictures and formulas use these names.

# %%
a = (3 * x).named("a")
a

# %% [markdown]
# It remembers how it was made: by which operation, and from what.

# %%
a.op, a.operands

# %% [markdown]
# From that comes the most important thing in this notebook, the **edge**. An edge leads back to a `Value` that
# was used (the *parent*) and carries one number, the **local derivative** (the *partial*): if $x$ moves a
# little, $a = 3x$ moves three times as far.

# %%
(edge,) = a.edges
assert edge.parent is x
assert edge.partial == 3
edge

# %% [markdown]
# The constant 3 is an operand but has no edge: it cannot move, so there is nothing to ask about it.

# %% [markdown]
# ## Example 1: along a path we apply the chain rule
#
# Take $y = 2a$ and $a = 3x$. In the picture, circles are variables, and beside each arrow stands the local
# derivative of its head with respect to its tail.

# %%
x = Value(1.0, "x")
a = (3 * x).named("a")
y = (2 * a).named("y")

viz.draw(y)

# %% [markdown]
# How does $y$ depend on $x$? Walk along the path and multiply: that is the chain rule. The numbers in brackets
# are those beside the arrows.

# %%
explain(y, x)

# %% [markdown]
# `backward()` finds the same number by walking against the arrows. It starts at $y$ with
# $\frac{\partial y}{\partial y} = 1$ and multiplies by the label of each arrow it passes. (`zero_grad()` wipes
# the slate first. Example 2 shows what for.)

# %%
y.zero_grad()
y.backward()
assert x.grad == 6
x.grad

# %% [markdown]
# On its way it passed $a$, so it knows $\frac{\partial y}{\partial a}$ too. One pass gives the derivative with
# respect to *every* node.

# %%
assert (y.grad, a.grad, x.grad) == (1, 2, 6)
y, a, x

# %% [markdown]
# The full style puts all of it into one picture: each node with its value and gradient, each arrow with its
# local derivative.

# %%
viz.draw(y, style="full")

# %% [markdown]
# ## Example 2: across paths we apply the sum rule
#
# Now $x$ is used twice: $y = 2a_1 + a_2$ with $a_1 = 3x$ and $a_2 = -x$.

# %%
x = Value(1.0, "x")
a_1 = (3 * x).named("a_1")
a_2 = (-x).named("a_2")
y = (2 * a_1 + a_2).named("y")

viz.draw(y)

# %% [markdown]
# Two paths lead from $x$ to $y$. Here each has its own colour.

# %%
viz.draw(y, highlight=(x, y))

# %% [markdown]
# Each path alone is an Example 1: multiply along it.

# %%
both = paths(y, x)
both.table()

# %% [markdown]
# The derivative is the sum of the products: $6 + (-1) = 5$.

# %%
assert [path.product for path in both] == [6, -1]
assert both.total == 5
both.total

# %% [markdown]
# Now the same line by line, as on the slide. The sum rule takes $y$ apart, one term for each path. The chain
# rule makes each term a product along its path. Then come the numbers beside the arrows, and the result.

# %%
explain(y, x)

# %% [markdown]
# `print` gives the same lines as text, for a terminal or an e-mail.

# %%
print(explain(y, x))

# %% [markdown]
# And `backward()` agrees.

# %%
y.zero_grad()
y.backward()
assert x.grad == 5
x.grad

# %% [markdown]
# ### Gradients accumulate
#
# Call `backward()` twice without wiping the slate, and an input has twice its gradient. (A node in between has
# not: each pass gives it a new one.)

# %%
y.zero_grad()
y.backward()
y.backward()
assert x.grad == 10
assert a_1.grad == 2
x, a_1

# %% [markdown]
# It looks like a trap but is the sum rule again. An input may feed several outputs, as a weight feeds the error
# of every training example, and the gradient of their sum is the sum of their gradients.

# %%
other = (4 * x).named("other")

y.zero_grad()
y.backward()  # adds 5
other.backward()  # adds 4
assert x.grad == 9
x.grad

# %% [markdown]
# So before a new question, wipe the slate.

# %%
y.zero_grad()
assert x.grad == 0
x

# %% [markdown]
# `draw` and `explain` neither read nor write `.grad`, so they are right at any time and however often you call
# them.
#
# Each of the lecture's examples is also an object, with other numbers if you like. Here is all of Example 2 at
# $x = -2$. The value of $y$ is another one now, the derivative is not. Why?

# %%
from viz.lecture import example_2

example_2(x=-2.0)

# %% [markdown]
# ## Example 3: many paths, and the weights
#
# A fan of $N$ paths: $y = \sum_{j=1}^N w_j^{(2)} a_j$ with $a_j = w_j^{(1)} x$. It is already a small network,
# one without activation functions.

# %%
N = 3
x = Value(2.0, "x")
w1 = [Value(0.25 * j, f"w_{j}^(1)") for j in range(1, N + 1)]
w2 = [Value(0.5 * j, f"w_{j}^(2)") for j in range(1, N + 1)]

a = [(w1[j] * x).named(f"a_{j + 1}") for j in range(N)]
y = total([w2[j] * a[j] for j in range(N)]).named("y")

relationships(y)

# %% [markdown]
# We ask about $x$, so we draw what lies on the way from $x$ to $y$ and nothing else: `wrt=[x]`, *with respect
# to* $x$. The weights now stand beside the arrows, where the numbers stood before.

# %%
viz.draw(y, wrt=[x])

# %% [markdown]
# Sum rule across the paths, chain rule along each.

# %%
explain(y, x)

# %% [markdown]
# To train a network we ask about the *weights*. Now a weight is a node, and $x$ stands beside an arrow. Nothing
# about $y$ has changed, only the question.

# %%
viz.draw(y, wrt=[w1[1]])

# %%
explain(y, w1[1])

# %% [markdown]
# A weight of the second layer is one arrow away from $y$. The derivative is what the weight is multiplied by.

# %%
explain(y, w2[1])

# %% [markdown]
# One backward pass has them all, and as the slide says $\frac{\partial y}{\partial w_i^{(2)}} = a_i$ and
# $\frac{\partial y}{\partial w_i^{(1)}} = w_i^{(2)} x$ for every $i$.

# %%
y.zero_grad()
y.backward()
for i in range(N):
    assert w2[i].grad == a[i].data
    assert w1[i].grad == w2[i].data * x.data
assert x.grad == sum(w2[j].data * w1[j].data for j in range(N))
w2[1], w1[1], x

# %% [markdown]
# ### Symbols, without any numbers
#
# The rules need no numbers. Write the definitions as a text, in any order, and the same functions answer in
# symbols. (A name in a text has only letters, digits and `_`, so here the weights of the first layer are called
# $u_j$.)

# %%
fan = """
    y = w_1*a_1 + w_2*a_2 + w_3*a_3
    a_1 = u_1*x
    a_2 = u_2*x
    a_3 = u_3*x
"""
viz.draw(fan, wrt=["x"])

# %%
explain(parse(fan).graph(wrt=["x"]))

# %% [markdown]
# ## One node, two edges
#
# A node has **one edge for each argument**. For $y = a + b$ both local derivatives are 1.

# %%
viz.draw("y = a + b")

# %% [markdown]
# And if both arguments are the same? In $y = a \cdot a$ there are still two arguments, so there are two edges.
# The local derivative of each is the other factor, which is $a$.

# %%
a = Value(3.0, "a")
y = (a * a).named("y")

viz.draw(y, style="full")

# %%
assert [edge.partial for edge in y.edges] == [3, 3]
y.edges

# %% [markdown]
# Two edges are two paths, and across paths we add: $3 + 3 = 6$. It had to be so, since $a \cdot a = a^2$ has
# the derivative $2a$. The **ledger** is the backward pass written down, one line for each edge.

# %%
ledger(y)

# %% [markdown]
# The same for $a + a$: its edges carry 1 and 1, and together they are the 2 of $2a$.

# %%
doubled = (a + a).named("y")
assert [edge.partial for edge in doubled.edges] == [1, 1]
ledger(doubled)

# %% [markdown]
# The ledger of Example 2 has both rules in it: each contribution is a product, and the last two lines add up to
# 5. (On its way to $y$ the engine computes $2a_1$. We gave that node no name, so it is called $v_1$.)

# %%
ledger(example_2(x=1.0).y)

# %% [markdown]
# ## Backpropagation intuitively: a long chain
#
# A chain of four steps, with the letters of the slide: $y = z^2$, $x = \sin y$, $w = e^x$, $f = w^2$.

# %%
from viz.lecture import chain

long_chain = chain(z=0.5)
f, z = long_chain.f, long_chain.z

viz.draw(f)

# %% [markdown]
# The chain rule gives four factors. Backpropagation multiplies them **from the left**: the first two become
# one, which is again a derivative of $f$, and so on until one is left. Each brace is one step back along the
# chain.

# %%
explain(f, z, fold=True)

# %% [markdown]
# You can write that yourself. Start with 1, go from each node to its parent, and multiply.

# %%
node, derivative = f, 1.0
while node.edges:
    (edge,) = node.edges
    derivative *= edge.partial
    node = edge.parent
    print(f"df/d{node.name} = {derivative:.4f}")

assert math.isclose(derivative, explain(f, z).derivative)

# %% [markdown]
# Why from the left? Because then every partial result is a derivative of $f$, the one output we care about. If
# there are many inputs, all of them share what was computed on the way.

# %% [markdown]
# ## Closer to a real neural network
#
# One input, one hidden unit, one output, and an error: $\hat{y} = \sigma(w_2\,\sigma(w_1 z_0))$ and
# $E = \frac{1}{2}(\hat{y} - y)^2$. First what is given. The input counts as the output of layer 0, so it has
# two names.

# %%
z_0 = Value(2.0, "z_0 = x")
target = Value(1.0, "y")
w_1 = Value(0.5, "w_1")
w_2 = Value(-1.5, "w_2")

# %% [markdown]
# **Forward propagation**, one step at a time. The hidden unit:

# %%
a_1 = (w_1 * z_0).named("a_1")
z_1 = sigmoid(a_1).named("z_1")
a_1, z_1

# %% [markdown]
# The output unit:

# %%
a_2 = (w_2 * z_1).named("a_2")
yhat = sigmoid(a_2).named("yhat = z_2")
a_2, yhat

# %% [markdown]
# And the error. The network says 0.25 where it should say 1.

# %%
E = (0.5 * (yhat - target) ** 2).named("E")
E

# %%
viz.draw(E, wrt=[z_0])

# %% [markdown]
# We can change the weights, so we ask for $\frac{\partial E}{\partial w_1}$ and
# $\frac{\partial E}{\partial w_2}$. Now the weights are nodes, and a path leads from each to $E$.

# %%
viz.draw(E, wrt=[w_1, w_2])

# %% [markdown]
# The slide's two columns, from the error down: what was computed, and its local derivative. Whatever stands on
# the right is known as soon as the forward propagation is done.

# %%
forward_and_backward(E, wrt=[w_1])

# %% [markdown]
# The path from $w_1$ to $E$ has five arrows, so the derivative has five factors.

# %%
explain(E, w_1)

# %% [markdown]
# The path from $w_2$ shares the first two factors. Nobody wants to compute them twice, so we give the part
# before $a_i$ a name, the **error signal** $\delta_i = \frac{\partial E}{\partial a_i}$.

# %%
explain(E, w_2, through=a_2)

# %%
explain(E, w_1, through=a_1)

# %% [markdown]
# (On the slide the brace begins after $\frac{\partial E}{\partial \hat{y}}$. To stand for
# $\frac{\partial E}{\partial a_1}$ it must include that factor, as it does here.)
#
# Both weights obey one formula, $\frac{\partial E}{\partial w_i} = \delta_i z_{i-1}$. And $\delta_1$ is
# $\delta_2$ carried two arrows further back, through $w_2$ and through $\sigma'(a_1)$.

# %%
delta_2 = explain(E, a_2).derivative
delta_1 = delta_2 * w_2.data * z_1.edges[0].partial

assert math.isclose(delta_1, explain(E, a_1).derivative)
delta_2, delta_1

# %% [markdown]
# `backward()` does just that, for all weights at once.

# %%
E.zero_grad()
E.backward()
assert math.isclose(w_2.grad, delta_2 * z_1.data)
assert math.isclose(w_1.grad, delta_1 * z_0.data)
w_2.grad, w_1.grad

# %% [markdown]
# ### One step of gradient descent, by hand
#
# $\frac{\partial E}{\partial w_1}$ is positive: a larger $w_1$ means a larger error. So we make it smaller,
# $w_1 \leftarrow w_1 - \eta \frac{\partial E}{\partial w_1}$, and do the same with $w_2$. The `.data` of an
# input may be set; `recompute()` then repeats the forward propagation.

# %%
eta = 2.0
error_before = E.data

for w in (w_1, w_2):
    w.data -= eta * w.grad
E.recompute()

print(f"error before: {error_before:.4f}   after: {E.data:.4f}")
assert E.data < error_before

# %% [markdown]
# The error went down. For the next step we need the gradients at the new weights: a clean slate, and another
# backward pass. A hundred more steps:

# %%
for step in range(1, 101):
    E.zero_grad()
    E.backward()
    for w in (w_1, w_2):
        w.data -= eta * w.grad
    E.recompute()
    if step in (1, 5, 10, 20, 50, 100):
        print(f"step {step:3}   error {E.data:.4f}   yhat {yhat.data:.2f}   w_1 {w_1.data:5.2f}   w_2 {w_2.data:5.2f}")

# %% [markdown]
# The network has learned to say almost 1. Look at $w_1$: it went down at first and up later. Its derivative is
# $\delta_1 z_0$, a factor of $\delta_1$ is $w_2$, and $w_2$ changed its sign on the way.

# %% [markdown]
# ## A stale graph refuses
#
# Suppose we set a weight and forget to recompute. Then $E$ still holds the old number, and a gradient would be
# a mixture of old and new. The node knows: look at the end of the line.

# %%
w_1.data = 0.9
E

# %% [markdown]
# Whatever would give a wrong answer refuses instead, and says what to do.

# %%
try:
    E.backward()
except StaleGraphError as error:
    print(error)

# %% [markdown]
# So we do what it says.

# %%
E.recompute()
E.zero_grad()
E.backward()
E, w_1.grad

# %% [markdown]
# ## Can we trust the gradient? Ask a witness
#
# A derivative says what happens if an input moves a little. So move it a little, and look: the **central
# difference** $\frac{E(w_1 + h) - E(w_1 - h)}{2h}$ needs no rules at all. A witness should be independent, so
# we write $E$ once more, in plain Python.


# %%
def sigma(a):
    return 1 / (1 + math.exp(-a))


def error_at(w):
    """The error of the network above if its first weight were w."""
    return 0.5 * (sigma(w_2.data * sigma(w * z_0.data)) - target.data) ** 2


h = 1e-5
difference = (error_at(w_1.data + h) - error_at(w_1.data - h)) / (2 * h)

print(f"central difference {difference:.10f}")
print(f"backward           {w_1.grad:.10f}")
assert math.isclose(difference, w_1.grad, rel_tol=1e-6)

# %% [markdown]
# How small should $h$ be? If it is large, the curve bends within the step. If it is tiny, we subtract two
# numbers that agree in almost all their digits, and what remains is rounding error.

# %%
for h in (1e-1, 1e-3, 1e-5, 1e-9, 1e-13):
    difference = (error_at(w_1.data + h) - error_at(w_1.data - h)) / (2 * h)
    print(f"h = {h:.0e}   off by {abs(difference - w_1.grad):.0e}")

# %% [markdown]
# ## Exercises
#
# Predict first, with pencil and paper; then run. Put your number in place of the `...`, and `compare` says
# whether it is right, but not what it should have been.


# %%
def compare(prediction, answer):
    """Say whether a prediction is right, to three digits."""
    if prediction is ...:
        print("Predict first: put a number in place of the three dots.")
    elif math.isclose(prediction, answer, rel_tol=1e-3, abs_tol=1e-9):
        print("Right!")
    else:
        print("Not this. Draw the graph, multiply along each path, add across paths.")


# %% [markdown]
# **Exercise 1: along a path.** $y = -4a$ and $a = 0.5x$. What is $\frac{\partial y}{\partial x}$?

# %%
prediction = ...

compare(prediction, explain(parse("y = -4*a; a = 0.5*x", x=1.0).y).derivative)

# %% [markdown]
# **Exercise 2: across paths.** $y = a_1 - 3a_2$ with $a_1 = x^2$ and $a_2 = 2x$. What is
# $\frac{\partial y}{\partial x}$ at $x = 3$? One of the local derivatives is not a constant. And what does your
# answer say about $y$ at this point?

# %%
prediction = ...

compare(prediction, explain(parse("y = a_1 - 3*a_2; a_1 = x**2; a_2 = 2*x", x=3.0).y).derivative)


# %% [markdown]
# **Exercise 3: counting paths.** `diamonds(n)` strings $n$ diamonds like Example 2 together. How many paths
# lead through three diamonds? Through thirty? And how many arrows are there in thirty, which is what a backward
# pass has to visit?


# %%
def diamonds(n):
    """The input and the output of n diamonds in a row."""
    start = node = Value(1.0, "x")
    for k in range(1, n + 1):
        b, c = (0.5 * node).named(f"b_{k}"), (0.5 * node).named(f"c_{k}")
        node = (b + c).named(f"d_{k}")
    return start, node


x_3, y_3 = diamonds(3)
viz.draw(y_3)

# %%
paths_in_three, paths_in_thirty, arrows_in_thirty = ..., ..., ...

x_30, y_30 = diamonds(30)
compare(paths_in_three, paths(y_3, x_3).count)
compare(paths_in_thirty, paths(y_30, x_30).count)
compare(arrows_in_thirty, len(Graph(y_30).edges))

# %% [markdown]
# **Exercise 4: a text of your own.** Write definitions in which $x$ reaches $y$ along three paths, one of them
# longer than the others, with at least one of `sin`, `exp` and `tanh`. Write down the terms of the derivative,
# then look.

# %%
mine = "y = 2*a; a = 3*x"

viz.draw(mine, highlight=("x", "y"))

# %%
explain(parse(mine).graph(wrt=["x"]))

# %% [markdown]
# **Exercise 5: find the wrong derivative.** One of these five is wrong. Find it with central differences, and
# try several points: there is one at which even the wrong one looks right.

# %%
claims = {
    "sin(x)": (math.sin, math.cos),
    "x^3": (lambda x: x**3, lambda x: 3 * x**2),
    "sigma(x)": (sigma, lambda x: sigma(x) * (1 - sigma(x))),
    "tanh(x)": (math.tanh, lambda x: 1 - math.tanh(x)),
    "exp(2x)": (lambda x: math.exp(2 * x), lambda x: 2 * math.exp(2 * x)),
}

# for name, (function, derivative) in claims.items():
#     ...

# %% [markdown]
# **Exercise 6: predict $\frac{\partial E}{\partial x}$ by path sum.** Two hidden units whose activation is the
# square, so that you can do it in your head:
#
# $$E = \tfrac{1}{2}(\hat{y} - y)^2 \qquad \hat{y} = w_1 z_1 + w_2 z_2 \qquad z_i = a_i^2 \qquad a_i = u_i x$$
#
# Let $x = 1$, $u_1 = 1$, $u_2 = 2$, $w_1 = 3$, $w_2 = -1$, $y = 1$. First the forward values, then the product
# along each path, then the sum.

# %%
two_units = """
    E = 0.5*(yhat - y)**2
    yhat = w_1*z_1 + w_2*z_2
    z_1 = a_1**2;  z_2 = a_2**2
    a_1 = u_1*x;   a_2 = u_2*x
"""
viz.draw(two_units, wrt=["x"])

# %%
prediction = ...

network = parse(two_units, x=1.0, u_1=1.0, u_2=2.0, w_1=3.0, w_2=-1.0, y=1.0)
compare(prediction, explain(network.E, network.x).derivative)

# %% [markdown]
# **Exercise 7: write a network.** With `Value`s: one input $x = 0.5$, two hidden units with `sigmoid`, a linear
# output, the error $E$, no bias. Let $u_1 = 1$, $u_2 = -2$, $w_1 = 0.5$, $w_2 = 1.5$ and the target $y = 0$.
# Name every node. Draw the network with respect to its weights, and take 100 steps of gradient descent with
# $\eta = 0.1$. How many paths lead from each weight to $E$?

# %%
# Your network goes here.

# %% [markdown]
# **Exercise 8: a kink.** ReLU is $\max(0, x)$: its slope is 0 on the left and 1 on the right. What does the
# engine take for its derivative *at* 0, and what does a central difference give there? Then the hard part:
# $f(x) = \mathrm{relu}(x) - \mathrm{relu}(-x)$ is nothing but $x$. What does the engine give at 0, and why?

# %%
x = Value(0.0, "x")
y = relu(x).named("y")

# Your experiments go here.

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** $(-4)(0.5) = -2$.

# %%
solution = parse("y = -4*a; a = 0.5*x", x=1.0)
assert explain(solution.y).derivative == -2
explain(solution.y)

# %% [markdown]
# **Exercise 2.** The local derivative of $a_1 = x^2$ is $2x$, which is 6 at $x = 3$. The two products cancel:
# the derivative is 0 although both paths carry something. At this point $y = x^2 - 6x$ is at its lowest.

# %%
solution = parse("y = a_1 - 3*a_2; a_1 = x**2; a_2 = 2*x", x=3.0)
assert explain(solution.y).derivative == 0
paths(solution.y, solution.x).table()

# %% [markdown]
# **Exercise 3.** Each diamond doubles the number of paths: there are $2^3 = 8$, and $2^{30}$ is more than a
# billion. But a diamond has four arrows, so thirty have 120, and a backward pass visits each **once**. It adds
# where paths meet and carries a single number on. That is why backpropagation is efficient.

# %%
assert paths(y_3, x_3).count == 8
assert paths(y_30, x_30).count == 2**30
assert len(Graph(y_30).edges) == 120
paths(y_3, x_3).table()

# %% [markdown]
# **Exercise 4.** One of many: paths of two, two and three arrows.

# %%
three_paths = "y = 2*a + b*c; a = sin(x); b = 3*x; c = exp(d); d = -x"
assert paths(parse(three_paths, x=1.0).y, "x").count == 3
viz.draw(three_paths, highlight=("x", "y"))

# %%
explain(parse(three_paths).graph(wrt=["x"]))

# %% [markdown]
# **Exercise 5.** It is tanh: the derivative is $1 - \tanh^2 x$, and the square is missing. At $x = 0$ nobody
# would notice, since there $\tanh x$ and its square are both 0. Agreement at one point proves little.

# %%
h = 1e-5
wrong = set()
for name, (function, derivative) in claims.items():
    for at in (-1.2, 0.0, 0.7):
        difference = (function(at + h) - function(at - h)) / (2 * h)
        if not math.isclose(difference, derivative(at), rel_tol=1e-6, abs_tol=1e-9):
            wrong.add(name)
            print(f"{name} at {at}: claimed {derivative(at):.4f}, central difference {difference:.4f}")

assert wrong == {"tanh(x)"}

# %% [markdown]
# **Exercise 6.** Forward: $a_1 = 1$, $a_2 = 2$, $z_1 = 1$, $z_2 = 4$, $\hat{y} = 3 - 4 = -1$, so
# $\hat{y} - y = -2$. The paths have the products $(-2)(3)(2)(1) = -12$ and $(-2)(-1)(4)(2) = 16$. The sum is 4.

# %%
network = parse(two_units, x=1.0, u_1=1.0, u_2=2.0, w_1=3.0, w_2=-1.0, y=1.0)
assert explain(network.E, network.x).derivative == 4
paths(network.E, network.x).table()

# %% [markdown]
# **Exercise 7.** One path leads from each weight to $E$. (In a network with a second hidden layer, a weight of
# the first one would reach $E$ along several.)

# %%
x, target = Value(0.5, "x"), Value(0.0, "y")
u = [Value(1.0, "u_1"), Value(-2.0, "u_2")]
w = [Value(0.5, "w_1"), Value(1.5, "w_2")]

a = [(u[i] * x).named(f"a_{i + 1}") for i in range(2)]
z = [sigmoid(a[i]).named(f"z_{i + 1}") for i in range(2)]
yhat = (w[0] * z[0] + w[1] * z[1]).named("yhat")
E = (0.5 * (yhat - target) ** 2).named("E")

assert all(paths(E, weight).count == 1 for weight in u + w)
viz.draw(E, wrt=u + w)

# %%
print(f"at first   error {E.data:.6f}")
for step in range(1, 101):
    E.zero_grad()
    E.backward()
    for weight in u + w:
        weight.data -= 0.1 * weight.grad
    E.recompute()
    if step in (1, 10, 100):
        print(f"step {step:3}   error {E.data:.6f}")

assert E.data < 0.001

# %% [markdown]
# **Exercise 8.** At 0 there is no derivative, only two slopes. The engine takes 0, as other libraries do. A
# central difference takes the mean of the two slopes, 1/2. Neither is wrong: it is a convention.

# %%
x = Value(0.0, "x")
y = relu(x).named("y")
h = 1e-5
difference = (relu(h) - relu(-h)) / (2 * h)

assert explain(y, x).derivative == 0
assert difference == 0.5
explain(y, x).derivative, difference

# %% [markdown]
# For $f$ the engine takes 0 along *both* paths, and $0 + 0 = 0$, although $f$ is simply $x$ and its derivative
# is 1: the chain rule holds where the local derivatives exist. In training it hardly matters, since a
# pre-activation is almost never exactly 0. But now you know what to look at when it is.

# %%
f = (relu(x) - relu(-x)).named("f")
assert explain(f, x).derivative == 0
explain(f, x)

# %% [markdown]
# ## Where to go from here
#
# The lecture's mini network has 3 inputs, 3 hidden units and 12 weights. Nothing in it is new: it is paths,
# products along them, and sums across them.

# %%
from viz.lecture import mini_network

mini_network()
