"""The model card's account of probabilities, thresholds and weights of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.markdown import table
from training.calibration import FEWEST_FALSE_ACCEPTS


def calibration_sections(metrics: Mapping[str, Any]) -> list[str]:
    """The sections as Markdown, none where nothing was fitted."""
    return [
        section
        for section in (_weights(metrics.get("modality_weights")), _reliability(metrics))
        if section
    ]


def _weights(weights: Mapping[str, Any] | None) -> str:
    if weights is None or len(set(weights["gains"].values())) == 1:
        return ""
    gains = ", ".join(f"{name} {gain:g}" for name, gain in weights["gains"].items())
    text = (
        "## Weights of the modalities\n\n"
        f"Features are multiplied by a gain for each modality: {gains}. The gains are part of the "
        "network files; nothing has to be set."
    )
    if weights["mAP_before"] is None:
        return f"{text} They were given by hand at export."
    return (
        f"{text} They were chosen on the data that calibrates, by the mean mAP over two and three "
        f"modalities: {100 * weights['mAP_before']:.1f} % before, "
        f"{100 * weights['mAP_after']:.1f} % after."
    )


def _reliability(metrics: Mapping[str, Any]) -> str:
    measured = {
        name: figures["reliability"]
        for name, figures in metrics.get("validation", {}).items()
        if figures.get("reliability")
    }
    if not measured:
        return ""
    parts = ["## Reliability of probabilities and thresholds", _source(metrics)]
    for name, keys in measured.items():
        identities = metrics["validation"][name]["reliability_identities"]
        shown = {key: found for key, found in keys.items() if _is_shown(key)}
        asked = {rate for found in shown.values() for rate in found["thresholds"]}
        rates = sorted(asked, key=float, reverse=True)
        heads = [f"at {_share(float(rate))}" for rate in rates]
        parts += [
            f"### {name}, {identities} identities",
            table(
                ("compared", "calibration error", *heads),
                [
                    (
                        _shown(key),
                        _percent(found["expected_calibration_error"]),
                        *(_point(found, rate) for rate in rates),
                    )
                    for key, found in shown.items()
                ],
            ),
        ]
    parts.append(
        "`shared` compares the features of these modalities side by side, `center` their mean. "
        "Calibration error: mean distance between promised and true share over 10 bins of "
        "probability. At each false-accept rate that was asked for, the threshold for it lets "
        "pass: this share of the pairs of two vehicles / this share of the pairs of one. "
        "`manifest.json` has the thresholds, and the figures where query and gallery have unlike "
        "modalities. Plots of promised and true shares lie beside this card."
    )
    return "\n\n".join(parts)


def _source(metrics: Mapping[str, Any]) -> str:
    fitted = ", ".join(f"{count} of {name}" for name, count in metrics["calibrated_on"].items())
    if metrics.get("validation_note"):
        return f"Fitted and measured on the same identities: {fitted}."
    return (
        f"Fitted on identities of their own: {fitted}; each set weighs the same. None of them is "
        "among those that the figures below are measured on, nor among those of the training data "
        "of the same name. Vehicles that are easier or harder to tell apart than these get "
        "probabilities that are less exact."
    )


def _point(found: Mapping[str, Any], rate: str) -> str:
    """Realised false-accept rate and true accepts; the former only where pairs can tell it."""
    point = found["thresholds"].get(rate)
    if point is None:
        return "no threshold"
    told = float(rate) * found["negatives"] >= FEWEST_FALSE_ACCEPTS
    had = _share(point["false_accept_rate"]) if told else "too few pairs"
    return f"{had} / {_percent(point['true_positive_rate'])}"


def _shown(key: str) -> str:
    """The key without a bar, which would end a cell: alike on both sides, one side says all."""
    return key.partition("|")[0]


def _is_shown(key: str) -> bool:
    """Whether a row is worth it: of a single modality the center is what `shared` compares."""
    left, _, right = key.removeprefix("center:").partition("|")
    return key.startswith("shared:") or (left == right and "+" in left)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _share(share: float) -> str:
    return f"{100 * share:.2g} %"
