// What stands beside the picture: the slide's equation with the factor in turn, and the ledger of both passes.

const MOST_LINES = 200, MOST_TERMS = 8;

class Equation {
  constructor(typeset) {
    this.typeset = typeset;
    this.element = element("div", {class: "stepper-equation", role: "group", "aria-label": "Equation", tabindex: "0"});
  }

  show(now, wrt) {
    const given = now.view.equations[wrt];
    const rows = given ? this.alongPaths(now, wrt, given.paths) : this.oneNode(now, now.tail ?? wrt);
    const folded = given?.folds.length ? given.paths[0].filter(at => now.passed.has(at)).length : 0;
    if (folded) rows.unshift(this.fold(given.folds, folded - 1));
    if (given && now.edge !== null && !given.paths.some(path => path.includes(now.edge))) rows.push(this.aside(now, wrt));
    this.element.replaceChildren(...rows);
  }

  aside(now, wrt) {
    const said = `This step is not on a path from ${now.view.nodes[wrt].text}: it belongs to other derivatives.`;
    return element("div", {class: "stepper-said aside"}, said);
  }

  // The two leftmost factors into one, as often as there were events on the path.
  fold(folds, at) {
    const said = element("span", {class: "stepper-said"}, `folded ${at} of ${folds.length - 1}`);
    return element("div", {class: "row fold"}, said, element("span", {}, this.typeset(folds[at])));
  }

  alongPaths(now, wrt, paths) {
    const {view} = now;
    const left = () => this.typeset(view.nodes[wrt].adjoint);
    const rows = [this.row(left, paths.map(path => path.map(at => this.factor(now, at, this.typeset(view.edges[at].local)))))];
    if (paths.some(path => path.some(at => !view.edges[at].isNumber))) {
      rows.push(this.row(null, paths.map(path => path.map(at =>
        this.factor(now, at, this.typeset(view.edges[at].factor))))));
    }
    rows.push(this.row(null, paths.map(path => path.map(at => this.factor(now, at, this.number(now, at))))));
    return [...rows, ...this.result(now, wrt)];
  }

  result(now, at) {
    if (!now.complete.has(at)) return [];
    const found = now.number(now.sums.get(at)), right = now.number(now.right.get(at));
    const said = now.wrong.has(at) ? element("strong", {}, `${found} \u2717 it is ${right}`) : element("span", {}, found);
    return [this.row(null, [[said]])];
  }

  // Too many paths to write down: the sum over the nodes that read this one.
  oneNode(now, tail) {
    const {view} = now;
    const readers = view.edges.flatMap((edge, at) => edge.tail === tail ? [at] : []);
    const terms = readers.slice(0, MOST_TERMS);
    const left = () => this.typeset(view.nodes[tail].adjoint);
    if (!terms.length) return [this.row(left, [[element("span", {}, "1")]])];
    const more = readers.length - terms.length;
    const named = terms.map(at => [this.factor(now, at, this.typeset(view.edges[at].local)),
      this.factor(now, at, this.typeset(view.nodes[view.edges[at].head].adjoint))]);
    const numbers = terms.map(at => [this.factor(now, at, this.number(now, at)),
      this.factor(now, at, element("span", {}, now.passed.has(at)
        ? `(${now.number(now.sums.get(view.edges[at].head))})` : "(\u00b7)"))]);
    return [this.row(left, named, more), this.row(null, numbers, more), ...this.result(now, tail)];
  }

  number(now, at) {
    const known = now.passed.has(at);
    return element("span", {}, known ? `(${now.number(now.locals[at])})` : "(\u00b7)");
  }

  factor(now, at, content) {
    const span = element("span", {class: "factor"}, content);
    span.classList.toggle("is-now", now.edge === at);
    span.classList.toggle("is-done", now.edge !== at && now.done.has(at) && !now.lost.has(at));
    span.classList.toggle("is-lost", now.lost.has(at));
    return span;
  }

  row(left, terms, more = 0) {
    const written = terms.map((factors, at) =>
      element("span", {class: "term"}, ...(at ? [element("span", {class: "sign"}, "+")] : []), ...factors));
    if (more) written.push(element("span", {class: "term"}, `+ \u2026 (${more} more)`));
    return element("div", {class: "row"}, element("span", {}, ...(left ? [left()] : [])), element("span", {class: "sign"}, "="),
      element("span", {class: "terms"}, ...written));
  }
}

class Ledger {
  constructor(typeset, jump) {
    this.typeset = typeset;
    this.jump = jump;
    this.list = element("ol", {class: "stepper-lines"});
    this.element = element("div", {class: "stepper-ledger", role: "group", "aria-label": "Ledger", tabindex: "0"}, this.list);
    // It may get its size only after the first step was shown.
    new ResizeObserver(() => this.showLast()).observe(this.element);
    this.forget();
  }

  showLast() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  forget() {
    this.lines = new Map();
  }

  show(now) {
    const first = Math.max(1, now.step - MOST_LINES + 1);
    const wanted = [];
    if (first > 1) wanted.push(element("li", {class: "stepper-said"}, `${first - 1} earlier lines`));
    for (let step = first; step <= now.step; step++) {
      if (!this.lines.has(step)) this.lines.set(step, this.line(now, step));
      wanted.push(this.lines.get(step));
    }
    // Only what changed is touched: a step of a long ledger costs one line.
    while (this.list.children.length > wanted.length) this.list.lastChild.remove();
    wanted.forEach((line, at) => {
      const there = this.list.children[at];
      if (there !== line) there ? there.replaceWith(line) : this.list.append(line);
    });
    this.lines.forEach((line, step) => line.classList.toggle("is-now", step === now.step));
    this.showLast();
  }

  line(now, step) {
    const moment = now.moment(step), line = element("li", {class: moment.phase});
    const {nodes, edges} = now.view;
    if (moment.phase === "forward") {
      const {node, formula} = moment.event;
      line.append(this.typeset(nodes[node].name), " = ", this.typeset(formula), ` = ${now.number(now.values[node])}`);
    } else if (moment.phase === "seed") {
      line.append(this.typeset(nodes[now.output].adjoint), " = 1");
    } else {
      const {event} = moment, {number} = now;
      line.append(this.typeset(nodes[event.tail].adjoint), " += ", this.typeset(edges[event.edge].local), " \u00b7 ",
        this.typeset(nodes[event.head].adjoint), ` = ${product(number(event.local), number(event.adjoint))}`);
      const mark = !event.completes || Number.isNaN(event.after) ? "" : differs(event.after, now.right.get(event.tail)) ? " \u2717" : " \u2713";
      const sum = `sum ${number(event.after)}${mark}`;
      line.append(element("span", {class: "sum"}, sum));
      if (event.lost) line.append(element("strong", {}, ` lost: ${nodes[event.tail].text} was passed on already`));
    }
    line.addEventListener("click", () => this.jump(step));
    return line;
  }
}
