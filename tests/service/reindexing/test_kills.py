"""`kill -9` at any moment of swaps leaves one generation served, whole and open to changes."""

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from service.gallery.store.generations import served_generation
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.doctor import examine
from service.reindexing.job import reindex
from tests.service.reindexing.galleries import QUIET, embedded, open_store, sighting
from vreid.bundle import Bundle

RECORDS = 5


@pytest.mark.parametrize("attempt", range(3))
def test_a_gallery_is_whole_after_a_kill_while_generations_are_swapped(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle, attempt: int
) -> None:
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(n, id=f"r{n}"), old_bundle) for n in range(RECORDS)])
    assert reindex(directory, new_bundle, QUIET).swapped
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.service.reindexing.swapping_process", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.strip() == ".", process.poll()
    # A swap takes some hundredths of a second: the kill falls into any part of one.
    time.sleep(random.Random(attempt).uniform(0, 0.3))
    process.kill()
    process.communicate()

    with closing(GalleryStore.open_existing(directory)) as store:
        expected = [f"r{n}" for n in range(RECORDS)]
        assert [record.id for record in store.all_records()] == expected
        bundle = {old_bundle.fingerprint: old_bundle, new_bundle.fingerprint: new_bundle}[
            store.facts.fingerprint
        ]
        store.add([embedded(sighting(9, id="new"), bundle)])
        assert store.delete(["new"]) == 1
        assert examine(store).sound
    assert (directory / served_generation(directory) / "gallery.sqlite3").is_file()
