// Figures: names with their values, in boxes beside each other.

import { element } from "./elements.js";
import { moment } from "./formats.js";

// A list of figures out of rows [name, value, kind]: `value` is a text or a node, and `kind` is
// "warning" or "danger" for what needs attention. Rows whose value is null are left out.
export function figures(rows) {
  return element("dl", { class: "figures" }, figureRows(rows));
}

export function figureRows(rows) {
  return rows
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value, kind]) =>
      element(
        "div",
        { class: kind ? `figure ${kind}` : "figure" },
        element("dt", {}, name),
        element("dd", {}, value),
      ),
    );
}

// A time of the service as it reads here; the element keeps it as it was sent.
export function timeElement(text) {
  return element("time", { datetime: text }, moment(text));
}
