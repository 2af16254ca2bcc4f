"""What a report says about a model, and about another that it is compared with."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.data import Dataset, labels_of
from training.embedded import EmbeddedSamples, embed_dataset
from training.evaluation.measured_model import MeasuredModel, open_measured_model
from training.report.feature_section import map_rows
from training.report.middle_statistics_plot import Statistics
from training.report.report import ReportedModel
from training.torch_engine import TorchEngine
from vreid.embedding import branch_input
from vreid.modality import MODALITIES
from vreid.preprocessing import Preprocessing, normalise
from vreid.sample import Sample

MIDDLE_IMAGES = 64
"""Images of each modality whose middle feature is shown."""

_BATCH = 16


def describe_model(
    measured: MeasuredModel, dataset: Dataset, compare: Path | None = None
) -> ReportedModel:
    """Describes a model, and embeds what is compared with it.

    Args:
        measured: the open model.
        dataset: what it was measured on.
        compare: another checkpoint, for the map of features.

    Raises:
        CheckpointError: the one to compare with cannot be read.
        ImageError: an image cannot be used.
    """
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
        measured.description,
        measured.weights,
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
                branch_input(sample, modality, preprocessing)
                for sample in chosen[start : start + _BATCH]
            ]
            normalised = normalise(np.stack(images), preprocessing.normalisation[modality])
            batch = torch.from_numpy(normalised).to(engine.device)
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
