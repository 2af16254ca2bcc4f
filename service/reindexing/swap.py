"""Serving another generation from one moment on, with nothing lost and nothing back.

While writes to the served generation wait, the other one gets what is still missing; then the
commit that retires the one is the moment from which the other is served. A process that dies
before it leaves everything as it was; one that dies after it leaves a file to put right, which
whoever opens the gallery does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from service.errors import NotEmbeddable, ReindexingError, VerificationFailed
from service.gallery.store.feed import last_sequence
from service.gallery.store.generations import Successor, begin_term, note_previous, retire, settle
from service.gallery.store.store import GalleryStore
from service.reindexing.differences import held_of
from service.reindexing.embedding import NotReembedded
from service.reindexing.synchronisation import Synchronisation
from service.reindexing.verification import counts_agree

# Records that may be brought while writes wait, and how often to try to be as close as that.
_BROUGHT_UNDER_LOCK = 8
_ATTEMPTS = 20


def swap(
    directory: Path,
    served: tuple[str, GalleryStore],
    target: tuple[str, GalleryStore],
    following: Synchronisation,
    *,
    drop_missing: bool,
) -> None:
    """Serve `target` instead of `served`, each given with its name.

    Raises `ReindexingError` when more keeps coming than can be brought, `NotEmbeddable` when
    records that came meanwhile cannot be embedded and are not to be left out, `VerificationFailed`
    when records are missing all the same. Then nothing is changed.
    """
    served_name, old = served
    target_name, new = target
    for _ in range(_ATTEMPTS):
        following.catch_up()
        with old.database.writing() as connection:
            if following.pending() > _BROUGHT_UNDER_LOCK:
                continue
            following.catch_up()
            rejected = following.rejected()
            if rejected and not drop_missing:
                raise NotEmbeddable(
                    f"{len(rejected)} records came or changed meanwhile that cannot be embedded, "
                    f"such as {rejected[0].id!r}: {rejected[0].reason}"
                )
            if not counts_agree(old, new, len(rejected)):
                raise VerificationFailed(
                    f"The new generation has {new.count()} records and the gallery {old.count()}; "
                    "nothing was swapped. Run the command again."
                )
            _make_ready(connection, new, served_name, rejected)
            retire(connection, Successor(target_name, new.facts.fingerprint))
        break
    else:
        raise ReindexingError(
            f"More is enrolled, corrected or deleted in {directory} than can be embedded in the "
            "same time, so nothing was swapped and everything that was built is kept; run the "
            "command again when it is quieter."
        )
    settle(directory)


def _make_ready(
    served: sqlite3.Connection,
    new: GalleryStore,
    served_name: str,
    rejected: Sequence[NotReembedded],
) -> None:
    """Let numbers go on where the served generation ends, and note what is not in the new one.

    This is committed in the new generation before the old one is retired. A process that dies in
    between leaves notes in a generation that is not served, where nobody reads them; the next swap
    writes them anew. Only who still has that generation open from an earlier term is told so a
    moment too early, and has to be restarted anyway.
    """
    position = last_sequence(served)
    absent = dict(served.execute("SELECT sequence, id FROM left_out").fetchall())
    absent |= {each.sequence: each.id for each in rejected}
    with new.database.writing() as connection:
        position = max(position, last_sequence(connection))
        begin_term(connection)
        connection.execute("DELETE FROM deletion")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'feed_floor'", (str(position),))
        note_previous(connection, served_name)
        for number in held_of(connection, absent):
            del absent[number]
        connection.execute("DELETE FROM left_out")
        connection.executemany(
            "INSERT INTO left_out (sequence, id) VALUES (?, ?)", sorted(absent.items())
        )
