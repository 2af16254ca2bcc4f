// A record that was stored just now.

import { element } from "../parts/elements.js";
import { moment } from "../parts/formats.js";
import { pictures } from "../pictures/pictures.js";
import { recordRoute } from "../router.js";

export function enrolledCard(record) {
  const name = record.identity ?? "unnamed vehicle";
  return element(
    "li",
    { class: "card", "data-id": record.id },
    element(
      "div",
      { class: "card-head" },
      element("h3", {}, element("a", { href: `#/${recordRoute(record.id)}` }, name)),
      element("span", { class: "badge good" }, "Stored"),
    ),
    pictures(record, name, { large: true }),
    element(
      "p",
      { class: "small quiet" },
      [record.camera, record.scene, record.captured_at && moment(record.captured_at)]
        .filter(Boolean)
        .join(" · "),
    ),
    element("p", { class: "small mono quiet" }, record.id),
    record.warnings.length > 0 &&
      element("ul", { class: "warnings small" }, record.warnings.map((each) => element("li", {}, each))),
    element(
      "div",
      { class: "actions card-actions" },
      element(
        "a",
        { class: "button small", href: `#/search?id=${encodeURIComponent(record.id)}` },
        "Search from this one",
      ),
    ),
  );
}
