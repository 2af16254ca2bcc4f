// Labelled fields of forms.

import { element, freshId } from "./elements.js";

// {root, input}: a label above an input; `hint` is a quiet sentence below it.
export function field(label, { hint = "", ...attributes } = {}) {
  const id = freshId("field");
  const input = element("input", { id, type: "text", ...described(id, hint), ...attributes });
  return { root: labelled(label, input, hint), input };
}

// {root, input}: a choice among [value, text] pairs.
export function choice(label, options, { hint = "", ...attributes } = {}) {
  const id = freshId("field");
  const input = element(
    "select",
    { id, ...described(id, hint), ...attributes },
    options.map(([value, text]) => element("option", { value }, text)),
  );
  return { root: labelled(label, input, hint), input };
}

// {root, input}: a box to tick.
export function check(label, attributes = {}) {
  const input = element("input", { type: "checkbox", id: freshId("check"), ...attributes });
  return { root: element("label", { class: "check", for: input.id }, input, element("span", {}, label)), input };
}

function labelled(label, input, hint) {
  return element(
    "div",
    { class: "field" },
    element("label", { for: input.id }, label),
    input,
    hint && element("p", { class: "hint", id: `${input.id}-hint` }, hint),
  );
}

function described(id, hint) {
  return hint ? { "aria-describedby": `${id}-hint` } : {};
}
