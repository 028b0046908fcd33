// The button that prints a page, and printing at once where the link asked for it. Without this file the browser's own menu prints.
"use strict";
(() => {
  const button = document.getElementById("print");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => window.print());
  if ("now" in button.dataset) window.addEventListener("load", () => window.print());
})();
