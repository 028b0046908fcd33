// Keeps the pass page and what it is made of. The network comes first; what is kept answers when the network is gone, slow or
// broken. Nothing else of this site passes through here.
"use strict";
const CACHE = "sekisho-pass-1"; // also in pass.js
const PATIENCE_MS = 3_000;
const PASS = /^\/bookings\/bkg_[0-9a-z]{26}\/pass$/;
const SHELL = [
  "/static/app.css", "/static/pass.css", "/static/vendor/digital-agency-tokens/tokens.css", "/static/pass.js", "/static/pass-code.js",
  "/static/vendor/qr/index.js", "/static/icon.svg",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("sekisho-pass-") && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (pathname === "/bookings/pass") event.respondWith(fetch(request).catch(current));
  else if (PASS.test(pathname) || SHELL.includes(pathname)) event.respondWith(fresh(request, pathname));
});

async function fresh(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path);
  const network = fetch(request).then(async (response) => {
    // Neither a sign-in page nor an error takes the place of a pass.
    if (response.ok && response.type === "basic" && !response.redirected) await cache.put(path, response.clone());
    return response;
  });
  if (!kept) return network;
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, kept); });
  const answer = await Promise.race([network.catch(() => kept), late]);
  // Sent to the sign-in: the session is over, the pass on this phone is not.
  return answer.type === "opaqueredirect" || answer.status >= 500 ? kept : answer;
}

// Where the installed page begins when the server cannot say which booking is next: the first kept pass that is not over.
async function current() {
  const open = indexedDB.open("sekisho-pass", 1);
  const passes = await new Promise((resolve) => {
    open.onupgradeneeded = () => open.transaction.abort(); // made by the page alone
    open.onerror = () => resolve([]);
    open.onsuccess = () => {
      const all = open.result.transaction("passes", "readonly").objectStore("passes").getAll();
      all.onsuccess = () => resolve(all.result);
      all.onerror = () => resolve([]);
    };
  });
  const next = passes.filter((it) => it.ends > Date.now() + it.offset).sort((a, b) => a.opens - b.opens)[0];
  return next ? Response.redirect(`/bookings/${next.booking}/pass`) : Response.error();
}
