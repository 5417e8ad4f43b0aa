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
# # Stepping through backpropagation
#
# Backpropagation is a sequence of small events: one node passes one number on along one arrow. In this notebook
# you watch them, one at a time and both ways, change the inputs while you watch, and then write the pass
# yourself, first wrong and then right. The question behind it: **why in topological order?**
#
# Run the cells from top to bottom (Shift+Enter). Before a cell that follows a **Predict**, write your answer
# down. A line that starts with `assert` is a claim: if it were false, the cell would stop with an error. Six
# exercises wait at the end, with their solutions below them.

# %%
import math
import tempfile

import viz
from autograd_core import Graph, Value, backward_events, explain, forward_events, parse, paths, sigmoid
from viz.lecture import chain, mini_network, scalar_network

# %% [markdown]
# ## Both passes, one event at a time
#
# Example 2 of the lecture, written as a text, with a number for $x$. Press *Next*, or click into the frame and
# use the keys → and ←. First each node is computed from those before it. Then the output starts with
# $\frac{dy}{dy} = 1$, and each event is one arrow: the number at its head, times the local derivative beside it,
# is added to the sum at its tail. A check mark says that a sum is complete.

# %%
example = "y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x"

viz.step(example, at={"x": 1})

# %% [markdown]
# **Predict.** Move the slider of $x$ to $-2$. Which numbers change: the values, the local derivatives, the
# gradients? Then do it. The same can be done from Python, and there you can also say which step is shown. (These
# two lines need the package `anywidget`, which comes with the extra `notebook`.)

# %%
stepper = viz.step(example, at={"x": 1})
stepper.inputs = {"x": -2.0}
stepper.step = 7
stepper

# %% [markdown]
# Only the values change. All local derivatives are constants here, so the gradients cannot know where $x$ is.
#
# This is step 7 of 8: $a_2$ has reported to $x$, and $a_1$ has not. The sum stands at $-1$, and **it is not yet
# the derivative of anything we asked for**. After step 8 it is $-1 + 6 = 5$. Set `stepper.step` to another number
# in a new cell and run it: the frame above follows.

# %%
assert stepper.steps == 8
for at in (1.0, -2.0):
    definitions = parse(example, x=at)
    events = backward_events(definitions.graph().contract())
    assert [event.local_derivative for event in events] == [2, 1, -1, 3]
    assert [event.after for event in events] == [2, 1, -1, 5]
    assert definitions.y.data == 5 * at

# %% [markdown]
# The lecture's view shows the nodes with names. The full view shows every node the engine has: here one more,
# $v_1 = 2a_1$, which we gave no name. The menu that now says *full view* switches between the two.

# %%
full = viz.step(example, at={"x": 1}, view="full")
assert (full.steps, stepper.steps) == (10, 8)
full

# %% [markdown]
# What is a node depends on the question. Here it is about $x$, and the weights stand beside the arrows.

# %%
fan = "y = w_1*a_1 + w_2*a_2; a_1 = u_1*x; a_2 = u_2*x"
numbers = {"x": 2, "u_1": 0.25, "u_2": 0.5, "w_1": 0.5, "w_2": 1}

viz.step(fan, wrt=["x"], at=numbers)

# %% [markdown]
# **Predict.** Now the question is about $u_1$. How many events will the backward pass have?

# %%
about_u_1 = viz.step(fan, wrt=["u_1"], at=numbers)
about_u_1.step = about_u_1.steps

questions = {name: parse(fan, **numbers).graph(wrt=[name]).contract() for name in ("x", "u_1")}
assert {name: len(backward_events(graph)) for name, graph in questions.items()} == {"x": 4, "u_1": 2}
about_u_1

# %% [markdown]
# Two, one for each arrow between $u_1$ and $y$: the rest of the graph does not depend on $u_1$.
#
# A stepper is also a page of its own, one file that needs neither Python nor a network: to hand out, or to show
# from a laptop without a notebook. Save yours where you like; this one goes to a folder that is deleted again.

# %%
with tempfile.TemporaryDirectory() as folder:
    page = stepper.save(f"{folder}/step.html")
    size = page.stat().st_size
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")

print(f"{page.name}: {size / 1000:.0f} kB")

# %% [markdown]
# ## The events are data
#
# What the stepper shows is there to be read. The forward pass has an event for each node that is computed ...

# %%
x = Value(1.0, "x")
a_1 = (3 * x).named("a_1")
a_2 = (-x).named("a_2")
y = (2 * a_1 + a_2).named("y")

for event in forward_events(y):
    print(f"{event!s:22} from {event.operands}")

assert [event.value for event in forward_events(y)] == [3, -1, 6, 5]

# %% [markdown]
# ... and the backward pass one for each arrow. `Graph(y).contract()` is the graph of the lecture's picture; `y`
# itself would give the full one.

# %%
events = backward_events(Graph(y).contract())
print(events)

# %% [markdown]
# The last but one, field by field. The node $a_2$ has the **adjoint** $\frac{dy}{da_2} = 1$, the number it passes
# on. Times the **local derivative** of the edge this is the **contribution**, which takes the sum of $x$ from
# `before` to `after`. Nothing is complete after it, since $a_1$ has yet to report.

# %%
event = events[2]
assert event.contribution == event.local_derivative * event.adjoint
assert event.after == event.before + event.contribution
assert [node.name for node in event.complete] == []
assert [node.name for node in events[3].complete] == ["x"]

print("node              ", event.node.name)
print("adjoint           ", event.adjoint)
print("local derivative  ", event.local_derivative)
print("contribution      ", event.contribution)
print("sum before, after ", event.before, event.after)
print("complete          ", event.complete)

# %% [markdown]
# **Predict.** How many lines of Python does it take to compute all gradients from the edges of these events?
# Five will do. Every node has a number, its index in the graph.

# %%
events = backward_events(y)

sums = {events.graph.index(y): 1.0}
for event in events:
    edge = event.edge
    arrived = sums.get(edge.tail, 0.0)
    sums[edge.tail] = arrived + event.local_derivative * sums[edge.head]

# %% [markdown]
# That is the backward pass. It agrees with `backward()` in every node and to the last digit.

# %%
y.zero_grad()
y.backward()
for node in (y, a_1, a_2, x):
    assert sums[events.graph.index(node)] == node.grad
    print(f"{node.name:4} {node.grad:3.0f}")

# %% [markdown]
# *Back* in the stepper is no second computation: an event says what the sum was before it. Undo all of them, the
# last one first, and only the 1 at the output is left.

# %%
for event in reversed(events):
    sums[event.edge.tail] = event.before

assert {at: number for at, number in sums.items() if number} == {events.graph.index(y): 1.0}

# %% [markdown]
# ## Why in topological order?
#
# The rule of the pass: **a node passes its sum on when all who use it have reported**. What if it does not wait?
# Take the smallest graph in which that matters: $b = a + a$ and $c = b + b$, so $c = 4a$.

# %%
a = Value(3.0, "a")
b = (a + a).named("b")
c = (b + b).named("c")

viz.draw(c, style="full")

# %% [markdown]
# Depth first is how one would write it without thinking: as soon as something arrives at a node, go on from
# there, and do not visit a node twice. **Predict.** What does it find for $\frac{dc}{da}$?

# %%
hasty = backward_events(c, order="depth_first")
print(hasty)

# %% [markdown]
# It finds 2. The first arrow brings 1 to $b$, and $b$ passes this 1 on at once. The second arrow brings another
# 1, which makes $\frac{dc}{db} = 2$, and that is right; but $b$ has been passed on already, and $a$ never hears
# of it. Step through it (in the lecture's view the two arrows are one, so this is the full view). The menu
# *depth first (wrong)* has the topological order too.

# %%
(lost,) = hasty.lost
assert (lost.node.name, lost.contribution) == ("c", 1.0)
at_a, at_b = hasty.graph.index(a), hasty.graph.index(b)
assert [hasty.adjoints()[at] for at in (at_a, at_b)] == [2, 2]
assert [backward_events(c).adjoints()[at] for at in (at_a, at_b)] == [4, 2]

stepper = viz.step(c, order="depth_first", view="full")
stepper.step = stepper.steps
stepper

# %% [markdown]
# Now Example 2 with one node more: both branches start from $s = x^2$.

# %%
shared = parse("y = 2*a_1 + a_2; a_1 = 3*s; a_2 = -s; s = x**2", x=1.0)

viz.draw(shared.y)

# %% [markdown]
# **Predict.** Depth first goes along $a_1$ to the end before it looks at $a_2$. Which contribution comes too
# late, and what does $x$ get instead of $\frac{dy}{dx} = 10x = 10$?

# %%
stepper = viz.step(shared.y, order="depth_first")
stepper.step = stepper.steps
stepper

# %% [markdown]
# The $-1$ from $a_2$ arrives at $s$ when $s$ has passed its 6 on. So $s$ ends with the right number, 5, and $x$
# with a wrong one: $2 \cdot 6 = 12$. What is missing is $2 \cdot (-1) = -2$, the whole path over $a_2$. Note that
# **the node whose gradient is wrong is not the one where the contribution was lost, but what lies below it**.

# %%
graph = shared.graph().contract()
hasty, right = backward_events(graph, order="depth_first"), backward_events(graph)
at_x, at_s = graph.index(shared.x), graph.index(shared.s)

assert [(event.edge.tail, event.contribution) for event in hasty.lost] == [(at_s, -1.0)]
assert [hasty.adjoints()[at] for at in (at_s, at_x)] == [5, 12]
assert [right.adjoints()[at] for at in (at_s, at_x)] == [5, 10]
assert [path.product for path in paths(shared.y, shared.x)] == [12, -2]
paths(shared.y, shared.x).table()

# %% [markdown]
# ## A backward pass of your own
#
# Here is the mistake in plain Python. It looks reasonable, and on Example 2 as it stands it is even right.


# %%
def backward_hasty(y):
    """Passes a node on as soon as something has arrived, and never again: wrong."""
    sums, passed_on = {y: 1.0}, set()

    def pass_on(node):
        passed_on.add(node)
        for edge in node.edges:
            sums[edge.parent] = sums.get(edge.parent, 0.0) + edge.partial * sums[node]
            if edge.parent not in passed_on:
                pass_on(edge.parent)

    pass_on(y)
    return sums


found = backward_hasty(y)[x], backward_hasty(c)[a], backward_hasty(shared.y)[shared.x]
print("example 2: {}   b and c: {}   shared: {}".format(*found))
assert found == (5, 2, 12)

# %% [markdown]
# The same 2 and 12 as above. The obvious repair: drop the check, and pass a node on *each time* something
# arrives. **Predict** what comes out for $\frac{dc}{da}$, before you run it.


# %%
def backward_repeated(y):
    """Passes a node's sum on each time something arrives: wrong too."""
    sums = {y: 1.0}

    def pass_on(node):
        for edge in node.edges:
            sums[edge.parent] = sums.get(edge.parent, 0.0) + edge.partial * sums[node]
            pass_on(edge.parent)

    pass_on(y)
    return sums


found = backward_repeated(y)[x], backward_repeated(c)[a], backward_repeated(shared.y)[shared.x]
print("example 2: {}   b and c: {}   shared: {}".format(*found))
assert found == (5, 6, 22)

# %% [markdown]
# Too much now. At first $b$ passes on 1, then its new sum, 2, and the first 1 is in that sum once more:
# $2 \cdot 1 + 2 \cdot 2 = 6$. And $s$ passes on 6, then 5: $2 \cdot 6 + 2 \cdot 5 = 22$. What arrived first is
# counted twice.
#
# What is missing is patience. Count beforehand how many edges will report to each node. When the last has
# reported, the sum is complete, and then the node is passed on, once.


# %%
def backward_patient(y):
    """Passes a node on when all who use it have reported; also gives the order in which that happened."""
    sums, waiting_for, order = {y: 1.0}, {}, []

    def count(node):
        for edge in node.edges:
            if edge.parent not in waiting_for:
                waiting_for[edge.parent] = 0
                count(edge.parent)
            waiting_for[edge.parent] += 1

    def pass_on(node):
        order.append(node)
        for edge in node.edges:
            sums[edge.parent] = sums.get(edge.parent, 0.0) + edge.partial * sums[node]
            waiting_for[edge.parent] -= 1
            if waiting_for[edge.parent] == 0:
                pass_on(edge.parent)

    count(y)
    pass_on(y)
    return sums, order


(of_y, _), (of_c, _), (of_shared, order) = (backward_patient(output) for output in (y, c, shared.y))
found = of_y[x], of_c[a], of_shared[shared.x]
print("example 2: {}   b and c: {}   shared: {}".format(*found))
assert found == (5, 4, 10)

# %% [markdown]
# In the order in which nodes are passed on, each comes after all who use it. Such an order is called
# **topological**, and "in topological order" says no more than "wait until all have reported".

# %%
for node in order:
    assert all(order.index(node) < order.index(edge.parent) for edge in node.edges)
print([node.name or "2 a_1" for node in order])

# %% [markdown]
# The engine need not count. A node is always younger than what it was computed from, so it goes from the
# youngest to the oldest, and whoever uses a node has its turn before it. The forward pass, backwards, is a
# topological order.

# %%
ages = [event.node.index for event in backward_events(shared.y)]
assert ages == sorted(ages, reverse=True)
ages

# %% [markdown]
# ## A chain, folded
#
# "Backpropagation intuitively": $f = w^2$, $w = e^x$, $x = \sin y$, $y = z^2$. No node is shared, so there is one
# path and one product. `viz.derivation` writes it down as the slide does: the two leftmost factors become one,
# which is a derivative of $f$ again, until one is left.

# %%
long_chain = chain(z=0.5)
f, z = long_chain.f, long_chain.z

folding = viz.derivation(f, z)
assert len(folding.folds) == len(backward_events(f)) - 1 == 3
folding

# %% [markdown]
# Each fold is an event of the backward pass. Here are two of the three done; *Next* plays the last. (Four forward
# steps and the start make five, and the first event only fetches the first factor.)

# %%
stepper = viz.step(f)
stepper.step = 8
stepper

# %% [markdown]
# ## A real network
#
# One input, one hidden unit, one output: $\hat{y} = \sigma(w_2\,\sigma(w_1 z_0))$ and
# $E = \frac{1}{2}(\hat{y} - y)^2$, with the lecture's numbers $w_1 = 0.5$, $w_2 = -1.5$, $z_0 = 2$, $y = 1$.
# First the two columns: what the forward pass computes, and the local derivatives, all of them known when it is
# done. Then, for each weight, the product along its path, and the product once more with the part before the
# last factor called $\delta_i = \frac{\partial E}{\partial a_i}$.

# %%
network = scalar_network()
E, w_1, w_2 = network.E, network.w_1, network.w_2

viz.derivation(E, wrt=[w_1, w_2])

# %% [markdown]
# **Predict.** One backward pass gives both derivatives. Which products of the derivation does it compute only
# once? Step through it and see which arrows serve both weights. A menu chooses whose equation stands below the
# picture, that of $w_1$ or of $w_2$.

# %%
viz.step(E, wrt=[w_1, w_2])

# %% [markdown]
# The first two factors are shared: their product is $\delta_2$, and $\delta_1$ is $\delta_2$ carried two arrows
# further, times $w_2$ and times $\sigma'(a_1)$. In the ledger $\delta_i$ is the line of $\frac{dE}{da_i}$. Here
# they are with more digits, and $\frac{\partial E}{\partial w_i} = \delta_i z_{i-1}$.

# %%
events = backward_events(E)
adjoints = {events.graph.record[at].name: number for at, number in events.adjoints().items()}
delta_1, delta_2 = adjoints["a_1"], adjoints["a_2"]

for name in ("a_2", "a_1", "w_2", "w_1"):
    print(f"dE/d{name} = {adjoints[name]: .10f}")

assert f"{network.yhat.data:.10f} {E.data:.10f}" == "0.2503797710 0.2809652439"
assert f"{delta_2:.10f} {delta_1:.10f}" == "-0.1406960268 0.0414937768"
assert f"{adjoints['w_2']:.10f} {adjoints['w_1']:.10f}" == "-0.1028570374 0.0829875535"
assert math.isclose(delta_1, delta_2 * w_2.data * network.z_1.edges[0].partial)
assert adjoints["w_2"] == delta_2 * network.z_1.data
assert adjoints["w_1"] == delta_1 * network.z_0.data

# %% [markdown]
# ### A gradient that vanishes
#
# The same network, but somebody has begun with $w_1 = 3$. It says 0.18 where it should say 1, and yet
# $\frac{\partial E}{\partial w_1}$ is as good as 0: gradient descent would hardly move $w_1$.
#
# **Predict**, then find out with the slider of $w_1$, at the last step: which factor of the product is to blame?
# Where is the derivative largest, and how much larger is it there? What happens far to the left?

# %%
saturated = scalar_network(w_1=3.0)
stepper = viz.step(saturated.E, wrt=[saturated.w_1])
stepper.step = stepper.steps
stepper

# %% [markdown]
# To blame is $\sigma'(a_1)$: at $a_1 = 6$ the sigmoid is **saturated**, its curve flat. Its slope is largest at
# $a_1 = 0$, where it is $\frac{1}{4}$, a hundred times as large. So the derivative is largest near $w_1 = 0$, more
# than 120 times what it is at 3. (Not quite at 0, since $\hat{y} - y$ and $\sigma'(a_2)$ change as well.) Far to the
# left the other end of the sigmoid is as flat. The engine agrees:


# %%
def slope_at(w, target=1.0):
    """The derivative with respect to the first weight if it were w."""
    saturated.w_1.data, saturated.y.data = w, target
    saturated.E.recompute()
    return explain(saturated.E, saturated.w_1).derivative


for w in (-3.0, -1.0, 0.0, 1.0, 3.0):
    print(f"w_1 = {w:4}   dE/dw_1 = {slope_at(w):.5f}")

weights = [step / 100 for step in range(-300, 301)]
best = max(weights, key=lambda w: abs(slope_at(w)))
assert best == -0.01
assert 120 < slope_at(best) / slope_at(3.0) < 130
assert slope_at(-3.0) < 0.001
assert slope_at(0.0) and saturated.z_1.edges[0].partial == 0.25
assert slope_at(3.0) < 0.001 and f"{saturated.yhat.data:.2f}" == "0.18"
assert f"{0.25 / saturated.z_1.edges[0].partial:.0f}" == "101"

# %% [markdown]
# ### ... and vanishes with depth
#
# One saturated unit is bad luck. But even at its best a sigmoid multiplies by $\frac{1}{4}$, and a chain of them
# multiplies by that again and again. Let $z_0 = x$ and $z_k = \sigma(z_{k-1})$. **Predict** the order of magnitude of
# $\frac{\partial z_6}{\partial x}$: a hundredth, a thousandth, less?


# %%
def sigmoids(count):
    """The input and the output of a chain of sigmoids."""
    start = node = Value(0.0, "x")
    for k in range(1, count + 1):
        node = sigmoid(node).named(f"z_{k}")
    return start, node


_, z_6 = sigmoids(6)
stepper = viz.step(z_6)
stepper.step = stepper.steps
stepper

# %% [markdown]
# It is $1.5 \cdot 10^{-4}$, less than $4^{-6}$, which is 1 in 4096. Read the sums in the ledger downwards: each is at
# most a quarter of the one above. A weight in the first layer of a deep network of sigmoids gets what is left.

# %%
for count in (1, 2, 3, 6, 12, 24):
    start, output = sigmoids(count)
    derivative = explain(output, start).derivative
    print(f"{count:2} sigmoids: {derivative:.1e}   (a quarter each: {4.0**-count:.1e})")
    assert derivative <= 4.0**-count

events = backward_events(z_6)
assert all(event.after <= event.adjoint / 4 for event in events)
assert f"{events[-1].after:.1e}" == "1.5e-04" and events[-1].after < 4.0**-6

# %% [markdown]
# ## The mini network
#
# Three inputs, three hidden units with the activation $g$, a linear output, twelve weights. `viz.derivation` gives
# the lecture's three tables, with one row for all units where the rows are alike.

# %%
mini = mini_network()
weights = [node for name, node in mini.values.items() if name.startswith("w_")]

viz.derivation(mini.E, wrt=weights)

# %% [markdown]
# Let the question be about the inputs, so that the weights stand beside the arrows. **Predict.** How many
# contributions arrive at $x_0$, and from where?

# %%
stepper = viz.step(mini.E, wrt=["x_0", "x_1", "x_2"])
stepper.step = stepper.steps
stepper

# %% [markdown]
# Three, one from each hidden unit; only then is $\frac{dE}{dx_0}$ complete. A path over *each* unit, and a sum
# across them: Example 2 once more.

# %%
about_x = backward_events(Graph(mini.E, wrt=["x_0", "x_1", "x_2"]).contract())
at_x_0 = about_x.graph.index("x_0")
assert [event.node.name for event in about_x if event.edge.tail == at_x_0] == ["a_2", "a_1", "a_0"]
assert f"{mini.yhat.data:.10f} {mini.E.data:.10f}" == "0.7002606404 0.0449218418"

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
        print("Not this. Go through the events one by one.")


# %% [markdown]
# **Exercise 1: read a sum halfway.** $y = ab$ with $a = 2x$ and $b = x + 1$, at $x = 3$. Two contributions arrive
# at $x$. The younger node, $b$, passes its number on first. What is the sum at $x$ after the first contribution,
# and what after the second?

# %%
after_first, after_second = ..., ...

events = backward_events(parse("y = a*b; a = 2*x; b = x + 1", x=3.0).y)
at_x = [event.after for event in events if event.edge.tail == events.graph.index("x")]
compare(after_first, at_x[0])
compare(after_second, at_x[1])

# %% [markdown]
# **Exercise 2: a tower.** $b_1 = a + a$, $b_2 = b_1 + b_1$, and so on. What does the depth-first order find for
# $\frac{db_{10}}{da}$, what is right, and how many contributions are lost?


# %%
def tower(count):
    """The input and the output of a tower in which each node uses the one before twice."""
    start = node = Value(1.0, "a")
    for k in range(1, count + 1):
        node = (node + node).named(f"b_{k}")
    return start, node


depth_first, topological, number_lost = ..., ..., ...

bottom, top = tower(10)
hasty = backward_events(top, order="depth_first")
compare(depth_first, hasty.adjoints()[hasty.graph.index(bottom)])
compare(topological, backward_events(top).adjoints()[hasty.graph.index(bottom)])
compare(number_lost, len(hasty.lost))

# %% [markdown]
# **Exercise 3: when haste does no harm.** In Example 2 the input $x$ is used twice, and yet depth first is right.
# Why? Change the text so that depth first loses something.

# %%
mine = "y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x"

backward_events(parse(mine, x=1.0).graph().contract(), order="depth_first")


# %% [markdown]
# **Exercise 4: a third repair.** Let a node pass on only *what has just arrived*, each time something does. Write
# it, and count how often `pass_on` is called. Is it right? What does it cost on `tower(10)`, where the backward
# pass has 20 events, and what would it cost on `tower(30)`?

# %%
# Your function goes here.

# %% [markdown]
# **Exercise 5: two reasons for a zero.** In the saturated network let the target be $y = 0.3$ instead of 1 (there
# is a slider for it). Now there is a $w_1$ at which $\frac{\partial E}{\partial w_1}$ is 0, and for a good reason.
# Find it with the slider, to three digits with the field beside it, and then with pencil and paper. How does the
# stepper show that it is not saturation?

# %%
prediction = ...

low, high = -1.0, 1.0  # the slope is negative at -1, positive at 1: halve the interval until it is a point
while high - low > 1e-12:
    middle = (low + high) / 2
    low, high = (middle, high) if slope_at(middle, target=0.3) < 0 else (low, middle)

compare(prediction, low)

# %% [markdown]
# **Exercise 6: how large must a weight be?** A chain $z_k = \sigma(w \cdot (z_{k-1} - \frac{1}{2}))$ that starts at
# $z_0 = \frac{1}{2}$ stays there, at the steepest point of each sigmoid. For which $w$ does the gradient neither
# vanish nor grow, however long the chain? What is the derivative after 10 units if $w = 5$?

# %%
steady_weight, derivative_with_5 = ..., ...


def centred(count, w):
    """The derivative of a chain of sigmoids, each at its steepest point."""
    start = node = Value(0.5, "x")
    for _ in range(count):
        node = sigmoid(w * (node - 0.5))
    return explain(node, start).derivative


compare(... if steady_weight is ... else centred(10, steady_weight), 1.0)
compare(derivative_with_5, centred(10, 5.0))

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** At $x = 3$ we have $a = 6$ and $b = 4$. From $b$ comes $\frac{dy}{db} \cdot 1 = a = 6$, and from $a$
# comes $\frac{dy}{da} \cdot 2 = 2b = 8$. So the sum is 6, then 14.

# %%
solution = backward_events(parse("y = a*b; a = 2*x; b = x + 1", x=3.0).y)
assert [event.after for event in solution] == [4, 6, 6, 14]
print(solution)

# %% [markdown]
# **Exercise 2.** Depth first runs down the tower with the first 1 and finds 2, whatever the height: $b_1$ reports
# twice, with a 1. Right is $2^{10} = 1024$. Each of $b_1, \dots, b_9$ hears of its second contribution too late, so
# nine are lost.

# %%
bottom, top = tower(10)
hasty = backward_events(top, order="depth_first")
assert hasty.adjoints()[hasty.graph.index(bottom)] == 2
assert backward_events(top).adjoints()[hasty.graph.index(bottom)] == 1024
assert len(hasty.lost) == 9

# %% [markdown]
# **Exercise 3.** An input is never passed on, so nothing can arrive at it too late. Haste does harm where a node
# is used more than once **and** has something below it, as $s$ does here. In a network every hidden unit that
# feeds two others is such a node.

# %%
harmless = "y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x"
harmful = "y = 2*a_1 + a_2; a_1 = sin(s); a_2 = s**2; s = 3*x"
for text, number_lost in ((harmless, 0), (harmful, 1)):
    assert len(backward_events(parse(text, x=1.0).graph().contract(), order="depth_first").lost) == number_lost

viz.draw(harmful, highlight=("x", "y"))

# %% [markdown]
# **Exercise 4.** It is right: each call is one path from the output, its product is carried along, and across
# paths we add. But it walks every path by itself. Each storey of the tower doubles the calls: 2047 for ten
# storeys, more than two billion for thirty, where the backward pass has 60 events. Waiting is not only right, it
# is what makes backpropagation cheap.


# %%
def backward_by_paths(y):
    """Passes on each contribution by itself; gives the sums and the number of calls."""
    sums, calls = {}, 0

    def pass_on(node, arrived):
        nonlocal calls
        calls += 1
        sums[node] = sums.get(node, 0.0) + arrived
        for edge in node.edges:
            pass_on(edge.parent, edge.partial * arrived)

    pass_on(y, 1.0)
    return sums, calls


sums, calls = backward_by_paths(top)
assert (sums[bottom], calls) == (1024, 2047)
assert [len(backward_events(tower(count)[1])) for count in (10, 30)] == [20, 60]
assert backward_by_paths(shared.y)[0][shared.x] == 10
calls

# %% [markdown]
# **Exercise 5.** The derivative is 0 where $\hat{y} = y$: the network says what it should. Then
# $w_2 z_1 = \ln\frac{0.3}{0.7}$, so $z_1 = 0.5649$, so $a_1 = \ln\frac{z_1}{1 - z_1} = 0.2609$ and $w_1 = 0.1305$. In
# the stepper the factor $\hat{y} - y$ becomes 0 there and $E$ with it, while $\sigma'(a_1)$ is near its largest. With
# saturation it is the other way round.

# %%
z_1 = math.log(0.3 / 0.7) / -1.5
solution = math.log(z_1 / (1 - z_1)) / 2
assert f"{z_1:.4f} {2 * solution:.4f} {solution:.4f}" == "0.5649 0.2609 0.1305"
assert math.isclose(slope_at(solution, target=0.3), 0.0, abs_tol=1e-12)
assert math.isclose(saturated.E.data, 0.0, abs_tol=1e-12)
assert saturated.z_1.edges[0].partial > 0.24

# %% [markdown]
# **Exercise 6.** Each unit multiplies by $w \cdot \frac{1}{4}$, so $w = 4$, and with $w = 5$ the derivative is
# $(\frac{5}{4})^{10} = 9.31$: it grows, or **explodes**. Between vanishing and exploding there is one point, and how
# to stay near it is the subject of weight initialization.

# %%
assert centred(10, 4.0) == 1.0
assert math.isclose(centred(10, 5.0), 1.25**10)
assert f"{1.25**10:.2f}" == "9.31"
for w in (3.0, 4.0, 5.0):
    print(f"w = {w}: " + "   ".join(f"{count} units {centred(count, w):.2e}" for count in (1, 10, 50)))
