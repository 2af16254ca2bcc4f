// The three pictures of a record.

import { element } from "../parts/elements.js";
import { loadWhenNear } from "./loading.js";

export const MODALITIES = ["rgb", "nir", "tir"];
export const MODALITY_NAMES = { rgb: "RGB", nir: "NIR", tir: "TIR" };
export const MODALITY_WORDS = { rgb: "visible light", nir: "near infrared", tir: "thermal infrared" };

// A list of a record's pictures, RGB, NIR, TIR; `record` has mask and thumbnails as the service
// answers them, `name` says whose pictures they are for who cannot see them. With `large`, the
// first one that there is takes most of the room.
export function pictures(record, name, { large = false } = {}) {
  const lead = MODALITIES.find((modality) => record.thumbnails[modality]) ?? MODALITIES[0];
  return element(
    "ul",
    { class: large ? "pictures large" : "pictures" },
    MODALITIES.map((modality) =>
      element(
        "li",
        { class: large && modality === lead ? "picture lead" : "picture", "data-modality": modality },
        picture(record, modality, name),
        element("span", { class: "picture-name", "aria-hidden": "true" }, MODALITY_NAMES[modality]),
      ),
    ),
  );
}

// One picture in its frame, or a box that says that there is none.
export function picture(record, modality, name) {
  const address = record.thumbnails[modality];
  const short = MODALITY_NAMES[modality];
  if (!address) {
    const words = record.mask[modality] ? `${short} not kept` : `no ${short}`;
    return element("div", { class: "picture-frame absent" }, words);
  }
  const image = element("img", { alt: `${short} of ${name}`, "data-address": address });
  loadWhenNear(image);
  return element("div", { class: "picture-frame" }, image);
}
