"""What a running service holds: settings, embedder, gallery, workers; opened once, then shared."""

from __future__ import annotations

from dataclasses import dataclass

from service.embedder import Embedder
from service.errors import GalleryError
from service.gallery.gallery import Gallery
from service.reception import Reception
from service.request_errors import NotReady
from service.settings import Settings
from service.workers import Workers
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that every call works with.

    Attributes:
        settings: as they were at start-up.
        embedder: bundle and warmed-up engine.
        gallery: the open gallery; it follows what other processes change.
        workers: threads for blocking work.
        reception: room for bodies.
    """

    settings: Settings
    embedder: Embedder
    gallery: Gallery
    workers: Workers
    reception: Reception

    @property
    def bundle(self) -> Bundle:
        """The bundle that is served."""
        return self.embedder.bundle

    def check_ready(self) -> dict[str, str]:
        """Ask every part whether it can answer, and return what each said; may block.

        Raises:
            NotReady: naming the part that cannot, and why.
        """
        try:
            self.gallery.refresh()
        except GalleryError as error:
            raise NotReady(f"the gallery cannot be read: {error}") from error
        return {
            "bundle": self.bundle.fingerprint,
            "engine": f"{self.embedder.engine.name}, every branch has run",
            "gallery": f"{self.gallery.count()} records",
        }


def open_running(settings: Settings) -> Running:
    """Load the bundle, run its engine once, open the gallery.

    Raises:
        BundleError: the bundle is absent or damaged, or the gallery belongs to another model.
        EngineUnavailable: the engine asked for cannot run here.
        GalleryError: the gallery cannot be opened.
    """
    limits = ImageLimits(settings.limits.image_bytes, settings.limits.image_pixels)
    bundle = Bundle.load(settings.bundle)
    embedder = Embedder.open(
        bundle, settings.engine, settings.threads, limits, settings.limits.request_pixels
    )
    gallery = Gallery.open(
        settings.gallery,
        bundle,
        follow_interval=settings.refresh_interval,
        lock_timeout=settings.lock_timeout,
    )
    return Running(
        settings,
        embedder,
        gallery,
        Workers(settings.workers, settings.pending, settings.lock_timeout),
        Reception(settings.receiving, settings.receiving_bytes),
    )
