// The key in the page's head: whose it is, and the button that forgets it.

import { element, fill } from "../parts/elements.js";
import { currentKey, forgetKey, keyInsteadOf } from "../calls/key.js";

// `access` is null while it is unknown; `restart` begins the page anew with what is known then.
export function showKeyButton(access, restart) {
  const place = document.getElementById("key");
  if (currentKey() === null) {
    const isNeeded = access === null;
    fill(place, isNeeded && button("Enter API key", () => enter(restart)));
    return;
  }
  const who = access === null ? "API key" : [access.name, access.role].filter(Boolean).join(" · ");
  fill(
    place,
    element("span", { class: "key-name", title: "The key of this tab" }, who),
    button("Forget key", () => {
      forgetKey();
      restart();
    }),
  );
}

async function enter(restart) {
  if (await keyInsteadOf(currentKey())) restart();
}

function button(text, act) {
  return element("button", { type: "button", class: "plain", onclick: act }, text);
}
