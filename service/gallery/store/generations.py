"""Generations of a gallery: its records embedded with different bundles, one of them served.

A gallery begins as the database in its own directory. `vreid reindex` builds another below
`generations/`. The swap is one transaction of the old database, which writes into it what comes
after it: from then on it takes no change, and what was acknowledged before is in the new one. The
file `generation` names the one that is served. It follows from that mark; whoever opens the
gallery puts it right where a process died in between.

No database is ever moved or replaced: processes that have the old one open search it until they
are restarted.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from service.errors import GalleryDamaged, GalleryRetired, GalleryUnwritable
from service.gallery.store.database import DATABASE_NAME, Database, sync_directory

FIRST = "."
"""The generation that a gallery begins with: the database in the gallery's own directory."""

FOLDER = "generations"

INDEX_FOLDER = "index"
"""Beside the database of each generation: the files of its search index."""

LOG_NAMES = (f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm")
"""Beside the database of each generation: SQLite's log of it."""

_POINTER = "generation"
_LOCK = "generation.lock"
_RETIRED = "retired_for"
_TERM = "term"
_PREVIOUS = "previous_generation"
_NAME = re.compile(rf"\.|{FOLDER}/[0-9a-z]{{1,64}}")
# As many digits of a fingerprint as nobody confuses, and few enough to read.
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Successor:
    """What is served instead of a generation: its name, and its bundle's fingerprint."""

    name: str
    fingerprint: str


def generation_name(fingerprint: str) -> str:
    """The name of the generation that a bundle makes."""
    return f"{FOLDER}/{fingerprint.rpartition(':')[2][:_DIGITS].lower()}"


def served_generation(directory: Path) -> str:
    """The name of the generation that is served. Raises `GalleryDamaged` when it is unreadable."""
    path = directory / _POINTER
    try:
        name = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        if not (directory / DATABASE_NAME).exists() and generations(directory):
            raise _bad_pointer(path, "it is not there") from None
        return FIRST
    except (OSError, UnicodeError) as error:
        raise _bad_pointer(path, str(error)) from error
    if not _NAME.fullmatch(name):
        raise _bad_pointer(path, f"it says {name[:80]!r}")
    return name


def generations(directory: Path) -> list[str]:
    """The names of all generations that are there, the served one too; the first comes first."""
    names = [FIRST, *(f"{FOLDER}/{each.name}" for each in sorted((directory / FOLDER).glob("*")))]
    return [
        name
        for name in names
        if _NAME.fullmatch(name) and (directory / name / DATABASE_NAME).is_file()
    ]


def gallery_of(database: Path) -> Path:
    """The gallery's directory, of the database of any of its generations."""
    folder = database.parent
    return folder.parent.parent if folder.parent.name == FOLDER else folder


def successor(connection: sqlite3.Connection) -> Successor | None:
    """What is served instead of this database, None when it takes changes."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_RETIRED,)).fetchone()
    return None if row is None else Successor(**json.loads(row[0]))


def begin_term(connection: sqlite3.Connection) -> None:
    """Say that a generation, which may have been served before, is about to be served."""
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_TERM, secrets.token_hex(8))
    )


def term(connection: sqlite3.Connection) -> str:
    """What tells one time of being served from another."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_TERM,)).fetchone()
    return "" if row is None else str(row[0])


def refuse_another_term(connection: sqlite3.Connection, opened_in: str) -> None:
    """Raise `GalleryRetired` when the generation was retired and is served again since.

    What was stored in between has numbers that a process which followed the feed of the retired
    generation has passed already.
    """
    if term(connection) != opened_in:
        raise GalleryRetired(
            "Another generation of the gallery was served for a time since this process opened "
            "it; restart it to see everything."
        )


def refuse_if_retired(connection: sqlite3.Connection, opened_in: str) -> None:
    """Raise `GalleryRetired` unless this generation is served as it was when it was opened.

    Asked within each write; `opened_in` is the `term` of then.
    """
    refuse_another_term(connection, opened_in)
    after = successor(connection)
    if after is not None:
        raise GalleryRetired(
            f"The gallery has been embedded again with the bundle {after.fingerprint} since this "
            "process opened it; nothing was changed. Restart it with that bundle and try again."
        )


def retire(connection: sqlite3.Connection, after: Successor) -> None:
    """Say within a transaction that another generation is served from its commit on."""
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?)", (_RETIRED, json.dumps(asdict(after)))
    )


def previous_generation(connection: sqlite3.Connection) -> str | None:
    """What was served before this generation, None when nothing was."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_PREVIOUS,)).fetchone()
    return None if row is None else str(row[0])


def note_previous(connection: sqlite3.Connection, name: str) -> None:
    """Say which generation was served before this one."""
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_PREVIOUS, name))


def forget_other_generations(connection: sqlite3.Connection) -> None:
    """Say that there is no other generation any more: nothing was before, nothing lies in one."""
    connection.execute("DELETE FROM meta WHERE key = ?", (_PREVIOUS,))
    # A copy of an older schema is without the table.
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'left_out'").fetchone():
        connection.execute("DELETE FROM left_out")


def begin_alone(connection: sqlite3.Connection) -> None:
    """Make a copy of a generation the only one of a gallery, and the one that is served."""
    forget_other_generations(connection)
    connection.execute("DELETE FROM meta WHERE key IN (?, ?)", (_TERM, _RETIRED))


def leftovers(directory: Path) -> list[Path]:
    """What is left of generations whose database is gone: their removal was interrupted.

    One whose making has just begun looks the same for a moment.
    """
    found = [
        folder
        for folder in sorted((directory / FOLDER).glob("*"))
        if _NAME.fullmatch(f"{FOLDER}/{folder.name}") and not (folder / DATABASE_NAME).exists()
    ]
    if served_generation(directory) != FIRST and not (directory / DATABASE_NAME).exists():
        parts = (INDEX_FOLDER, *LOG_NAMES)
        found += [directory / name for name in parts if (directory / name).exists()]
    return found


def settle(directory: Path) -> str:
    """Make the file say what the databases say is served, and return its name.

    Does nothing when no swap was interrupted. Raises `GalleryUnwritable` when the file cannot be
    written, and what opening a database raises.
    """
    with _locked(directory):
        name = served_generation(directory)
        while (after := _successor_of(directory, name)) is not None:
            # One that was served before carries a mark of that time. It goes before the file
            # changes: at no moment does a served generation refuse changes for good.
            _reinstate(directory, after.name)
            _write_pointer(directory, after.name)
            name = after.name
        return name


def _successor_of(directory: Path, name: str) -> Successor | None:
    with (
        closing(Database(directory / name / DATABASE_NAME, create=False)) as database,
        database.reading() as connection,
    ):
        return successor(connection)


def _reinstate(directory: Path, name: str) -> None:
    with (
        closing(Database(directory / name / DATABASE_NAME, create=False)) as database,
        database.writing() as connection,
    ):
        connection.execute("DELETE FROM meta WHERE key = ?", (_RETIRED,))


def _write_pointer(directory: Path, name: str) -> None:
    path = directory / _POINTER
    partial = directory / f"{_POINTER}.partial"
    try:
        with partial.open("w", encoding="ascii") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_directory(directory)
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold off other processes that would write the file."""
    try:
        file = (directory / _LOCK).open("a", encoding="ascii")
    except OSError as error:
        raise _unwritable(directory / _LOCK, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unwritable(path: Path, error: OSError) -> GalleryUnwritable:
    return GalleryUnwritable(
        f"{path} cannot be written ({error.strerror or error}); free disk space, or correct the "
        "permissions of the gallery's directory."
    )


def _bad_pointer(path: Path, problem: str) -> GalleryDamaged:
    return GalleryDamaged(
        f"{path} does not name a generation of the gallery ({problem}); write the name of one into "
        f"it: {FIRST} for the database beside it, {FOLDER}/NAME for another."
    )
