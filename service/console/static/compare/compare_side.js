// One of two sides to compare: a record of the gallery, or pictures.

import { element } from "../parts/elements.js";
import { field } from "../parts/fields.js";
import { slots } from "../pictures/slots.js";

// {root, side() -> {id, files} with one of them null, or null where nothing is chosen,
//  setFiles(files), setId(id), onChange(listener), focus()}
export function compareSide(letter) {
  const listeners = [];
  const name = `Vehicle ${letter}`;
  const slotsPlace = element("div");
  const taken = slots(slotsPlace, { of: ` of vehicle ${letter}` });
  const record = field("or a record of the gallery, by its id", {
    autocomplete: "off",
    spellcheck: "false",
    class: "mono",
  });
  const root = element(
    "fieldset",
    { class: "panel compare-side" },
    element("legend", { class: "unseen" }, name),
    element("h2", { "aria-hidden": "true" }, name),
    slotsPlace,
    record.root,
  );
  const changed = () => {
    slotsPlace.hidden = record.input.value.trim() !== "";
    for (const listener of listeners) listener();
  };
  taken.onChange(changed);
  record.input.addEventListener("input", changed);

  return {
    root,
    side() {
      const id = record.input.value.trim();
      if (id) return { id, files: null };
      const files = taken.files();
      return Object.keys(files).length > 0 ? { id: null, files } : null;
    },
    setFiles(files) {
      for (const [modality, file] of Object.entries(files)) taken.set(modality, file);
    },
    setId(id) {
      record.input.value = id;
      changed();
    },
    onChange: (listener) => listeners.push(listener),
    focus: () => slotsPlace.querySelector("input").focus(),
  };
}
