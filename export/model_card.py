"""The model card: prose about what the model is for, every figure taken from the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.calibration_section import calibration_sections
from export.markdown import table
from export.training_section import training_section
from export.variants_section import variants_section
from vreid.manifest import Manifest

CARD_NAME = "MODEL_CARD.md"

HEADINGS = {
    "mAP": "mAP",
    "rank1": "rank-1",
    "rank5": "rank-5",
    "rank10": "rank-10",
    "mINP": "mINP",
    "queries": "queries",
    "gallery": "gallery",
}
"""Reported figures and what a table calls them; the first five are shares."""

SHARES = frozenset({"mAP", "rank1", "rank5", "rank10", "mINP"})


def render_model_card(manifest: Manifest) -> str:
    """The card of a bundle as Markdown."""
    sections = [
        _title(manifest),
        _facts(manifest),
        _use(),
        training_section(manifest.provenance),
        _measurements(manifest),
        *calibration_sections(manifest.metrics),
        variants_section(manifest),
        _limits(manifest),
        _licences(manifest.provenance),
        _export(manifest),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _title(manifest: Manifest) -> str:
    return (
        f"# {manifest.name} {manifest.version}\n\n"
        "Embeds one to three aligned photographs of a vehicle (RGB, near infrared, thermal "
        "infrared) so that the same vehicle can be found again. CCNet: one convolutional branch "
        "per spectrum; a missing spectrum's branch does not run."
    )


def _facts(manifest: Manifest) -> str:
    files = manifest.files[manifest.precision]
    size = manifest.preprocessing
    rows = [
        ("fingerprint", f"`{manifest.fingerprint}`"),
        ("input of each branch", f"{size.height} x {size.width} (height x width), 3 channels"),
        ("feature of each branch", f"{manifest.feature_size} values"),
        ("computation", manifest.precision),
        ("scoring policy `auto`", manifest.auto_policy),
        ("calibrated probabilities", "no" if manifest.calibration is None else "yes"),
        *(
            (f"`{entry.path}`", f"{entry.bytes / 1e6:.2f} MB")
            for _, entry in sorted(files.items(), key=lambda item: item[0].index)
        ),
    ]
    return table(("what", "value"), rows)


def _use() -> str:
    return (
        "## Intended use\n\n"
        "Finding a vehicle again among crops of vehicles that the same site has recorded: by an "
        "operator who looks at the ranked answers and decides. Input is one aligned crop per "
        "spectrum with one vehicle in it.\n\n"
        "Not for identifying or tracking people, drivers or passengers; not for reading number "
        "plates; not for decisions about a person without a human who checks the photographs; not "
        "for evidence that two photographs show one vehicle: look-alikes of the same make, model "
        "and colour score high."
    )


def _measurements(manifest: Manifest) -> str:
    validation = manifest.metrics.get("validation", {})
    parts = ["## Measured on validation data"]
    if not validation:
        parts.append("No validation data was given at export: nothing was measured.")
    else:
        parts.append(
            "Ranked by the policy `auto`. R, N and T are RGB, near and thermal infrared; the other "
            "spectra are taken away from queries and gallery. A set whose query and gallery may "
            "change places is measured both ways, and the queries of both are counted."
        )
    for name, figures in validation.items():
        rows = [("all, as given", *_figures(figures["all"]))]
        rows += [(subset, *_figures(found)) for subset, found in figures["subsets"].items()]
        parts += [
            f"### {name}",
            _seen(figures["seen_in_training"]),
            table(("modalities", *HEADINGS.values()), rows),
        ]
    if validation and manifest.metrics.get("validation_note"):
        parts.append(manifest.metrics["validation_note"])
    policies = manifest.metrics.get("auto_policy_map", {})
    if policies:
        measured = ", ".join(f"{name} {_percent(value)}" for name, value in policies.items())
        parts.append(
            "With modalities taken away at random from complete samples, mAP by scoring policy: "
            f"{measured}. Measured on the data that calibrates; `auto` is the better."
        )
    return "\n\n".join(parts)


def _seen(in_training: bool) -> str:
    if in_training:
        return (
            "Training saw vehicles of this set. These figures do not tell how vehicles that it has "
            "not seen are found."
        )
    return "None of its identities is among those of the training data of the same name."


def _limits(manifest: Manifest) -> str:
    known = manifest.metrics.get("validation", {})
    seen = {subset for figures in known.values() for subset in figures["subsets"]}
    unmeasured = [name for name in ("R", "N", "T", "R+N+T") if name not in seen]
    limits = [
        "Figures hold for data like that which they were measured on: other cameras, angles, "
        "countries and weather give others. Measure on your own site before relying on it.",
        "Synthetic vehicles in the training data stand in for spectra of which no free "
        "photographs exist; what was learnt from them about real infrared is unproven."
        if manifest.provenance.get("synthetic_sources")
        else "",
        f"Not measured here: {', '.join(unmeasured)}." if unmeasured else "",
        *(_harm(name, figures["subsets"]) for name, figures in known.items()),
        "Probabilities are not calibrated, scores are cosines: "
        f"{manifest.metrics.get('not_calibrated', 'it is not recorded why')}."
        if manifest.calibration is None
        else "Probabilities are those of a world where every second pair shows one vehicle. In a "
        "gallery nearly all pairs show two, so of the answers at a probability of 90 % far fewer "
        "than 90 % are right: use it to compare answers, and a threshold to accept them.",
    ]
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits if limit)


def _harm(name: str, subsets: Mapping[str, Mapping[str, float]]) -> str:
    """A sentence where fewer modalities do better than the most that the set has, else nothing."""
    if not subsets:
        return ""
    most = max(subsets, key=lambda subset: subset.count("+"))
    best = max(subsets, key=lambda subset: subsets[subset]["mAP"])
    if subsets[best]["mAP"] <= subsets[most]["mAP"]:
        return ""
    return (
        f"On {name}, {best} ({_percent(subsets[best]['mAP'])} mAP) does better than {most} "
        f"({_percent(subsets[most]['mAP'])}): what is left out takes away more than it adds."
    )


def _licences(provenance: Mapping[str, Any]) -> str:
    licences = provenance.get("licences")
    if licences is None:
        return "## Licences\n\nNot recorded."
    rows = [(f"training data: {source}", terms) for source, terms in licences["data"].items()]
    rows.append(("first weights of the backbone", licences["pretrained_weights"]))
    return "## Licences\n\n" + table(("of", "terms"), rows)


def _export(manifest: Manifest) -> str:
    provenance = manifest.provenance
    rows = [
        (
            modality,
            str(one["batch"]),
            f"{one['max_difference']:.1e}",
            f"{1 - one['min_cosine']:.1e}",
        )
        for modality, found in manifest.metrics.get("parity", {}).get("torch", {}).items()
        for one in found["batches"]
    ]
    versions = provenance.get("versions", {})
    parts = [
        "## Export",
        "ONNX against torch on the same images, by batch size:",
        table(("branch", "batch", "largest difference", "1 - least cosine"), rows),
    ]
    compacted = manifest.metrics.get("parity", {}).get("float32", {})
    if compacted:
        distances = [
            [modality, _small(1 - min(one["min_cosine"] for one in found["batches"]))]
            for modality, found in compacted.items()
        ]
        parts += [
            "Weights are stored compactly (8-bit integers with a scale per channel, or float16) "
            "and restored to float32 when the file is opened. Against the float32 files:",
            table(("branch", "1 - least cosine"), distances),
        ]
        losses = manifest.metrics["compact_map"]
        parts += [
            f"mAP on {name}: {_percent(before)} of the float32 files, "
            f"{_percent(losses['compact'][name])} of these."
            for name, before in losses["float32"].items()
        ]
    if versions:
        parts.append("Made with " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".")
    if provenance.get("revision"):
        parts.append(f"Source revision `{provenance['revision']}`.")
    return "\n\n".join(parts)


def _figures(found: Mapping[str, Any]) -> list[str]:
    return [_percent(found[name]) if name in SHARES else str(found[name]) for name in HEADINGS]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _small(value: float) -> str:
    return f"{value:.1e}"
