// The three pictures of a record. Behind keys, an <img> could not ask for them by itself, so they
// are fetched with the key once they come near the screen.

import { ApiProblem, api } from "../calls/api.js";
import { element } from "../parts/elements.js";

export const MODALITIES = ["rgb", "nir", "tir"];
export const MODALITY_NAMES = { rgb: "RGB", nir: "NIR", tir: "TIR" };
export const MODALITY_WORDS = { rgb: "visible light", nir: "near infrared", tir: "thermal infrared" };

const MOST_TRIES = 5;

const nearScreen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      nearScreen.unobserve(entry.target);
      load(entry.target);
    }
  },
  { rootMargin: "400px" },
);

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
  nearScreen.observe(image);
  return element("div", { class: "picture-frame" }, image);
}

// Shows a blob's address in an <img> and frees it once the picture is there, or cannot be.
export function showBlob(image, address) {
  const free = () => URL.revokeObjectURL(address);
  image.addEventListener("load", free, { once: true });
  image.addEventListener("error", free, { once: true });
  image.src = address;
}

async function load(image, tries = 1) {
  try {
    showBlob(image, await api.picture(image.dataset.address));
  } catch (problem) {
    if (!image.isConnected) return;
    const wait = problem instanceof ApiProblem ? problem.retryAfter : null;
    if (wait !== null && tries < MOST_TRIES) {
      setTimeout(() => load(image, tries + 1), wait * 1000);
      return;
    }
    image.parentElement.classList.add("absent");
    image.replaceWith("not to be had");
  }
}
