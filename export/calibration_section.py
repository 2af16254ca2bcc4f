"""The model card's account of probabilities, thresholds and weights of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.markdown import table


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
        parts += [
            f"### {name}, {identities} identities",
            table(
                ("compared", "calibration error", "false accepts, asked: had", "true accepts"),
                [
                    (_shown(key), _percent(found["expected_calibration_error"]), *_points(found))
                    for key, found in keys.items()
                    if key.startswith("shared:") or _alike(key)
                ],
            ),
        ]
    parts.append(
        "Calibration error: mean distance between promised and true share over 10 bins. False and "
        "true accepts: share of pairs of two vehicles, and of one, that the threshold for a "
        "false-accept rate lets pass. Other pairs of subsets stand in `manifest.json`; plots "
        "lie beside this card."
    )
    return "\n\n".join(parts)


def _source(metrics: Mapping[str, Any]) -> str:
    fitted = ", ".join(f"{count} of {name}" for name, count in metrics["calibrated_on"].items())
    if metrics.get("validation_note"):
        return f"Fitted and measured on the same identities: {fitted}."
    return (
        f"Fitted on identities of their own: {fitted}. None of them is among those that the "
        "figures below are measured on, nor among those of the training data of the same name."
    )


def _points(found: Mapping[str, Any]) -> tuple[str, str]:
    points = found["thresholds"]
    return (
        "; ".join(
            f"{_share(float(rate))}: {_share(point['false_accept_rate'])}"
            for rate, point in points.items()
        ),
        "; ".join(_percent(point["true_positive_rate"]) for point in points.values()),
    )


def _shown(key: str) -> str:
    """The key without a bar, which would end a cell: alike on both sides, one side says all."""
    return key.partition("|")[0]


def _alike(key: str) -> bool:
    """Whether the key compares centers of the same modalities."""
    left, _, right = key.removeprefix("center:").partition("|")
    return left == right


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _share(share: float) -> str:
    return f"{100 * share:.2g} %"
