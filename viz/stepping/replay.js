// The numbers of a graph for given inputs: values, local derivatives, and the events of the backward pass.
// A node is {operation, operands, value}: an operand is a node's index, or a constant written as a string.

function computeForward(record, inputs) {
  const values = [], partials = [], undefinedAt = new Set();
  let problem = null;
  record.forEach((node, at) => {
    partials.push([]);
    if (node.operation === null) {
      values.push(at in inputs ? inputs[at] : Number(node.value));
      return;
    }
    const operation = OPERATIONS[node.operation];
    const operands = node.operands.map(operand => typeof operand === "number" ? values[operand] : Number(operand));
    const isOutside = operands.every(Number.isFinite) && !operation.inside(...operands);
    if (isOutside || node.operands.some(operand => undefinedAt.has(operand))) {
      undefinedAt.add(at);
      values.push(NaN);
      partials[at] = node.operands.map(() => NaN);
      if (isOutside && problem === null) problem = {node: at, operands, words: operation.words};
      return;
    }
    const out = operation.value(...operands);
    values.push(out);
    const every = operation.partials(out, ...operands);
    partials[at] = node.operands.map((operand, position) => typeof operand === "number" ? every[position] : 0);
  });
  return {values, partials, undefinedAt, problem};
}

// The derivative of each edge of a view. Where nodes are hidden between tail and head, it is the sum over
// the hidden paths of the product along each, added up in the engine's own order.
function computeEdges(view, record, partials) {
  const shown = new Set(view.shown), relevant = new Set(view.relevant);
  const across = new Map();
  return view.edges.map(edge => {
    if (edge.position !== null) return partials[edge.head][edge.position];
    if (!across.has(edge.head)) across.set(edge.head, derivativesAcross(edge.head, record, partials, shown, relevant));
    return across.get(edge.head).get(edge.tail);
  });
}

function derivativesAcross(head, record, partials, shown, relevant) {
  const inside = new Map([[head, 1]]), reached = new Map(), pending = [head];
  while (pending.length) {
    // The newest first: all that adds to it has been seen.
    const at = pending.splice(pending.indexOf(Math.max(...pending)), 1)[0];
    record[at].operands.forEach((operand, position) => {
      if (!relevant.has(operand)) return;
      const target = shown.has(operand) ? reached : inside;
      if (target === inside && !target.has(operand)) pending.push(operand);
      const product = inside.get(at) * partials[at][position];
      target.set(operand, target.has(operand) ? target.get(operand) + product : product);
    });
  }
  return reached;
}

// Every event with its numbers, and the adjoint each node ends with.
function computeBackward(view, order, output, locals) {
  const sums = new Map([[output, 1]]), lastInto = new Map();
  view.orders[order].forEach(([edge], at) => lastInto.set(view.edges[edge].tail, at));
  const events = view.orders[order].map(([at, lost], position) => {
    const {tail, head} = view.edges[at];
    const adjoint = sums.get(head), before = sums.has(tail) ? sums.get(tail) : 0;
    const contribution = adjoint * locals[at], after = before + contribution;
    sums.set(tail, after);
    const completes = lastInto.get(tail) === position;
    return {edge: at, tail, head, adjoint, local: locals[at], contribution, before, after, completes, lost};
  });
  return {events, sums};
}

// Four significant digits; an integer below a million has no point; what is small is a power of ten, never 0.
function formatNumber(x) {
  if (Number.isNaN(x)) return "nan";
  const sign = x < 0 ? "\u2212" : "", size = Math.abs(x);
  if (size === Infinity) return sign + "\u221e";
  if (size === Math.round(size) && size < 1e6) return sign + String(size);
  const [mantissa, exponent] = roundedToFour(size).split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 4) return sign + String(Number(`${mantissa}e${power}`));
  const raised = [...String(power)].map(digit => digit === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[digit]);
  return `${sign}${String(Number(mantissa))}\u00b710${raised.join("")}`;
}

// Of two as near the even one, as Python rounds: 1.0625 is 1.062.
function roundedToFour(size) {
  const exact = size.toExponential(60);
  return /^\d\.\d\d[02468]50*e/.test(exact) ? exact.replace(/^(\d\.\d{3})\d*/, "$1") : size.toExponential(3);
}

function product(x, y) {
  return `${x} \u00b7 ${y.startsWith("\u2212") ? `(${y})` : y}`;
}

// More than the rounding of another order of addition.
function differs(x, y) {
  return Math.abs(x - y) > 1e-9 * Math.max(Math.abs(x), Math.abs(y));
}
