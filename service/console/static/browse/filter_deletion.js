// Deleting all records that pass a filter: counted, asked about, and only then as many deleted.

import { ask } from "../parts/dialogs.js";
import { element, fill } from "../parts/elements.js";
import { filterWords } from "../labels/filter_words.js";
import { count, plural } from "../parts/formats.js";
import { check } from "../parts/fields.js";
import { showLoading, showProblem } from "../parts/states.js";

// The last is the refusal of a filter that by now every record passes.
const OF_ANOTHER_COUNT = new Set(["unexpected-count", "invalid-request"]);

// Asks and deletes; returns how many were deleted, null where nothing was done.
export async function deleteMatching(api, filter) {
  const counted = element("div", { class: "deletion-count" });
  let matched = null;
  let isWhole = false;
  let deleted = null;
  const question = ask({
    title: "Delete all that match?",
    content: [
      element(
        "ul",
        { class: "conditions" },
        filterWords(filter).map((each) => element("li", {}, each)),
      ),
      counted,
    ],
    action: "Delete",
    isReady: false,
    run: async () => {
      const agreed = { matched, isWhole };
      const options = { expected: matched, ...(isWhole && { all: true }) };
      try {
        deleted = (await api.delete(`/gallery?${deletion(filter, options)}`)).deleted;
        return true;
      } catch (problem) {
        if (!OF_ANOTHER_COUNT.has(problem.type)) throw problem;
        await countNow();
        if (matched === agreed.matched && isWhole === agreed.isWhole) throw problem;
        showCount(`There were ${count(agreed.matched)} when this was asked.`);
        return false;
      }
    },
  });
  begin();
  return (await question.finished) ? deleted : null;

  async function begin() {
    showLoading(counted, "Counting…");
    try {
      await countNow();
      showCount();
    } catch (problem) {
      showProblem(counted, problem, { retry: begin });
    }
  }

  async function countNow() {
    const [dry, info] = await Promise.all([
      api.delete(`/gallery?${deletion(filter, { dry_run: true })}`),
      api.get("/info"),
    ]);
    matched = dry.matched;
    isWhole = matched > 0 && matched >= info.gallery.records;
  }

  // `change` says what is not as it was said before.
  function showCount(change = "") {
    counted.removeAttribute("aria-busy");
    if (matched === 0) {
      question.setReady(false);
      fill(
        counted,
        element("p", { role: "status" }, "No sighting matches: there is nothing to delete."),
      );
      return;
    }
    const words = plural(matched, "sighting");
    const consent = isWhole && check(`Yes, empty the gallery: these are all ${words} of it.`);
    fill(
      counted,
      element(
        "p",
        { class: "deletion-words", role: "status" },
        element("strong", {}, words),
        " match.",
        change && ` ${change}`,
      ),
      element("p", {}, "Their features and pictures go too. This cannot be undone."),
      consent && consent.root,
    );
    question.setAction(`Delete ${words}`);
    question.setReady(!isWhole);
    if (consent) {
      consent.input.addEventListener("change", () => question.setReady(consent.input.checked));
    }
  }
}

function deletion(filter, options) {
  return new URLSearchParams({ filter: JSON.stringify(filter), ...options });
}
