// What a place of a view shows while there is nothing else to show: loading, empty, a problem.

import { announce } from "./announcements.js";
import { ApiProblem } from "../calls/problem.js";
import { element, fill } from "./elements.js";
import { wordsOf } from "./problem_words.js";

// Whoever listens is told only of what takes its time: what comes at once speaks for itself.
const TOLD_AFTER_MILLISECONDS = 2000;

// `text` is a sentence as "Searching…".
export function showLoading(container, text = "Loading…") {
  container.setAttribute("aria-busy", "true");
  const shown = element("div", { class: "state loading" }, element("span", { class: "spinner" }), text);
  fill(container, shown);
  setTimeout(() => {
    if (shown.isConnected) announce(text);
  }, TOLD_AFTER_MILLISECONDS);
}

// `actions` are buttons or links.
export function showEmpty(container, title, hint = "", ...actions) {
  container.removeAttribute("aria-busy");
  fill(
    container,
    element(
      "div",
      { class: "state empty" },
      element("p", { class: "state-title" }, title),
      hint && element("p", { class: "quiet" }, hint),
      actions.length > 0 && element("div", { class: "actions" }, actions),
    ),
  );
}

// Shows an ApiProblem (anything else that was thrown is shown as a fault of the page), with a
// button that calls `retry` where that is given and may help; after a Retry-After it counts down
// first.
export function showProblem(container, problem, { retry = null } = {}) {
  container.removeAttribute("aria-busy");
  const words = wordsOf(problem);
  const known = problem instanceof ApiProblem;
  fill(
    container,
    element(
      "div",
      { class: "state problem", role: "alert" },
      element("p", { class: "state-title" }, words.title),
      element("p", {}, words.text),
      words.fields.length > 0 &&
        element("ul", {}, words.fields.map((sentence) => element("li", {}, sentence))),
      retry && (!known || mayPass(problem)) && retryButton(retry, known ? problem.retryAfter : null),
      known &&
        problem.requestId &&
        element("p", { class: "quiet small" }, `Request ${problem.requestId}`),
    ),
  );
  if (!known) console.error(problem);
}

export function ready(container) {
  container.removeAttribute("aria-busy");
}

// What is wrong with the request itself stays wrong.
function mayPass({ status }) {
  return status < 400 || status >= 500 || [401, 408, 429].includes(status);
}

function retryButton(retry, seconds) {
  const button = element("button", { type: "button", onclick: () => retry() }, "Try again");
  const note = element("span", { class: "quiet" });
  if (seconds) countDown(button, note, Date.now() + seconds * 1000);
  return element("div", { class: "actions" }, button, note);
}

function countDown(button, note, until) {
  const left = Math.ceil((until - Date.now()) / 1000);
  button.disabled = left > 0;
  if (left <= 0) {
    note.textContent = "";
    if (button.isConnected) announce("You can try again now.");
    return;
  }
  note.textContent = `in ${left} s`;
  setTimeout(() => countDown(button, note, until), 250);
}
