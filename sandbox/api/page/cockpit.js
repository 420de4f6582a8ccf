"use strict";

/* Keys go to the terminal from the beginning, and again whenever somebody comes back to this page. */
function take() {
  document.querySelector("#terminal textarea")?.focus();
}

const opening = new MutationObserver(() => {
  if (!document.body.classList.contains("-first-byte")) return;
  opening.disconnect();
  take();
});

opening.observe(document.body, { attributes: true, attributeFilter: ["class"] });
addEventListener("focus", take);
