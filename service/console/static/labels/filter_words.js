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
const SAME = {
  exclude_same_camera: "not the query's camera",
  exclude_same_scene: "not the query's scene",
};
const TIME_ENDS = { from: "from", above: "after", to: "before", through: "until" };
const ENDS = { from: "at least", above: "above", to: "below", through: "at most" };

export function filterWords(filter) {
  return Object.entries(filter).flatMap(([name, value]) => {
    if (value === null) return [];
    if (name in LABELS) return [labelWords(LABELS[name], value)];
    if (name === "captured_at" && isObject(value)) return timeWords(value);
    if (name === "attributes" && isObject(value)) {
      return Object.entries(value).map(([attribute, wanted]) => labelWords(attribute, wanted));
    }
    if (value === true && name in SAME) return [SAME[name]];
    // Anything else was written by hand into the address.
    return [`${name.replaceAll("_", " ")}: ${JSON.stringify(value)}`];
  });
}

function labelWords(name, value) {
  // The form asks for 62 as a number and as a text.
  if (Array.isArray(value)) return `${name}: ${[...new Set(value.map(String))].join(" or ")}`;
  if (!isObject(value)) return `${name}: ${value}`;
  if (isOnly(value, "exists")) return value.exists ? `with ${name}` : `without ${name}`;
  return `${name}: ${Object.entries(value)
    .map(([end, bound]) => `${ENDS[end] ?? end} ${bound}`)
    .join(", ")}`;
}

function timeWords(value) {
  return Object.entries(value).map(([end, bound]) => {
    if (end === "exists") return bound ? "with a time" : "without a time";
    return `seen ${TIME_ENDS[end] ?? end} ${timeText(bound)}`;
  });
}

function timeText(bound) {
  return Number.isNaN(Date.parse(bound)) ? String(bound) : moment(bound);
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isOnly(value, name) {
  return Object.keys(value).length === 1 && name in value;
}
