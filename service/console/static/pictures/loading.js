// Fetching pictures. Behind keys, an <img> could not ask for them by itself, so they are fetched with
// the key once they come near the screen: some at a time, and later where the service says so.

import { api } from "../calls/api.js";
import { ApiProblem } from "../calls/problem.js";
import { element } from "../parts/elements.js";

const AT_ONCE = 6;
const MOST_TRIES = 5;
const MOST_WAIT_SECONDS = 30;

const waiting = [];
const tries = new WeakMap();
let loading = 0;
let isPaused = false;

const nearScreen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      nearScreen.unobserve(entry.target);
      begin(entry.target);
    }
  },
  { rootMargin: "400px" },
);

// `image` is an <img> in its frame; its data-address says where its picture is.
export function loadWhenNear(image) {
  nearScreen.observe(image);
}

// Shows a blob in an <img> and frees its address once the picture is there, or cannot be.
export function showBlob(image, blob) {
  const address = URL.createObjectURL(blob);
  const free = () => URL.revokeObjectURL(address);
  image.addEventListener("load", free, { once: true });
  image.addEventListener("error", free, { once: true });
  image.src = address;
}

function begin(image) {
  tries.set(image, 0);
  waiting.push(image);
  goOn();
}

function goOn() {
  while (!isPaused && loading < AT_ONCE && waiting.length > 0) {
    const image = waiting.shift();
    // The view may have gone meanwhile.
    if (image.isConnected) load(image);
  }
}

async function load(image) {
  loading += 1;
  tries.set(image, tries.get(image) + 1);
  try {
    showBlob(image, await api.picture(image.dataset.address));
  } catch (problem) {
    const wait = waitSeconds(problem, tries.get(image));
    if (wait === null || tries.get(image) >= MOST_TRIES) showFailure(image);
    else {
      waiting.push(image);
      pause(wait);
    }
  } finally {
    loading -= 1;
    goOn();
  }
}

// Seconds until it is worth asking again, null where that does not help.
function waitSeconds(problem, tried) {
  if (!(problem instanceof ApiProblem)) return null;
  if (problem.status !== 0 && problem.retryAfter === null) return null;
  return Math.min(MOST_WAIT_SECONDS, problem.retryAfter ?? 2 ** (tried - 1));
}

// All wait, or each of them would be refused in turn; by chance for longer, so that not all tabs
// come back at the same moment.
function pause(seconds) {
  if (isPaused) return;
  isPaused = true;
  setTimeout(
    () => {
      isPaused = false;
      goOn();
    },
    seconds * 1000 * (1 + Math.random() / 2),
  );
}

function showFailure(image) {
  const frame = image.parentElement;
  if (frame === null) return;
  frame.classList.add("absent");
  // In a link there is no place for a button.
  if (frame.closest("a")) {
    frame.replaceChildren("did not come");
    return;
  }
  const again = element(
    "button",
    {
      type: "button",
      class: "plain small",
      "aria-label": `${image.alt} did not come. Try again`,
      onclick: () => {
        frame.classList.remove("absent");
        frame.replaceChildren(image);
        begin(image);
      },
    },
    "Try again",
  );
  frame.replaceChildren(again);
}
