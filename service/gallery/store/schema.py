"""Which gallery schema a database file has, and what the gallery was made for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.errors import GalleryDamaged, GalleryLocked, GalleryUnsupported
from service.gallery.store.database import DATABASE_NAME, Database
from service.gallery.store.migrations import STEPS, Step
from service.gallery.store.snapshot import copy_database

# "vreG" as a 32-bit integer: tells a gallery from any other SQLite file.
APPLICATION_ID = 0x76726547

SCHEMA_VERSION = len(STEPS)

_MIGRATING = "migrating_from"


@dataclass(frozen=True, slots=True)
class GalleryFacts:
    """What a gallery was made for: the model's fingerprint, its feature size D, and when."""

    fingerprint: str
    feature_size: int
    created_at: datetime


def version_of(connection: sqlite3.Connection, path: Path, newest: int = SCHEMA_VERSION) -> int:
    """The schema version, 0 for an empty file.

    Raises `GalleryDamaged` when the file is no gallery, `GalleryUnsupported` when it is newer than
    `newest`.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if version == 0 and application == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise GalleryDamaged(
            f"{path} is an SQLite database but not a vreid gallery; name another directory."
        )
    if version > newest:
        raise GalleryUnsupported(
            f"{path} has gallery schema {version}, and this vreid knows up to {newest}; "
            "install the newer vreid that wrote it."
        )
    return version


def prepare(
    database: Database,
    wanted: GalleryFacts | None,
    steps: Sequence[Step] = STEPS,
    *,
    copies: bool = True,
) -> GalleryFacts:
    """Bring the tables up to date and return the facts.

    `wanted` is written into a gallery that is new, in the one transaction that makes its tables.
    With `copies`, an older gallery is copied to `migration_backup` first; then each step is a
    transaction, so a process that dies leaves the version before the step or the one after it. A
    migration that goes on after that makes no second copy.

    Raises what `version_of` raises, and `GalleryLocked` while another process migrates it.
    """
    newest = len(steps)
    with database.reading() as connection:
        version = version_of(connection, database.path, newest)
        if version == newest:
            return read_facts(connection, database.path)
    copied = not copies
    while version < newest:
        with _locked_for(database, version, newest) as connection:
            # Another process may have made or migrated it in between.
            version = version_of(connection, database.path, newest)
            if version == 0:
                for version, step in enumerate(steps, 1):
                    _apply(connection, step, version)
                if wanted is not None:
                    write_facts(connection, wanted)
                # Raised in here, it undoes the tables of a gallery that nobody made for a model.
                read_facts(connection, database.path)
            elif version < newest:
                begun_from = _begun_from(connection, version)
                backup = migration_backup(database.path.parent, begun_from)
                if not copied and not (begun_from < version and backup.is_file()):
                    # This transaction holds the write lock, and its own changes are not seen.
                    with database.reading() as reader:
                        copy_database(reader, migration_backup(database.path.parent, version))
                    begun_from = version
                copied = True
                _apply(connection, steps[version], version + 1)
                version += 1
                _note_begun_from(connection, None if version == newest else begun_from)
    database.erase_log()
    with database.reading() as connection:
        return read_facts(connection, database.path)


@contextmanager
def _locked_for(database: Database, version: int, newest: int) -> Iterator[sqlite3.Connection]:
    """A transaction for a step. Raises `GalleryLocked` with what the other process may be doing."""
    begun = False
    try:
        with database.writing() as connection:
            begun = True
            yield connection
    except GalleryLocked as error:
        if begun or version == 0:
            raise
        raise GalleryLocked(
            f"{database.path} has gallery schema {version} and has to be migrated to {newest}, but "
            "another process writes to it, or is migrating it, which may take minutes; wait until "
            "that has ended and try again."
        ) from error


def _begun_from(connection: sqlite3.Connection, version: int) -> int:
    """From which version the migration that is under way began: the one that has been copied."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_MIGRATING,)).fetchone()
    return version if row is None else int(row[0])


def _note_begun_from(connection: sqlite3.Connection, version: int | None) -> None:
    connection.execute("DELETE FROM meta WHERE key = ?", (_MIGRATING,))
    if version is not None:
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?)", (_MIGRATING, str(version))
        )


def migration_backup(directory: Path, version: int) -> Path:
    """Where a gallery of an older schema is kept as it was before it was migrated."""
    return directory / f"{DATABASE_NAME}.schema-{version}.backup"


def write_facts(connection: sqlite3.Connection, facts: GalleryFacts) -> None:
    """Record what the gallery is made for."""
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?)",
        [
            ("fingerprint", facts.fingerprint),
            ("feature_size", str(facts.feature_size)),
            ("created_at", facts.created_at.astimezone(UTC).isoformat()),
        ],
    )


def read_facts(connection: sqlite3.Connection, path: Path) -> GalleryFacts:
    """What the gallery was made for. Raises `GalleryDamaged` when that is missing."""
    values = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    try:
        return GalleryFacts(
            fingerprint=values["fingerprint"],
            feature_size=int(values["feature_size"]),
            created_at=datetime.fromisoformat(values["created_at"]),
        )
    except (KeyError, ValueError) as error:
        raise GalleryDamaged(
            f"{path} does not say which model it was made with ({error}); restore it from a backup."
        ) from error


def read_gallery_id(connection: sqlite3.Connection, path: Path) -> str:
    """What tells this gallery from every other. Raises `GalleryDamaged` when that is missing."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'gallery_id'").fetchone()
    if row is None:
        raise GalleryDamaged(f"{path} does not say which gallery it is; restore it from a backup.")
    return str(row[0])


def _apply(connection: sqlite3.Connection, step: Step, version: int) -> None:
    step(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
