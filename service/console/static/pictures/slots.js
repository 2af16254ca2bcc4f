// Three places for pictures, one for each modality: drop, paste or choose; a wrong one is moved.

import { announce } from "../parts/announcements.js";
import { element, fill, freshId } from "../parts/elements.js";
import { MODALITIES, MODALITY_NAMES, MODALITY_WORDS } from "./pictures.js";
import { showBlob } from "./loading.js";
import { assign } from "./slot_hints.js";

const ACCEPTED = "image/jpeg,image/png,image/webp,image/bmp,image/tiff";

// The slots that were made in a container, for as long as there is the container.
const sets = new WeakMap();

// Makes three slots in a container. `of` ends their names, as in "RGB picture of vehicle A".
//   files()              {modality: File} of the slots that are filled
//   set(modality, file)  null empties the slot
//   put(files)           into the slots that they seem to belong to
//   clear()
//   onChange(listener)   called after each change, by whomever
export function slots(container, { of = "" } = {}) {
  const held = {};
  const listeners = [];
  const note = element("p", { class: "slots-note small", hidden: true });
  const places = Object.fromEntries(
    MODALITIES.map((modality) => [modality, slotElement(modality, of, { choose, move, remove, put })]),
  );
  const group = element(
    "div",
    { class: "slots", role: "group", "aria-label": `Pictures${of}` },
    MODALITIES.map((modality) => places[modality].root),
  );
  container.classList.add("slots-place");
  fill(container, group, note);

  function changed() {
    for (const modality of MODALITIES) places[modality].show(held[modality] ?? null);
    for (const listener of listeners) listener();
  }

  function say(sentence, isWarning = false) {
    note.hidden = !sentence;
    note.classList.toggle("warning", isWarning);
    note.textContent = sentence;
    if (sentence) announce(sentence);
  }

  function set(modality, file) {
    if (file) held[modality] = file;
    else delete held[modality];
    changed();
  }

  function choose(modality, file) {
    if (!isPicture(file)) {
      say(refusal([file]), true);
      return;
    }
    set(modality, file);
    say("");
    announce(`${file.name} is the ${MODALITY_NAMES[modality]} picture.`);
  }

  function move(from, to) {
    [held[from], held[to]] = [held[to], held[from]];
    const isSwap = Boolean(held[from]);
    if (!held[from]) delete held[from];
    changed();
    const names = `${MODALITY_NAMES[from]} and ${MODALITY_NAMES[to]}`;
    say(isSwap ? `${names} changed places.` : `Moved to ${MODALITY_NAMES[to]}.`);
    places[to].focus();
  }

  function remove(modality) {
    set(modality, null);
    say("");
    announce(`The ${MODALITY_NAMES[modality]} slot is empty.`);
    places[modality].focus();
  }

  async function put(files) {
    const usable = files.filter(isPicture);
    const taken = usable.slice(0, MODALITIES.length);
    const chosen = await assign(taken);
    if (taken.length === 1) preferEmpty(chosen, held);
    for (const [modality, { file }] of Object.entries(chosen)) held[modality] = file;
    changed();
    say(
      [
        files.length > usable.length ? refusal(files.filter((file) => !isPicture(file))) : "",
        usable.length > taken.length ? "There are three slots: the first three were taken." : "",
        explained(chosen),
      ]
        .filter(Boolean)
        .join(" "),
      files.length > taken.length,
    );
  }

  const made = {
    files: () => ({ ...held }),
    set,
    put,
    clear() {
      for (const modality of MODALITIES) delete held[modality];
      changed();
      say("");
    },
    onChange: (listener) => listeners.push(listener),
    container,
    isFull: () => Object.keys(held).length === MODALITIES.length,
  };
  sets.set(container, made);
  changed();
  return made;
}

function slotElement(modality, of, { choose, move, remove, put }) {
  const name = MODALITY_NAMES[modality];
  const input = element("input", {
    type: "file",
    id: freshId(modality),
    class: "unseen",
    accept: ACCEPTED,
    "aria-label": `${name} picture${of}`,
  });
  const preview = element("img", { class: "preview", alt: `Chosen ${name} picture${of}` });
  const words = element("span", { class: "slot-words" });
  const drop = element("label", { for: input.id, class: "drop" }, preview, words);
  const others = MODALITIES.filter((each) => each !== modality);
  const tools = element(
    "div",
    { class: "slot-tools" },
    others.map((other) =>
      element(
        "button",
        {
          type: "button",
          class: "plain small",
          "data-to": other,
          "aria-label": `To ${MODALITY_NAMES[other]}: move the ${name} picture${of} there`,
          onclick: () => move(modality, other),
        },
        `To ${MODALITY_NAMES[other]}`,
      ),
    ),
    element(
      "button",
      {
        type: "button",
        class: "plain small",
        "aria-label": `Remove the ${name} picture${of}`,
        onclick: () => remove(modality),
      },
      "Remove",
    ),
  );
  const root = element(
    "div",
    { class: "slot", "data-modality": modality },
    element(
      "p",
      { class: "slot-name" },
      element("b", {}, name),
      element("span", { class: "quiet small" }, MODALITY_WORDS[modality]),
    ),
    element("div", { class: "slot-place" }, input, drop),
    tools,
  );

  input.addEventListener("change", () => {
    const file = input.files[0];
    // So that the same file can be chosen again.
    input.value = "";
    if (file) choose(modality, file);
  });
  listenForDrops(root, (files) => (files.length === 1 ? choose(modality, files[0]) : put(files)));
  preview.addEventListener("error", () => {
    preview.hidden = true;
    words.hidden = false;
    fill(words, element("b", {}, root.dataset.file), "The browser cannot show it; the service can read it.");
  });

  return {
    root,
    focus: () => input.focus(),
    show(file) {
      root.classList.toggle("filled", Boolean(file));
      root.dataset.file = file?.name ?? "";
      drop.title = file?.name ?? "";
      tools.hidden = !file;
      preview.hidden = !file;
      words.hidden = Boolean(file);
      if (file) {
        showBlob(preview, file);
        return;
      }
      preview.removeAttribute("src");
      fill(words, element("b", {}, "Drop, paste or ", element("u", {}, "choose")));
    },
  };
}

function listenForDrops(place, take) {
  const over = (isOver) => place.classList.toggle("over", isOver);
  place.addEventListener("dragover", (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    over(true);
  });
  place.addEventListener("dragleave", () => over(false));
  place.addEventListener("drop", (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    over(false);
    take([...event.dataTransfer.files]);
  });
}

// One picture without a word about what it is goes where nothing is yet.
function preferEmpty(chosen, held) {
  const [[modality, { file, by }]] = Object.entries(chosen);
  const empty = MODALITIES.find((each) => !held[each]);
  if (by === "name" || !held[modality] || !empty) return;
  delete chosen[modality];
  chosen[empty] = { file, by };
}

function explained(chosen) {
  const entries = Object.entries(chosen);
  const names = (some) => some.map(([modality]) => MODALITY_NAMES[modality]).join(" and ");
  const guessed = entries.filter(([, { by }]) => by !== "name");
  if (guessed.length === 0) return entries.length > 1 ? "Sorted by the files' names." : "";
  return `${names(guessed)} chosen by how the picture looks: move it if that is wrong.`;
}

// Browsers know a picture by its ending; some do not know .tif.
function isPicture(file) {
  return file.type.startsWith("image/") || (file.type === "" && /\.tiff?$/i.test(file.name));
}

function refusal(files) {
  return `${files.map((file) => file.name).join(", ")}: no picture; use JPEG, PNG, WebP, BMP or TIFF.`;
}

// Where pictures go that are pasted, or dropped beside the slots.
function nearestSet() {
  const all = [...document.querySelectorAll(".slots-place")]
    .filter((container) => !container.closest("[hidden]"))
    .map((container) => sets.get(container));
  const focused = all.find((each) => each.container.contains(document.activeElement));
  return focused ?? all.find((each) => !each.isFull()) ?? all[0] ?? null;
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  const target = nearestSet();
  if (files.length === 0 || !target) return;
  event.preventDefault();
  const slot = document.activeElement.closest?.(".slot");
  if (files.length === 1 && slot && target.container.contains(slot)) {
    target.set(slot.dataset.modality, files[0]);
  } else target.put(files);
});
// A picture that misses the slots must not replace the page.
window.addEventListener("dragover", (event) => {
  if (bringsFiles(event)) event.preventDefault();
});
window.addEventListener("drop", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  nearestSet()?.put([...event.dataTransfer.files]);
});

// Text that is dragged into a field is the browser's business.
function bringsFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
