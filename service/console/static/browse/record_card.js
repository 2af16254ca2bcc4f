// One record among many: its three pictures, who it is, where and when it was seen.

import { element } from "../parts/elements.js";
import { timeElement } from "../parts/figures.js";
import { pictures } from "../pictures/pictures.js";
import { recordRoute } from "../router.js";

// Returns {card, select}: `onSelect(isSelected)` is called when the card's box is ticked or not; a
// card without onSelect has no box. select(isSelected) does the same without asking.
export function recordCard(record, { onSelect = null } = {}) {
  const name = record.identity ?? "unnamed vehicle";
  const box =
    onSelect &&
    element("input", {
      type: "checkbox",
      class: "card-box",
      "aria-label": `Select ${name}, ${record.id}`,
      onchange: (event) => {
        mark(event.target.checked);
        onSelect(event.target.checked);
      },
    });
  const card = element(
    "li",
    { class: "card record-card", "data-id": record.id },
    element(
      "div",
      { class: "card-head" },
      element(
        "h3",
        { class: record.identity === null ? "quiet" : "" },
        element("a", { href: `#/${recordRoute(record.id)}` }, name),
      ),
      box,
    ),
    pictures(record, `${name}, ${record.id}`, { large: true }),
    element(
      "dl",
      { class: "card-facts" },
      fact("Camera", record.camera ?? "unknown"),
      fact("Record", element("span", { class: "mono" }, record.id)),
      fact("Seen", record.captured_at ? timeElement(record.captured_at) : "unknown"),
    ),
    element(
      "div",
      { class: "actions card-actions" },
      element(
        "a",
        {
          class: "button small",
          href: `#/search?id=${encodeURIComponent(record.id)}`,
          "aria-label": `Search from this one, ${record.id}`,
        },
        "Search from this one",
      ),
    ),
  );

  function mark(isSelected) {
    card.classList.toggle("selected", isSelected);
  }

  return {
    card,
    select(isSelected) {
      if (box) box.checked = isSelected;
      mark(isSelected);
    },
  };
}

function fact(name, value) {
  return element("div", { class: "fact" }, element("dt", {}, name), element("dd", {}, value));
}
