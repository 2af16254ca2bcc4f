// Deleting records, each by its id, after a question.

import { ApiProblem } from "../calls/problem.js";
import { ask } from "../parts/dialogs.js";
import { element } from "../parts/elements.js";
import { plural } from "../parts/formats.js";

const NAMED = 5;

// Asks and deletes; returns whether it was done. What somebody else has deleted meanwhile counts as
// deleted. `onDeleted(id)` is called for each, also where a later one fails.
export async function deleteRecords(api, records, onDeleted = () => {}) {
  const deleted = new Set();
  const words = `Delete ${plural(records.length, "sighting")}`;
  const progress = element("progress", { max: records.length, value: 0, "aria-label": words });
  progress.hidden = true;
  const question = ask({
    title: `${words}?`,
    content: [
      element("ul", { class: "plain-list" }, records.slice(0, NAMED).map(named)),
      records.length > NAMED &&
        element("p", { class: "quiet" }, `and ${records.length - NAMED} more`),
      element("p", {}, "Their features and pictures go too. This cannot be undone."),
      progress,
    ],
    action: words,
    run: async () => {
      progress.hidden = records.length < 2;
      for (const { id } of records) {
        if (!deleted.has(id)) await deleteOne(api, id);
        if (!deleted.has(id)) onDeleted(id);
        deleted.add(id);
        progress.value = deleted.size;
      }
    },
  });
  return question.finished;
}

async function deleteOne(api, id) {
  try {
    await api.delete(`/gallery/${encodeURIComponent(id)}`);
  } catch (problem) {
    if (!(problem instanceof ApiProblem) || problem.status !== 404) throw problem;
  }
}

function named(record) {
  const facts = [record.identity ?? "not named yet", record.camera].filter(Boolean).join(", ");
  return element("li", {}, element("span", { class: "mono" }, record.id), ` (${facts})`);
}
