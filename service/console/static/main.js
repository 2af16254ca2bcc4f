// The console's start: who calls, the navigation, and one view at a time.

import { whoCalls, whyNot } from "./access/who_calls.js";
import { api } from "./calls/api.js";
import { element } from "./parts/elements.js";
import { askForKey } from "./access/key_dialog.js";
import { showKeyButton } from "./access/key_button.js";
import { askAgain, currentKey, onKeyChange, setAsker } from "./calls/key.js";
import { unreachable } from "./calls/problem.js";
import { forgetPlaces } from "./memory/browse_memory.js";
import { forgetSearches } from "./memory/search_memory.js";
import { go, parseRoute, recordRoute } from "./router.js";
import { showEmpty, showLoading, showProblem } from "./parts/states.js";

// A view's module is loaded when it is first shown, so that a fault in one leaves the others.
const VIEWS = {
  search: { title: "Search", load: () => import("./search/view.js") },
  compare: { title: "Compare", load: () => import("./compare/view.js") },
  enrol: { title: "Enrol", load: () => import("./enrol/view.js"), role: "enrol" },
  browse: { title: "Browse", load: () => import("./browse/view.js") },
  record: { title: "Record", load: () => import("./record/view.js"), isHidden: true },
  activity: { title: "Activity", load: () => import("./activity/view.js") },
  status: { title: "Status", load: () => import("./status/view.js") },
};
const DEFAULT = "search";

const main = document.getElementById("main");
const navigation = document.getElementById("navigation");

let access = null;
let info = null;
let endView = null;
let shown = 0;

async function start() {
  showLoading(main, "Starting…");
  try {
    access = await whoCalls();
    info = await api.get("/info");
  } catch (problem) {
    showKeyButton(null, start);
    showProblem(main, problem, { retry: start });
    nameView("vreid");
    return;
  }
  showKeyButton(access, start);
  showNavigation();
  await show();
  loadOthers();
}

// A console stays open for days: it must say that the service is gone also in a view that was not
// shown before. A view that does not come now is asked for again when it is shown.
function loadOthers() {
  for (const { load } of Object.values(VIEWS)) load().catch(() => {});
}

async function show() {
  if (info === null) return;
  askAgain();
  const route = parseRoute(window.location.hash);
  const name = Object.hasOwn(VIEWS, route.path) ? route.path : DEFAULT;
  const view = VIEWS[name];
  shown += 1;
  const turn = shown;
  leaveView();
  document.title = `${view.title} · vreid`;
  markCurrent(name);
  if (view.role && !access.may(view.role)) {
    showEmpty(main, `${view.title} is not available to you`, whyNot(access, view.role));
    nameView(view.title);
    return;
  }
  main.replaceChildren();
  main.removeAttribute("aria-busy");
  main.className = `view view-${name}`;
  let module;
  try {
    module = await view.load();
  } catch {
    if (turn !== shown) return;
    showProblem(main, unreachable(), { retry: loadAgain });
    nameView(view.title);
    return;
  }
  if (turn !== shown) return;
  try {
    endView = module.mount(main, contextOf(route)) ?? null;
  } catch (problem) {
    showProblem(main, problem);
    nameView(view.title);
    return;
  }
  // At the start the browser's own order is right; later the focus would be lost with the view.
  if (turn > 1) focusHeading();
}

function leaveView() {
  endView?.();
  endView = null;
}

// Some browsers keep in mind that a module did not come, until the page is loaded anew.
async function loadAgain() {
  try {
    await api.get("/me");
  } catch {
    await show();
    return;
  }
  window.location.reload();
}

// A heading for who listens, where there is no view that has one.
function nameView(title) {
  main.prepend(element("h1", { class: "unseen" }, title));
}

// What a view is handed:
//   api, go(route), record(id)   calls; another view; the view of one record
//   route                        {path, rest, query} that led here
//   info                         GET /info as of the start
//   access                       {authenticated, role, name, may(role)}
function contextOf(route) {
  return { api, go, record: (id) => go(recordRoute(id)), route, info, access };
}

function showNavigation() {
  const links = Object.entries(VIEWS).filter(([, view]) => !view.isHidden);
  navigation.replaceChildren(
    ...links
      .filter(([, view]) => !view.role || access.may(view.role))
      .map(([name, view]) =>
        element("a", { href: `#/${name}`, "data-view": name, class: "tab" }, view.title),
      ),
  );
}

function markCurrent(name) {
  for (const link of navigation.querySelectorAll("a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function focusHeading() {
  const heading = main.querySelector("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

// A view is made anew when it is gone back to, so the browser cannot know where it stood.
window.history.scrollRestoration = "manual";
window.addEventListener("hashchange", show);
setAsker(askForKey);
// A key that was declined is asked for again when somebody does something.
document.addEventListener("click", askAgain, { capture: true });
// Its address would be taken for a route.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
onKeyChange(async () => {
  if (currentKey() === null) {
    // A view remembers when it is left. Whoever forgot the key begins anew.
    leaveView();
    forgetPlaces();
    forgetSearches();
    return;
  }
  // While starting, start itself goes on with the new key.
  if (info === null) return;
  const before = access.role;
  try {
    access = await whoCalls();
  } catch {
    // The call that the key was asked for says what is wrong.
    return;
  }
  showKeyButton(access, start);
  showNavigation();
  markCurrent(parseRoute(window.location.hash).path || DEFAULT);
  if (access.role !== before) await show();
});
start();
