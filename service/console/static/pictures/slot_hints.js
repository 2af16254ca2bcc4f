// Which slot a picture belongs into, by its file's name and else by whether it has colours.

import { MODALITIES } from "./pictures.js";

const WORDS = {
  rgb: ["rgb", "vis", "visible", "color", "colour"],
  nir: ["nir", "near", "swir"],
  tir: ["tir", "thermal", "ir", "lwir", "flir"],
};
const SAMPLE_SIDE = 32;
// Of 255: JPEG gives grey pictures a little colour.
const LEAST_COLOUR = 8;

// {modality: {file, by: "name" | "content" | "order"}} for at most three files.
export async function assign(files) {
  const chosen = {};
  const left = [];
  for (const file of files) {
    const hinted = modalityOfName(file.name);
    if (hinted && !chosen[hinted]) chosen[hinted] = { file, by: "name" };
    else left.push(file);
  }
  for (const file of left) {
    const wanted = ORDERS[await colouring(file)];
    const free = wanted.find((modality) => !chosen[modality]);
    if (free) chosen[free] = { file, by: "content" };
  }
  return chosen;
}

// The modality that a file's name speaks of, null where it speaks of none.
export function modalityOfName(name) {
  const words = name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z]+/);
  const found = MODALITIES.filter((each) => WORDS[each].some((word) => words.includes(word)));
  return found.length === 1 ? found[0] : null;
}

const ORDERS = {
  coloured: ["rgb", "tir", "nir"],
  grey: ["nir", "tir", "rgb"],
  unknown: ["tir", "nir", "rgb"],
};

// Browsers show no TIFF: such files are most often of thermal cameras.
async function colouring(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { resizeWidth: SAMPLE_SIDE, resizeHeight: SAMPLE_SIDE });
  } catch {
    return "unknown";
  }
  const canvas = new OffscreenCanvas(SAMPLE_SIDE, SAMPLE_SIDE);
  const drawing = canvas.getContext("2d");
  drawing.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = drawing.getImageData(0, 0, SAMPLE_SIDE, SAMPLE_SIDE);
  let spread = 0;
  for (let at = 0; at < data.length; at += 4) {
    const colours = [data[at], data[at + 1], data[at + 2]];
    spread += Math.max(...colours) - Math.min(...colours);
  }
  return spread / (data.length / 4) >= LEAST_COLOUR ? "coloured" : "grey";
}
