"""The network files of a bundle's default precision, and the manifest that an engine can open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from export.branch_graph import file_name, serialise
from export.compact_weights import StoredWeight, compact
from export.reference_images import ReferenceImages
from vreid.bundle import describe_file, write_manifest
from vreid.manifest import Manifest, compute_fingerprint
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing

WeightStorage = Literal["float32", "compact"]

Graphs = Mapping[Modality, onnx.ModelProto]

PRECISION = "fp32"
"""The precision of the computation. Compact weights are stored in fewer bits and computed with in
float32 all the same."""

KEPT_PRECISE = ("branch.middle.", "branch.neck.")
"""Parts of a branch whose weights never become 8-bit integers: the unit in its middle decides the
scale of everything after it, the neck is the last word."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a bundle is called and what its branches take."""

    name: str
    version: str
    preprocessing: Preprocessing


def store(
    graphs: Graphs, weights: WeightStorage, references: ReferenceImages
) -> tuple[dict[Modality, onnx.ModelProto], dict[Modality, list[StoredWeight]]]:
    """The graphs as they will be written, and what became of each weight that changed."""
    if weights == "float32":
        return dict(graphs), {}
    compacted = {
        modality: compact(graph, references.images[modality], KEPT_PRECISE)
        for modality, graph in graphs.items()
    }
    return (
        {modality: graph for modality, (graph, _) in compacted.items()},
        {modality: stored for modality, (_, stored) in compacted.items()},
    )


def write_files(directory: Path, identity: Identity, feature_size: int, graphs: Graphs) -> Manifest:
    """Write the network files and a manifest that an engine can open, its figures still missing."""
    for modality in MODALITIES:
        (directory / file_name(modality)).write_bytes(serialise(graphs[modality]))
    files = {modality: describe_file(directory, file_name(modality)) for modality in MODALITIES}
    manifest = Manifest(
        name=identity.name,
        version=identity.version,
        modalities=MODALITIES,
        feature_size=feature_size,
        preprocessing=identity.preprocessing,
        files={PRECISION: files},
        precision=PRECISION,
        fingerprint=compute_fingerprint(
            {modality: entry.sha256 for modality, entry in files.items()},
            identity.preprocessing,
            feature_size,
        ),
    )
    write_manifest(directory, manifest)
    return manifest
