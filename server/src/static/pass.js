// The pass page. The key that signs the codes is made here, cannot leave this browser and needs no network; the page, the pass
// and the difference between the server's clock and this phone's are kept, so that a door opens with the phone offline.
import { base64url, carried, presentation, reference, registration } from "./pass-code.js";
import { encodeQR } from "./vendor/qr/index.js";

const EVERY_MS = 5_000; // a code
const KNOWN_MS = 30_000; // between two questions to the server once the gateway holds the pass
const CACHE = "sekisho-pass-1"; // also in pass-sw.js
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const root = document.getElementById("pass");
const part = (id) => document.getElementById(id);
const { booking, person } = root.dataset;

let db, key, it; // what is kept: the phone's key, the pass for this booking
let known = false; // whether the gateway holds the pass
let sure = true; // whether the difference of the clocks is known
let asked = 0, last = { at: 0, n: 0 }, beat = 0, awake;

const wait = (request) => new Promise((yes, no) => {
  request.onsuccess = () => yes(request.result);
  request.onerror = () => no(request.error);
});
const store = (name, mode) => db.transaction(name, mode).objectStore(name);
const get = (name, id) => wait(store(name, "readonly").get(id));
const put = (name, value) => wait(store(name, "readwrite").put(value));
const remove = (name, id) => wait(store(name, "readwrite").delete(id));

async function openStore() {
  const request = indexedDB.open("sekisho-pass", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("keys", { keyPath: "person" });
    request.result.createObjectStore("passes", { keyPath: "booking" });
  };
  db = await wait(request);
}

// Shows one state of the page: the code, or words and one action in its place.
function show(view) {
  if (root.dataset.view === view && view !== "wait") return;
  root.dataset.view = view;
  for (const section of root.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== view;
  part("bright").hidden = view !== "code";
  if (view !== "code") part("qr").removeAttribute("data-code");
}

class Problem extends Error {
  constructor(status, { code = "failed", title = "" }) {
    super(title);
    Object.assign(this, { status, code });
  }
}

async function ask(method, path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response.json();
}

// Out of reach: no network, or a server that does not answer properly. What is kept goes on working.
const isAway = (error) => error instanceof TypeError || error.status >= 500 || error.status === 429;

async function register() {
  show("wait");
  const pair = await crypto.subtle.generateKey(ES256, false, ["sign", "verify"]);
  const publicKey = base64url.encode(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  const { nonce } = await ask("POST", `/api/v1/people/${person}/holder-key/nonce`);
  const signed = await crypto.subtle.sign(ES256, pair.privateKey, registration(base64url.decode(nonce), person));
  key = { person, privateKey: pair.privateKey, publicKey };
  // Kept before it is sent: an answer may get lost, and the server then knows a key that must not be lost as well.
  await put("keys", key);
  const signature = base64url.encode(new Uint8Array(signed));
  await ask("POST", `/api/v1/people/${person}/holder-key`, { public_key: publicKey, nonce, signature });
  root.dataset.phoneKey = publicKey;
  await navigator.storage?.persist?.();
  await again();
}

async function again() {
  show("wait");
  await forget();
  await ask("POST", `/api/v1/bookings/${booking}/passes`, { kind: "holder" }).then(take);
  await sync();
  await draw();
}

const take = (pass) => {
  it = {
    booking, person, pass: pass.id, signed: base64url.decode(pass.signed), phoneKey: key.publicKey,
    opens: Date.parse(pass.start), ends: Date.parse(pass.end), issued: Date.parse(pass.created_at), offset: 0, measured: Date.now(),
  };
};

async function forget() {
  it = undefined;
  known = false;
  await remove("passes", booking);
}

// Asks the server how the pass stands, and what time it is.
async function sync() {
  asked = Date.now();
  const sent = performance.now();
  const status = await ask("GET", `/api/v1/passes/${it.pass}/status`);
  const took = performance.now() - sent;
  if (status.phone_key !== key.publicKey) {
    await forget();
    return show("other");
  }
  // A cancellation may have been taken back: then there is a new pass, and else the answer says so.
  if (status.state === "cancelled") return again();
  if (status.state !== "active") {
    await forget();
    return show(status.state);
  }
  // The booking was made longer: a pass that lasts as long takes the place of this one once it is here.
  if (Date.parse(status.end) > it.ends) {
    await ask("POST", `/api/v1/bookings/${booking}/passes`, { kind: "holder" }).then(take);
    return sync();
  }
  known = status.known_at_gateway;
  sure = true;
  Object.assign(it, { offset: Math.round(Date.parse(status.now) + took / 2 - Date.now()), measured: Date.now() });
  await put("passes", it);
}

// Runs what needs the server; without it the page shows what it has.
async function online(work) {
  try {
    await work();
  } catch (error) {
    known = false;
    if (isAway(error)) {
      if (!it) show("first");
    } else if (error.status === 401) {
      if (!it) location.assign("/sign-in");
    } else {
      const view = { booking_cancelled: "cancelled", booking_ended: "ended", no_holder_key: "register" }[error.code] ?? "refused";
      await forget();
      part("why").textContent = error.message;
      show(view);
    }
  }
}

// The server's time as this phone reckons it.
function now() {
  // A clock that was turned back while the page is open: the other clock of the browser tells by how much. A jump forward may be
  // sleep, which is no error; the server is asked.
  const drift = Date.now() - performance.now() - beat;
  if (Math.abs(drift) > 2_000) {
    if (beat !== 0 && drift < 0) it.offset -= drift;
    beat += drift;
    asked = 0;
  }
  return Date.now() + (sure ? it.offset : 0);
}

async function draw() {
  if (!it) return;
  const at = now();
  part("own-clock").hidden = sure;
  if (at < it.issued - 60_000) return show("clock");
  if (at < it.opens) return show("early");
  if (at >= it.ends) return show("ended");
  // Never backwards by a correction of the clock: the door takes each position once, and only later ones.
  let second = Math.floor(at / 1000);
  if (second < last.at && last.at - second < 10) second = last.at;
  last = { at: second, n: second === last.at ? last.n + 1 : 0 };
  const signature = new Uint8Array(await crypto.subtle.sign(ES256, key.privateKey, presentation(it.pass, last.at, last.n)));
  if (!it) return;
  show("code");
  paint(known ? reference(it.pass, last.at, last.n, signature) : carried(it.signed, last.at, last.n, signature));
  stayAwake();
}

function paint(text) {
  const rows = encodeQR(text, "raw", { ecc: "medium", encoding: "alphanumeric", border: 3 });
  let path = "";
  rows.forEach((row, y) => row.forEach((dark, x) => { if (dark) path += `M${x} ${y}h1v1h-1z`; }));
  const qr = part("qr");
  qr.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  qr.firstElementChild.setAttribute("d", path);
  // Whole pixels a module: edges that fall between pixels are what readers stumble over.
  const pixels = Math.floor((qr.parentElement.clientWidth * 0.96 * devicePixelRatio) / rows.length) || 1;
  qr.style.width = `${(pixels * rows.length) / devicePixelRatio}px`;
  qr.dataset.code = text;
  const ring = part("ring").querySelector(".left");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  ring.getAnimations().forEach((before) => before.cancel());
  ring.animate({ strokeDashoffset: [0, 100] }, { duration: EVERY_MS, easing: still ? "steps(5)" : "linear", fill: "forwards" });
}

function stayAwake() {
  if (document.visibilityState !== "visible" || (awake && !awake.released)) return;
  navigator.wakeLock?.request("screen").then((lock) => { awake = lock; }, () => {});
}

// Keeps the page itself, so that it opens without a network.
async function keep() {
  if (!it) return;
  // Where a browser keeps nothing, the page works as long as it stays open, and promises no more.
  const worker = await navigator.serviceWorker?.register("/pass-sw.js", { scope: "/bookings/" }).catch(() => undefined);
  if (!worker) return;
  await navigator.serviceWorker.ready;
  const cache = await caches.open(CACHE);
  if (!(await cache.match(location.pathname))) {
    const response = await fetch(location.pathname, { redirect: "error" });
    if (response.ok) await cache.put(location.pathname, response);
  }
  part("kept").hidden = false;
}

// What is over, and what somebody else kept in this browser, goes; with its pages.
async function tidy() {
  for (const old of await wait(store("passes", "readonly").getAll())) {
    if (old.person === person && old.ends > Date.now() + old.offset - 86_400_000) continue;
    await remove("passes", old.booking);
    await (await caches.open(CACHE)).delete(`/bookings/${old.booking}/pass`);
  }
}

async function tick() {
  await draw();
  if (it && document.visibilityState === "visible" && Date.now() - asked >= (known ? KNOWN_MS : EVERY_MS)) await online(sync);
}

async function begin() {
  if (!isSecureContext || !window.crypto?.subtle || !window.indexedDB) return show("unsupported");
  await openStore();
  // The server said that it is over.
  if (root.dataset.view !== "wait") return remove("passes", booking);
  root.querySelector(".script").hidden = false;
  await tidy();
  [key, it] = [await get("keys", person), await get("passes", booking)];
  if (!key || it?.phoneKey !== key.publicKey) it = undefined;
  if (it) {
    // A clock that is behind its own past was changed since: the kept difference says nothing any more.
    sure = Date.now() > it.measured - 2_000;
    await draw();
    await online(sync);
  } else if (key && key.publicKey === root.dataset.phoneKey) {
    await online(again);
  } else {
    show(!navigator.onLine ? "first" : root.dataset.phoneKey ? "other" : "register");
  }
  await draw();
  setInterval(tick, EVERY_MS);
  await keep();
}

root.addEventListener("click", async (event) => {
  const action = event.target.closest("[data-do]")?.dataset.do;
  if (action === "reload") location.reload();
  if (action === "register") await online(register);
  if (action === "again") await online(again);
  if (action) await keep();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || !it) return;
  asked = 0;
  tick();
});
addEventListener("offline", () => { known = false; });

begin().catch((error) => {
  console.error(error);
  show("unsupported");
});
