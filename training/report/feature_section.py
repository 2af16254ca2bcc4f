"""Branch features of some identities on a plane, of one model or of two side by side."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedSamples
from training.report.document import Plot, Section
from training.report.feature_map_plot import FEWEST_POINTS, FeaturePoints, feature_maps
from vreid.fusion import l2_normalise
from vreid.metrics import LabelArray

IDENTITIES = 12
SAMPLES = 8
"""Identities shown, and samples of each at most."""


def feature_section(models: Mapping[str, EmbeddedSamples]) -> Section:
    """A map per model.

    Args:
        models: the samples that `map_rows` marks, embedded by each model, by the model's name;
            one or two.
    """
    points = {name: feature_points(samples) for name, samples in models.items()}
    title = "Branch features (t-SNE)"
    first = next(iter(points.values()))
    if len(first.features) < FEWEST_POINTS:
        return Section("features", title, ("Too few images of known identity for a map.",))
    vehicles = len(np.unique(first.identity))
    paragraphs = [
        f"Features of {vehicles} vehicles of the gallery, one point per image. Where the "
        "modalities of a vehicle lie together, it can be found with any of them; where each "
        "modality forms a cloud of its own, it cannot."
    ]
    if len(models) == 1:
        paragraphs.append(
            "To see what a loss changes, give a second checkpoint with --compare: one trained "
            "with the cross-directional center loss beside one trained without."
        )
    return Section(
        "features",
        title,
        tuple(paragraphs),
        plots=(
            Plot(
                feature_maps(points),
                f"Scatter plot of the features of {vehicles} vehicles, "
                + " beside ".join(f"{name}: {_spread(found)}" for name, found in points.items())
                + ".",
                "Colour: vehicle. Circle: RGB, triangle: NIR, square: TIR. Each map has a plane "
                "of its own; distances compare within a map only.",
            ),
        ),
    )


def map_rows(identities: LabelArray) -> NDArray[np.bool_]:
    """Marks `SAMPLES` samples of the identities with the most samples, earlier ones first, (N,)."""
    labels = np.array(list(identities), dtype=np.object_)
    counts: dict[object, int] = {}
    for identity in labels:
        if identity is not None:
            counts[identity] = counts.get(identity, 0) + 1
    # Sorting is stable, so that equal counts keep the data set's order.
    chosen = sorted(counts, key=lambda identity: -counts[identity])[:IDENTITIES]
    marked = np.zeros(len(labels), dtype=np.bool_)
    for identity in chosen:
        marked[np.flatnonzero(labels == identity)[:SAMPLES]] = True
    return marked


def feature_points(samples: EmbeddedSamples) -> FeaturePoints:
    """One point for each image of the samples, their identities numbered as they appear."""
    numbers: dict[object, int] = {}
    identity = np.array(
        [numbers.setdefault(label, len(numbers)) for label in samples.labels.identity],
        dtype=np.int64,
    )
    row, modality = np.nonzero(samples.mask)
    return FeaturePoints(samples.features[row, modality], identity[row], modality.astype(np.int64))


def _spread(points: FeaturePoints) -> str:
    """How near the modalities of a vehicle are, as a number that the picture stands for."""
    directions = l2_normalise(points.features.astype(np.float64))
    cosines = directions @ directions.T
    same = points.identity[:, None] == points.identity[None, :]
    across = points.modality[:, None] != points.modality[None, :]

    def mean(pairs: NDArray[np.bool_]) -> str:
        return f"{cosines[pairs].mean():.2f}" if pairs.any() else "unknown"

    return (
        f"mean cosine between modalities {mean(same & across)} within a vehicle and "
        f"{mean(~same & across)} between vehicles"
    )
