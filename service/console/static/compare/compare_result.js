// Two sides next to each other, and what the service says of them.

import { contributionsBar } from "../pictures/contributions.js";
import { element, fill } from "../parts/elements.js";
import { count, moment, percent, score } from "../parts/formats.js";
import { showBlob } from "../pictures/loading.js";
import { MODALITIES, MODALITY_NAMES, picture } from "../pictures/pictures.js";
import { recordRoute } from "../router.js";

// Scores that are nearer to the threshold are said to be near.
const CLOSE = 0.02;

// A side is {id, files, record}: `record` is what the gallery has under its id.
export function showComparison(container, answer, a, b) {
  container.removeAttribute("aria-busy");
  fill(
    container,
    comparisonPanel(answer),
    element(
      "div",
      { class: "panel compare-pictures" },
      sideHead("A", a),
      sideHead("B", b),
      MODALITIES.map((modality) => [
        pictureOf(a, modality, "vehicle A"),
        pictureOf(b, modality, "vehicle B"),
      ]),
    ),
  );
}

// "Same vehicle", "Different vehicles" or what is known where there is no threshold.
export function verdictWords({ verdict, score: reached }) {
  if (verdict === null) return "No verdict: this model has no threshold for such a pair";
  const isClose = Math.abs(reached - verdict.threshold) < CLOSE;
  if (verdict.same) return isClose ? "The same vehicle, but only just" : "The same vehicle";
  const below = "Not enough to call it the same vehicle";
  return isClose ? `${below}, but close` : below;
}

function comparisonPanel(answer) {
  const { verdict } = answer;
  const tone = verdict === null ? "" : verdict.same ? "good" : "different";
  return element(
    "div",
    { class: `panel comparison ${tone}`, "data-same": verdict && String(verdict.same) },
    element("h2", {}, verdictWords(answer)),
    element(
      "dl",
      { class: "comparison-facts" },
      fact(
        "Probability",
        answer.probability === null
          ? "not calibrated"
          : [percent(answer.probability), " ", element("span", { class: "prior" }, "if 1 in 2 were the same")],
        verdict?.same === false ? "probability minor" : "probability",
      ),
      fact("Score", score(answer.score), "score"),
      verdict && fact("Threshold", score(verdict.threshold), "score"),
    ),
    contributionsBar(answer.contributions, { rgb: true, nir: true, tir: true }),
    verdict &&
      element(
        "p",
        { class: "quiet small" },
        `At this threshold, 1 in ${count(Math.round(1 / verdict.false_accept_rate))} different vehicles would pass as the same. `,
        "Decide by it, not by the probability.",
      ),
    answer.warnings.length > 0 &&
      element("ul", { class: "warnings" }, answer.warnings.map((each) => element("li", {}, each))),
  );
}

function fact(name, value, kind) {
  return element("div", { class: `fact ${kind}` }, element("dt", {}, name), element("dd", {}, value));
}

function sideHead(letter, side) {
  const { record } = side;
  return element(
    "div",
    { class: "compare-head" },
    element("h3", {}, `${letter}: ${record?.identity ?? (record ? "unnamed vehicle" : "the pictures")}`),
    record
      ? element(
          "p",
          { class: "small" },
          element("a", { href: `#/${recordRoute(record.id)}` }, "Record"),
          [record.camera, record.captured_at && moment(record.captured_at)]
            .filter(Boolean)
            .map((text) => ` · ${text}`),
        )
      : element("p", { class: "small quiet" }, "Not in the gallery"),
  );
}

function pictureOf(side, modality, name) {
  const short = MODALITY_NAMES[modality];
  const frame = side.record ? picture(side.record, modality, name) : ownPicture(side, modality, name);
  return element(
    "figure",
    { class: "picture", "data-modality": modality },
    frame,
    element("figcaption", { class: "picture-name" }, short),
  );
}

function ownPicture(side, modality, name) {
  const short = MODALITY_NAMES[modality];
  const file = side.files[modality];
  if (!file) return element("div", { class: "picture-frame absent" }, `no ${short}`);
  const image = element("img", { alt: `${short} of ${name}` });
  const frame = element("div", { class: "picture-frame" }, image);
  image.addEventListener("error", () => {
    frame.classList.add("absent");
    fill(frame, `${file.name}: no preview`);
  });
  showBlob(image, file);
  return frame;
}
