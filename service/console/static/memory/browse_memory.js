// Where somebody stood in the gallery, for each visit of it in this tab, so that going back leads
// there, also from a record. The records themselves are read anew: one may have been changed
// meanwhile.

const STORED = "vreid.places";
const MOST = 20;

// Unlike those of before a reload, which are in the history still.
const session = Date.now().toString(36);
let count = 0;

// The name of a visit, which its entry of the history carries.
export function newVisit() {
  count += 1;
  return `${session}-${count}`;
}

// `place` is {shown: how many records, scroll, id: of the record that was opened, or null}.
export function rememberPlace(visit, route, place) {
  const others = read().filter((each) => each.visit !== visit);
  sessionStorage.setItem(
    STORED,
    JSON.stringify([{ visit, route, place }, ...others].slice(0, MOST)),
  );
}

// null for a visit that is not known, or not any more.
export function recallPlace(visit) {
  return read().find((each) => each.visit === visit)?.place ?? null;
}

// The route to where the gallery was left last: it names the visit.
export function latestBrowse() {
  const [latest] = read();
  if (!latest) return "browse";
  return `${latest.route}${latest.route.includes("?") ? "&" : "?"}visit=${latest.visit}`;
}

// The routes have filters in them, which tell what somebody looked for.
export function forgetPlaces() {
  sessionStorage.removeItem(STORED);
}

// The latest first.
function read() {
  return JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
}
