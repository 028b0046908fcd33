// Replaces the part of the page that changes whenever the server sends it anew. Without this file the page has a link for it.
"use strict";
(() => {
  const part = document.getElementById("live");
  if (!part || !window.EventSource) return;
  const source = new EventSource(part.dataset.events);
  const state = document.getElementById("live-state");
  source.addEventListener("open", () => { if (state) state.hidden = false; });
  source.addEventListener("error", () => { if (state) state.hidden = true; });
  source.addEventListener("live", (event) => {
    // The server's own template, escaped there. What somebody selects or has focused stays as it is until they let go.
    const busy = part.contains(document.activeElement) || (document.getSelection()?.type === "Range" && part.contains(document.getSelection().anchorNode));
    if (busy) return;
    const fresh = new DOMParser().parseFromString(event.data, "text/html").body;
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  });
})();
