"""What is measured of a gallery, wherever it keeps its records."""

from __future__ import annotations

from service.gallery.protocol import GalleryProtocol
from service.telemetry.figures import GalleryFigures
from service.telemetry.recall_monitor import RecallMonitor


def gallery_figures(gallery: GalleryProtocol, recall: RecallMonitor | None) -> GalleryFigures:
    """Return the figures just now; may block.

    Args:
        gallery: the open gallery.
        recall: what estimates its recall, if anything does.

    Raises:
        GalleryError: it cannot be asked.
    """
    info = gallery.info()
    index = info.index
    latest = None if recall is None else recall.latest
    return GalleryFigures(
        records=info.records,
        segments=None if index is None else index.sealed_segments,
        unsealed=None if index is None else index.tail_rows,
        recall=None if latest is None else latest.estimate,
    )
