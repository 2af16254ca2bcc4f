// One sighting that was found: its pictures, how alike it is and why, where and when it was seen.

import { contributionsBar } from "../pictures/contributions.js";
import { element } from "../parts/elements.js";
import { moment, percent, plural, score } from "../parts/formats.js";
import { picture, pictures, MODALITIES } from "../pictures/pictures.js";
import { recordRoute } from "../router.js";

const joined = new Intl.ListFormat("en-GB");

// `searchRoute(id)` is the route of a search from this one; `pick` is called when the button that
// picks it to compare is pressed, `isPicked` says how it stands.
export function resultCard(result, { searchRoute, pick, isPicked }) {
  const name = result.identity ?? "unnamed vehicle";
  const label = `match ${result.rank}, ${name}`;
  return element(
    "li",
    { class: "card", "data-id": result.id, "data-match": String(result.match) },
    element(
      "div",
      { class: "card-head" },
      element("span", { class: "rank number", "aria-label": `Rank ${result.rank}` }, result.rank),
      element(
        "h3",
        { class: result.identity === null ? "quiet" : "" },
        element("a", { href: `#/${recordRoute(result.id)}` }, name),
      ),
      matchBadge(result.match),
    ),
    pictures(result, label, { large: true }),
    element(
      "dl",
      { class: "card-facts" },
      fact("Probability", probabilityText(result), result.match === false ? "probability minor" : "probability"),
      fact("Score", score(result.score), "score"),
      fact("Camera", result.camera ?? "unknown", "camera"),
      fact("Seen", result.captured_at ? time(result.captured_at) : "unknown", "time"),
    ),
    contributionsBar(result.contributions, result.mask),
    result.group && otherSightings(result),
    explanation(result),
    element(
      "div",
      { class: "actions card-actions" },
      element("a", { class: "button small", href: `#/${searchRoute(result.id)}` }, "Search from this one"),
      element(
        "button",
        {
          type: "button",
          class: "small pick",
          "aria-pressed": String(isPicked),
          "aria-label": `Pick to compare: ${label}`,
          onclick: () => pick(result),
        },
        "Pick to compare",
      ),
    ),
  );
}

export function time(text) {
  return element("time", { datetime: text }, moment(text));
}

function probabilityText({ probability }) {
  if (probability === null) return "not calibrated";
  return [percent(probability), " ", element("span", { class: "prior" }, "if 1 in 2 were the same")];
}

function matchBadge(match) {
  if (match === null) return null;
  return match
    ? element("span", { class: "badge good" }, "Match")
    : element("span", { class: "badge" }, "Below threshold");
}

function fact(name, value, kind) {
  return element("div", { class: `fact ${kind}` }, element("dt", {}, name), element("dd", {}, value));
}

function otherSightings(result) {
  const { found, samples } = result.group;
  const others = samples.filter((each) => each.id !== result.id);
  if (found < 2) return element("p", { class: "quiet small" }, "The only sighting found of it.");
  return element(
    "div",
    { class: "others" },
    element("p", { class: "small" }, `The best of ${plural(found, "sighting")} of it.`),
    others.length > 0 &&
      element(
        "ul",
        {},
        others.map((each) =>
          element(
            "li",
            {},
            element(
              "a",
              { href: `#/${recordRoute(each.id)}` },
              picture(each, MODALITIES.find((one) => each.thumbnails[one]) ?? "rgb", each.id),
              element("span", { class: "small" }, each.camera ?? "camera unknown", " · ", score(each.score)),
            ),
          ),
        ),
      ),
  );
}

function explanation(result) {
  const { explanation: told, rerank } = result;
  const rows = [
    ["Record", element("span", { class: "mono" }, result.id)],
    ["Scene", result.scene],
    ...Object.entries(result.attributes).map(([name, value]) => [name, String(value)]),
    ["Compared", told && comparedWords(told)],
    ["Ranked by", told?.ranked_by],
    ["Threshold", told?.calibration?.threshold != null && score(told.calibration.threshold)],
    ["Before re-ranking", rerank && `rank ${rerank.original_rank}`],
  ].filter(([, value]) => value);
  return element(
    "details",
    { class: "card-more small" },
    element("summary", {}, "Details"),
    element(
      "dl",
      { class: "facts" },
      rows.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
    ),
  );
}

// "shared:rgb+tir" -> "RGB and TIR of both sides"
function comparedWords({ representation, modalities }) {
  const names = (some) => joined.format(some.map((each) => each.toUpperCase()));
  if (representation.startsWith("shared:")) return `${names(modalities)} of both sides`;
  const [left, right] = representation.replace("center:", "").split("|");
  return `${names(left.split("+"))} with ${names((right ?? left).split("+"))}`;
}
