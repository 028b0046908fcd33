// Keeps the page of a screen and what it is made of, so that a reload without a network still shows it. The network comes first;
// the schedule itself is not kept here but by the page, with the time when it was heard.
"use strict";
const CACHE = "sekisho-display-1"; // also in display.js
const PATIENCE_MS = 4_000;
const PAGE = /^\/display\/[A-Za-z0-9_-]{43}(\/book\.svg)?$/;
const SHELL = ["/static/app.css", "/static/display.css", "/static/vendor/digital-agency-tokens/tokens.css", "/static/display.js", "/static/icon.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("sekisho-display-") && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()).then(keepOpenPages));
});

// The page that brought this worker was loaded before it: it is fetched once more, to be kept.
async function keepOpenPages() {
  const cache = await caches.open(CACHE);
  for (const client of await self.clients.matchAll({ type: "window" })) {
    const { pathname, search } = new URL(client.url);
    if (!PAGE.test(pathname)) continue;
    for (const path of [pathname + search, `${pathname}/book.svg`]) {
      const answer = await fetch(path).catch(() => null);
      if (answer?.ok) await cache.put(path, answer);
    }
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, search } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (PAGE.test(pathname) || SHELL.includes(pathname)) event.respondWith(fresh(request, pathname + search));
});

async function fresh(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path);
  const network = fetch(request).then(async (response) => {
    if (response.ok && response.type === "basic" && !response.redirected) await cache.put(path, response.clone());
    // A screen that was switched off is gone, whatever is kept.
    if (response.status === 404) await cache.delete(path);
    return response;
  });
  if (!kept) return network;
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, kept); });
  const answer = await Promise.race([network.catch(() => kept), late]);
  return answer.status >= 500 ? kept : answer;
}
