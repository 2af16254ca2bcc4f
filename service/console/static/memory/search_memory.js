// Searches of this tab, so that going back shows what was there. Pictures are in no address: the
// address has the search's number, and after a reload a search for pictures is gone.

const MOST = 20;
const kept = new Map();
// Unlike those of before a reload, which are in the history still.
const session = Date.now().toString(36);
let count = 0;
let last = null;

// A search: {files: {modality: File} or null, id: record id or null, options, answer: the last
// page's or null, results: of all pages, picked: Set of record ids, scroll}.
export function remember(search) {
  count += 1;
  last = `${session}-${count}`;
  kept.set(last, search);
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
  return last;
}

export function recall(number) {
  return kept.get(number) ?? null;
}

export function forgetSearches() {
  kept.clear();
  last = null;
}

// The number of the search that was begun last, null where there is none.
export function latest() {
  return last;
}
