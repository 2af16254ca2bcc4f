// The answer to a search: what it says as a whole, and the ranked sightings.

import { element, fill } from "../parts/elements.js";
import { count, plural } from "../parts/formats.js";
import { resultCard } from "./result_card.js";
import { showEmpty } from "../parts/states.js";

const POLICIES = {
  shared: "the spectra that both sides have",
  center: "one vector for every sighting",
  concat: "complete triplets",
};

const MEANINGS = [
  ["Match", "Reaches the threshold, which so many different vehicles would pass by chance. Decide by this."],
  ["Probability", "Of the same vehicle, if 1 in 2 pairs were the same. In a large gallery far fewer are."],
  ["Score", "How alike the model finds the two: 1 is the same picture, 0 nothing in common."],
  ["RGB, NIR, TIR", "What each spectrum adds to the score."],
];

// Shows the pages that a search has so far. `search` is {options, answer, results, picked};
// `actions` are {searchRoute(id), pick(result), more()}.
export function showResults(container, search, actions) {
  const { answer, results } = search;
  container.removeAttribute("aria-busy");
  const told = headline(answer, results, nounOf(search));
  const notes = element(
    "div",
    { class: "results-head", "data-match": String(answer.match) },
    element("h2", { class: "results-title" }, told.title),
    element("p", { class: "quiet results-text" }, told.text),
    answer.warnings.length > 0 &&
      element("ul", { class: "warnings" }, answer.warnings.map((each) => element("li", {}, each))),
    results.length > 0 && meaning(),
  );
  if (results.length === 0) {
    const place = element("div");
    showEmpty(place, told.title, `${told.text} ${told.hint}`.trim());
    fill(container, place);
    return told;
  }
  const list = element("ol", { class: "cards" });
  const more = element("div", { class: "actions more" });
  fill(container, notes, list, more);
  addResults(container, search, results, actions);
  return told;
}

// Adds what a later page brought; returns the first new card, null where there is none.
export function addResults(container, search, added, actions) {
  const list = container.querySelector(".cards");
  const cards = added.map((result) =>
    resultCard(result, { ...actions, isPicked: search.picked.has(result.id) }),
  );
  list.append(...cards);
  // The counts are of all pages; the query and its threshold are those of the first.
  const told = headline(search.answer, search.results, nounOf(search));
  container.querySelector(".results-title").textContent = told.title;
  container.querySelector(".results-text").textContent = told.text;
  container.querySelector(".results-head").dataset.match = String(hasMatch(search));
  const foot = container.querySelector(".more");
  foot.removeAttribute("aria-busy");
  fill(
    foot,
    search.answer.next_cursor &&
      element("button", { type: "button", onclick: () => actions.more(foot) }, "Show more"),
    element("span", { class: "quiet small" }, `${plural(search.results.length, nounOf(search))} shown`),
  );
  return cards[0] ?? null;
}

function nounOf(search) {
  return search.options.isGrouped ? "vehicle" : "sighting";
}

function hasMatch({ answer, results }) {
  return results.some((each) => each.match) || answer.match;
}

// {title, text, hint}: what the service says about match or no match, in words.
export function headline(answer, results, noun = "sighting") {
  const rule = thresholdWords(answer.threshold);
  const compared = `Compared by ${POLICIES[answer.policy]}.`;
  const matching = results.filter((each) => each.match).length;
  if (answer.match === true || matching > 0) {
    return {
      title: matchWords(matching, results.length - matching, noun),
      text: `${rule} ${compared}`.trim(),
      hint: "",
    };
  }
  if (answer.match === false && answer.threshold.cuts) {
    return {
      title: "No match",
      text: `No sighting reaches the threshold. ${rule}`.trim(),
      hint: "Show everything instead to see the nearest ones, or loosen the filters.",
    };
  }
  if (results.length === 0) {
    return {
      title: "Nothing to compare with",
      text: "No sighting of the gallery can be compared with this query and passes the filters.",
      hint: "Loosen the filters, or enrol sightings first.",
    };
  }
  if (answer.match === false) {
    return {
      title: "No match",
      text: `None of these sightings reaches the threshold; they are only the nearest. ${rule}`,
      hint: "",
    };
  }
  return {
    title: `${plural(results.length, noun)}, nearest first`,
    text: [answer.threshold.reason && sentence(answer.threshold.reason), rule, compared]
      .filter(Boolean)
      .join(" "),
    hint: "",
  };
}

// Not "2 matches in 12 sightings": what is shown is only the nearest, and the gallery has more.
function matchWords(matching, others, noun) {
  const matches = plural(matching, "match", "matches");
  if (others === 0) return matches;
  return others === 1
    ? `${matches}; the other ${noun} shown is only the nearest`
    : `${matches}; the other ${count(others)} ${noun}s shown are only the nearest`;
}

function meaning() {
  return element(
    "details",
    { class: "meaning" },
    element("summary", {}, "What the numbers mean"),
    element(
      "dl",
      { class: "facts" },
      MEANINGS.map(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]),
    ),
  );
}

function thresholdWords({ false_accept_rate: rate, min_probability: probability, min_score: least }) {
  const rules = [
    rate !== null && `1 in ${count(Math.round(1 / rate))} different vehicles would pass`,
    probability !== null && `at least ${Number((100 * probability).toPrecision(6))} % probable`,
    least !== null && `a score of at least ${least}`,
  ].filter(Boolean);
  return rules.length > 0 ? `Threshold: ${rules.join(", ")}.` : "";
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
