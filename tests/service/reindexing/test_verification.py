"""What is wrong with a new generation is found before it is served."""

import re
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.generations import generation_name, served_generation
from service.reindexing.job import ReindexingSummary, reindex
from tests.service.reindexing.galleries import QUIET, embedded, open_store, sighting
from vreid.bundle import Bundle

RECORDS = 6


@pytest.fixture
def built(directory: Path, old_bundle: Bundle, new_bundle: Bundle) -> Path:
    """A gallery with a generation that is whole and not served yet; returns its database."""
    with closing(open_store(directory, old_bundle)) as store:
        # The last two have the same images: each finds the other as well as itself.
        asked = [sighting(min(n, 4), id=f"r{n}") for n in range(RECORDS)]
        store.add([embedded(each, old_bundle) for each in asked])
    assert reindex(directory, new_bundle, replace(QUIET, swap=False)).verification is not None
    return directory / generation_name(new_bundle.fingerprint) / DATABASE_NAME


def test_a_sound_generation_is_reported_in_numbers(
    directory: Path, built: Path, new_bundle: Bundle
) -> None:
    summary = reindex(directory, new_bundle, replace(QUIET, sample=RECORDS))
    found = summary.verification
    assert found is not None
    assert (found.records, found.readable, found.left_out) == (RECORDS, RECORDS, 0)
    assert (found.sampled, found.identical, found.found_first) == (RECORDS,) * 3
    assert found.lowest_cosine == pytest.approx(1.0)
    assert (found.sound, summary.swapped) == (True, True)


def other_features(connection: sqlite3.Connection) -> None:
    features = np.linspace(1, 2, 3 * 24).astype("<f2").tobytes()
    connection.execute(
        "UPDATE record SET features = ?, checksum = ? WHERE id = 'r1'",
        (features, zlib.crc32(features)),
    )


def damaged_features(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET checksum = checksum + 1 WHERE id = 'r2'")


def another_id(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET id = 'r9' WHERE id = 'r3'")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (other_features, "get other features .* 'r1'"),
        (damaged_features, "cannot be read: 'r2'"),
        (another_id, "have another id: 'r3'"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_stops_the_swap_and_is_named(
    directory: Path,
    built: Path,
    new_bundle: Bundle,
    damage: Callable[[sqlite3.Connection], None],
    said: str,
) -> None:
    with closing(sqlite3.connect(built)) as connection, connection:
        damage(connection)
    summary = reindex(directory, new_bundle, QUIET)
    assert problems_of(summary)
    assert any(re.search(said, each) for each in problems_of(summary)), problems_of(summary)
    assert not summary.swapped
    assert served_generation(directory) == "."


def problems_of(summary: ReindexingSummary) -> tuple[str, ...]:
    assert summary.verification is not None
    return summary.verification.problems


def test_a_record_that_is_lost_from_the_new_generation_is_brought_again(
    directory: Path, built: Path, new_bundle: Bundle
) -> None:
    with closing(sqlite3.connect(built)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM record WHERE id = 'r0'")
    summary = reindex(directory, new_bundle, QUIET)
    assert (summary.embedded, summary.swapped) == (1, True)


def test_without_a_sample_everything_is_read_all_the_same(
    directory: Path, built: Path, new_bundle: Bundle
) -> None:
    with closing(sqlite3.connect(built)) as connection, connection:
        damaged_features(connection)
    summary = reindex(directory, new_bundle, replace(QUIET, sample=0))
    assert len(problems_of(summary)) == 1
    assert summary.verification is not None
    assert (summary.verification.readable, summary.verification.sampled) == (RECORDS - 1, 0)
