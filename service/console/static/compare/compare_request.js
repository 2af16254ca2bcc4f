// The call that compares two sides, each of them a record or pictures.

import { formOf } from "../pictures/picture_form.js";

// A side is {id} or {files}.
export function compare(api, a, b, policy, signal) {
  const form = new FormData();
  for (const [prefix, side] of [["a_", a], ["b_", b]]) {
    const part = side.id === null ? formOf(side.files, {}, prefix) : idForm(prefix, side.id);
    for (const [name, value] of part) form.append(name, value);
  }
  form.append("policy", policy);
  return api.post("/compare", form, { signal });
}

function idForm(prefix, id) {
  const form = new FormData();
  form.append(`${prefix}id`, id);
  return form;
}
