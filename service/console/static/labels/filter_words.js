// A filter in words, a phrase for each of its conditions.

import { moment } from "../parts/formats.js";

const LABELS = {
  camera: "camera",
  exclude_camera: "not camera",
  identity: "identity",
  exclude_identity: "not identity",
  scene: "scene",
  exclude_scene: "not scene",
};
const ENDS = { from: "at least", above: "above", to: "below", through: "at most" };

export function filterWords(filter) {
  return Object.entries(filter).flatMap(([name, value]) => {
    if (value === null) return [];
    if (name in LABELS) return [labelWords(LABELS[name], value)];
    if (name === "captured_at") return timeWords(value);
    if (name === "attributes") {
      return Object.entries(value).map(([attribute, wanted]) => labelWords(attribute, wanted));
    }
    // Anything else was written by hand into the address.
    return [`${name.replaceAll("_", " ")}: ${JSON.stringify(value)}`];
  });
}

function labelWords(name, value) {
  // The form asks for 62 as a number and as a text.
  if (Array.isArray(value)) return `${name}: ${[...new Set(value.map(String))].join(" or ")}`;
  if (typeof value !== "object") return `${name}: ${value}`;
  if ("exists" in value) return value.exists ? `with ${name}` : `without ${name}`;
  return `${name}: ${Object.entries(value)
    .map(([end, bound]) => `${ENDS[end] ?? end} ${bound}`)
    .join(", ")}`;
}

function timeWords(value) {
  if ("exists" in value) return [value.exists ? "with a time" : "without a time"];
  return [
    value.from && `seen from ${moment(value.from)}`,
    value.to && `seen before ${moment(value.to)}`,
  ].filter(Boolean);
}
