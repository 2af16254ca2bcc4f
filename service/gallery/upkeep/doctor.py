"""Looks at everything that a gallery stores, and mends what can be mended without losing anything.

Derived parts are built again: the indexes of the database, files of the search index; pictures
that nothing shows are removed. A record or a thumbnail that is damaged is moved into quarantine
with the reason; its bytes stay there until it is deleted by its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from service.errors import GalleryDamaged, GalleryError
from service.gallery.store.generations import gallery_of, leftovers
from service.gallery.store.quarantine import quarantine_picture, quarantine_record
from service.gallery.store.shared_images import THUMBNAILS, hash_image
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.crop_examination import examine_crops
from service.gallery.upkeep.index_examination import examine_index
from service.gallery.upkeep.record_examination import problem_of
from vreid.modality import Modality

FindingKind: TypeAlias = Literal[
    "database", "record", "thumbnail", "crop", "orphan", "left over", "index"
]

_READ_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `repaired` says what was done, None for nothing."""

    kind: FindingKind
    subject: str
    problem: str
    repaired: str | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """What there is, and what is wrong with it."""

    records: int
    pictures: int
    crops: int
    quarantined: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, or everything that was has been repaired."""
        return all(finding.repaired is not None for finding in self.findings)


def examine(store: GalleryStore, *, repair: bool = False) -> Examination:
    """Check the database, every record, thumbnail and kept image, and the search index.

    With `repair`, mend what can be mended.

    Reads everything once. Others may use the gallery meanwhile.
    """
    findings: list[Finding] = []
    for part in (_database, _records, _pictures, _orphans, _crops, _left_over, _discarded, _index):
        try:
            findings.extend(part(store, repair))
        except GalleryDamaged as error:
            # A page cannot be read: what comes after it in this part is not examined.
            findings.append(Finding("database", store.path.name, str(error)))
    with store.database.reading() as connection:
        pictures, crops, quarantined = (
            int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in ("picture", "crop", "quarantine")
        )
    return Examination(store.count(), pictures, crops, quarantined, tuple(findings))


def _database(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    problems = _integrity(store)
    if not problems:
        return
    mended = False
    if repair:
        try:
            with store.database.writing() as connection:
                connection.execute("REINDEX")
            mended = not _integrity(store)
        except GalleryError:
            mended = False
    for problem in problems:
        yield Finding(
            "database",
            store.path.name,
            f"{problem}; if this is not repaired, restore a backup",
            "its indexes were built again" if mended else None,
        )


def _integrity(store: GalleryStore) -> list[str]:
    with store.database.reading() as connection:
        answers = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
        lost = [
            f"{table} {row} names a {parent} that is not there"
            for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check")
        ]
    return [each for each in answers if each != "ok"] + lost


def _records(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    for record in store.all_records():
        problem = problem_of(record)
        if problem is None:
            continue
        done = None
        if repair:
            with store.database.writing() as connection:
                quarantine_record(connection, record.sequence, problem, datetime.now(UTC))
            done = "moved into quarantine"
        yield Finding("record", record.id, problem, done)


def _pictures(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    last = 0
    while True:
        with store.database.reading() as connection:
            rows = connection.execute(
                "SELECT number, hash, jpeg FROM picture WHERE number > ? ORDER BY number LIMIT ?",
                (last, _READ_AT_ONCE),
            ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        for _, digest, jpeg in rows:
            if hash_image(jpeg) != digest:
                yield from _damaged_picture(store, digest, repair)


def _damaged_picture(store: GalleryStore, digest: bytes, repair: bool) -> Iterator[Finding]:
    problem = "the picture is not the one that was stored (its SHA-256 is another)"
    with store.database.reading() as connection:
        shown = connection.execute(
            "SELECT r.id, p.record_sequence, p.modality FROM record_picture AS p "
            "JOIN record AS r ON r.sequence = p.record_sequence WHERE p.hash = ?",
            (digest,),
        ).fetchall()
    for record_id, sequence, modality in shown:
        done = None
        if repair:
            with store.database.writing() as connection:
                quarantine_picture(connection, sequence, Modality(modality), problem)
            done = "moved into quarantine; the record is kept without it"
        yield Finding("thumbnail", f"{record_id} {modality}", problem, done)


def _orphans(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    with store.database.reading() as connection:
        count = THUMBNAILS.count_unreferenced(connection)
    if not count:
        return
    if repair:
        with store.database.writing() as connection:
            THUMBNAILS.remove_unreferenced(connection)
    yield Finding(
        "orphan", f"{count} pictures", "no record shows them", "removed" if repair else None
    )


def _crops(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    for problem in examine_crops(store, repair=repair):
        yield Finding("crop", problem.subject, problem.problem, problem.repaired)


def _left_over(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    for path in sorted(store.path.parent.glob("*.partial*")):
        if repair:
            path.unlink(missing_ok=True)
        yield Finding(
            "left over",
            path.name,
            "a copy that was interrupted; it may hold what was deleted since",
            "removed" if repair else None,
        )


def _discarded(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    for path in leftovers(gallery_of(store.path)):
        yield Finding(
            "left over",
            path.name,
            "what is left of a generation that is gone; `vreid reindex --discard` removes it",
        )


def _index(store: GalleryStore, repair: bool) -> Iterator[Finding]:
    for problem in examine_index(store, repair=repair):
        yield Finding("index", problem.subject, problem.problem, problem.repaired)
