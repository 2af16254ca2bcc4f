// The figures of GET /status and GET /health/ready, in panels.

import { element } from "../parts/elements.js";
import { timeElement } from "../parts/figures.js";
import { count, duration, percent, plural } from "../parts/formats.js";
import { MODALITIES, MODALITY_NAMES } from "../pictures/pictures.js";

const PARTS = {
  bundle: "Model bundle",
  engine: "Engine",
  lanes: "Lanes",
  gallery: "Gallery",
  keys: "Keys",
};

// `status` is the answer of GET /status, any member of which may be null; `readiness` as
// view.js makes it.
export function statusPanels(status, readiness) {
  return [
    panel("Gallery", galleryRows(status.gallery)),
    panel("Load", queueRows(status.queue)),
    panel("Ready", readyRows(readiness)),
    panel("Engine", engineRows(status.engine)),
    panel("Model", modelRows(status.model)),
    panel("Service", serviceRows(status)),
  ];
}

function panel(title, rows) {
  return element(
    "section",
    { class: "panel status-panel", "data-panel": title.toLowerCase() },
    element("h2", {}, title),
    rows === null ? element("p", { class: "quiet" }, "Not known.") : facts(rows),
  );
}

function facts(rows) {
  return element(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function galleryRows(gallery) {
  if (!gallery) return null;
  return [
    ["Records", countOrNull(gallery.records)],
    ["Segments", countOrNull(gallery.segments)],
    ["Not sealed yet", gallery.unsealed == null ? null : plural(gallery.unsealed, "record")],
    ...recallRows(gallery),
  ];
}

function recallRows({ recall, segments }) {
  if (!recall)
    return [["Recall", segments === 0 ? "exact: every record is compared" : "not measured yet"]];
  return [
    [
      `Recall of the best ${recall.at}`,
      `${percent(recall.estimate)}${marginOf(recall)}, estimated`,
    ],
    [
      "Measured",
      [timeElement(recall.measured_at), ` with ${plural(recall.queries, "query", "queries")}`],
    ],
  ];
}

function marginOf({ margin }) {
  return margin > 0 ? ` ± ${percent(margin)}` : "";
}

function queueRows(queue) {
  if (!queue) return null;
  const most = Math.max(1, ...MODALITIES.map((each) => queue.images?.[each] ?? 0));
  return [
    ["Requests held", countOrNull(queue.held)],
    ["A search waits", queue.wait_seconds == null ? null : duration(queue.wait_seconds)],
    ...MODALITIES.map((each) => [
      `${MODALITY_NAMES[each]} waiting`,
      queue.images && waiting(each, queue.images[each], most),
    ]),
  ];
}

// Images that wait for a branch: a number, and a bar on the scale of all three.
function waiting(modality, images, most) {
  return element(
    "span",
    { class: "queue-bar", "data-modality": modality },
    element("span", { class: "queue-number" }, plural(images, "image")),
    images > 0 && element("span", { class: "bar", "--share": images / most }),
  );
}

function readyRows({ isReady, checks, detail }) {
  if (!isReady) return [["Not ready", detail]];
  return Object.entries(checks).map(([part, words]) => [PARTS[part] ?? part, mark(part, words)]);
}

function mark(part, words) {
  const shown = part === "bundle" ? fingerprint(words) : words;
  return [element("span", { class: "badge good" }, "ready"), " ", shown];
}

function engineRows(engine) {
  if (!engine) return null;
  return [
    ["Name", engine.name],
    ["Precision", engine.precision],
    ["Threads", countOrNull(engine.threads)],
    ["Lanes", countOrNull(engine.lanes)],
  ];
}

function modelRows(model) {
  if (!model) return null;
  return [
    ["Name", model.name],
    ["Version", model.version],
    ["Fingerprint", model.fingerprint && fingerprint(model.fingerprint)],
  ];
}

// Whole where it is read out or copied, its first digits where it is looked at.
function fingerprint(text) {
  const short = text.replace(/^[a-z0-9]+:/, "").slice(0, 12);
  return element("span", { class: "mono", title: text }, `${short}…`);
}

function serviceRows(status) {
  return [
    ["Version", status.version],
    ["Up for", status.uptime_seconds == null ? null : duration(status.uptime_seconds)],
  ];
}

function countOrNull(number) {
  return number == null ? null : count(number);
}
