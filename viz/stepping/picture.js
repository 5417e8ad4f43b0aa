// The drawn graph: which node and arrow is in turn, which are done, and the numbers in the rooms kept for them.

const SVG = "http://www.w3.org/2000/svg", LETTER = 7.3;
const SMALLEST = 0.8, LARGEST = 1.4, TALLEST = 520; // times the size drawn, and pixels: readable, and fills a projector

class GraphPicture {
  constructor(view, jump) {
    this.view = view;
    this.element = element("div", {class: "stepper-picture", tabindex: "0", role: "group", "aria-label": "Graph"});
    this.element.innerHTML = view.svg;
    this.svg = this.element.querySelector("svg");
    const {width, height} = this.svg.viewBox.baseVal;
    const largest = Math.max(SMALLEST, Math.min(LARGEST, TALLEST / height));
    this.svg.style.minWidth = `${SMALLEST * width}px`;
    this.svg.style.maxWidth = `${largest * width}px`;
    this.svg.querySelector("title")?.remove();
    this.svg.setAttribute("aria-hidden", "true"); // the steps and the ledger say it in words
    for (const title of this.svg.querySelectorAll("g.node > title")) title.remove();
    this.places = new Map();
    for (const group of this.svg.querySelectorAll("g.node")) this.places.set(group.dataset.id, this.place(group));
    for (const at of view.shown) this.places.get(view.nodes[at].place).members.push(at);
    for (const place of this.places.values()) {
      place.group.addEventListener("click", () => jump(place.members));
    }
    this.arrows = this.matched("g.edge");
    this.labels = this.matched("g.label").map(group => group && {group, number: texts(group, 1)[0]});
  }

  place(group) {
    const [value, adjoint] = texts(group, 2);
    value?.classList.add("value");
    adjoint?.classList.add("adjoint");
    return {group, value, adjoint, members: []};
  }

  // For each edge of the graph its group in the picture: parallel edges have one each, what is collapsed shares one.
  matched(selector) {
    const groups = new Map(), used = new Map();
    for (const group of this.svg.querySelectorAll(selector)) {
      const ends = `${group.dataset.tail} ${group.dataset.head}`;
      groups.set(ends, [...(groups.get(ends) ?? []), group]);
    }
    return this.view.edges.map(edge => {
      const ends = `${this.view.nodes[edge.tail].place} ${this.view.nodes[edge.head].place}`;
      const nth = used.get(ends) ?? 0, found = groups.get(ends) ?? [];
      used.set(ends, nth + 1);
      return found[Math.min(nth, found.length - 1)] ?? null;
    });
  }

  show(now) {
    for (const place of this.places.values()) this.showPlace(place, now);
    const states = new Map();
    this.arrows.forEach((group, at) => {
      if (!group) return;
      const state = states.get(group) ?? {now: false, done: false, lost: false};
      states.set(group, {
        now: state.now || now.edge === at, done: state.done || now.done.has(at), lost: state.lost || now.lost.has(at),
      });
    });
    this.labels.forEach((label, at) => {
      if (!label) return;
      states.set(label.group, {now: now.edge === at, done: now.done.has(at), lost: now.lost.has(at)});
      if (label.number) write(label.number, now.passed.has(at) ? `= ${now.number(now.locals[at])}` : "");
    });
    for (const [group, state] of states) {
      group.classList.toggle("is-now", state.now);
      group.classList.toggle("is-done", state.done && !state.now && !state.lost);
      group.classList.toggle("is-lost", state.lost);
    }
    if (now.focus !== null) this.reveal(this.places.get(this.view.nodes[now.focus].place).group);
  }

  showPlace(place, now) {
    const {group, members} = place;
    group.classList.toggle("is-now", members.includes(now.node));
    group.classList.toggle("is-next", members.includes(now.tail));
    group.classList.toggle("is-complete", members.every(at => now.complete.has(at) && !Number.isNaN(now.sums.get(at))));
    group.classList.toggle("is-wrong", members.some(at => now.wrong.has(at)));
    group.classList.toggle("is-undefined", members.some(at => now.undefinedAt.has(at)));
    if (!place.value || !members.length) return;
    if (members.length > 1) return this.showBox(place, now);
    const [at] = members;
    write(place.value, now.known.has(at) ? now.number(now.values[at]) : "");
    const sum = now.sums.get(at), done = now.complete.has(at) && !Number.isNaN(sum);
    const mark = now.wrong.has(at) ? " \u2717" : done ? " \u2713" : "";
    write(place.adjoint, now.sums.has(at) ? `\u2202 ${now.number(sum)}${mark}` : "");
  }

  // A box that stands for many nodes says how many are done, and which of them is in turn.
  showBox(place, now) {
    const {members} = place, isBackward = now.sums.size > 0;
    const done = members.filter(at => isBackward ? now.complete.has(at) : now.known.has(at)).length;
    write(place.value, `${done} of ${members.length}${isBackward ? " \u2713" : ""}`);
    const turn = [now.tail, now.node].find(at => members.includes(at));
    write(place.adjoint, turn === undefined ? "" : this.view.nodes[turn].text);
  }

  // Scroll only inside the picture's own frame: the page must not jump.
  reveal(group) {
    const frame = this.element.getBoundingClientRect(), box = group.getBoundingClientRect();
    if (box.left < frame.left || box.right > frame.right) {
      this.element.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
    }
    if (box.top < frame.top || box.bottom > frame.bottom) {
      this.element.scrollTop += box.top + box.height / 2 - frame.top - frame.height / 2;
    }
  }
}

// As many lines of text as asked for in the room of a group, if it has one.
function texts(group, count) {
  const room = group.querySelector(":scope > g.room");
  if (!room) return [];
  const width = Number(room.dataset.width), height = Number(room.dataset.height);
  return Array.from({length: count}, (_, line) => {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", count > 1 ? width / 2 : 3);
    text.setAttribute("y", height * (line + 0.78) / count);
    text.setAttribute("text-anchor", count > 1 ? "middle" : "start");
    text.dataset.room = width;
    room.append(text);
    return text;
  });
}

// What is wider than its room is squeezed into it. Letters are counted: measuring them would lay out the page anew.
function write(text, content) {
  if (text.textContent === content) return;
  text.textContent = content;
  const room = Number(text.dataset.room);
  if (content.length * LETTER > room) {
    text.setAttribute("textLength", room);
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  } else {
    text.removeAttribute("textLength");
  }
}
