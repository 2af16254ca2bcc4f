// The gallery: all of it or what passes a filter; admins select records and delete.

import { announce } from "../parts/announcements.js";
import { element, fill } from "../parts/elements.js";
import { deleteMatching } from "./filter_deletion.js";
import { filterWords } from "../labels/filter_words.js";
import { filters } from "../labels/filters.js";
import { count, plural } from "../parts/formats.js";
import { deleteRecords } from "../records/record_deletion.js";
import { newVisit, recallPlace, rememberPlace } from "../memory/browse_memory.js";
import { recordGrid } from "./record_grid.js";
import { markOfEntry, replaceRoute } from "../router.js";
import { selectionBar } from "./selection_bar.js";
import { showEmpty } from "../parts/states.js";

export function mount(main, { api, route, info, access }) {
  let filter = filterOf(route.query);
  let total = info.gallery.records;
  let shownNow = null;
  let shownRoute = null;
  let returning = null;
  const visit = newVisit();
  const isAdmin = access.may("admin");
  const heading = element("h1", { tabindex: "-1" }, "Browse");
  const counted = element("p");
  const form = filterForm(filter, apply);
  const conditions = element("ul", {
    class: "conditions",
    "aria-label": "Conditions of the filter",
  });
  const selectAll = element(
    "button",
    { type: "button", class: "small", onclick: () => grid.selectAll(true) },
    "Select all shown",
  );
  const deleteAll = element(
    "button",
    { type: "button", class: "small danger", onclick: removeMatching },
    "Delete all that match…",
  );
  const tools = element(
    "div",
    { class: "browse-tools" },
    conditions,
    isAdmin && element("div", { class: "actions" }, selectAll, deleteAll),
  );
  const bar = selectionBar({
    onDelete: removeSelected,
    onClear: () => {
      grid.selectAll(false);
      heading.focus();
    },
  });
  const grid = recordGrid({
    api,
    pageLimit: info.limits.page,
    maySelect: isAdmin,
    onSelection: bar.show,
    onEmpty: showNothing,
    onCount: showCount,
  });
  fill(
    main,
    element("div", { class: "view-head" }, heading, counted),
    form.root,
    tools,
    grid.root,
    bar.bar,
  );
  // Only an entry of the history that was here before has a mark; the way up from a record says in
  // its address whither it leads.
  start(recallPlace(route.query.get("visit") ?? markOfEntry()?.visit));
  return () => {
    grid.end();
    const place = returning !== null && isUntouched() ? returning : placeNow();
    if (place !== null) rememberPlace(visit, shownRoute, place);
  };

  function placeNow() {
    return (
      shownNow && {
        shown: shownNow.shown,
        scroll: window.scrollY,
        id: document.activeElement?.closest(".record-card")?.dataset.id ?? null,
      }
    );
  }

  function isUntouched() {
    return window.scrollY === 0 && [heading, document.body].includes(document.activeElement);
  }

  // `place` is where to go on, null for the beginning.
  async function start(place = null) {
    fill(
      conditions,
      filter === null ? null : filterWords(filter).map((each) => element("li", {}, each)),
    );
    conditions.hidden = filter === null;
    deleteAll.hidden = filter === null;
    counted.textContent = "";
    shownNow = null;
    shownRoute = routeOf(filter);
    replaceRoute(shownRoute, { visit });
    refreshTotal();
    returning = place;
    const isShown = await grid.start(filter, place?.shown);
    if (isShown && place !== null && isUntouched()) {
      if (place.id !== null) grid.focus(place.id);
      window.scrollTo(0, place.scroll);
    }
    if (isShown) returning = null;
  }

  function apply(wanted) {
    filter = wanted;
    start();
  }

  // What was true when the page was opened may be long ago.
  async function refreshTotal() {
    try {
      total = (await api.get("/info")).gallery.records;
      if (shownNow !== null) showCount(shownNow);
    } catch {
      // The grid says what is wrong.
    }
  }

  function showCount(now) {
    shownNow = now;
    const { shown, isAll } = now;
    selectAll.hidden = shown === 0;
    counted.textContent = countWords(shown, isAll, filter === null ? total : null);
  }

  function showNothing(container) {
    announce(filter === null ? "There are no sightings yet." : "Nothing passes the filter.");
    if (filter !== null) {
      const clear = element(
        "button",
        { type: "button", onclick: () => form.clear() },
        "Clear the filter",
      );
      showEmpty(
        container,
        "No sighting passes the filter",
        "Widen it, or look at all of them.",
        clear,
      );
      return;
    }
    const enrol =
      access.may("enrol") &&
      element("a", { class: "button primary", href: "#/enrol" }, "Enrol a vehicle");
    showEmpty(
      container,
      "The gallery is empty",
      "Enrol a vehicle here, or index an archive with vreid index.",
      enrol,
    );
  }

  async function removeSelected() {
    const deleted = [];
    const isDone = await deleteRecords(api, grid.selected(), (id) => deleted.push(id));
    total = Math.max(0, total - deleted.length);
    const isFocused = grid.remove(deleted);
    if (deleted.length > 0 && !isFocused) heading.focus();
    if (isDone) announce(`${plural(deleted.length, "sighting")} deleted.`);
  }

  async function removeMatching() {
    const deleted = await deleteMatching(api, filter);
    if (deleted === null) return;
    announce(`${plural(deleted, "sighting")} deleted.`);
    heading.focus();
    start();
  }
}

function filterForm(filter, apply) {
  const fields = element("div");
  const made = filters(fields, { scope: "gallery" });
  if (filter !== null) made.set(filter);
  const summary = element("summary", {}, "Filter");
  const root = element(
    "details",
    { class: "panel browse-filter" },
    summary,
    element(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          close();
          apply(made.read());
        },
      },
      fields,
      element(
        "div",
        { class: "actions" },
        element("button", { type: "submit", class: "primary" }, "Apply"),
        element("button", { type: "button", onclick: clear }, "Clear"),
      ),
    ),
  );

  function clear() {
    made.set({});
    close();
    apply(null);
  }

  // What was asked for stands below it then.
  function close() {
    root.open = false;
    summary.focus();
  }

  return { root, clear };
}

function routeOf(filter) {
  return filter === null ? "browse" : `browse?filter=${encodeURIComponent(JSON.stringify(filter))}`;
}

// The filter in the address; an address that was damaged shows all.
function filterOf(query) {
  try {
    const found = JSON.parse(query.get("filter") ?? "null");
    return found !== null && typeof found === "object" && Object.keys(found).length > 0
      ? found
      : null;
  } catch {
    return null;
  }
}

function countWords(shown, isAll, total) {
  if (isAll) return shown === 0 ? "" : plural(shown, "sighting");
  if (total !== null && total > shown)
    return `${count(shown)} of ${plural(total, "sighting")} shown, in the order they were stored`;
  return `${plural(shown, "sighting")} shown, there are more`;
}
