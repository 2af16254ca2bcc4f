// What goes on behind the searches: ingest, and jobs that fill or rewrite the gallery.

import { announce } from "../parts/announcements.js";
import { element, fill } from "../parts/elements.js";
import { figures } from "../parts/figures.js";
import { clock, count, duration } from "../parts/formats.js";
import { jobCard } from "./job_card.js";
import { nameOf } from "../jobs/job_words.js";
import { LOOK_SECONDS, poll } from "../calls/polling.js";
import { isForbidden } from "../calls/problem.js";
import { fillAnew, setText } from "../parts/redrawing.js";
import { showEmpty, showLoading, showProblem } from "../parts/states.js";
import { ticketLookup } from "./ticket_lookup.js";

const INTERVAL_MILLISECONDS = 2000;
const LONG_LAG_SECONDS = 60;

export function mount(main, { api, access }) {
  const asOf = element("span", { class: "number" }, ".");
  const problem = element("div", { class: "activity-problem" });
  const ingest = element("div", { class: "activity-ingest" });
  const tickets = access.may("enrol") ? ticketLookup(api) : null;
  const jobs = element("div", { class: "activity-jobs" });
  fill(
    main,
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, "Activity"),
      element("p", {}, "Looks again every two seconds", asOf),
    ),
    problem,
    section("Ingest", ingest, tickets),
    section("Jobs", jobs),
  );
  if (tickets) tickets.hidden = true;
  showLoading(ingest);
  showLoading(jobs);
  const showJobs = jobList(jobs);

  let stop = poll(INTERVAL_MILLISECONDS, look);
  return () => stop();

  async function look(isOver) {
    try {
      const status = await api.get("/status", { seconds: LOOK_SECONDS });
      if (isOver()) return true;
      problem.replaceChildren();
      setText(asOf, `; as of ${clock(new Date())}.`);
      showIngest(ingest, status.ingest);
      if (tickets) tickets.hidden = !status.ingest;
      showJobs(status.jobs ?? []);
      return true;
    } catch (error) {
      if (isOver()) return true;
      clearLoading(ingest, jobs);
      showOnce(problem, error, isForbidden(error) ? again : null);
      return !isForbidden(error);
    }
  }

  function again() {
    stop();
    problem.replaceChildren();
    stop = poll(INTERVAL_MILLISECONDS, look);
  }
}

function section(title, ...content) {
  return element("section", { class: "activity-section" }, element("h2", {}, title), content);
}

function showIngest(container, ingest) {
  ready(container);
  if (!ingest) {
    showState(
      container,
      "off",
      "Ingest is off",
      "It lets cameras hand sightings over without waiting. It needs a Redis server: set " +
        "VREID_INGEST__REDIS, and run vreid worker.",
    );
    return;
  }
  if (!ingest.available) {
    showState(
      container,
      "gone",
      "Redis does not answer",
      "Nothing is accepted until it does. See whether it runs and has memory and disk left.",
    );
    return;
  }
  container.dataset.shown = "figures";
  const lag = ingest.lag_seconds;
  fillAnew(
    container,
    figures([
      ["Waiting", count(ingest.waiting)],
      ["Behind by", lag === null ? "–" : duration(lag), lag > LONG_LAG_SECONDS ? "warning" : null],
      ["Failed", count(ingest.failed), ingest.failed > 0 ? "danger" : null],
    ]),
  );
}

// Cards stay where they are from look to look, so that reading and focus stay too.
function jobList(container) {
  const cards = new Map();
  const list = element("ul", { class: "jobs" });

  return function show(jobs) {
    ready(container);
    if (jobs.length === 0) {
      cards.clear();
      showState(
        container,
        "none",
        "No jobs yet",
        "vreid index, vreid gallery import and vreid reindex show here how far they are.",
      );
      return;
    }
    if (container.dataset.shown !== "jobs") {
      container.dataset.shown = "jobs";
      list.replaceChildren();
      fill(container, list);
    }
    for (const id of cards.keys()) {
      if (!jobs.some((job) => job.id === id)) cards.delete(id);
    }
    const ordered = jobs.map((job) => {
      const known = cards.get(job.id);
      if (!known) {
        const made = jobCard(job);
        cards.set(job.id, made);
        return made.card;
      }
      if (known.update(job)) announce(`${nameOf(job)}: ${job.state}.`);
      return known.card;
    });
    if (
      ordered.some((card, place) => list.children[place] !== card) ||
      list.children.length !== ordered.length
    ) {
      list.replaceChildren(...ordered);
    }
  };
}

function showState(container, shown, title, hint) {
  if (container.dataset.shown === shown) return;
  container.dataset.shown = shown;
  showEmpty(container, title, hint);
}

// A problem that lasts is told once, not every two seconds.
function showOnce(container, error, retry) {
  const told = String(error);
  if (container.dataset.told === told && container.firstChild) return;
  container.dataset.told = told;
  showProblem(container, error, { retry });
}

function clearLoading(...containers) {
  for (const container of containers) {
    if (container.querySelector(":scope > .loading")) container.replaceChildren();
    ready(container);
  }
}

function ready(container) {
  container.removeAttribute("aria-busy");
}
