// The plan of a floor under the hands: keys and pointer move seats, and the numbers of the form follow. The numbers are what is
// sent, so nothing here decides anything: an overlap is said and marked at once, and refused by the server.
const svg = document.getElementById("plan-svg");
const form = document.getElementById("plan-form");
const GRID = 5;
const SIZE = { w: 16, h: 10 };

if (svg && form) {
  const scale = Number(svg.dataset.scale) / 1000;
  const left = Number(svg.dataset.left);
  const top = Number(svg.dataset.top);
  const width = Math.floor(svg.viewBox.baseVal.width / scale);
  const height = Math.floor(svg.viewBox.baseVal.height / scale);
  const said = document.getElementById("plan-said");
  const unsaved = document.getElementById("plan-unsaved");
  const undoButton = document.getElementById("plan-undo");
  const moves = [];
  let sending = false;

  const seats = new Map();
  for (const row of form.querySelectorAll(".spot[data-seat]")) {
    const field = (name) => row.querySelector(`input[name=${name}]`);
    const id = row.dataset.seat;
    seats.set(id, { id, row, name: row.dataset.name, fields: { x: field("x"), y: field("y"), w: field("w"), h: field("h") }, mark: svg.querySelector(`a[data-seat="${CSS.escape(id)}"]`) });
  }

  // Where the fields say that a seat is; nothing where they do not say it.
  function place(it) {
    const out = {};
    for (const [name, field] of Object.entries(it.fields)) {
      const text = field.value.trim();
      if (!/^\d{1,6}$/.test(text)) return null;
      out[name] = Number(text);
    }
    return out.w > 0 && out.h > 0 ? out : null;
  }

  const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

  function clashes(it) {
    const own = place(it);
    if (!own) return [];
    return [...seats.values()].filter((other) => {
      const there = other !== it && place(other);
      return there && overlap(own, there);
    }).map((other) => other.name);
  }

  function words(it) {
    const at = place(it);
    const parts = [svg.dataset.moved.replace("{x}", at.x).replace("{y}", at.y)];
    const over = clashes(it);
    if (over.length) parts.push(svg.dataset.clash.replace("{other}", over.join(", ")));
    return `${it.name}: ${parts.join(", ")}`;
  }

  function element(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function draw(it) {
    const at = place(it);
    if (!at) {
      it.mark?.remove();
      it.mark = null;
      return;
    }
    if (!it.mark) {
      it.mark = element("a", { class: "place plain-seat", "data-seat": it.id, href: `#spot-${it.id}` });
      it.mark.append(element("rect", { rx: 8 }), element("text", { class: "seat-name" }));
      it.mark.lastChild.textContent = it.name;
      svg.append(it.mark);
    }
    const px = (length) => Math.trunc(length * scale);
    const box = { x: px(at.x - left), y: px(at.y - top), width: Math.max(px(at.w), 1), height: Math.max(px(at.h), 1) };
    for (const [key, value] of Object.entries(box)) it.mark.firstElementChild.setAttribute(key, value);
    it.mark.lastElementChild.setAttribute("x", box.x + Math.trunc(box.width / 2));
    it.mark.lastElementChild.setAttribute("y", box.y + Math.trunc(box.height / 2) + 6);
  }

  function drawAll() {
    for (const it of seats.values()) {
      draw(it);
      if (!it.mark) continue;
      it.mark.classList.toggle("clash", clashes(it).length > 0);
      it.mark.setAttribute("aria-label", words(it));
    }
  }

  function dirty() {
    unsaved.hidden = false;
    undoButton.hidden = moves.length === 0;
  }

  function put(it, x, y) {
    const at = place(it);
    const limit = (value, from, long, extent) => Math.min(Math.max(value, from), Math.max(from, from + extent - long));
    const to = { x: limit(x, left, at.w, width), y: limit(y, top, at.h, height) };
    it.fields.x.value = to.x;
    it.fields.y.value = to.y;
    drawAll();
    return to.x !== at.x || to.y !== at.y;
  }

  function move(it, x, y) {
    const before = place(it);
    if (put(it, x, y)) {
      moves.push([it, before]);
      dirty();
      said.textContent = words(it);
    } else {
      said.textContent = `${it.name}: ${svg.dataset.edge}`;
    }
  }

  function undo() {
    const last = moves.pop();
    if (!last) return;
    const [it, before] = last;
    it.fields.x.value = before.x;
    it.fields.y.value = before.y;
    drawAll();
    dirty();
    said.textContent = `${svg.dataset.undone}. ${place(it) ? words(it) : it.name}`;
    it.mark?.focus();
  }

  // The next stop of the keyboard is the next in reading order, wherever seats have been moved to. Who has the focus stays in the
  // document, so that it is kept.
  function inOrder(held) {
    const all = [...seats.values()].filter((it) => it.mark).map((it) => [it.mark, place(it)]);
    all.sort(([, a], [, b]) => a.y - b.y || a.x - b.x);
    let passed = false;
    for (const [mark] of all) {
      if (mark === held) passed = true;
      else if (passed) svg.append(mark);
      else svg.insertBefore(mark, held);
    }
  }

  const of = (target) => {
    const mark = target instanceof Element && target.closest("a[data-seat]");
    return mark ? seats.get(mark.dataset.seat) : undefined;
  };
  const along = (value, step, fine) => {
    if (fine) return value + step;
    return step > 0 ? (Math.floor(value / GRID) + 1) * GRID : (Math.ceil(value / GRID) - 1) * GRID;
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  svg.addEventListener("keydown", (event) => {
    const it = of(event.target);
    if (!it) return;
    if (event.key === "Tab") {
      inOrder(it.mark);
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      undo();
    } else if (arrows[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      const [dx, dy] = arrows[event.key];
      const at = place(it);
      move(it, dx ? along(at.x, dx, event.shiftKey) : at.x, dy ? along(at.y, dy, event.shiftKey) : at.y);
    }
  });
  svg.addEventListener("focusin", (event) => {
    const it = of(event.target);
    if (it) said.textContent = words(it);
  });

  // Opening a seat leads to its numbers; what was moved is not lost on the way.
  let dragged = false;
  svg.addEventListener("click", (event) => {
    const it = of(event.target);
    if (!it) return;
    event.preventDefault();
    if (dragged) {
      dragged = false;
      return;
    }
    it.row.scrollIntoView({ block: "center" });
    it.fields.x.focus();
  });

  let held = null;
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointerdown", (event) => {
    const it = of(event.target);
    if (!it || event.button !== 0) return;
    const box = svg.getBoundingClientRect();
    held = { it, from: place(it), x: event.clientX, y: event.clientY, ratio: box.width / svg.viewBox.baseVal.width };
    dragged = false;
    it.mark.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!held) return;
    const units = (px) => px / held.ratio / scale;
    const snap = (value) => Math.round(value / GRID) * GRID;
    const [dx, dy] = [units(event.clientX - held.x), units(event.clientY - held.y)];
    if (!dragged && Math.hypot(event.clientX - held.x, event.clientY - held.y) < 4) return;
    dragged = true;
    put(held.it, snap(held.from.x + dx), snap(held.from.y + dy));
  });
  const let_go = () => {
    if (held && dragged) {
      const now = place(held.it);
      if (now.x !== held.from.x || now.y !== held.from.y) {
        moves.push([held.it, held.from]);
        dirty();
        said.textContent = words(held.it);
      }
    }
    held = null;
  };
  svg.addEventListener("pointerup", let_go);
  svg.addEventListener("pointercancel", let_go);

  form.addEventListener("input", () => {
    drawAll();
    dirty();
  });
  undoButton.addEventListener("click", undo);
  form.addEventListener("submit", () => { sending = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!sending && !unsaved.hidden) event.preventDefault();
  });

  // A seat without a place gets the first free spot of the usual size.
  for (const it of seats.values()) {
    const button = it.row.querySelector("button.put-there");
    if (!button) continue;
    button.hidden = place(it) !== null;
    button.addEventListener("click", () => {
      const others = [...seats.values()].map(place).filter(Boolean);
      let spot = { x: left, y: top, ...SIZE };
      search: for (let y = top; y + SIZE.h <= top + height; y += GRID) {
        for (let x = left; x + SIZE.w <= left + width; x += GRID) {
          if (!others.some((other) => overlap(other, { x, y, ...SIZE }))) {
            spot = { x, y, ...SIZE };
            break search;
          }
        }
      }
      for (const [name, field] of Object.entries(it.fields)) field.value = spot[name];
      button.hidden = true;
      drawAll();
      dirty();
      said.textContent = words(it);
      it.mark.focus();
    });
  }
  document.getElementById("plan-keys").hidden = false;
  drawAll();
}
