// Where somebody stood in the gallery, for each of its routes in this tab, so that coming back from
// a record leads there. The records themselves are read anew: one may have been changed meanwhile.

const STORED = "vreid.browse";
const MOST = 20;

// `place` is {shown: how many records, scroll, id: of the record that was opened, or null}.
export function rememberPlace(route, place) {
  const others = read().filter(([known]) => known !== route);
  sessionStorage.setItem(STORED, JSON.stringify([[route, place], ...others].slice(0, MOST)));
}

// null for a route where nobody was yet.
export function recallPlace(route) {
  return read().find(([known]) => known === route)?.[1] ?? null;
}

// The route that was looked at last.
export function latestBrowse() {
  return read()[0]?.[0] ?? "browse";
}

// [[route, place]], the latest first.
function read() {
  return JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
}
