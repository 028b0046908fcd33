// A screen at a door. The page shows what it was sent with; this keeps it true while time goes on: it asks again and again, and
// when nobody answers it goes on with the schedule that it has, says since when, and calls nothing free without saying when that
// was known. The rule is that of domain/src/display.rs.
"use strict";
const FRESH_MS = 120_000;
const POLL_MS = 15_000;
const DRAW_MS = 5_000;

const main = document.getElementById("main");
const { path, lang, eink } = main.dataset;
const words = JSON.parse(main.dataset.words);
const paper = eink === "1";
const every = paper ? Number(main.dataset.refresh) * 1000 : POLL_MS;
const kept = `sekisho-display ${path}`;

// What is known: the schedule, and this device's clock when it was heard.
let known = { schedule: JSON.parse(main.dataset.schedule), heard: Date.now() };

// Without storage a reload forgets; the page itself does not need it.
function store() {
  try {
    localStorage.setItem(kept, JSON.stringify(known));
  } catch {}
}

// A page out of the cache is as old as what was heard before, not as new as its opening.
function recall() {
  try {
    const before = JSON.parse(localStorage.getItem(kept) ?? "null");
    if (before && before.schedule.now >= known.schedule.now) known = before;
  } catch {}
}

// The server's time, by this device's clock. A clock that was set back makes nothing younger.
function age() {
  return Math.max(0, Date.now() - known.heard);
}

const clocks = new Map();
function clock(at) {
  const { zone } = known.schedule;
  if (!clocks.has(zone)) {
    clocks.set(zone, new Intl.DateTimeFormat(lang === "ja" ? "ja-JP" : "en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
  }
  return clocks.get(zone).format(at);
}

function standing(taken, open, until, now) {
  if (now >= until) return { kind: "unknown" };
  const has = (spans) => spans.find(([start, end]) => start <= now && now < end);
  const begins = (spans) => spans.map(([start]) => start).find((start) => start > now);
  const current = has(taken);
  if (current) {
    let end = current[1];
    for (let next; (next = taken.find(([start, stop]) => start <= end && stop > end)); ) end = next[1];
    return { kind: "taken", until: end };
  }
  const block = has(open);
  if (!block) return { kind: "closed", until: begins(open) };
  return { kind: "free", until: Math.min(begins(taken) ?? until, block[1], until) };
}

const marks = { taken: "no", free: "yes", closed: "wait", unknown: "halt" };

function sentence(it, stale) {
  const heard = clock(known.schedule.now);
  if (it.kind === "unknown") return words.unknown;
  if (stale) return words[`${it.kind}_stale`].replace("{}", heard);
  if (it.kind === "closed") return it.until ? words.closed_until.replace("{}", clock(it.until)) : words.closed;
  return words[it.kind].replace("{}", clock(it.until));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function draw() {
  const { schedule } = known;
  const old = age();
  const now = schedule.now + old;
  // Electronic paper is not asked more often than it is drawn.
  const stale = old > Math.max(FRESH_MS, paper ? every + FRESH_MS : 0);
  const note = document.getElementById("stale");
  note.hidden = !stale;
  write(note, stale ? words.stale.replace("{}", clock(schedule.now)) : "");
  write(document.getElementById("at"), words.at.replace("{}", clock(stale ? schedule.now : now)));
  const places = [...document.querySelectorAll("[data-seat]")];
  // Seats came or went: the page has to be made anew.
  if (places.length !== schedule.seats.length && !stale) return location.reload();
  places.forEach((place, n) => {
    const seat = schedule.seats[n];
    if (!seat) return;
    const it = standing(seat.taken, schedule.open, schedule.until, now);
    // Not certain any more is not the mark of what is certain.
    const shape = stale && it.kind === "free" ? "halt" : marks[it.kind];
    const mark = place.querySelector(".mark");
    mark.className = `mark long ${shape}`;
    write(mark, sentence(it, stale));
    const list = place.querySelector(".next");
    if (!list) return;
    const next = seat.taken.filter(([start]) => start > now).slice(0, 3).map(([start, end]) => `${clock(start)}–${clock(end)}`);
    if ([...list.children].map((li) => li.textContent).join() !== next.join()) {
      list.replaceChildren(...next.map((text) => Object.assign(document.createElement("li"), { className: "clock", textContent: text })));
    }
    place.querySelector(".none").hidden = next.length > 0;
  });
}

async function ask() {
  try {
    const answer = await fetch(`${path}/state`, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    if (answer.status === 404) {
      // Switched off: nothing of it stays here.
      localStorage.removeItem(kept);
      for (const name of await caches.keys()) if (name.startsWith("sekisho-display-")) await caches.delete(name);
      location.reload();
      return;
    }
    if (answer.ok) {
      known = { schedule: await answer.json(), heard: Date.now() };
      store();
    }
  } catch {
    // No connection: what is known stays, and grows old.
  }
  draw();
}

recall();
store();
draw();
setInterval(ask, every);
if (!paper) setInterval(draw, DRAW_MS);
ask();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/display-sw.js", { scope: "/display/" }).catch(() => {});
