// Shows texts as they arrive: asks for the page again and swaps what changed, so that what a
// reader has selected or scrolled to stays. Without script the page reloads itself.
"use strict";

const EVERY = 1000;
const CHANGING = ["count", "texts"];

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.pathname);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of CHANGING) {
    const shown = document.getElementById(id);
    const now = page.getElementById(id);
    if (shown && now && shown.innerHTML !== now.innerHTML) {
      shown.replaceChildren(...now.childNodes);
    }
  }
}

function again() {
  // A server that is away for a moment is asked again like any other time.
  refresh().catch(() => {}).finally(() => setTimeout(again, EVERY));
}

setTimeout(again, EVERY);
