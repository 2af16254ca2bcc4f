// All that is known about a record, as names and values.

import { element } from "../parts/elements.js";
import { timeElement } from "../parts/figures.js";
import { MODALITIES, MODALITY_NAMES } from "../pictures/pictures.js";

export function recordFacts(record) {
  return element(
    "dl",
    { class: "facts" },
    rowsOf(record).map(([name, value]) => [
      element("dt", {}, name),
      element("dd", value === null ? { class: "quiet" } : {}, value ?? "not known"),
    ]),
  );
}

function rowsOf(record) {
  const attributes = Object.entries(record.attributes);
  return [
    ["Identity", othersWith("identity", record.identity)],
    ["Camera", othersWith("camera", record.camera)],
    ["Scene", othersWith("scene", record.scene)],
    ["Seen", record.captured_at && timeElement(record.captured_at)],
    ["Attributes", attributes.length > 0 ? attributeList(attributes) : "none"],
    ["Pictures", modalitiesOf(record.mask)],
    ["Stored", timeElement(record.created_at)],
    ["From", sourceOf(record.source)],
    ["Record", element("span", { class: "mono" }, record.id)],
  ];
}

// A label as a link to all sightings that have it.
function othersWith(name, value) {
  if (value === null) return null;
  const filter = encodeURIComponent(JSON.stringify({ [name]: [value] }));
  return element(
    "a",
    { href: `#/browse?filter=${filter}`, title: `All sightings with this ${name}` },
    value,
  );
}

function attributeList(attributes) {
  return element(
    "ul",
    { class: "attribute-list" },
    attributes.map(([name, value]) =>
      element("li", {}, element("span", { class: "quiet" }, name), ` ${attributeText(value)}`),
    ),
  );
}

function modalitiesOf(mask) {
  const there = MODALITIES.filter((modality) => mask[modality]);
  return there.map((modality) => MODALITY_NAMES[modality]).join(", ");
}

function sourceOf(source) {
  const files = MODALITIES.filter((modality) => source[modality]).map(
    (modality) => source[modality],
  );
  if (files.length === 0) return "a request";
  return element(
    "ul",
    { class: "plain-list mono" },
    files.map((file) => element("li", {}, file)),
  );
}

// A text that looks like a number, or like yes or no, is in quotes: it is not the same to a filter.
function attributeText(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return String(value);
  const isAmbiguous =
    ["yes", "no"].includes(value) || (value.trim() !== "" && !Number.isNaN(Number(value)));
  return isAmbiguous ? `"${value}"` : value;
}
