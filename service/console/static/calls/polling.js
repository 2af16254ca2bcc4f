// Looking again and again, while somebody can see it.

import { ApiProblem } from "./api.js";

// Whether a problem is one that looking again does not end: it would ask for a key again.
export function isForbidden(problem) {
  return problem instanceof ApiProblem && [401, 403].includes(problem.status);
}

// Looks now, and again some milliseconds after each look has ended, while the page is visible; a
// page that was hidden looks at once when it is seen again. `look(isOver)` is asynchronous, handles
// its own errors, shows nothing where isOver() says that the view has gone meanwhile, and resolves
// to false where looking again is of no use. Returns what stops it.
export function poll(milliseconds, look) {
  let isOver = false;
  let isLooking = false;
  let timer = null;

  async function once() {
    clearTimeout(timer);
    if (isOver || isLooking || document.visibilityState === "hidden") return;
    isLooking = true;
    const goesOn = await look(() => isOver);
    isLooking = false;
    if (goesOn === false) stop();
    if (!isOver) timer = setTimeout(once, milliseconds);
  }

  function stop() {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", once);
  }

  document.addEventListener("visibilitychange", once);
  once();
  return stop;
}
