// The stepper: the controls, and what is shown at each step. `mount` builds it into an element; `render` is
// what a notebook's widget manager calls.

const SPEEDS = [0.5, 1, 2, 4], PAUSE = 1200;
const FOCUSABLE = ["button", "input", "select"];
const VIEWS = {lecture: "lecture view", full: "full view"};
const ORDERS = {topological: "topological order", depth_first: "depth first (wrong)"};

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  // JupyterLab looks at the focused element alone before it takes a key for a shortcut of its own.
  if (FOCUSABLE.includes(tag) || "tabindex" in attributes) made.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function select(label, options, chosen, changed) {
  const box = element("select", {"aria-label": label});
  for (const [value, text] of options) box.append(element("option", {value}, text));
  box.value = chosen;
  box.addEventListener("change", () => changed(box.value));
  return box;
}

// 0.1 * 3 reads as 0.3 in a field; what is computed with keeps all its digits.
function shortest(value) {
  return String(Number(value.toPrecision(12)));
}

function button(text, pressed) {
  const made = element("button", {type: "button"}, text);
  made.addEventListener("click", pressed);
  return made;
}

class Stepper {
  // `state` is {step, inputs by key, view, order}; `changed` is told of every change made in the page.
  constructor(host, data, state, changed) {
    this.data = data;
    this.changed = changed;
    this.sliders = new Map(data.sliders.map(slider => [slider.key, {...slider}]));
    this.initial = Object.fromEntries(data.sliders.map(slider => [slider.key, Number(data.record[slider.node].value)]));
    this.state = {step: 0, view: "lecture", order: "topological", ...state, inputs: {...this.initial, ...state.inputs}};
    this.templates = new Map();
    this.timer = null;
    this.build(host);
    this.enter();
  }

  // --- the parts ---------------------------------------------------------------------------------

  build(host) {
    const {data} = this;
    this.root = element("div", {class: "stepper-body", role: "group", "aria-label": data.title, tabindex: "-1"});
    this.status = element("p", {class: "stepper-status", role: "status", "aria-live": "polite"});
    this.problem = element("p", {class: "stepper-problem", role: "alert"});
    this.position = element("input", {type: "range", min: 0, step: 1, "aria-label": "Step"});
    this.position.addEventListener("input", () => this.go(Number(this.position.value)));
    this.count = element("span", {class: "stepper-count"});
    this.play = button("Play", () => this.timer ? this.pause() : this.start());
    this.back = button("Back", () => this.go(this.state.step - 1));
    this.next = button("Next", () => this.go(this.state.step + 1));
    this.speed = select("Speed", SPEEDS.map(speed => [speed, `${speed}\u00d7`]), 1, () => this.timer && this.start());
    const reset = button("Reset", () => this.reset());
    const controls = element("div", {class: "stepper-controls", role: "group", "aria-label": "Steps"},
      this.back, this.next, this.play, this.speed, reset);
    this.viewBox = select("View", Object.entries(VIEWS), this.state.view, view => this.switchTo({view}));
    this.orderBox = select("Order", Object.entries(ORDERS), this.state.order, order => this.switchTo({order}));
    this.wrtBox = element("select", {"aria-label": "Derivative in the equation"});
    this.wrtBox.addEventListener("change", () => { this.wrt[this.state.view] = Number(this.wrtBox.value); this.show(); });
    this.nodeBox = element("select", {"aria-label": "Go to node"});
    this.nodeBox.addEventListener("change", () => this.jump([Number(this.nodeBox.value)]));
    const choices = element("div", {class: "stepper-choices", role: "group", "aria-label": "What is shown"},
      this.viewBox, this.orderBox, this.wrtBox, this.nodeBox);
    this.stage = element("div", {class: "stepper-stage"});
    this.equation = new Equation(at => this.typeset(at));
    this.ledger = new Ledger(at => this.typeset(at), step => this.go(step));
    const keys = "Keys: \u2192 next, \u2190 back, Space plays, Home and End. A click on a node or a line goes there.";
    this.root.append(
      element("div", {class: "stepper-top"}, controls, choices),
      element("div", {class: "stepper-position"}, this.position, this.count), this.status, this.problem,
      element("div", {class: "stepper-columns"},
        element("div", {class: "stepper-main"}, this.stage, this.equation.element),
        element("div", {class: "stepper-side"}, this.inputs(), this.ledger.element)),
      element("p", {class: "stepper-keys"}, keys));
    this.pictures = {};
    this.wrt = Object.fromEntries(Object.entries(data.views).map(([name, view]) => [name, view.inputs[0]]));
    this.root.addEventListener("keydown", event => this.key(event));
    host.replaceChildren(this.root);
  }

  inputs() {
    const rows = [...this.sliders.values()].map(slider => {
      const name = this.data.record[slider.node].text;
      const range = element("input", {type: "range", min: slider.low, max: slider.high, step: slider.step, "aria-label": name});
      const number = element("input", {type: "number", step: "any", "aria-label": `${name}, as a number`});
      slider.set = value => {
        range.min = Math.min(slider.low, value); // what is typed may lie outside
        range.max = Math.max(slider.high, value);
        range.value = value;
        range.setAttribute("aria-valuetext", shortest(value));
        if (document.activeElement !== number) number.value = shortest(value);
      };
      range.addEventListener("input", () => this.move(slider.key, Number(range.value)));
      number.addEventListener("input", () => number.value !== "" && this.move(slider.key, Number(number.value)));
      number.addEventListener("blur", () => slider.set(this.state.inputs[slider.key]));
      return element("div", {class: "stepper-input"},
        element("span", {class: "name", "aria-hidden": "true"}, this.typeset(this.data.record[slider.node].name)), range, number);
    });
    return element("div", {class: "stepper-inputs", role: "group", "aria-label": "Inputs", tabindex: "0"}, ...rows);
  }

  // A typeset formula, standing on its baseline: its class says how deep it hangs, in hundredths of an em.
  typeset(at) {
    if (!this.templates.has(at)) {
      const template = element("template");
      template.innerHTML = this.data.fragments[at];
      const made = template.content.firstElementChild;
      const depth = /below-(\d+)/.exec(made.getAttribute("class"));
      if (depth) made.style.verticalAlign = `${-Number(depth[1]) / 100}em`;
      this.templates.set(at, made);
    }
    return this.templates.get(at).cloneNode(true);
  }

  // --- what happens ------------------------------------------------------------------------------

  // The view, the order or an input is another one: all numbers are computed anew.
  enter() {
    const {data, state} = this, view = data.views[state.view];
    const order = state.order in view.orders ? state.order : "topological";
    const inputs = Object.fromEntries([...this.sliders.values()].map(each => [each.node, state.inputs[each.key]]));
    const forward = computeForward(data.record, inputs);
    const locals = computeEdges(view, data.record, forward.partials);
    const passed = computeBackward(view, order, data.output, locals);
    const right = computeBackward(view, "topological", data.output, locals);
    this.numbers = {...forward, locals, view, ...passed, right: right.sums};
    this.last = view.forward.length + 1 + passed.events.length;
    const asked = state.step;
    state.step = Math.max(0, Math.min(this.last, Math.round(asked) || 0));
    if (state.step !== asked) this.changed({step: state.step});
    this.ledger.forget();
    if (!this.pictures[state.view]) this.pictures[state.view] = new GraphPicture(view, members => this.jump(members));
    this.picture = this.pictures[state.view];
    if (this.stage.firstChild !== this.picture.element) this.stage.replaceChildren(this.picture.element);
    this.position.max = this.last;
    for (const [key, slider] of this.sliders) slider.set(state.inputs[key]);
    this.viewBox.value = state.view;
    this.orderBox.value = order;
    this.orderBox.hidden = Object.keys(view.orders).length < 2;
    const named = at => [at, view.nodes[at].text];
    this.fill(this.wrtBox, view.inputs.map(named), this.wrt[state.view], text => `d${view.nodes[data.output].text}/d${text}`);
    this.wrtBox.hidden = view.inputs.length < 2;
    this.fill(this.nodeBox, [["", "go to node \u2026"], ...view.shown.map(named)], "", text => text);
    this.show();
  }

  fill(box, options, chosen, says) {
    box.replaceChildren(...options.map(([value, text]) => element("option", {value}, says(text))));
    box.value = chosen;
  }

  moment(step) {
    const {view, events} = this.numbers, count = view.forward.length;
    if (step === 0) return {phase: "start"};
    if (step <= count) return {phase: "forward", event: view.forward[step - 1]};
    if (step === count + 1) return {phase: "seed"};
    return {phase: "backward", event: events[step - count - 2]};
  }

  // Everything the parts show, at the present step.
  now() {
    const {step} = this.state, {numbers, data} = this, {view, events} = numbers;
    const moment = this.moment(step), count = view.forward.length;
    const known = new Set(view.shown.filter(at => data.record[at].operation === null));
    view.forward.slice(0, step).forEach(event => known.add(event.node));
    const sums = new Map(), complete = new Set(), passed = new Set(), wrong = new Set();
    if (step > count) { sums.set(data.output, 1); complete.add(data.output); }
    const passedEvents = events.slice(0, Math.max(0, step - count - 1));
    for (const event of passedEvents) {
      sums.set(event.tail, event.after);
      passed.add(event.edge);
      if (event.completes) complete.add(event.tail);
    }
    const done = new Set([...passed].filter(at => !Number.isNaN(numbers.locals[at])));
    const lost = new Set(passedEvents.filter(event => event.lost).map(event => event.edge));
    for (const at of complete) if (differs(sums.get(at), numbers.right.get(at))) wrong.add(at);
    const event = moment.phase === "backward" ? moment.event : null;
    const node = moment.phase === "forward" ? moment.event.node : moment.phase === "seed" ? data.output : event?.head ?? null;
    return {
      ...numbers, step, moment: at => this.moment(at), phase: moment.phase, event, node, tail: event?.tail ?? null,
      edge: event?.edge ?? null, focus: event?.tail ?? node, known, sums, complete, passed, done, lost, wrong, output: data.output,
      number: x => Number.isNaN(x) && numbers.undefinedAt.size ? "undefined" : formatNumber(x),
    };
  }

  show() {
    const now = this.now();
    this.picture.show(now);
    this.equation.show(now, this.wrt[this.state.view]);
    this.ledger.show(now);
    this.position.value = now.step;
    this.count.textContent = `${now.step} of ${this.last}`;
    // Not disabled: the focus would be lost.
    this.back.setAttribute("aria-disabled", now.step === 0);
    this.next.setAttribute("aria-disabled", now.step === this.last);
    this.nodeBox.value = now.focus ?? "";
    this.position.setAttribute("aria-valuetext", `${now.step} of ${this.last}`);
    this.status.textContent = this.says(now);
    this.problem.textContent = this.saysProblem(now);
    this.problem.hidden = now.problem === null;
  }

  says(now) {
    const {nodes} = now.view, text = at => nodes[at].text, adjoint = at => `d${text(now.output)}/d${text(at)}`;
    if (now.phase === "start") return "The inputs are given. Next computes the first node.";
    if (now.phase === "forward") return `Forward: ${text(now.node)} is computed: ${now.number(now.values[now.node])}.`;
    if (now.phase === "seed") return `Backward: it starts at ${text(now.output)}, where ${adjoint(now.output)} = 1.`;
    const {event, number} = now;
    const passes = `Backward: ${text(event.head)} passes ${product(number(event.local), number(event.adjoint))} = `
      + `${number(event.contribution)} on to ${text(event.tail)}; ${adjoint(event.tail)} is now ${number(event.after)}`;
    const late = `. Too late: ${text(event.tail)} was passed on already, so this reaches nothing below it`;
    const end = now.step === this.last ? this.saysEnd(now) : "";
    if (Number.isNaN(event.after) && now.problem) return `${passes}: ${this.saysProblem(now)}`;
    return `${passes}${event.lost ? late : event.completes ? ", and complete" : ", more to come"}.${end}`;
  }

  saysEnd(now) {
    const wrong = [...now.wrong].map(at =>
      `d${now.view.nodes[now.output].text}/d${now.view.nodes[at].text} came out as ${now.number(now.sums.get(at))}, `
      + `but is ${now.number(now.right.get(at))}`);
    return wrong.length ? ` Wrong: ${wrong.join("; ")}.` : " The pass is done.";
  }

  saysProblem(now) {
    if (now.problem === null) return "";
    const node = this.data.record[now.problem.node], operands = now.problem.operands.map(formatNumber).join(", ");
    // A node this picture does not show is named by the first one that needs it.
    const shown = now.view.shown.find(at => now.undefinedAt.has(at));
    const name = now.view.nodes[now.problem.node]?.text ?? now.view.nodes[shown]?.text ?? node.text;
    return `${name}: ${node.called}(${operands}) is not defined; the domain of ${node.called} is ${now.problem.words}. `
      + "Move the inputs back.";
  }

  // --- moving ------------------------------------------------------------------------------------

  go(step) {
    const wanted = Math.max(0, Math.min(this.last, step));
    if (wanted === this.last || wanted < this.state.step) this.pause();
    if (wanted === this.state.step) return;
    this.state.step = wanted;
    this.show();
    this.changed({step: wanted});
  }

  // To where the node's gradient is complete, or if that is shown, to where its value is computed.
  jump(members) {
    const {view, events} = this.numbers, count = view.forward.length;
    const stops = members.flatMap(at => {
      const forward = view.forward.findIndex(event => event.node === at) + 1;
      const last = events.findLastIndex(event => event.tail === at);
      return [at === this.data.output ? count + 1 : last < 0 ? 0 : count + 2 + last, forward];
    });
    this.go(stops[(stops.indexOf(this.state.step) + 1) % stops.length] ?? 0);
  }

  move(key, value) {
    if (!Number.isFinite(value)) return;
    this.state.inputs = {...this.state.inputs, [key]: value};
    this.enter();
    this.changed({inputs: this.state.inputs});
  }

  // In another view or order the step is the one that shows the same node.
  switchTo(choice) {
    this.pause();
    const {node, tail, phase} = this.now();
    Object.assign(this.state, choice);
    const atEnd = this.state.step === this.last, view = this.data.views[this.state.view];
    this.enter();
    const steps = Array.from({length: this.last + 1}, (_, step) => step);
    const same = steps.findLast(step => {
      const moment = this.moment(step), {event} = moment;
      return moment.phase === phase && (event?.node ?? event?.head ?? node) === node && (event?.tail ?? tail) === tail;
    });
    this.state.step = atEnd ? this.last : same ?? Math.min(this.state.step, this.last);
    this.show();
    this.changed({...choice, step: this.state.step});
  }

  reset() {
    this.pause();
    Object.assign(this.state, {step: 0, inputs: {...this.initial}});
    this.enter();
    this.changed({step: 0, inputs: this.state.inputs});
  }

  start() {
    if (this.state.step === this.last) this.go(0);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.go(this.state.step + 1), PAUSE / Number(this.speed.value));
    this.play.textContent = "Pause";
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "Play";
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, select")) return;
    if (event.key === " " && event.target.matches("button")) return;
    const actions = {
      ArrowRight: () => this.go(this.state.step + 1), ArrowLeft: () => this.go(this.state.step - 1),
      Home: () => this.go(0), End: () => this.go(this.last), " ": () => this.play.click(),
    };
    if (!(event.key in actions)) return;
    actions[event.key]();
    event.preventDefault();
    event.stopPropagation(); // a notebook has meanings of its own for these keys
  }

  shows({inputs, ...others}) {
    const same = (one, other) => Object.keys(one).every(name => one[name] === other[name]);
    return same(others, this.state) && same(inputs, this.state.inputs);
  }

  // From outside: a notebook's Python, say.
  set(state) {
    Object.assign(this.state, state);
    this.enter();
  }
}

const TRAITS = ["step", "inputs", "view", "order"];

function render({model, el}) {
  const traits = () => Object.fromEntries(TRAITS.map(name => [name, model.get(name)]));
  const host = element("div", {class: "stepper"});
  el.append(host);
  const stepper = new Stepper(host, model.get("data"), traits(), changes => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  });
  const follow = () => stepper.shows(traits()) || stepper.set(traits());
  for (const name of TRAITS) model.on(`change:${name}`, follow);
  return () => {
    stepper.pause();
    for (const name of TRAITS) model.off(`change:${name}`, follow);
  };
}

// A page holds each stepper's data in a script of type application/json inside its element.
function mountAll(page) {
  const hosts = [...page.querySelectorAll(".stepper")];
  const steppers = hosts.map(host => {
    const {data, state} = JSON.parse(host.querySelector("script").textContent);
    return new Stepper(host, data, state, () => {});
  });
  if (steppers.length !== 1) return;
  // With a single stepper the keys work wherever the focus is.
  page.addEventListener("keydown", event => event.target.closest?.(".stepper") || steppers[0].key(event));
}

export default {render};
