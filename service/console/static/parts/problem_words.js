// A problem in the words of someone who looks for a vehicle, not of who calls an API.

import { ApiProblem } from "../calls/problem.js";

const TITLES = {
  unreachable: "The service did not answer",
  "too-slow": "The service did not answer in time",
  overloaded: "The service is busy",
  "too-many-requests": "Too many requests with this key",
  "body-too-large": "The pictures are too large",
  "too-many-pixels": "The pictures are too large together",
  "image-too-large": "A picture is too large",
  "unsupported-image": "This kind of file is not read",
  "undecodable-image": "A picture cannot be read",
  "empty-image": "A file is empty",
  "unusable-image": "A picture cannot be used",
  unauthenticated: "An API key is needed",
  forbidden: "Your key may not do this",
  "unknown-record": "There is no such record",
  "duplicate-record": "The record id is taken",
  "deadline-passed": "The service was too busy to answer in time",
};

const TEXTS = {
  unauthenticated: "Ask whoever runs the service for one, and try again.",
  overloaded: "More is waiting than it can answer in time. Nothing is wrong with your search.",
  "too-many-requests": "The key's rate is used up for the moment.",
  "body-too-large": "Cut the vehicle out of the picture, or save it smaller, and try again.",
  "unsupported-image": "Use JPEG, PNG, WebP, BMP or TIFF.",
  "undecodable-image": "The file is damaged or is no picture. Choose another file.",
};

const PLACES = { rgb: "RGB picture", nir: "NIR picture", tir: "TIR picture" };

// {title, text, fields: sentences about the fields at fault}
export function wordsOf(problem) {
  if (!(problem instanceof ApiProblem)) {
    return {
      title: "The page failed",
      text: "Reload it. If it happens again, tell whoever runs the service.",
      fields: [],
    };
  }
  const text = TEXTS[problem.type] ?? sentence(problem.detail);
  return {
    title: TITLES[problem.type] ?? problem.title,
    text,
    fields: problem.errors.map((one) => sentence(`${placeOf(one.field)}: ${one.message}`)),
  };
}

function placeOf(field) {
  return PLACES[field] ?? field.replaceAll("_", " ");
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
