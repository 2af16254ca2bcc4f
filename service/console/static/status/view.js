// Whether the service is well, in one sentence, and the figures behind it.

import { announce } from "../parts/announcements.js";
import { ApiProblem, isForbidden } from "../calls/problem.js";
import { element, fill } from "../parts/elements.js";
import { LOOK_SECONDS, poll } from "../calls/polling.js";
import { clock } from "../parts/formats.js";
import { fillAnew, setText } from "../parts/redrawing.js";
import { showLoading, showProblem } from "../parts/states.js";
import { statusPanels } from "./status_panels.js";
import { verdict } from "./verdict.js";

const INTERVAL_MILLISECONDS = 5000;
const WORDS = { good: "Fine", warning: "Attention", bad: "Problem" };

export function mount(main, { api }) {
  const asOf = element("span", { class: "number" }, ".");
  const banner = element("div", { class: "status-banner" });
  const panels = element("div", { class: "status-panels" });
  fill(
    main,
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, "Status"),
      element("p", {}, "Looks again every five seconds", asOf),
    ),
    banner,
    panels,
  );
  showLoading(banner, "Asking the service…");
  let said = null;
  let stop = poll(INTERVAL_MILLISECONDS, look);
  return () => stop();

  async function look(isOver) {
    const [readiness, status] = await Promise.allSettled([
      readinessOf(api),
      api.get("/status", { seconds: LOOK_SECONDS }),
    ]);
    if (isOver()) return true;
    const ready = readiness.value ?? null;
    const problem = readiness.reason ?? (ready.isReady ? status.reason : null);
    if (problem) {
      said = showRefusal(banner, panels, problem, said, again);
      // Asking again would only ask for a key again.
      return !isForbidden(problem);
    }
    const found = verdict(status.value ?? null, ready);
    showVerdict(banner, found);
    panels.classList.toggle("stale", !status.value);
    if (status.value) {
      setText(asOf, `; as of ${clock(new Date())}.`);
      fillAnew(panels, statusPanels(status.value, ready));
    }
    if (said !== null && said !== found.sentence) announce(found.sentence);
    said = found.sentence;
    return true;
  }

  function again() {
    stop();
    said = null;
    stop = poll(INTERVAL_MILLISECONDS, look);
  }
}

// {isReady, checks: {part: words}, detail: why it is not ready}
async function readinessOf(api) {
  try {
    return { isReady: true, checks: (await api.get("/health/ready", { seconds: LOOK_SECONDS })).checks, detail: null };
  } catch (problem) {
    if (!(problem instanceof ApiProblem) || problem.status !== 503) throw problem;
    return { isReady: false, checks: {}, detail: problem.detail };
  }
}

function showVerdict(banner, { level, sentence, findings }) {
  banner.removeAttribute("aria-busy");
  fillAnew(
    banner,
    element(
      "div",
      { class: `verdict ${level}` },
      element("span", { class: "verdict-mark" }, WORDS[level]),
      element("p", { class: "verdict-sentence" }, sentence),
      findings.length > 0 &&
        element(
          "ul",
          { class: "findings" },
          findings.map((each) =>
            element(
              "li",
              {},
              element("strong", {}, each.what),
              " ",
              each.advice,
              each.place && [" ", element("a", { href: each.place.href }, each.place.words)],
            ),
          ),
        ),
    ),
  );
}

// What was last known stays, and is marked as old. Returns what was said, so that a problem that
// lasts is told once.
function showRefusal(banner, panels, problem, said, again) {
  panels.classList.toggle("stale", panels.hasChildNodes());
  const told = String(problem);
  if (said === told) return said;
  if (problem instanceof ApiProblem && problem.status === 0) {
    showVerdict(banner, gone(panels.hasChildNodes()));
    announce("The service does not answer.");
  } else if (isForbidden(problem)) {
    panels.replaceChildren();
    showProblem(banner, problem, { retry: again });
  } else {
    showProblem(banner, problem);
  }
  return told;
}

function gone(wasThere) {
  const last = wasThere ? " The figures below are the last that it gave." : "";
  return {
    level: "bad",
    sentence: "The service does not answer.",
    findings: [
      {
        what: "It has stopped, or this computer cannot reach it.",
        advice:
          "On the machine that it runs on, see whether it runs (systemctl status vreid, or docker " +
          `compose ps) and read its log. This page goes on by itself once it answers.${last}`,
      },
    ],
  };
}
