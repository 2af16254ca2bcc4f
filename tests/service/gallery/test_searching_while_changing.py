"""Searches beside adding, deleting, sealing and merging see what was acknowledged, and no more."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.gallery.gallery import Gallery
from service.gallery.index.index import SearchIndex
from service.gallery.store.store import GalleryStore
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record

ROUNDS = 25


class Acknowledged:
    """Which records were acknowledged as stored, and which as being or having been deleted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stored: set[str] = set()
        self.leaving: set[str] = set()
        self.deleted: set[str] = set()

    def now(self) -> tuple[set[str], set[str]]:
        """Records that a search beginning now must find, and those that it must not."""
        with self.lock:
            return self.stored - self.leaving, set(self.deleted)

    def leaving_by_now(self) -> set[str]:
        """Records whose deletion has begun."""
        with self.lock:
            return set(self.leaving)


def change(gallery: Gallery, told: Acknowledged, name: int) -> None:
    """Add records, some at a time, and delete every third."""
    for number in range(ROUNDS):
        new = [
            new_record(
                1000 * name + 3 * number + part,
                MASKS[(number + part) % len(MASKS)],
                id=f"{name}-{number}-{part}",
            )
            for part in range(3)
        ]
        gallery.add_all(new)
        with told.lock:
            told.stored |= {str(each.id) for each in new}
            told.leaving.add(f"{name}-{number}-1")
        gallery.delete(f"{name}-{number}-1")
        with told.lock:
            told.deleted.add(f"{name}-{number}-1")


def search(gallery: Gallery, told: Acknowledged, done: threading.Event) -> int:
    """Search for everything until the others are done; return how often."""
    count = 0
    while not done.is_set():
        query = new_record(count)
        expected, forbidden = told.now()
        found = {match.record.id for match in gallery.search(query.features, query.mask, k=1000)}
        assert not found & forbidden
        assert not expected - found - told.leaving_by_now()
        count += 1
    return count


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Threads give way after 0.1 ms, as in the service: those that compute would else hold up the
    changes for 5 ms at every step, and fewer of them would meet."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_turns")
def test_no_search_misses_what_was_stored_or_sees_what_was_deleted(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    store = GalleryStore.open(tmp_path / "gallery", bundle.fingerprint, FEATURE_SIZE)
    index = SearchIndex(
        FEATURE_SIZE,
        exact_rows=0,
        tail_rows=4,
        seal_rows=8,
        merge_factor=2,
        largest_rows=64,
        coded_rows=4,
    )
    told, done, steps = Acknowledged(), threading.Event(), []

    def seal() -> None:
        while not done.is_set():
            steps.append(index.step())

    with Gallery(store, bundle, index) as gallery, ThreadPoolExecutor(6) as threads:
        searching = [threads.submit(search, gallery, told, done) for _ in range(2)]
        sealing = threads.submit(seal)
        changing = [threads.submit(change, gallery, told, name) for name in range(3)]
        try:
            for each in changing:
                each.result()
        finally:
            done.set()
        assert all(each.result() > 0 for each in searching)
        sealing.result()
        assert any(steps)
        expected, _ = told.now()
        assert gallery.count() == len(expected) == 3 * 2 * ROUNDS
