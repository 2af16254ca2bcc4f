// What was picked to compare, at the foot of the screen.

import { element, fill } from "../parts/elements.js";

// Shows the bar for one or two picked record ids, or hides it. `search` is {id, number}: what to
// compare with instead of a second record.
export function showPicked(bar, picked, names, { queryRoute, unpick }) {
  const ids = [...picked];
  bar.hidden = ids.length === 0;
  if (ids.length === 0) {
    fill(bar);
    return;
  }
  const [a, b] = ids;
  fill(
    bar,
    element(
      "p",
      {},
      element("b", {}, ids.map((id) => names(id)).join(" and ")),
      ids.length === 1 ? " picked. Pick another one, or compare it with the query." : " picked.",
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
}
