// One record: its pictures, all that is known about it, and what can be done with it.

import { announce } from "../parts/announcements.js";
import { ApiProblem } from "../calls/problem.js";
import { element, fill } from "../parts/elements.js";
import { MODALITIES, MODALITY_NAMES, MODALITY_WORDS, picture } from "../pictures/pictures.js";
import { correctionForm } from "./record_correction.js";
import { latestBrowse } from "../memory/browse_memory.js";
import { deleteRecords } from "../records/record_deletion.js";
import { recordFacts } from "./record_facts.js";
import { showEmpty, showLoading, showProblem } from "../parts/states.js";

export function mount(main, { api, go, route, access }) {
  const id = route.rest ?? "";
  const path = `/gallery/${encodeURIComponent(id)}`;
  const heading = element("h1", {}, id || "No record");
  const content = element("div", { class: "record" });
  let isOver = false;
  fill(
    main,
    element("p", { class: "record-up" }, linkToGallery()),
    element("div", { class: "view-head" }, heading),
    content,
  );
  read();
  return () => {
    isOver = true;
  };

  async function read() {
    if (!id) {
      showMissing(content, "The address names no record.");
      return;
    }
    showLoading(content, "Reading the record…");
    try {
      const record = await api.get(path);
      if (!isOver) show(record);
    } catch (problem) {
      if (isOver) return;
      if (problem instanceof ApiProblem && problem.status === 404) {
        showMissing(content, "It was deleted, has expired, or its id is written differently.");
      } else {
        showProblem(content, problem, { retry: read });
      }
    }
  }

  function show(record, said = "") {
    content.removeAttribute("aria-busy");
    fill(
      heading,
      record.identity ?? "Not named yet",
      element("span", { class: "record-id mono" }, record.id),
    );
    const facts = element("div", {}, recordFacts(record));
    fill(
      content,
      largePictures(record),
      actions(record),
      element(
        "div",
        { class: "record-columns" },
        element("section", { class: "panel" }, element("h2", {}, "Facts"), facts),
        access.may("enrol") &&
          correctionForm(api, path, record, saved, said),
      ),
    );
  }

  function saved(corrected) {
    show(corrected, "Saved.");
    announce("Saved.");
    content.querySelector(".correction button[type=submit]").focus();
  }

  function actions(record) {
    const query = encodeURIComponent(record.id);
    return element(
      "div",
      { class: "actions record-actions" },
      element(
        "a",
        { class: "button primary", href: `#/search?id=${query}` },
        "Search from this one",
      ),
      element("a", { class: "button", href: `#/compare?a=${query}` }, "Compare with…"),
      access.may("admin") &&
        element(
          "button",
          { type: "button", class: "danger", onclick: () => remove(record) },
          "Delete…",
        ),
    );
  }

  async function remove(record) {
    if (!(await deleteRecords(api, [record]))) return;
    announce("Deleted.");
    go(latestBrowse());
  }
}

function showMissing(container, why) {
  showEmpty(
    container,
    "There is no such record",
    why,
    linkToGallery("button"),
  );
}

// To where the gallery was left, with its filter.
function linkToGallery(kind = "") {
  return element("a", { class: kind, href: `#/${latestBrowse()}` }, "Browse the gallery");
}

function largePictures(record) {
  const name = record.identity ?? record.id;
  return element(
    "ul",
    { class: "pictures large-pictures" },
    MODALITIES.map((modality) =>
      element(
        "li",
        { class: "picture", "data-modality": modality },
        picture(record, modality, name),
        element(
          "p",
          { class: "picture-words" },
          element("strong", {}, MODALITY_NAMES[modality]),
          ` ${MODALITY_WORDS[modality]}`,
        ),
      ),
    ),
  );
}
