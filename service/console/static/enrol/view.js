// Enrol: pictures of a vehicle and what is known about them become a record of the gallery.

import { announce } from "../parts/announcements.js";
import { ApiProblem } from "../calls/api.js";
import { element, fill } from "../parts/elements.js";
import { enrolledCard } from "./enrolled_card.js";
import { field } from "../parts/fields.js";
import { labelFields } from "../labels/label_fields.js";
import { formOf } from "../search/search_request.js";
import { slots } from "../pictures/slots.js";
import { showEmpty, showProblem } from "../parts/states.js";

export function mount(main, { api }) {
  const slotsPlace = element("div");
  const taken = slots(slotsPlace);
  const labels = labelFields();
  const id = field("Record id", {
    hint: "Left empty, the service makes one.",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 256,
  });
  const fault = element("p", { class: "fault", role: "alert" });
  const problemPlace = element("div");
  const submit = element("button", { type: "submit", class: "primary enrol-button" }, "Enrol");
  const form = element(
    "form",
    { class: "panel enrol-form", "aria-label": "Enrol a sighting", novalidate: true },
    slotsPlace,
    element("div", { class: "enrol-fields" }, labels.nodes, id.root),
    fault,
    problemPlace,
    element(
      "div",
      { class: "actions" },
      submit,
      element("button", { type: "button", onclick: clear }, "Clear"),
    ),
  );
  const list = element("ul", { class: "enrolled-list" });
  const enrolled = element(
    "section",
    { class: "enrolled", "aria-label": "Enrolled just now" },
    element("h2", {}, "Enrolled just now"),
    list,
  );
  const emptyPlace = element("div");
  showEmpty(emptyPlace, "Nothing enrolled yet", "What you enrol is listed here, with a link to its record.");
  enrolled.append(emptyPlace);
  let isBusy = false;

  main.append(
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, "Enrol"),
      element("p", {}, "Up to three pictures of one sighting, and what is known about it."),
    ),
    element("div", { class: "enrol-layout" }, form, enrolled),
  );

  function clear() {
    taken.clear();
    labels.set({});
    id.input.value = "";
    fill(fault);
    fill(problemPlace);
    slotsPlace.querySelector("input").focus();
  }

  async function enrol() {
    if (isBusy) return;
    fill(fault);
    fill(problemPlace);
    if (Object.keys(taken.files()).length === 0) {
      fill(fault, "Choose at least one picture first.");
      slotsPlace.querySelector("input").focus();
      return;
    }
    const told = labels.read();
    if (told === null) return;
    setBusy(true);
    try {
      const record = await api.post("/gallery", formOf(taken.files(), membersOf(told)));
      emptyPlace.remove();
      list.prepend(enrolledCard(record));
      announce(`Enrolled as ${record.id}.`);
      prepareNext(told);
    } catch (problem) {
      showRefusal(problem);
    } finally {
      setBusy(false);
    }
  }

  function membersOf({ attributes, ...told }) {
    const members = { ...told, id: id.input.value.trim() };
    const given = Object.fromEntries(Object.entries(members).filter(([, value]) => value));
    return Object.keys(attributes).length > 0 ? { ...given, attributes } : given;
  }

  // The next sighting is most often of the same camera, and of another vehicle.
  function prepareNext({ camera, scene }) {
    taken.clear();
    labels.set({ camera, scene });
    id.input.value = "";
    slotsPlace.querySelector("input").focus();
  }

  function showRefusal(problem) {
    const told = problem instanceof ApiProblem ? problem.errors : [];
    const others = labels.showFaults(told);
    if (told.length === 0 || others.length > 0) showProblem(problemPlace, problem, { retry: enrol });
  }

  function setBusy(busy) {
    isBusy = busy;
    submit.setAttribute("aria-disabled", String(busy));
    fill(submit, busy ? "Enrolling…" : "Enrol");
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enrol();
  });
}
