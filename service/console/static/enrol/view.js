// Enrol: pictures of a vehicle and what is known about them become a record of the gallery.

import { announce } from "../parts/announcements.js";
import { ApiProblem } from "../calls/problem.js";
import { element, fill } from "../parts/elements.js";
import { enrolledCard } from "./enrolled_card.js";
import { field } from "../parts/fields.js";
import { labelFields } from "../labels/label_fields.js";
import { formOf } from "../pictures/picture_form.js";
import { slots } from "../pictures/slots.js";
import { showEmpty, showProblem } from "../parts/states.js";

export function mount(main, { api }) {
  const slotsPlace = element("div");
  const taken = slots(slotsPlace);
  const labels = labelFields();
  const id = field("Record id", {
    hint: "Left empty, one is made.",
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
  // Of these pictures, where none is typed: what is sent again after a lost answer is stored once.
  let madeId = freshRecordId();

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
      const record = await store(formOf(taken.files(), membersOf(told)));
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

  // Nobody else has the made id: where it is taken, it was this form whose answer was lost.
  async function store(sent) {
    const isMade = sent.get("id") === madeId;
    try {
      return await api.post("/gallery", sent);
    } catch (problem) {
      if (!isMade || problem.type !== "duplicate-record") throw problem;
      const record = await api.get(`/gallery/${encodeURIComponent(sent.get("id"))}`);
      return { warnings: [], ...record };
    }
  }

  function membersOf({ attributes, ...told }) {
    const members = { ...told, id: id.input.value.trim() || madeId };
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

  taken.onChange(() => {
    madeId = freshRecordId();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enrol();
  });
}

// 32 hexadecimal digits. crypto.randomUUID() is not there on a page that came by plain HTTP.
function freshRecordId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
