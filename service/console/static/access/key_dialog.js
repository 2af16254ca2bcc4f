// The question for an API key.

import { isWritable } from "../calls/key.js";
import { element, fill, freshId } from "../parts/elements.js";

const REFUSED = "The service does not accept the key of this tab any more, or it was mistyped.";
const NO_KEY =
  "This is no key: a key has Latin letters, digits and underscores only, and no spaces. " +
  "Copy it as a whole.";

// Resolves to the key that was typed, null where the reader would rather not. `refused` is the key
// that the service did not take, null where none was sent.
export function askForKey(refused) {
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
    let given = null;

    if (refused !== null) fill(fault, REFUSED);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (!isWritable(key)) {
        fill(fault, NO_KEY);
        input.focus();
        return;
      }
      given = key;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(given);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
