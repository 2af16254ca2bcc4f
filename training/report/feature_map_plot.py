"""Branch features of some identities on a plane by t-SNE (Fig. 8)."""

from collections.abc import Mapping
from colorsys import hls_to_rgb
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from training.report.plot_style import MODALITY_MARKERS, QUIET, drawn
from vreid.fusion import l2_normalise
from vreid.modality import MODALITIES

FEWEST_POINTS = 5
_SEED = 0
_ITERATIONS = 500


class FeaturePoints(NamedTuple):
    """Branch features of n images.

    Attributes:
        features: (n, D).
        identity: (n,) number of the vehicle.
        modality: (n,) index of the modality.
    """

    features: NDArray[np.float32]
    identity: NDArray[np.int64]
    modality: NDArray[np.int64]


def plane(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """t-SNE of directions, (n, D) -> (n, 2); the same features give the same plane.

    Raises:
        ValueError: fewer than `FEWEST_POINTS` rows.
    """
    if len(features) < FEWEST_POINTS:
        raise ValueError(f"{len(features)} features make no plane; give {FEWEST_POINTS} or more")
    directions = l2_normalise(features.astype(np.float64))
    perplexity = min(30.0, (len(directions) - 1) / 3)
    # The exact method does not depend on the number of threads.
    tsne = TSNE(
        2,
        perplexity=perplexity,
        init="pca",
        random_state=_SEED,
        method="exact",
        max_iter=_ITERATIONS,
    )
    found: NDArray[np.float64] = np.asarray(tsne.fit_transform(directions), dtype=np.float64)
    return found


def feature_maps(models: Mapping[str, FeaturePoints]) -> str:
    """Draws one map per model side by side; colour by identity, marker by modality.

    Each map has a plane of its own, so positions compare within a map only.

    Args:
        models: points by the model's name; one or two.

    Returns:
        An SVG document.

    Raises:
        ValueError: fewer than `FEWEST_POINTS` points.
    """
    planes = {name: plane(points.features) for name, points in models.items()}

    def paint(figure: Figure) -> None:
        columns = figure.subplots(1, len(models), squeeze=False)[0]
        for axes, (name, points) in zip(columns, models.items(), strict=True):
            axes.set_title(name)
            axes.grid(visible=False)
            axes.set_xticks([])
            axes.set_yticks([])
            numbers = np.unique(points.identity)
            for place, number in enumerate(numbers):
                for modality in MODALITIES:
                    rows = (points.identity == number) & (points.modality == modality.index)
                    axes.scatter(
                        planes[name][rows, 0],
                        planes[name][rows, 1],
                        s=22,
                        marker=MODALITY_MARKERS[modality],
                        color=_colour(place, len(numbers)),
                        alpha=0.85,
                        linewidths=0,
                    )
        handles = [
            Line2D([], [], color=QUIET, marker=marker, linestyle="", label=modality.value.upper())
            for modality, marker in MODALITY_MARKERS.items()
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)

    return drawn(4.6 * len(models), 4.4, paint)


def _colour(place: int, count: int) -> str:
    """Hues evenly around the circle, every other one darker."""
    return to_hex(hls_to_rgb(place / max(count, 1), 0.42 if place % 2 else 0.56, 0.62))
