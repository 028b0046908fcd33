// Brings the part of the page that changes up to date whenever the server sends it anew. What did not change stays the very
// same element, what somebody works in is left alone until they let go, and the line that is being read stays where it is.
// Without this file the page has a link that asks for it.
"use strict";
(() => {
  const part = document.getElementById("live");
  if (!part || !window.EventSource) return;
  const going = document.getElementById("live-state");
  const paused = document.getElementById("live-paused");
  let waiting = null;

  const key = (node) => (node.nodeType === 1 && (node.dataset.key ?? node.id)) || null;
  const like = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

  // Makes `old` equal to `fresh`, touching no more than differs. Whether a `details` is open is the reader's business.
  const morph = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== 1) { old.nodeValue = fresh.nodeValue; return; }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const keyed = new Map([...old.childNodes].filter(key).map((node) => [key(node), node]));
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      let same = key(child) ? keyed.get(key(child)) : at;
      if (!same || !like(same, child)) { old.insertBefore(child, at); continue; }
      if (same === at) at = at.nextSibling; else old.insertBefore(same, at);
      morph(same, child);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  };

  const busy = () => {
    const selection = document.getSelection();
    const typing = part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
    return typing || (selection?.type === "Range" && part.contains(selection.anchorNode));
  };

  // The first line in sight, and where it stands.
  const reading = () => {
    for (const line of part.querySelectorAll("li[data-key], h2, h3")) {
      const { top } = line.getBoundingClientRect();
      if (top >= 0) return { line, top };
    }
    return null;
  };

  const show = () => {
    if (!waiting) return;
    const held = busy();
    if (paused) paused.hidden = !held;
    if (held) return;
    const fresh = document.createElement("div");
    fresh.append(...new DOMParser().parseFromString(waiting, "text/html").body.childNodes);
    waiting = null;
    for (const { name, value } of part.attributes) fresh.setAttribute(name, value);
    const before = window.scrollY > 0 ? reading() : null;
    morph(part, fresh);
    if (before?.line.isConnected) window.scrollBy(0, before.line.getBoundingClientRect().top - before.top);
  };

  const source = new EventSource(part.dataset.events);
  source.addEventListener("open", () => { if (going) going.hidden = false; });
  source.addEventListener("error", () => { if (going) going.hidden = true; });
  // The server's own template, escaped there.
  source.addEventListener("live", (event) => { waiting = event.data; show(); });
  for (const name of ["focusout", "selectionchange"]) document.addEventListener(name, () => setTimeout(show, 300));
})();
