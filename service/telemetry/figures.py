"""Gauges that are asked for when somebody reads the metrics: gallery, recall, ingest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.errors import GalleryError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GalleryFigures:
    """The gallery just now.

    Attributes:
        records: that can be found.
        segments: sealed ones of its index, None where it is not searched in this process.
        unsealed: records that are in none yet, None likewise.
        recall: estimated share of the truly best that searches find, None where it is not known.
    """

    records: int
    segments: int | None = None
    unsealed: int | None = None
    recall: float | None = None


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """The queue of ingest just now; the numbers are None while Redis does not answer."""

    waiting: int | None = None
    lag_seconds: float | None = None
    failed: int | None = None

    @property
    def is_available(self) -> bool:
        """Whether Redis answers."""
        return self.waiting is not None


class Figures(Collector):
    """A metric without a sample is one that is not known at the moment."""

    def __init__(self) -> None:
        self._gallery: Callable[[], GalleryFigures] | None = None
        self._ingest: IngestFigures | None = None

    def watch_gallery(self, gallery: Callable[[], GalleryFigures]) -> None:
        """Ask `gallery`, which may block and raise GalleryError, at every reading."""
        self._gallery = gallery

    def tell_ingest(self, ingest: IngestFigures | None) -> None:
        """Take what is to be said of ingest; None where there is none."""
        self._ingest = ingest

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge; called by the registry, at every reading."""
        records, segments, unsealed, recall = self._present_gallery()
        ingest = self._ingest or IngestFigures()
        available = None if self._ingest is None else float(ingest.is_available)
        for name, meaning, value in (
            ("gallery_records", "Records of the gallery", records),
            ("gallery_segments", "Sealed segments of the search index", segments),
            ("gallery_unsealed", "Rows of the search index in no segment yet", unsealed),
            (
                "gallery_recall_estimate",
                "Share of the truly best that searches find; absent where they are exact",
                recall,
            ),
            ("ingest_available", "Whether Redis answers ingest", available),
            ("ingest_waiting", "Entries accepted and not stored yet", ingest.waiting),
            ("ingest_lag_seconds", "Age of the oldest of these", ingest.lag_seconds),
            ("ingest_failed", "Entries that were given up and are kept", ingest.failed),
        ):
            yield GaugeMetricFamily(f"vreid_{name}", meaning, value=value)

    def _present_gallery(self) -> tuple[float | None, ...]:
        """Records, segments, unsealed rows and recall; None for what is not known."""
        nothing = (None, None, None, None)
        if self._gallery is None:
            return nothing
        try:
            told = self._gallery()
        except GalleryError as error:
            # The other metrics are wanted most while something is ill; /health/ready says what.
            logger.debug("the gallery tells no figures: %s", error)
            return nothing
        return told.records, told.segments, told.unsealed, told.recall
