"""The model card's account of variants: what each costs, how fast it is, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from export.markdown import table
from vreid.manifest import Manifest
from vreid.variant import Variant


def variants_section(manifest: Manifest) -> str:
    """The section as Markdown; empty where no variant was asked for."""
    told = manifest.metrics.get("variants", {"made": {}, "not_written": {}})
    if not manifest.variants and not told["not_written"]:
        return ""
    parts = ["## Variants"]
    if manifest.variants:
        parts += [
            "Other precisions of the same model, under the same fingerprint: their features are "
            f"searched with among those of {manifest.precision}. mAP by cosine, with all that a "
            f"set has and with each modality alone: in {manifest.precision}, in the variant, and "
            f"with queries of the variant on a gallery of {manifest.precision}. A variant that "
            "costs more than 0.5 points in any row is not written.",
            table(
                (
                    "precision",
                    "measured on",
                    "modalities",
                    "engine",
                    manifest.precision,
                    "variant",
                    "across",
                    "loss in points",
                ),
                [
                    row
                    for name, variant in manifest.variants.items()
                    for row in _rows(name, variant)
                ],
            ),
            _speed(manifest),
            _sizes(manifest),
        ]
    parts += [_int8(made) for name, made in told["made"].items() if name == "int8"]
    parts += [f"{name} was not written: {why}." for name, why in told["not_written"].items()]
    return "\n\n".join(part for part in parts if part)


def _rows(name: str, variant: Variant) -> list[list[str]]:
    return [
        [
            name,
            on.dataset,
            on.modalities,
            on.engine,
            _percent(one.default),
            _percent(one.variant),
            _percent(one.across),
            f"{one.loss_points:.2f}",
        ]
        for on, one in variant.map.items()
    ]


def _speed(manifest: Manifest) -> str:
    """Milliseconds by precision and engine; empty where nothing was timed."""
    measured = dict(manifest.metrics.get("milliseconds", {}))
    processor = measured.pop("processor", None)
    by_precision: dict[str, Mapping[str, float]] = {
        **measured,
        **{name: variant.milliseconds for name, variant in manifest.variants.items()},
    }
    engines = sorted({engine for found in by_precision.values() for engine in found})
    if not engines:
        return ""
    where = f" ({processor})" if processor else ""
    return (
        f"Milliseconds for one image of one branch, one at a time on one processor{where}:\n\n"
        + table(
            ("precision", *engines),
            [
                [name, *(f"{found[one]:.2f}" if one in found else "" for one in engines)]
                for name, found in by_precision.items()
            ],
        )
    )


def _sizes(manifest: Manifest) -> str:
    sizes = [
        f"{name} {sum(entry.bytes for entry in manifest.files[name].values()) / 1e6:.2f} MB"
        for name in manifest.variants
        if name in manifest.files
    ]
    return f"Size of their files: {', '.join(sizes)}." if sizes else ""


def _int8(made: Mapping[str, Any]) -> str:
    """How the int8 files came to be; every figure is 1 - cosine to the float32 features."""
    rows = []
    made = dict(made)
    seen = made.pop("in_sample", {})
    for modality, found in made.items():
        alone = found["distance_alone"]
        rows.append(
            [
                modality,
                found["ranges"],
                _listed([f"`{block}` ({alone[block]:.1e})" for block in found["in_float"]]),
                f"{found['distance_by_ranges'][found['ranges']]:.1e}",
            ]
        )
    return (
        "The parts of int8 that stay float32 are those whose rounding alone turns the features the "
        "most, measured on real images as the mean of 1 - cosine, beside statistics and the neck, "
        "which always do:\n\n"
        + table(("branch", "ranges by", "in float32 (alone in 8 bits)", "the whole"), rows)
        + "".join(
            f"\n\nThe ranges of int8 come from images of {how_much} of the identities of {name}, "
            "on which its loss is measured, too: there it is in-sample."
            for name, how_much in seen.items()
        )
    )


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items) or "none"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
