// How much of a score each modality brought: a bar in three colours, and the numbers.

import { element } from "../parts/elements.js";
import { score } from "../parts/formats.js";
import { MODALITIES, MODALITY_NAMES } from "./pictures.js";

// `contributions` by modality sum to the score; `mask` says which the sighting has.
export function contributionsBar(contributions, mask) {
  const parts = MODALITIES.map((modality) => [modality, contributions[modality] ?? null]);
  return element(
    "div",
    { class: "contributions" },
    element(
      "div",
      { class: "contributions-bar", "aria-hidden": "true" },
      parts
        .filter(([, value]) => value > 0)
        .map(([modality, value]) => element("span", { class: modality, "--share": value })),
    ),
    element(
      "ul",
      { class: "contributions-list small", "aria-label": "What each modality adds to the score" },
      parts.map(([modality, value]) =>
        element(
          "li",
          { class: value === null ? "quiet" : "" },
          element("span", { class: `dot ${modality}` }),
          `${MODALITY_NAMES[modality]} `,
          element(
            "span",
            { class: "number" },
            value === null ? (mask[modality] ? "not used" : "none") : score(value),
          ),
        ),
      ),
    ),
  );
}
