"""Variants of a bundle that is already on disk: made, measured, and written if they cost little.

Nothing here changes a file of the default precision or the fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from export.branch_graph import serialise
from export.errors import CalibrationImagesError
from export.parity import check_graph_file
from export.quantisation.calibration_images import PixelsByModality
from export.quantisation.float16_graph import float16_graph
from export.quantisation.int8_graph import QuantisableBranch, int8_graph, quantisable_branch
from export.quantisation.measurement import milliseconds, variant_maps
from export.quantisation.pixel_networks import PixelNetworks
from export.quantisation.sensitivity import BlockChoice, choose_blocks
from export.quantisation.shared_weights import share_weights
from export.validation import EmbeddedSets
from vreid.bundle import Bundle, describe_file
from vreid.cpu_features import read_processor
from vreid.engines import BranchRunner, open_engine
from vreid.errors import EngineUnavailable
from vreid.manifest import Manifest
from vreid.modality import Modality
from vreid.variant import Variant

VariantName = Literal["int8", "bf16", "fp16"]

VARIANTS: tuple[VariantName, ...] = get_args(VariantName)

DEFAULT_VARIANTS: tuple[VariantName, ...] = ("int8", "bf16")
"""Half precision is for GPUs and takes half of a float32 bundle's size again: only when asked."""

MOST_LOSS_POINTS = 0.5
"""Points of mAP that a variant may cost on any set."""

MORE_IN_FLOAT = (0, 1, 2, 4)
"""Blocks of each branch that return to float32 beside those of the distance, one try after the
other, until the mAP holds."""

ENGINE_OF: Mapping[VariantName, str] = {"int8": "onnxruntime-cpu", "bf16": "openvino-cpu"}
"""The engine that a variant is measured with; none on the CPU serves fp16."""

Embed = Callable[[BranchRunner], EmbeddedSets]
"""Embeds the sets that a variant is measured on."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A variant that was measured: kept if the loss allows it."""

    manifest: Manifest
    variant: Variant
    record: Mapping[str, Any] = field(default_factory=dict)


def write_variants(
    directory: Path,
    manifest: Manifest,
    requested: Sequence[VariantName],
    pixels: PixelsByModality | CalibrationImagesError,
    default: EmbeddedSets,
    embed: Embed,
    most_loss_points: float = MOST_LOSS_POINTS,
) -> Manifest:
    """Write the variants asked for into a bundle's directory; the manifest is only returned.

    Args:
        directory: with the files of the default precision.
        manifest: what will be its manifest.
        requested: which variants.
        pixels: real images of each modality, for int8 and for timing; or why there are none.
        default: the sets embedded in the default precision.
        embed: embeds the same sets with another engine.
        most_loss_points: what a variant may cost.

    Returns:
        The manifest with the variants; ``metrics.variants`` has how each was made, and under
        ``not_written`` why others were not.
    """
    not_written: dict[str, str] = {}
    records: dict[str, Any] = {}
    for name in requested:
        if not default:
            not_written[name] = (
                "no validation data to measure its loss on; give some by --validation"
            )
            continue
        if name == "int8" and isinstance(pixels, CalibrationImagesError):
            not_written[name] = str(pixels)
            continue
        try:
            outcome = _make(name, directory, manifest, pixels, default, embed, most_loss_points)
        except EngineUnavailable as reason:
            not_written[name] = f"it cannot be measured here: {reason}"
            continue
        loss = outcome.variant.loss_points
        if loss > most_loss_points:
            worst = max(outcome.variant.map, key=lambda one: outcome.variant.map[one].loss_points)
            not_written[name] = (
                f"it costs {loss:.2f} points of mAP on {worst}, more than {most_loss_points:g}"
            )
            _remove_files(directory, outcome.manifest, name)
            continue
        manifest = outcome.manifest
        records[name] = outcome.record
    if not isinstance(pixels, CalibrationImagesError):
        manifest = _timed(directory, manifest, pixels)
    metrics = {**manifest.metrics, "variants": {"made": records, "not_written": not_written}}
    return replace(manifest, metrics=metrics)


def without_variants(manifest: Manifest) -> Manifest:
    """The manifest of the default precision alone."""
    metrics = {
        name: value
        for name, value in manifest.metrics.items()
        if name not in ("variants", "milliseconds")
    }
    files = {manifest.precision: manifest.files[manifest.precision]}
    return replace(manifest, files=files, variants={}, metrics=metrics)


def _make(
    name: VariantName,
    directory: Path,
    manifest: Manifest,
    pixels: PixelsByModality | CalibrationImagesError,
    default: EmbeddedSets,
    embed: Embed,
    most_loss_points: float,
) -> _Outcome:
    if name == "bf16":
        candidate = _with_variant(manifest, name, Variant(manifest.precision))
        return _measured(name, directory, candidate, default, embed, {})
    if name == "fp16":
        graphs = {
            modality: float16_graph(
                onnx.load(directory / manifest.files[manifest.precision][modality].path),
                manifest.preprocessing.normalisation[modality],
            )
            for modality in manifest.modalities
        }
        candidate, _ = _with_files(directory, manifest, name, graphs)
        return _measured(name, directory, candidate, default, embed, {})
    assert not isinstance(pixels, CalibrationImagesError)
    return _int8(directory, manifest, pixels, default, embed, most_loss_points)


def _int8(
    directory: Path,
    manifest: Manifest,
    pixels: PixelsByModality,
    default: EmbeddedSets,
    embed: Embed,
    most_loss_points: float,
) -> _Outcome:
    """Return blocks to float32 until the loss is small enough, or too few would be left."""
    branches: dict[Modality, QuantisableBranch] = {}
    choices: dict[Modality, BlockChoice] = {}
    for modality in manifest.modalities:
        entry = manifest.files[manifest.precision][modality]
        branches[modality] = quantisable_branch(
            onnx.load(directory / entry.path),
            manifest.preprocessing.normalisation[modality],
            pixels[modality],
        )
        choices[modality] = choose_blocks(branches[modality], pixels[modality])
    outcome = None
    for more in MORE_IN_FLOAT:
        chosen = {
            modality: replace(choice, kept=min(choice.kept + more, len(choice.alone)))
            for modality, choice in choices.items()
        }
        graphs = {
            modality: int8_graph(branches[modality], choice.ranges, choice.in_float)
            for modality, choice in chosen.items()
        }
        candidate, shared = _with_files(directory, manifest, "int8", graphs)
        record = {
            modality.value: {**_described(choice, more), "shared_bytes": shared[modality]}
            for modality, choice in chosen.items()
        }
        outcome = _measured("int8", directory, candidate, default, embed, record)
        if outcome.variant.loss_points <= most_loss_points:
            break
    assert outcome is not None
    return outcome


def _described(choice: BlockChoice, more: int) -> dict[str, Any]:
    """How a branch came to be what it is: distances are 1 - cosine to its float32 features."""
    reasons = {
        block: "mAP" if place >= choice.kept - more else "distance"
        for place, block in enumerate(choice.in_float)
    }
    return {
        "ranges": choice.method,
        "distance_by_ranges": {name: _short(one) for name, one in choice.methods.items()},
        "distance_alone": {name: _short(one) for name, one in choice.alone.items()},
        "in_float": reasons,
    }


def _short(distance: float) -> float:
    return float(f"{distance:.2e}")


def _measured(
    name: VariantName,
    directory: Path,
    candidate: Manifest,
    default: EmbeddedSets,
    embed: Embed,
    record: Mapping[str, Any],
) -> _Outcome:
    bundle = Bundle(directory, candidate)
    runner: BranchRunner = (
        open_engine(bundle, ENGINE_OF[name], precision=name)
        if name in ENGINE_OF
        else PixelNetworks(bundle, name)
    )
    found = variant_maps(default, embed(runner))
    variant = replace(
        candidate.variants[name],
        map=found,
        loss_points=round(max(one.loss_points for one in found.values()), 3),
    )
    return _Outcome(_with_variant(candidate, name, variant), variant, record)


def _with_variant(manifest: Manifest, name: str, variant: Variant) -> Manifest:
    return replace(manifest, variants={**manifest.variants, name: variant})


def _with_files(
    directory: Path, manifest: Manifest, name: str, graphs: Mapping[Modality, onnx.ModelProto]
) -> tuple[Manifest, dict[Modality, int]]:
    """Write ``rgb.int8.onnx`` and its like; the second value has the bytes shared by each."""
    entries, shared = {}, {}
    for modality, graph in graphs.items():
        default = directory / manifest.files[manifest.precision][modality].path
        shared[modality] = share_weights(graph, default)
        path = f"{modality.value}.{name}.onnx"
        (directory / path).write_bytes(serialise(graph))
        check_graph_file(directory / path, modality)
        entries[modality] = describe_file(directory, path)
    changed = replace(manifest, files={**manifest.files, name: entries})
    return _with_variant(changed, name, Variant(name)), shared


def _remove_files(directory: Path, manifest: Manifest, name: str) -> None:
    for entry in manifest.files.get(name, {}).values():
        (directory / entry.path).unlink()


def _timed(
    directory: Path, manifest: Manifest, pixels: Mapping[Modality, NDArray[np.uint8]]
) -> Manifest:
    """The manifest with milliseconds of every variant, and of the default in its metrics."""
    bundle = Bundle(directory, manifest)
    processor = read_processor().model
    variants = {
        name: replace(variant, milliseconds=milliseconds(bundle, name, pixels), processor=processor)
        for name, variant in manifest.variants.items()
    }
    timed = {
        "processor": processor,
        manifest.precision: milliseconds(bundle, manifest.precision, pixels),
    }
    return replace(manifest, variants=variants, metrics={**manifest.metrics, "milliseconds": timed})
