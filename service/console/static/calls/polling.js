// Looking again and again, while somebody can see it.

// How long one of many looks may take: the next one comes soon.
export const LOOK_SECONDS = 10;

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
    let goesOn = true;
    try {
      goesOn = await look(() => isOver);
    } finally {
      // Also after a fault of the page's own, which the browser's console then has.
      isLooking = false;
      if (goesOn === false) stop();
      if (!isOver) timer = setTimeout(once, milliseconds);
    }
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
