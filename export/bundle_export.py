"""The whole way from a checkpoint to a bundle, each step a function of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from export.branch_graph import branch_graphs, file_name, serialise
from export.bundle_writer import require_free, staged_directory
from export.compact_weights import StoredWeight, compact, storage_summary
from export.modality_gains import ModalityWeighting, scale_graphs, scale_network
from export.model_card import CARD_NAME, render_model_card
from export.named_sets import NamedSet, Roles, TrainedIdentities, load_roles, require_separate
from export.parity import (
    BranchParity,
    Embed,
    check_graph,
    compare,
    graph_embed,
    summary,
    torch_embed,
)
from export.provenance import describe_checkpoint, trained_identities
from export.quantisation.calibration_images import pixels_or_reason
from export.quantisation.measured_sets import measured_sets
from export.quantisation.variants import DEFAULT_VARIANTS, VariantName, write_variants
from export.reference_images import ReferenceImages, reference_images
from export.reliability_picture import write_reliability_pictures
from export.tolerances import (
    COMPACT_TIE,
    TIE,
    require_close_to_float32,
    require_engine_runs_the_files,
    require_same_as_torch,
    require_same_map,
)
from export.validation import (
    IN_SAMPLE,
    EmbeddedRoles,
    EmbeddedSets,
    by_role,
    embed_validation,
    mean_average_precisions,
    validation_figures,
    validation_samples,
)
from training.calibration.modality_weights import (
    NEUTRAL,
    ModalityWeights,
    fit_modality_weights,
)
from training.checkpoint import load_ccnet
from training.data import Dataset
from training.model import CCNet
from vreid.bundle import Bundle, describe_file, write_manifest
from vreid.engines import BranchRunner, open_engine
from vreid.manifest import Manifest, compute_fingerprint
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, normalise

WeightStorage = Literal["float32", "compact"]

Graphs = Mapping[Modality, onnx.ModelProto]

PRECISION = "fp32"
"""The precision of the computation. Compact weights are stored in fewer bits and computed with in
float32 all the same."""

KEPT_PRECISE = ("branch.middle.", "branch.neck.")
"""Parts of a branch whose weights never become 8-bit integers: the unit in its middle decides the
scale of everything after it, the neck is the last word."""

ENGINE = "onnxruntime-cpu"

DEFAULT_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a bundle is called and what its branches take."""

    name: str
    version: str
    preprocessing: Preprocessing


def export_bundle(
    checkpoint: Path,
    out: Path,
    *,
    name: str | None = None,
    version: str = DEFAULT_VERSION,
    weights: WeightStorage = "float32",
    validation: Sequence[NamedSet] = (),
    calibration: Sequence[NamedSet] = (),
    halved: Sequence[NamedSet] = (),
    weighting: ModalityWeighting = "fit",
    licences: Mapping[str, str] | None = None,
    variants: Sequence[VariantName] = DEFAULT_VARIANTS,
    force: bool = False,
) -> Bundle:
    """Write a checkpoint as a bundle; a check that fails writes nothing.

    Args:
        checkpoint: a run, its checkpoint directory, or the weights file in it.
        out: the bundle's directory, made by this function.
        name: of the model; the training configuration's name when None.
        version: of the model.
        weights: how weights are stored, see `export.compact_weights`.
        validation: data sets: parity is checked on their images and figures come from them;
            calibration, automatic policy and weights of modalities, too, where no other
            data is given for these.
        calibration: data sets of other identities, for calibration, policy and weights.
        halved: data sets of which half of the identities calibrate and the others are reported.
        weighting: ``fit`` the weights of the modalities, ``none``, or gains for RGB, NIR, TIR.
        licences: terms of the training data by source name, for the model card.
        variants: other precisions to measure, and to write if they cost little; the manifest's
            ``metrics.variants.not_written`` says why one was not.
        force: replace a bundle that is already at ``out``.

    Raises:
        OutputExistsError: ``out`` holds something that must not be replaced.
        CheckpointError: the checkpoint cannot be read.
        JointNetworkError: its network has no branches that run by themselves.
        GraphError, ParityError: a branch cannot be written, or doesn't compute what it should.
        ValidationDataError, DatasetError: the validation data cannot be used.
    """
    require_free(out, force)
    roles = load_roles(validation, calibration, halved)
    trained = trained_identities(checkpoint)
    require_separate(roles, trained)
    network, config = load_ccnet(checkpoint)
    identity = Identity(name or config.name, version, config.preprocessing.build())
    references = reference_images(validation_samples(roles.all()), identity.preprocessing)
    return write_checked_bundle(
        out,
        identity,
        network,
        branch_graphs(network, identity.preprocessing),
        weights=weights,
        roles=roles,
        references=references,
        provenance=describe_checkpoint(checkpoint, licences or {}),
        trained=trained,
        weighting=weighting,
        variants=variants,
        force=force,
    )


def write_checked_bundle(
    out: Path,
    identity: Identity,
    network: CCNet,
    graphs: Graphs,
    *,
    weights: WeightStorage,
    roles: Roles,
    references: ReferenceImages,
    provenance: Mapping[str, Any],
    trained: TrainedIdentities,
    weighting: ModalityWeighting = "fit",
    variants: Sequence[VariantName] = (),
    force: bool = False,
) -> Bundle:
    """Check the graphs of a network, measure them and write them; errors as `export_bundle`."""
    modality_weights = _modality_weights(weighting, roles, identity, network, graphs)
    if modality_weights.gains != NEUTRAL:
        network = scale_network(network, modality_weights.gains)
        graphs = scale_graphs(graphs, modality_weights.gains)
    parity = {"torch": summary(check_against_torch(network, graphs, references))}
    files, stored = store(graphs, weights, references)
    if weights == "compact":
        compact_parity = check_against_float32(
            graphs, files, references, by_ranking=not roles.all()
        )
        parity["float32"] = summary(compact_parity)
    with staged_directory(out, force) as directory:
        manifest = _write_files(directory, identity, network.feature_size, files)
        engine = open_engine(Bundle.load(directory), ENGINE, precision=PRECISION)
        require_engine_runs_the_files(engine.run, files, references)
        embedded = _embed_roles(roles, manifest.preprocessing, engine, manifest.feature_size)
        figures = validation_figures(embedded, trained)
        # Only where nothing is reported do the fitted sets say what another way to compute costs.
        reported = bool(roles.reported or roles.halved)
        default = embedded.ranked if reported else embedded.fitted
        embed = partial(_measured_sets, roles, manifest)
        measured = {
            "validation": figures.metrics,
            "validation_note": IN_SAMPLE if embedded.reported and not embedded.separate else None,
            "calibrated_on": figures.calibrated_on,
            "modality_weights": modality_weights.to_json(),
            "not_calibrated": figures.not_calibrated,
            "auto_policy_map": figures.auto_policy.mean_average_precision,
            "parity": parity,
        }
        if weights == "compact":
            exact = embed(_GraphEngine(graphs, manifest.preprocessing))
            before, after = mean_average_precisions(exact), mean_average_precisions(default)
            require_same_map(before, after)
            measured["compact_map"] = {"float32": before, "compact": after}
        manifest = replace(
            manifest,
            provenance={
                **provenance,
                "weights": {"storage": weights, **storage_summary(stored)},
                "parity_images": {
                    modality.value: {"real": real, "drawn": len(references.images[modality]) - real}
                    for modality, real in references.real.items()
                },
            },
            metrics=measured,
            calibration=figures.calibration,
            auto_policy=figures.auto_policy.policy,
        )
        if variants:
            pixels = pixels_or_reason(roles, manifest.preprocessing)
            manifest = write_variants(directory, manifest, variants, pixels, default, embed)
        write_manifest(directory, manifest)
        if figures.calibration is not None:
            write_reliability_pictures(directory, embedded.reported, figures.calibration)
        (directory / CARD_NAME).write_text(render_model_card(manifest), encoding="utf-8")
        Bundle.load(directory)
    return Bundle.load(out)


def check_against_torch(
    network: CCNet, graphs: Graphs, references: ReferenceImages
) -> list[BranchParity]:
    """Measure every graph against its branch; raises ParityError at the first that differs."""
    found = []
    for modality, graph in graphs.items():
        check_graph(graph, modality)
        branch = torch_embed(network.branch(modality))
        parity = compare(modality, branch, graph_embed(graph), references.images[modality], TIE)
        require_same_as_torch(parity)
        found.append(parity)
    return found


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


def check_against_float32(
    graphs: Graphs, compacted: Graphs, references: ReferenceImages, by_ranking: bool
) -> list[BranchParity]:
    """Measure every compact graph against the float32 one; raises ParityError."""
    found = []
    for modality, graph in compacted.items():
        check_graph(graph, modality)
        parity = compare(
            modality,
            graph_embed(graphs[modality]),
            graph_embed(graph),
            references.images[modality],
            COMPACT_TIE,
        )
        require_close_to_float32(parity, by_ranking)
        found.append(parity)
    return found


class _GraphEngine:
    """Graphs in memory behind the protocol that runs branches."""

    def __init__(self, graphs: Graphs, preprocessing: Preprocessing) -> None:
        self._normalisation = preprocessing.normalisation
        self._branches: dict[Modality, Embed] = {
            modality: graph_embed(graph) for modality, graph in graphs.items()
        }

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._branches[modality](normalise(pixels, self._normalisation[modality]))


def _modality_weights(
    weighting: ModalityWeighting,
    roles: Roles,
    identity: Identity,
    network: CCNet,
    graphs: Graphs,
) -> ModalityWeights:
    """The gains asked for; fitted ones come from the float32 graphs on the calibration's data."""
    if not isinstance(weighting, str):
        return ModalityWeights(weighting)
    if weighting == "none" or not roles.all():
        return ModalityWeights(NEUTRAL)
    embedded = _embed_roles(
        roles,
        identity.preprocessing,
        _GraphEngine(graphs, identity.preprocessing),
        network.feature_size,
        only_fitted=True,
    )
    return fit_modality_weights(list(embedded.fitted.values()))


def _embed_roles(
    roles: Roles,
    preprocessing: Preprocessing,
    engine: BranchRunner,
    feature_size: int,
    *,
    only_fitted: bool = False,
) -> EmbeddedRoles:
    def embedded(datasets: Mapping[str, Dataset]) -> EmbeddedSets:
        return embed_validation(datasets, preprocessing, engine, feature_size)

    reported = {} if only_fitted and roles.separate else embedded(roles.reported)
    return by_role(roles, reported, embedded(roles.halved), embedded(roles.calibration))


def _measured_sets(roles: Roles, manifest: Manifest, runner: BranchRunner) -> EmbeddedSets:
    return measured_sets(roles, manifest.preprocessing, runner, manifest.feature_size)


def _write_files(
    directory: Path, identity: Identity, feature_size: int, graphs: Graphs
) -> Manifest:
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
