"""A gallery whose index seals and merges all the time, and processes that work on one until killed.

Each process says on a pipe what it was told is done: `added ID`, `deleting ID`, `deleted ID`.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from service.errors import GalleryClosed
from service.gallery.files.loading import LoadedGallery, load
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.following import Follower
from service.gallery.index.filling import fill
from service.gallery.index.index import SearchIndex
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.backup import back_up, restore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, MASKS, new_record


@dataclass
class SmallGallery:
    """A store and its index, which seals 8 rows and merges two segments."""

    store: GalleryStore
    index: SearchIndex
    follower: Follower
    loaded: LoadedGallery

    def live_sequences(self) -> list[int]:
        """Numbers of all records that searches can find."""
        return [int(number) for number in np.concatenate(self.index.live_sequences())]


@contextmanager
def opened_gallery(directory: Path) -> Iterator[SmallGallery]:
    """Open a gallery as `Gallery.open` does, with tiny limits."""
    store = GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)
    folder = SegmentFolder(store)
    index = SearchIndex(
        FEATURE_SIZE,
        folder=folder,
        exact_rows=2,
        tail_rows=4,
        seal_rows=8,
        merge_factor=2,
        largest_rows=64,
        coded_rows=4,
    )
    try:
        loaded = load(store, folder)
        fill(index, store, loaded)
        follower = Follower(store, index)
        follower.begin_at(loaded.feed_floor, loaded.damaged)
        follower.follow()
        yield SmallGallery(store, index, follower, loaded)
    finally:
        index.close()
        store.close()


def enrol_and_delete(directory: Path, prefix: str, seed: int, told: Connection) -> None:
    """Add and delete records without end, while another thread seals and merges."""
    choices = random.Random(seed)
    with opened_gallery(directory) as gallery:
        threading.Thread(target=_seal, args=(gallery,), daemon=True).start()
        ids: list[str] = []
        for number in range(100_000):
            batch = [
                new_record(
                    1000 * seed + 2 * number + part,
                    mask=MASKS[choices.randrange(len(MASKS))],
                    id=f"{prefix}-{number}-{part}",
                    identity=f"vehicle of {prefix}-{number}-{part}",
                )
                for part in range(2)
            ]
            stored = [record.id for record in gallery.store.add(batch)]
            ids += stored
            _tell(told, "added", stored)
            if choices.random() < 0.4:
                gone = [ids.pop(choices.randrange(len(ids)))]
                _tell(told, "deleting", gone)
                gallery.store.delete(gone)
                _tell(told, "deleted", gone)
            gallery.follower.follow()


def copy_and_restore(directory: Path, target: Path, seed: int, told: Connection) -> None:
    """Back the gallery up and restore it, into new directories each time."""
    store = GalleryStore.open_existing(directory)
    for number in range(1000):
        _tell(told, "backing-up", [str(number)])
        back_up(store, target / f"backup-{seed}-{number}")
        _tell(told, "backed-up", [str(number)])
        restore(target / f"backup-{seed}-{number}", target / f"restored-{seed}-{number}")
        _tell(told, "restored", [str(number)])


def migrate(directory: Path, told: Connection) -> None:
    """Open a gallery, which migrates it, and build its index."""
    _tell(told, "opening", ["x"])
    with opened_gallery(directory):
        _tell(told, "opened", ["x"])


def _seal(gallery: SmallGallery) -> None:
    try:
        while True:
            gallery.index.step()
    except GalleryClosed:
        return


def _tell(told: Connection, what: str, ids: list[str]) -> None:
    told.send_bytes(" ".join([what, *ids]).encode())
