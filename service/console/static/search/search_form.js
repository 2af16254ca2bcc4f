// The form of a search: the query (pictures, or a record), how to rank, and which records.

import { element, fill } from "../parts/elements.js";
import { check, choice, field } from "../parts/fields.js";
import { filters } from "../labels/filters.js";
import { pictures } from "../pictures/pictures.js";
import { recordRoute } from "../router.js";
import { slots } from "../pictures/slots.js";

const POLICIES = [
  ["auto", "Automatic: what this model does best"],
  ["shared", "The spectra that both sides have"],
  ["center", "One vector for every sighting"],
  ["concat", "Complete triplets only"],
];
const RATES = [
  ["", "Everything, nearest first"],
  ["0.1", "Matches: 1 stranger in 10 may pass"],
  ["0.01", "Matches: 1 stranger in 100 may pass"],
  ["0.001", "Matches: 1 stranger in 1,000 may pass"],
  ["0.0001", "Matches: 1 stranger in 10,000 may pass"],
];
const RERANKINGS = [
  ["", "Off"],
  ["k-reciprocal", "By shared neighbours"],
  ["query-expansion", "By the mean of the nearest"],
];

// {root, files(), id(), options(), setFiles(files), showRecord(record), setOptions(options),
//  setBusy(isBusy), focus(), onSubmit(listener), onClear(listener)}
export function searchForm(mostResults) {
  const slotsPlace = element("div", { class: "query-slots" });
  const recordPlace = element("div", { class: "query-record", hidden: true });
  const taken = slots(slotsPlace);
  const fields = {
    k: field("Results", { type: "number", min: 1, max: mostResults, required: true }),
    policy: choice("Compare by", POLICIES),
    rate: choice("Show", RATES),
    probability: field("Least probability, %", { type: "number", min: 0, max: 100, step: "any" }),
    rerank: choice("Re-ranking", RERANKINGS, { hint: "Re-ranked results have one page." }),
    isGrouped: check("One result for each vehicle"),
  };
  const filterPlace = element("div");
  const filter = filters(filterPlace, { scope: "search" });
  const filterSummary = element("summary");
  const rankingSummary = element("summary");
  const submit = element("button", { type: "submit", class: "primary search-button" }, "Search");
  const clear = element("button", { type: "button" }, "New search");
  const fault = element("p", { class: "fault", role: "alert" });
  const ranking = element(
    "details",
    { class: "ranking" },
    rankingSummary,
    element(
      "div",
      { class: "filters" },
      fields.policy.root,
      fields.rate.root,
      fields.probability.root,
      fields.rerank.root,
    ),
  );
  const root = element(
    "form",
    { class: "panel search-form", "aria-label": "Search" , novalidate: true },
    slotsPlace,
    recordPlace,
    element("div", { class: "search-basics" }, fields.k.root, fields.isGrouped.root),
    element("details", { class: "filter-details" }, filterSummary, filterPlace),
    ranking,
    fault,
    element("div", { class: "actions search-actions" }, submit, clear),
  );
  let recordId = null;

  function count() {
    const filtered = filter.count();
    fill(filterSummary, "Filters", badge(filtered));
    const changed = ["policy", "rate", "probability", "rerank"].filter(
      (name) => fields[name].input.value !== (name === "policy" ? "auto" : ""),
    );
    fill(rankingSummary, "Ranking and threshold", badge(changed.length));
  }

  function usePictures() {
    recordId = null;
    recordPlace.hidden = true;
    slotsPlace.hidden = false;
  }

  filter.onChange(count);
  root.addEventListener("change", count);
  taken.onChange(() => fill(fault));
  count();

  return {
    root,
    files: () => taken.files(),
    id: () => recordId,
    options: () => ({
      k: Number(fields.k.input.value),
      policy: fields.policy.input.value,
      rate: fields.rate.input.value,
      probability: fields.probability.input.value,
      rerank: fields.rerank.input.value,
      isGrouped: fields.isGrouped.input.checked,
      filter: filter.read(),
      camera: "",
      scene: "",
      ...(recordId === null ? filter.ofQuery() : {}),
    }),
    setFiles(files) {
      usePictures();
      taken.clear();
      for (const [modality, file] of Object.entries(files)) taken.set(modality, file);
    },
    // `record` is null while it is not read yet.
    showRecord(id, record) {
      recordId = id;
      slotsPlace.hidden = true;
      recordPlace.hidden = false;
      fill(recordPlace, recordQuery(id, record, usePictures));
    },
    setOptions(options) {
      for (const name of ["k", "policy", "rate", "probability", "rerank"]) {
        fields[name].input.value = options[name];
      }
      fields.isGrouped.input.checked = options.isGrouped;
      filter.set(options.filter, options);
      count();
    },
    setBusy(isBusy) {
      submit.setAttribute("aria-disabled", String(isBusy));
      fill(submit, isBusy ? "Searching…" : "Search");
    },
    isBusy: () => submit.getAttribute("aria-disabled") === "true",
    // A sentence about what is missing, and the focus where it is missing.
    faultOf() {
      const input = [...root.querySelectorAll("input, select")].find((each) => !each.validity.valid);
      if (input) {
        input.closest("details")?.setAttribute("open", "");
        input.focus();
        fill(fault, `${input.labels[0].textContent}: ${input.validationMessage}`);
        return true;
      }
      if (recordId === null && Object.keys(taken.files()).length === 0) {
        slotsPlace.querySelector("input").focus();
        fill(fault, "Choose at least one picture first.");
        return true;
      }
      const missing = recordId === null ? filter.missing() : null;
      if (missing !== null) {
        missing.closest("details").open = true;
        missing.focus();
        fill(fault, `${missing.labels[0].textContent}: say where the pictures are from.`);
        return true;
      }
      fill(fault);
      return false;
    },
    onSubmit: (listener) =>
      root.addEventListener("submit", (event) => {
        event.preventDefault();
        listener();
      }),
    onClear: (listener) => clear.addEventListener("click", listener),
  };
}

function badge(number) {
  return number > 0 && element("span", { class: "badge" }, `${number} on`);
}

function recordQuery(id, record, usePictures) {
  const name = record?.identity ?? "a sighting of the gallery";
  return [
    element(
      "p",
      { class: "query-record-head" },
      element("span", { class: "quiet small" }, "Searching from"),
      element("a", { href: `#/${recordRoute(id)}`, class: "mono" }, id),
    ),
    record && pictures(record, `the query, ${name}`, { large: true }),
    record &&
      element(
        "p",
        { class: "quiet small" },
        [record.identity, record.camera].filter(Boolean).join(" · "),
      ),
    element(
      "button",
      { type: "button", class: "plain small", onclick: usePictures },
      "Use pictures instead",
    ),
  ];
}
