"""A gallery that exists, opened for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.gallery.store.store import GalleryStore


@contextmanager
def opened(directory: Path) -> Iterator[GalleryStore]:
    """The store of a gallery that exists, closed at the end; raises as `open_existing`."""
    store = GalleryStore.open_existing(directory)
    try:
        yield store
    finally:
        store.close()
