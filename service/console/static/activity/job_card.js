// One indexing, import or reindexing job: how far it is.

import { nameOf } from "../jobs/job_words.js";
import { element } from "../parts/elements.js";
import { fillAnew, setText } from "../parts/redrawing.js";
import { figureRows, timeElement } from "../parts/figures.js";
import { count, duration, percent } from "../parts/formats.js";

const STATES = {
  running: ["Running", "running"],
  finished: ["Finished", "good"],
  interrupted: ["Interrupted", "warning"],
  lost: ["Lost", "danger"],
};
const LOST =
  "Its process has gone without a word. Run the same command again: it goes on where it was.";

// Returns {card, update}: update(job) shows a newer state of the same job, and says whether the job
// is in another state than before.
export function jobCard(first) {
  const title = nameOf(first);
  const state = element("span");
  const progress = element("progress", { "aria-label": title });
  const words = element("p", { class: "job-words number" });
  const advice = element("p", { class: "job-advice" });
  const facts = element("dl", { class: "figures" });
  const times = element("p", { class: "quiet small" });
  const card = element(
    "li",
    { class: "job panel", "data-job": first.id },
    element("div", { class: "job-head" }, element("h3", {}, title), state),
    progress,
    words,
    advice,
    facts,
    times,
  );
  let before = null;

  function update(job) {
    const hasChanged = before !== null && before !== job.state;
    before = job.state;
    const [word, kind] = STATES[job.state] ?? [job.state, ""];
    setText(state, word);
    state.className = `badge ${kind}`;
    card.dataset.state = job.state;
    showProgress(progress, job);
    setText(words, wordsOf(job));
    setText(advice, adviceOf(job));
    advice.hidden = advice.textContent === "";
    fillAnew(facts, figureRows(rowsOf(job)));
    fillAnew(times, timesOf(job));
    return hasChanged;
  }

  update(first);
  return { card, update };
}

function adviceOf(job) {
  if (job.state === "lost") return LOST;
  const reason = job.reason ?? "";
  return reason.charAt(0).toUpperCase() + reason.slice(1);
}

function wordsOf(job) {
  if (job.total === null || job.total === undefined) {
    const more = job.state === "running" ? "; what is left is being counted" : "";
    return `${count(job.done)} done${more}`;
  }
  const share = job.total === 0 ? 1 : job.done / job.total;
  return `${count(job.done)} of ${count(job.total)} (${percent(share)})${timeLeft(job)}`;
}

function timeLeft(job) {
  if (job.state !== "running" || !(job.per_second > 0)) return "";
  return `, about ${duration((job.total - job.done) / job.per_second)} left`;
}

function showProgress(progress, job) {
  if (job.total === null && job.state === "running") {
    progress.removeAttribute("value");
    return;
  }
  progress.max = Math.max(1, job.total ?? job.done);
  progress.value = job.total === 0 ? 1 : job.done;
}

function rowsOf(job) {
  return [
    ["Stored", numberOrNull(job.indexed)],
    ["Corrected", job.updated > 0 ? count(job.updated) : null],
    ["There already", numberOrNull(job.skipped)],
    ["Rejected", numberOrNull(job.rejected), job.rejected > 0 ? "warning" : null],
    ["A second", job.per_second === null ? null : rate(job.per_second)],
  ];
}

function timesOf(job) {
  const last = job.state === "running" ? "last report" : "ended";
  return ["Started ", timeElement(job.started_at), `, ${last} `, timeElement(job.updated_at)];
}

function numberOrNull(number) {
  return number === null || number === undefined ? null : count(number);
}

function rate(perSecond) {
  return count(perSecond < 10 ? Number(perSecond.toFixed(1)) : Math.round(perSecond));
}
