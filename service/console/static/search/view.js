// Search: pictures or a record in, ranked sightings out.

import { announce } from "../parts/announcements.js";
import { element } from "../parts/elements.js";
import { plural } from "../parts/formats.js";
import { showPicked } from "./pick_bar.js";
import { addResults, showResults } from "./results.js";
import { pushRoute, replaceRoute } from "../router.js";
import { searchForm } from "./search_form.js";
import { latest, recall, remember } from "../memory/search_memory.js";
import { optionsOf, parametersOf } from "./search_options.js";
import { firstPage, nextPage } from "./search_request.js";
import { showEmpty, showLoading, showProblem } from "../parts/states.js";

export function mount(main, context) {
  const { api, info, route } = context;
  const form = searchForm(info.limits.k);
  const results = element("section", { class: "results", "aria-label": "Results" });
  const bar = element("section", { class: "pick-bar", "aria-label": "Picked to compare", hidden: true });
  let search = null;
  let number = null;
  let asking = new AbortController();

  main.append(
    element(
      "div",
      { class: "view-head" },
      element("h1", {}, "Search"),
      element("p", {}, "Up to three pictures of one vehicle; a spectrum that is missing is left out."),
    ),
    element("div", { class: "search-layout" }, form.root, element("div", {}, results, bar)),
  );

  const actions = {
    searchRoute: (id) => routeOf({ id, options: { ...search.options, camera: "", scene: "" } }),
    pick,
    more,
  };

  function begin() {
    if (form.isBusy() || form.faultOf()) return;
    const id = form.id();
    search = newSearch(id, id === null ? form.files() : null, form.options());
    const wasFresh = number === null;
    number = remember(search);
    (wasFresh ? replaceRoute : pushRoute)(routeOf(search, number));
    run();
  }

  async function run() {
    const asked = search;
    asking.abort();
    asking = new AbortController();
    form.setBusy(true);
    showLoading(results, "Searching…");
    showPicks();
    try {
      const answer = await firstPage(api, asked, asking.signal);
      if (asked !== search) return;
      asked.embedding = answer.query.embedding;
      keep(asked, answer);
      const told = showResults(results, asked, actions);
      announce(`${told.title}. ${told.text}`);
      bringIntoView(results);
    } catch (problem) {
      if (problem.name === "AbortError" || asked !== search) return;
      showProblem(results, problem, { retry: run });
      bringIntoView(results);
    }
    form.setBusy(false);
  }

  // `foot` is where the button to it stands, of the results that are shown.
  async function more(foot) {
    const asked = search;
    if (asked.isAskingMore) return;
    asked.isAskingMore = true;
    const { signal } = asking;
    const isShown = () => asked === search && foot.isConnected;
    showLoading(foot, "Loading more…");
    try {
      const answer = await nextPage(api, asked, asked.answer, asked.embedding, signal);
      keep(asked, answer);
      if (!isShown()) return;
      const first = addResults(results, asked, answer.results, actions);
      announce(`${plural(answer.results.length, "more sighting")}.`);
      first?.querySelector("h3 a").focus();
    } catch (problem) {
      if (problem.name === "AbortError" || !isShown()) return;
      showProblem(foot, problem, { retry: () => more(foot) });
    } finally {
      asked.isAskingMore = false;
    }
  }

  function pick(result) {
    const { picked } = search;
    if (picked.has(result.id)) picked.delete(result.id);
    else {
      if (picked.size === 2) picked.delete([...picked][1]);
      picked.add(result.id);
    }
    announce(showPicks() || "Nothing is picked to compare.");
    // With two there is nothing left to pick, and what follows is far below in the order of Tab.
    if (picked.size === 2) bar.querySelector("a").focus({ preventScroll: true });
  }

  function showPicks() {
    const { picked } = search;
    const names = (id) => {
      const found = search.results.find((each) => each.id === id);
      return found ? `${found.rank}. ${found.identity ?? "unnamed vehicle"}` : id;
    };
    for (const card of results.querySelectorAll(".card")) {
      card.querySelector(".pick").setAttribute("aria-pressed", String(picked.has(card.dataset.id)));
    }
    return showPicked(bar, picked, names, {
      queryRoute: (id) =>
        `compare?${new URLSearchParams(
          search.id === null ? { search: number, b: id } : { a: search.id, b: id },
        )}`,
      unpick() {
        const [first] = picked;
        picked.clear();
        announce(showPicks() || "Nothing is picked to compare.");
        // The button that had the focus is gone.
        cardOf(first)?.querySelector(".pick").focus();
      },
    });
  }

  function cardOf(id) {
    return [...results.querySelectorAll(".card")].find((card) => card.dataset.id === id);
  }

  async function readRecord(id) {
    form.showRecord(id, null);
    try {
      const record = await api.get(`/gallery/${encodeURIComponent(id)}`);
      if (form.id() === id) form.showRecord(id, record);
    } catch {
      // The search itself says what is wrong.
    }
  }

  function restore() {
    form.setOptions(search.options);
    if (search.id === null) form.setFiles(search.files);
    else readRecord(search.id);
    if (search.answer === null) {
      run();
      return;
    }
    showResults(results, search, actions);
    showPicks();
    const { scroll } = search;
    requestAnimationFrame(() => window.scrollTo(0, scroll));
  }

  function startFresh(hint) {
    form.setOptions(optionsOf(route.query));
    showEmpty(results, hint.title, hint.text);
  }

  form.onSubmit(begin);
  form.onClear(() => context.go(`search?new=${Date.now()}`));

  number = numberOf(route.query);
  search = number === null ? null : recall(number);
  const id = route.query.get("id");
  if (search !== null) {
    replaceRoute(routeOf(search, number));
    restore();
  } else if (id !== null) {
    search = newSearch(id, null, optionsOf(route.query));
    number = remember(search);
    replaceRoute(routeOf(search, number));
    restore();
  } else if (number !== null) {
    number = null;
    startFresh({
      title: "The pictures of this search are gone",
      text: "A page that is loaded anew keeps no pictures. Choose them again: the options are as they were.",
    });
  } else {
    startFresh({
      title: "Nothing searched yet",
      text: "Drop up to three pictures of a vehicle, paste one with Ctrl-V, or choose files.",
    });
  }

  return () => {
    asking.abort();
    if (search !== null) search.scroll = window.scrollY;
  };
}

function newSearch(id, files, options) {
  return {
    id,
    files,
    options,
    answer: null,
    embedding: null,
    results: [],
    picked: new Set(),
    scroll: 0,
    isAskingMore: false,
  };
}

function keep(search, answer) {
  search.answer = answer;
  search.results = [...search.results, ...answer.results];
}

// The tab "Search" leads back to what was searched last.
function numberOf(query) {
  return [...query.keys()].length === 0 ? latest() : query.get("search");
}

function routeOf({ id, options }, number = null) {
  const parameters = parametersOf(options);
  if (id !== null) parameters.set("id", id);
  if (number !== null) parameters.set("search", number);
  return `search?${parameters}`;
}

function bringIntoView(results) {
  if (results.getBoundingClientRect().top > window.innerHeight * 0.6) {
    results.scrollIntoView({ block: "start", behavior: "instant" });
  }
}
