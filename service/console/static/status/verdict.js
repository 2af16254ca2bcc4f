// One sentence about the service, and what to do about everything that is not well.

import { count, duration, percent, plural } from "../parts/formats.js";
import { nameOf } from "../jobs/job_words.js";

const ACTIVITY = { href: "#/activity", words: "See Activity" };
const LONG_WAIT_SECONDS = 1;
const LONG_LAG_SECONDS = 60;
const LOW_RECALL = 0.95;

// `status` is the answer of GET /status, any member of which may be null; `readiness` is {isReady,
// detail} of GET /health/ready.
// Returns {level: "good" | "warning" | "bad", sentence, findings: [{level, what, advice, place}]}.
export function verdict(status, readiness) {
  const findings = [
    ...ofReadiness(readiness),
    ...ofQueue(status?.queue),
    ...ofIngest(status?.ingest),
    ...ofRecall(status?.gallery?.recall),
    ...ofJobs(status?.jobs),
  ];
  if (findings.some((each) => each.level === "bad")) {
    return { level: "bad", sentence: "The service cannot search at present.", findings };
  }
  if (findings.length > 0) {
    const sentence = `The service works; ${plural(findings.length, "thing needs", "things need")} your attention.`;
    return { level: "warning", sentence, findings };
  }
  const records = status?.gallery?.records;
  if (records === 0) {
    return {
      level: "good",
      sentence: "Everything is fine. The gallery is empty: enrol a vehicle, or run vreid index.",
      findings,
    };
  }
  const searched = records == null ? "" : ` It searches ${plural(records, "sighting")}.`;
  return { level: "good", sentence: `Everything is fine.${searched}`, findings };
}

function ofReadiness({ isReady, detail }) {
  if (isReady) return [];
  return [
    {
      level: "bad",
      what: sentenceOf(detail ?? "A part of the service is not ready"),
      advice: "If this lasts for more than a minute, read the service's log and start it again.",
    },
  ];
}

function ofQueue(queue) {
  if (!(queue?.wait_seconds > LONG_WAIT_SECONDS)) return [];
  return [
    {
      level: "warning",
      what: `A request waits for about ${duration(queue.wait_seconds)} before its turn.`,
      advice: "If this lasts, send less at a time, or run the service on more processors.",
    },
  ];
}

function ofIngest(ingest) {
  if (!ingest) return [];
  if (!ingest.available) {
    return [
      {
        level: "warning",
        what: "Ingest accepts nothing: its Redis server does not answer.",
        advice: "See whether Redis runs and has memory and disk left.",
        place: ACTIVITY,
      },
    ];
  }
  const findings = [];
  if (ingest.lag_seconds > LONG_LAG_SECONDS) {
    findings.push({
      level: "warning",
      what: `Ingest is ${duration(ingest.lag_seconds)} behind, with ${count(ingest.waiting)} waiting.`,
      advice: "See whether vreid worker runs; start more of them if it does.",
      place: ACTIVITY,
    });
  }
  if (ingest.failed > 0) {
    findings.push({
      level: "warning",
      what: `${plural(ingest.failed, "ingest ticket")} failed.`,
      advice: "vreid ingest dead lists them with the reasons, and tries them again if told to.",
      place: ACTIVITY,
    });
  }
  return findings;
}

function ofRecall(recall) {
  if (!recall || recall.estimate >= LOW_RECALL) return [];
  return [
    {
      level: "warning",
      what: `About ${percent(1 - recall.estimate)} of the best ${recall.at} matches may be missed.`,
      advice: "Searches that a filter narrows to few records are exact.",
    },
  ];
}

function ofJobs(jobs) {
  return unfinished(jobs ?? []).map((job) => ({
    level: "warning",
    what: `${nameOf(job)} did not come to its end.`,
    advice: "Run the same command again: it goes on where it was.",
    place: ACTIVITY,
  }));
}

// Jobs that ended early and were not begun anew since; `jobs` is newest first.
function unfinished(jobs) {
  const seen = new Set();
  return jobs.filter((job) => {
    const name = nameOf(job);
    const isNewest = !seen.has(name);
    seen.add(name);
    return isNewest && ["lost", "interrupted"].includes(job.state);
  });
}

function sentenceOf(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
