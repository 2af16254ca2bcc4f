"""Variants of a bundle that is already on disk: made, measured, and written if they cost little.

Nothing here changes a file of the default precision or the fingerprint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from export.errors import CalibrationImagesError
from export.quantisation.calibration_images import PixelsByModality
from export.quantisation.candidate import (
    Candidate,
    Embed,
    measured,
    remove_files,
    with_files,
    with_variant,
)
from export.quantisation.float16_graph import float16_graph
from export.quantisation.int8_variant import int8_variant
from export.quantisation.measurement import engines_of, milliseconds
from export.validation import EmbeddedSets
from vreid.bundle import Bundle
from vreid.cpu_features import Processor, read_processor
from vreid.manifest import Manifest
from vreid.modality import Modality
from vreid.variant import Variant

VariantName = Literal["int8", "bf16", "fp16"]

VARIANTS: tuple[VariantName, ...] = get_args(VariantName)

DEFAULT_VARIANTS: tuple[VariantName, ...] = ("int8", "bf16")
"""Half precision is for GPUs and takes half of a float32 bundle's size again: only when asked."""

MOST_LOSS_POINTS = 0.5
"""Points of mAP that a variant may cost with any engine, on any set, with any modality alone."""


def write_variants(
    directory: Path,
    manifest: Manifest,
    requested: Sequence[VariantName],
    pixels: PixelsByModality | CalibrationImagesError,
    default: EmbeddedSets,
    embed: Embed,
    most_loss_points: float = MOST_LOSS_POINTS,
    *,
    seen_by_ranges: Mapping[str, str] | None = None,
    processor: Processor | None = None,
) -> Manifest:
    """Write the variants asked for into a bundle's directory; the manifest is only returned.

    Args:
        directory: with the files of the default precision.
        manifest: what will be its manifest; variants that it has already stay in it.
        requested: which variants to make, none that it has.
        pixels: real images of each modality, for int8 and for timing; or why there are none.
        default: the sets embedded in the default precision.
        embed: embeds the same sets with another engine.
        most_loss_points: what a variant may cost.
        seen_by_ranges: see `export.quantisation.calibration_images.seen_by_ranges`.
        processor: that this runs on; read from the system when None.

    Returns:
        The manifest with the variants; ``metrics.variants`` has how each was made, and under
        ``not_written`` why others were not.
    """
    on = processor or read_processor()
    former = manifest.metrics.get("variants", {})
    not_written: dict[str, str] = dict(former.get("not_written", {}))
    records: dict[str, Any] = dict(former.get("made", {}))
    for name in requested:
        reason = reason_against(name, pixels, bool(default), on)
        if reason is not None:
            not_written[name] = reason
            continue
        made = _made(name, directory, manifest, pixels, default, embed, most_loss_points)
        reason = _too_much(made, most_loss_points)
        if reason is not None:
            not_written[name] = reason
            remove_files(directory, made.manifest, name)
            continue
        manifest = made.manifest
        records[name] = made.record
        if name == "int8":
            records[name] = {**made.record, "in_sample": dict(seen_by_ranges or {})}
    if not isinstance(pixels, CalibrationImagesError):
        manifest = _timed(directory, manifest, pixels, on)
    metrics = {**manifest.metrics, "variants": {"made": records, "not_written": not_written}}
    return replace(manifest, metrics=metrics)


def reason_against(
    name: VariantName,
    pixels: PixelsByModality | CalibrationImagesError,
    has_data: bool,
    processor: Processor,
) -> str | None:
    """Why a variant cannot be made and measured here, None where it can."""
    if not has_data:
        return "no validation data to measure its loss on; give some by --validation"
    if name == "int8" and isinstance(pixels, CalibrationImagesError):
        return str(pixels)
    if name == "int8" and not processor.has_int8_dot:
        return (
            f"the processor ({processor.model}) has no VNNI: sums of 8-bit products saturate on "
            "it, so that what was measured would hold for no other; make int8 on one that has"
        )
    if name == "bf16" and not processor.has_bf16:
        return (
            f"the processor ({processor.model}) has neither AVX-512 BF16 nor AMX, so it cannot be "
            "measured; make bf16 on one that has"
        )
    if name != "fp16" and not engines_of(name):
        return "no engine that computes in it is installed, so it cannot be measured"
    return None


def without_variants(manifest: Manifest, names: Collection[str]) -> Manifest:
    """The manifest without these variants, their files and what it says of them."""
    told = manifest.metrics.get("variants", {})
    kept = {
        part: {name: one for name, one in told.get(part, {}).items() if name not in names}
        for part in ("made", "not_written")
    }
    return replace(
        manifest,
        files={name: entries for name, entries in manifest.files.items() if name not in names},
        variants={name: one for name, one in manifest.variants.items() if name not in names},
        metrics={**manifest.metrics, "variants": kept},
    )


def _made(
    name: VariantName,
    directory: Path,
    manifest: Manifest,
    pixels: PixelsByModality | CalibrationImagesError,
    default: EmbeddedSets,
    embed: Embed,
    most_loss_points: float,
) -> Candidate:
    if name == "int8":
        assert not isinstance(pixels, CalibrationImagesError)
        return int8_variant(directory, manifest, pixels, default, embed, most_loss_points)
    if name == "bf16":
        candidate = with_variant(manifest, name, Variant(manifest.precision))
        return measured(name, directory, candidate, default, embed)
    graphs = {
        modality: float16_graph(
            onnx.load(directory / manifest.files[manifest.precision][modality].path),
            manifest.preprocessing.normalisation[modality],
        )
        for modality in manifest.modalities
    }
    candidate, _ = with_files(directory, manifest, name, graphs)
    return measured(name, directory, candidate, default, embed)


def _too_much(made: Candidate, most_loss_points: float) -> str | None:
    """Why a variant that was measured may not stay."""
    variant = made.variant
    if variant.loss_points <= most_loss_points:
        return made.refused
    reason = (
        f"it costs {variant.loss_points:.2f} points of mAP on {variant.worst}, "
        f"more than {most_loss_points:g}"
    )
    return reason if made.refused is None else f"{reason}, {made.refused}"


def _timed(
    directory: Path,
    manifest: Manifest,
    pixels: Mapping[Modality, NDArray[np.uint8]],
    processor: Processor,
) -> Manifest:
    """The manifest with milliseconds of every variant, and of the default in its metrics."""
    bundle = Bundle(directory, manifest)
    variants = {
        name: replace(
            variant,
            milliseconds=milliseconds(bundle, name, pixels),
            processor=processor.model,
        )
        for name, variant in manifest.variants.items()
    }
    timed = {
        "processor": processor.model,
        manifest.precision: milliseconds(bundle, manifest.precision, pixels),
    }
    return replace(manifest, variants=variants, metrics={**manifest.metrics, "milliseconds": timed})
