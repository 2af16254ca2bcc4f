// Correcting what is told about a record; its pictures never change.

import { ApiProblem } from "../calls/problem.js";
import { element } from "../parts/elements.js";
import { labelFields } from "../labels/label_fields.js";
import { showProblem } from "../parts/states.js";

// A form for a record at `path`; `whenSaved` is called with the record as it is then.
// `said` stands beside the button until something is changed.
export function correctionForm(api, path, record, whenSaved, said = "") {
  const fields = labelFields(record);
  const note = element("span", { class: "quiet", role: "status" }, said);
  const problem = element("div");
  const save = element("button", { type: "submit", class: "primary" }, "Save");
  const form = element(
    "form",
    { class: "panel correction", novalidate: true, "aria-label": "Correct the record" },
    element("h2", {}, "Correct"),
    fields.nodes,
    problem,
    element("div", { class: "actions" }, save, note),
  );

  form.addEventListener("input", () => {
    note.textContent = "";
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    problem.replaceChildren();
    note.textContent = "";
    const labels = fields.read();
    if (labels === null) return;
    const correction = correctionOf(record, labels);
    if (Object.keys(correction).length === 0) {
      note.textContent = "Nothing has changed.";
      return;
    }
    form.setAttribute("aria-busy", "true");
    note.textContent = "Saving…";
    try {
      whenSaved(await api.patch(path, correction));
    } catch (error) {
      note.textContent = "";
      showRefusal(error);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });

  function showRefusal(error) {
    if (error instanceof ApiProblem && error.errors.length > 0) {
      if (fields.showFaults(error.errors).length === 0) return;
    }
    showProblem(problem, error);
  }
  return form;
}

// What has to be sent so that the record gets these labels (RFC 7396): what is left out stays, null
// takes away.
function correctionOf(record, labels) {
  const correction = {};
  for (const name of ["identity", "camera", "scene", "captured_at"]) {
    if (labels[name] !== (record[name] ?? null)) correction[name] = labels[name];
  }
  const attributes = {};
  for (const name of new Set([
    ...Object.keys(record.attributes),
    ...Object.keys(labels.attributes),
  ])) {
    const value = Object.hasOwn(labels.attributes, name) ? labels.attributes[name] : null;
    if (value !== record.attributes[name]) attributes[name] = value;
  }
  if (Object.keys(attributes).length > 0) correction.attributes = attributes;
  return correction;
}
