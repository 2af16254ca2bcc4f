"""The whole way from a checkpoint to a bundle, each step a function of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from export.branch_graph import branch_graphs
from export.bundle_writer import require_free, staged_directory
from export.compact_weights import storage_summary
from export.graph_checks import check_against_float32, check_against_torch
from export.graph_engine import GraphEngine
from export.modality_gains import ModalityWeighting, scale_graphs, scale_network
from export.model_card import CARD_NAME, render_model_card
from export.named_sets import NamedSet, Roles, TrainedIdentities, load_roles, require_separate
from export.network_files import (
    PRECISION,
    Graphs,
    Identity,
    WeightStorage,
    store,
    write_files,
)
from export.parity import summary
from export.provenance import describe_checkpoint, trained_identities
from export.quantisation.calibration_images import pixels_or_reason, seen_by_ranges
from export.quantisation.measured_sets import measured_sets
from export.quantisation.variants import DEFAULT_VARIANTS, VariantName, write_variants
from export.reference_images import ReferenceImages, reference_images
from export.reliability_picture import write_reliability_pictures
from export.tolerances import require_engine_runs_the_files, require_same_map
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
from vreid.bundle import Bundle, write_manifest
from vreid.engines import BranchRunner, open_engine
from vreid.manifest import Manifest
from vreid.preprocessing import Preprocessing

ENGINE = "onnxruntime-cpu"

DEFAULT_VERSION = "1.0.0"


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
        manifest = write_files(directory, identity, network.feature_size, files)
        engine = open_engine(Bundle.load(directory), ENGINE, precision=PRECISION)
        require_engine_runs_the_files(engine.run, files, references)
        embedded = _embed_roles(roles, manifest.preprocessing, engine, manifest.feature_size)
        figures = validation_figures(embedded, trained)
        default = embedded.compared
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
            exact = embed(GraphEngine(graphs, manifest.preprocessing))
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
            manifest = write_variants(
                directory,
                manifest,
                variants,
                pixels,
                default,
                embed,
                seen_by_ranges=seen_by_ranges(roles),
            )
        write_manifest(directory, manifest)
        if figures.calibration is not None:
            write_reliability_pictures(directory, embedded.reported, figures.calibration)
        (directory / CARD_NAME).write_text(render_model_card(manifest), encoding="utf-8")
        Bundle.load(directory)
    return Bundle.load(out)


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
        GraphEngine(graphs, identity.preprocessing),
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
