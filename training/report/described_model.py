"""What a report says about a model, read from its checkpoint or bundle."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.checkpoint import MODEL, find_checkpoint, read_description
from training.data import Dataset, labels_of
from training.embedded import EmbeddedSamples, embed_dataset
from training.evaluation.measured_model import MeasuredModel, open_measured_model
from training.report.feature_section import map_rows
from training.report.middle_statistics_plot import Statistics
from training.report.report import ReportedModel
from training.torch_engine import TorchEngine
from vreid.bundle import Bundle, file_sha256
from vreid.embedding import branch_inputs
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

MIDDLE_IMAGES = 64
"""Images of each modality whose middle feature is shown."""

_BATCH = 16


def describe_model(
    measured: MeasuredModel,
    checkpoint: Path | None,
    bundle: Path | None,
    dataset: Dataset,
    compare: Path | None = None,
) -> ReportedModel:
    """Describes a checkpoint or a bundle, and embeds what is compared with it.

    Args:
        measured: the open model.
        checkpoint: where it lies, if it is one.
        bundle: likewise.
        dataset: what it was measured on.
        compare: another checkpoint, for the map of features.

    Raises:
        ConfigurationError: not exactly one of checkpoint and bundle is given.
        CheckpointError: a checkpoint cannot be read.
        ImageError: an image cannot be used.
    """
    if (checkpoint is None) == (bundle is None):
        raise ConfigurationError("give either --checkpoint or --bundle")
    other = None if compare is None else open_measured_model(compare, None)
    if other is not None and other.name == measured.name:
        other = replace(other, name=f"{other.name}, compared")
    models = [measured] if other is None else [measured, other]
    statistics = {
        model.name: middle_statistics_of(model.engine, dataset.gallery, model.preprocessing)
        for model in models
        if isinstance(model.engine, TorchEngine) and not model.engine.joint
    }
    return ReportedModel(
        _bundle_description(bundle) if bundle else _checkpoint_description(checkpoint or Path()),
        _bundle_weights(bundle) if bundle else _checkpoint_weights(checkpoint or Path()),
        measured.preprocessing,
        statistics or None,
        {} if other is None else {other.name: _marked_features(other, dataset)},
    )


def middle_statistics_of(
    engine: TorchEngine, samples: Sequence[Sample], preprocessing: Preprocessing
) -> Statistics:
    """The middle feature's statistics of `MIDDLE_IMAGES` images of each modality at most.

    Args:
        engine: of a network with a branch for each modality.
        samples: of which images are taken evenly.
        preprocessing: the network's.

    Raises:
        ImageError: an image cannot be used.
    """
    found = {}
    for modality in MODALITIES:
        having = [sample for sample in samples if modality in sample.images]
        places = np.linspace(0, len(having) - 1, min(MIDDLE_IMAGES, len(having))).round()
        chosen = [having[int(place)] for place in places]
        sides: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
        for start in range(0, len(chosen), _BATCH):
            images = [
                branch_inputs(sample, preprocessing)[modality]
                for sample in chosen[start : start + _BATCH]
            ]
            batch = torch.from_numpy(np.stack(images)).to(engine.device)
            for side, part in zip(
                sides, engine.model.branch(modality).middle_statistics(batch), strict=True
            ):
                side.append(part.double().cpu().numpy())
        if chosen:
            found[modality] = (np.concatenate(sides[0]), np.concatenate(sides[1]))
    return found


def _marked_features(model: MeasuredModel, dataset: Dataset) -> EmbeddedSamples:
    marked = map_rows(labels_of(dataset.gallery).identity)
    few = replace(dataset, query=(), gallery=tuple(compress(dataset.gallery, marked)))
    return embed_dataset(few, model.preprocessing, model.engine, model.feature_size).gallery


def _checkpoint_description(path: Path) -> str:
    description = read_description(find_checkpoint(path))
    settings = description.config.model
    epochs = f"{description.position.epoch} of {description.config.epochs} epochs"
    return f"checkpoint, {settings.backbone}, {settings.normalisation} in the middle, {epochs}"


def _checkpoint_weights(path: Path) -> str:
    return f"sha256 {file_sha256(find_checkpoint(path) / MODEL)}"


def _bundle_description(path: Path) -> str:
    manifest = Bundle.load(path).manifest
    return f"bundle {manifest.version}, {manifest.precision}"


def _bundle_weights(path: Path) -> str:
    return f"fingerprint {Bundle.load(path).manifest.fingerprint}"
