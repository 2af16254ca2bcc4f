// Compare: whether two sides show the same vehicle, next to each other.

import { announce } from "../parts/announcements.js";
import { compare } from "./compare_request.js";
import { showComparison, verdictWords } from "./compare_result.js";
import { compareSide } from "./compare_side.js";
import { element, fill } from "../parts/elements.js";
import { replaceRoute } from "../router.js";
import { recall } from "../memory/search_memory.js";
import { showEmpty, showLoading, showProblem } from "../parts/states.js";

export function mount(main, context) {
  const { api, route } = context;
  const sides = { a: compareSide("A"), b: compareSide("B") };
  const fault = element("p", { class: "fault", role: "alert" });
  const submit = element("button", { type: "submit", class: "primary search-button" }, "Compare");
  const result = element("section", { class: "compare-result", "aria-label": "Comparison" });
  const form = element(
    "form",
    { class: "compare-form", "aria-label": "What to compare" },
    sides.a.root,
    sides.b.root,
    fault,
    element("div", { class: "actions compare-actions" }, submit),
  );
  const chooser = element(
    "details",
    { class: "compare-chooser", open: true },
    element("summary", {}, "What to compare"),
    form,
  );
  let asking = null;

  main.append(
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, "Compare"),
      element("p", {}, "Two sightings next to each other: do they show the same vehicle?"),
    ),
    result,
    chooser,
  );

  function begin() {
    const missing = ["a", "b"].find((letter) => sides[letter].side() === null);
    if (missing) {
      fill(fault, `Choose pictures or a record for vehicle ${missing.toUpperCase()}.`);
      sides[missing].focus();
      return;
    }
    fill(fault);
    run();
  }

  async function run() {
    const a = sides.a.side();
    const b = sides.b.side();
    replaceRoute(routeOf(a, b, route.query.get("search")));
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    showLoading(result, "Comparing…");
    try {
      const [answer, ...records] = await Promise.all([
        compare(api, a, b, "auto", signal),
        recordOf(a, signal),
        recordOf(b, signal),
      ]);
      showComparison(result, answer, { ...a, record: records[0] }, { ...b, record: records[1] });
      chooser.open = false;
      announce(`${verdictWords(answer)}.`);
      window.scrollTo(0, 0);
    } catch (problem) {
      if (problem.name !== "AbortError") showProblem(result, problem, { retry: run });
    }
  }

  // Pictures are in no address, and a page that is loaded anew keeps none.
  function tellWhatIsGone(search) {
    const gone = new Set((route.query.get("pictures") ?? "").toUpperCase());
    if (route.query.has("search") && search === null) gone.add("A");
    if (gone.size === 0) return;
    showEmpty(
      result,
      "The pictures of this comparison are gone",
      `Choose those of vehicle ${[...gone].join(" and of vehicle ")} again.`,
    );
  }

  async function recordOf({ id }, signal) {
    return id === null ? null : api.get(`/gallery/${encodeURIComponent(id)}`, { signal });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  for (const letter of ["a", "b"]) {
    const id = route.query.get(letter);
    if (id) sides[letter].setId(id);
  }
  const search = recall(route.query.get("search"));
  if (search?.files) sides.a.setFiles(search.files);
  if (sides.a.side() && sides.b.side()) begin();
  else tellWhatIsGone(search);

  return () => asking?.abort();
}

// Pictures are in no address: those of a search are found by its number, and of others it says that
// there were some.
function routeOf(a, b, search) {
  const isOfSearch = a.files !== null && isSame(a.files, recall(search)?.files ?? {});
  const parameters = new URLSearchParams();
  if (a.id !== null) parameters.set("a", a.id);
  else if (isOfSearch) parameters.set("search", search);
  if (b.id !== null) parameters.set("b", b.id);
  const others = [a.files !== null && !isOfSearch && "a", b.files !== null && "b"].filter(Boolean);
  if (others.length > 0) parameters.set("pictures", others.join(""));
  return `compare?${parameters}`;
}

function isSame(files, others) {
  const names = new Set([...Object.keys(files), ...Object.keys(others)]);
  return [...names].every((name) => files[name] === others[name]);
}
