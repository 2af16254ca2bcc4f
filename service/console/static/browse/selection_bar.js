// What can be done with the selected records, at the foot of the screen while there are any.

import { element } from "../parts/elements.js";
import { plural } from "../parts/formats.js";

// Returns {bar, show}: show(count) says how many are selected.
export function selectionBar({ onDelete, onClear }) {
  const words = element("p", { role: "status" });
  const bar = element(
    "div",
    { class: "selection-bar", role: "region", "aria-label": "Selected records", hidden: true },
    words,
    element(
      "div",
      { class: "actions" },
      element("button", { type: "button", class: "danger", onclick: onDelete }, "Delete…"),
      element("button", { type: "button", onclick: onClear }, "Clear selection"),
    ),
  );
  return {
    bar,
    show(count) {
      bar.hidden = count === 0;
      words.textContent = count === 0 ? "" : `${plural(count, "sighting")} selected`;
    },
  };
}
