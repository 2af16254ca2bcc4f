// Looking one ingest ticket up: what became of what a camera handed over.

import { announce } from "../parts/announcements.js";
import { element, fill, freshId } from "../parts/elements.js";
import { timeElement } from "../parts/figures.js";
import { count } from "../parts/formats.js";
import { recordRoute } from "../router.js";
import { showLoading, showProblem } from "../parts/states.js";

const STATES = {
  waiting: ["Waiting", "", "It waits for a worker."],
  embedding: ["Being embedded", "running", "A worker has it."],
  stored: ["Stored", "good", "Its records are on the gallery's disk and are found by searches."],
  failed: ["Failed", "danger", "It was given up."],
};

// The form and what it found; `api` asks the service.
export function ticketLookup(api) {
  const input = element("input", {
    id: freshId("ticket"),
    name: "ticket",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 200,
  });
  const hint = element(
    "p",
    { class: "hint", id: freshId("ticket-hint") },
    "The id that POST /ingest answered. It is known for a day after its end.",
  );
  input.setAttribute("aria-describedby", hint.id);
  const found = element("div", { class: "ticket-found" });
  let turn = 0;

  async function look(id) {
    turn += 1;
    const mine = turn;
    showLoading(found, "Looking…");
    try {
      const ticket = await api.get(`/ingest/${encodeURIComponent(id)}`);
      if (mine !== turn) return;
      showTicket(found, ticket);
    } catch (problem) {
      if (mine === turn) showProblem(found, problem, { retry: () => look(id) });
    }
  }

  const form = element(
    "form",
    {
      class: "ticket-form",
      onsubmit: (event) => {
        event.preventDefault();
        const id = input.value.trim();
        if (id) look(id);
      },
    },
    element(
      "div",
      { class: "field" },
      element("label", { for: input.id }, "Ticket id"),
      input,
      hint,
    ),
    element("button", { type: "submit" }, "Look up"),
  );
  return element("div", { class: "ticket" }, form, found);
}

function showTicket(container, ticket) {
  const [word, kind, sentence] = STATES[ticket.status] ?? [ticket.status, "", ""];
  container.removeAttribute("aria-busy");
  fill(
    container,
    element(
      "div",
      { class: "ticket-answer" },
      element("p", {}, element("span", { class: `badge ${kind}` }, word), " ", sentence),
      ticket.problem && problemOf(ticket.problem),
      element(
        "dl",
        { class: "facts" },
        [
          ["Accepted", timeElement(ticket.accepted_at)],
          ["Last change", timeElement(ticket.updated_at)],
          ["Tries", count(ticket.attempts)],
          ["Records", recordsOf(ticket.records ?? [])],
        ].map(([name, value]) => value && [element("dt", {}, name), element("dd", {}, value)]),
      ),
      warningsOf(ticket.warnings.flat()),
    ),
  );
  announce(`${word}. ${sentence}`);
}

function problemOf(problem) {
  return element("p", { class: "ticket-problem" }, `${problem.title}: ${problem.detail}`);
}

function recordsOf(ids) {
  if (ids.length === 0) return null;
  return element(
    "ul",
    { class: "plain-list" },
    ids.map((id) => element("li", {}, element("a", { href: `#/${recordRoute(id)}` }, id))),
  );
}

function warningsOf(warnings) {
  if (warnings.length === 0) return null;
  return element(
    "div",
    {},
    element("h3", {}, "Remarks about its pictures"),
    element(
      "ul",
      { class: "plain-list" },
      warnings.map((each) => element("li", {}, each)),
    ),
  );
}
