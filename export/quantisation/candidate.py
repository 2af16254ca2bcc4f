"""A variant in a bundle's directory, before it is known whether it may stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx

from export.branch_graph import serialise
from export.parity import check_graph_file
from export.quantisation.measurement import runners, variant_maps
from export.quantisation.shared_weights import share_weights
from export.validation import EmbeddedSets
from vreid.bundle import Bundle, describe_file
from vreid.engines import BranchRunner
from vreid.manifest import Manifest
from vreid.modality import Modality
from vreid.variant import MeasuredOn, Variant, VariantMap

Embed = Callable[[BranchRunner], EmbeddedSets]
"""Embeds the sets that a variant is measured on."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant that was measured: the manifest with it, and how it was made.

    ``refused`` says why it may not stay: by itself, or beside a loss that is too large, why no
    less is to be had. None where nothing but the loss decides.
    """

    manifest: Manifest
    variant: Variant
    record: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None


def measured(
    name: str, directory: Path, manifest: Manifest, default: EmbeddedSets, embed: Embed
) -> Candidate:
    """Measure a variant of the manifest with every engine that runs it on this processor.

    Raises:
        EngineUnavailable: there is none.
    """
    found: dict[MeasuredOn, VariantMap] = {}
    for engine, runner in runners(Bundle(directory, manifest), name):
        found |= variant_maps(default, embed(runner), engine)
    variant = replace(
        manifest.variants[name],
        map=found,
        loss_points=round(max(one.loss_points for one in found.values()), 3),
    )
    return Candidate(with_variant(manifest, name, variant), variant)


def with_variant(manifest: Manifest, name: str, variant: Variant) -> Manifest:
    """The manifest with this variant, of whose files it has the entries."""
    return replace(manifest, variants={**manifest.variants, name: variant})


def with_files(
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
    return with_variant(changed, name, Variant(name)), shared


def remove_files(directory: Path, manifest: Manifest, name: str) -> None:
    """Take a variant's own files out of the directory."""
    for entry in manifest.files.get(name, {}).values():
        (directory / entry.path).unlink()
