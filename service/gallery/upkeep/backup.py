"""Backups: a directory with a copy of the database and a manifest that says what it must be."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.errors import GalleryDamaged, GalleryNotFound, GalleryUnwritable
from service.gallery.store.database import (
    DATABASE_NAME,
    decoded_text,
    sync_directory,
    translated_errors,
)
from service.gallery.store.feed import last_sequence
from service.gallery.store.generations import begin_alone
from service.gallery.store.snapshot import copy_database
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.copy_examination import find_damage
from vreid.bundle import file_sha256

MANIFEST_NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup holds.

    `files` maps a name to its size in bytes and its SHA-256. `damaged` lists what was damaged in
    the gallery when it was copied, and is in the copy as it was: kind, subject and problem.
    """

    format: int
    made_at: str
    fingerprint: str
    records: int
    pictures: int
    last_sequence: int
    files: Mapping[str, Mapping[str, str | int]]
    crops: int = 0
    damaged: Sequence[Mapping[str, str]] = ()


def back_up(store: GalleryStore, directory: Path) -> BackupManifest:
    """Copy a gallery that may be in use into a new directory, and read the copy back.

    The copy is the gallery of one moment; what is enrolled meanwhile is not in it. Records and
    images that are damaged in the gallery are copied as they are, and named in `damaged`: the
    backup can be restored. Raises `GalleryUnwritable` when the directory has anything in it or
    cannot be written, and `GalleryDamaged` when the structure of the copy is not sound: then there
    is no backup.
    """
    _make_empty(directory)
    target = directory / DATABASE_NAME
    with store.database.reading() as connection:
        copy_database(connection, target)
    address = f"{target.resolve().as_uri()}?mode=ro"
    with translated_errors(target), closing(sqlite3.connect(address, uri=True)) as copy:
        copy.text_factory = decoded_text
        _check_integrity(copy, target)
        damage = find_damage(copy, store.facts.feature_size, store.path)
        damaged = tuple(asdict(each) for each in damage)
        counts = {
            "records": _count(copy, "SELECT count(*) FROM record"),
            "pictures": _count(copy, "SELECT count(*) FROM picture"),
            "crops": _count(copy, "SELECT count(*) FROM crop"),
            "last_sequence": last_sequence(copy),
        }
    manifest = BackupManifest(
        format=FORMAT,
        made_at=datetime.now(UTC).isoformat(),
        fingerprint=store.facts.fingerprint,
        files={DATABASE_NAME: {"bytes": target.stat().st_size, "sha256": file_sha256(target)}},
        damaged=damaged,
        **counts,
    )
    _write_durably(directory / MANIFEST_NAME, json.dumps(asdict(manifest), indent=2) + "\n")
    return manifest


def read_backup(backup: Path) -> BackupManifest:
    """Read a backup's manifest and compare every file with it.

    Raises `GalleryNotFound` when it has no manifest, `GalleryDamaged` naming the file that is not
    what was backed up.
    """
    path = backup / MANIFEST_NAME
    if not path.is_file():
        raise GalleryNotFound(
            f"{backup} is no backup ({MANIFEST_NAME} is not there); name the directory that "
            "`vreid gallery backup` wrote."
        )
    try:
        manifest = BackupManifest(**json.loads(path.read_text(encoding="utf-8")))
        files = [(name, str(each["sha256"])) for name, each in manifest.files.items()]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise GalleryDamaged(f"{path} is damaged ({error}); use an older backup.") from error
    if manifest.format != FORMAT or [name for name, _ in files] != [DATABASE_NAME]:
        raise GalleryDamaged(
            f"{path} does not describe a backup that this vreid knows; restore it with the vreid "
            "that made it, or use an older backup."
        )
    for name, wanted in files:
        if not (backup / name).is_file() or file_sha256(backup / name) != wanted:
            raise GalleryDamaged(
                f"{backup / name} is not what was backed up (its SHA-256 is another, or it is "
                "gone); nothing was restored. Use an older backup."
            )
    return manifest


def restore(backup: Path, directory: Path) -> BackupManifest:
    """Make a gallery in a new or empty directory of a backup whose checksums are right.

    The gallery appears when it is complete; what a restore left that was killed is removed. It has
    no index, and builds one when it is opened. Raises what `read_backup` raises, and
    `GalleryUnwritable` when the directory has anything in it or cannot be written.
    """
    manifest = read_backup(backup)
    _remove_partial(directory)
    _make_empty(directory)
    target = directory / DATABASE_NAME
    partial = directory / f"{DATABASE_NAME}.partial"
    try:
        shutil.copyfile(backup / DATABASE_NAME, partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        if file_sha256(partial) != manifest.files[DATABASE_NAME]["sha256"]:
            raise GalleryDamaged(
                f"{partial} came out different from {backup / DATABASE_NAME}; check the disk."
            )
        _become_another_gallery(partial)
        partial.replace(target)
        sync_directory(directory)
    except OSError as error:
        raise _unwritable(directory, error) from error
    finally:
        _remove_partial(directory)
    return manifest


def _become_another_gallery(database: Path) -> None:
    """Give a copy an id of its own, durably: index files of what it was copied from do not fit it.

    The copy goes on from an older state, so it may give a number to another record. It is the
    only generation: nothing was served before it, and what was left out of it lies nowhere.
    """
    with (
        translated_errors(database, writing=True),
        closing(sqlite3.connect(database, isolation_level=None)) as copy,
    ):
        # A journal in memory: what is killed here has no name yet, and is begun again.
        copy.execute("PRAGMA journal_mode = MEMORY")
        copy.execute("PRAGMA synchronous = FULL")
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("BEGIN IMMEDIATE")
        copy.execute("UPDATE meta SET value = ? WHERE key = 'gallery_id'", (secrets.token_hex(16),))
        begin_alone(copy)
        copy.execute("COMMIT")


def _remove_partial(directory: Path) -> None:
    for path in directory.glob(f"{DATABASE_NAME}.partial*"):
        path.unlink(missing_ok=True)


def _make_empty(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise GalleryUnwritable(
                f"{directory} is not empty; name a directory that does not exist yet."
            )
    except OSError as error:
        raise _unwritable(directory, error) from error


def _check_integrity(copy: sqlite3.Connection, path: Path) -> None:
    (answer,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise GalleryDamaged(
            f"{path} is damaged as the gallery is ({answer}); it has no manifest and cannot be "
            "restored. `vreid gallery doctor` tells what is wrong."
        )


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _write_durably(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _unwritable(directory: Path, error: OSError) -> GalleryUnwritable:
    return GalleryUnwritable(
        f"{directory} cannot be written ({error.strerror or error}); free disk space there, or "
        "name another directory."
    )
