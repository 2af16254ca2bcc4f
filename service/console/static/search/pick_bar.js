// What was picked to compare, at the foot of the screen.

import { element, fill } from "../parts/elements.js";

// Shows the bar for one or two picked record ids, or hides it; returns what it says.
//   names(id)        what a record is called
//   queryRoute(id)   the route to comparing it with the query instead of a second record
//   unpick()         lets go of all
export function showPicked(bar, picked, names, { queryRoute, unpick }) {
  const ids = [...picked];
  bar.hidden = ids.length === 0;
  if (ids.length === 0) {
    fill(bar);
    return "";
  }
  const [a, b] = ids;
  const called = ids.map((id) => names(id)).join(" and ");
  const next =
    ids.length === 1 ? "Pick another sighting, or compare it with the query." : "Both are picked.";
  fill(
    bar,
    element(
      "p",
      {},
      "To compare: ",
      element("b", {}, called),
      `. ${next}`,
    ),
    element(
      "div",
      { class: "actions" },
      ids.length === 2 &&
        element(
          "a",
          { class: "button primary", href: `#/compare?${new URLSearchParams({ a, b })}` },
          "Compare the two",
        ),
      ids.length === 1 &&
        element("a", { class: "button primary", href: `#/${queryRoute(a)}` }, "Compare with the query"),
      element("button", { type: "button", onclick: unpick }, "Clear"),
    ),
  );
  return `To compare: ${called}. ${next}`;
}
