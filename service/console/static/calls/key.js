// The API key: asked for when the service answers 401, kept for this tab only.

import { element, fill, freshId } from "../parts/elements.js";

const STORED = "vreid.key";
const CHANGED = "vreid-key-changed";

let asking = null;

export function currentKey() {
  return sessionStorage.getItem(STORED);
}

export function forgetKey() {
  sessionStorage.removeItem(STORED);
  document.dispatchEvent(new CustomEvent(CHANGED));
}

export function onKeyChange(listener) {
  document.addEventListener(CHANGED, listener);
}

// Asks for a key because the service refused `refused` (null: none was sent).
// True: there is another key now, ask the service again. False: the reader would rather not.
// Calls that are refused at the same moment share one question.
export async function askForKey(refused) {
  if (currentKey() !== refused) return true;
  asking ??= ask(refused).finally(() => {
    asking = null;
  });
  return asking;
}

function ask(refused) {
  return new Promise((resolve) => {
    const input = element("input", {
      id: freshId("key"),
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
    });
    const fault = element("p", { class: "fault", role: "alert", id: freshId("key-fault") });
    input.setAttribute("aria-describedby", fault.id);
    const heading = element("h2", { id: freshId("key-heading") }, "This service needs an API key");
    const form = element(
      "form",
      { class: "dialog-form", method: "dialog" },
      heading,
      element(
        "p",
        { class: "quiet" },
        "Ask whoever runs the service for one. It is kept in this tab only, until you close it.",
      ),
      element("label", { for: input.id }, "API key"),
      input,
      fault,
      element(
        "div",
        { class: "actions" },
        element("button", { type: "submit", class: "primary" }, "Use this key"),
        element("button", { type: "button", onclick: () => dialog.close() }, "Not now"),
      ),
    );
    const dialog = element("dialog", { "aria-labelledby": heading.id, class: "key-dialog" }, form);
    let isGiven = false;

    if (refused !== null) {
      fill(fault, "The service does not accept the key of this tab any more, or it was mistyped.");
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(STORED, input.value.trim());
      isGiven = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isGiven);
      if (isGiven) document.dispatchEvent(new CustomEvent(CHANGED));
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
