"""The keys in force: a thread re-reads their file when it changes, so a revoked key ends soon."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.keys.errors import KeysUnreadable, Unauthenticated
from service.keys.key import Key, is_secret_of, split_token
from service.keys.key_file import Keys, read_keys
from service.threads.repeating_thread import RepeatingThread

LOOK_INTERVAL = 0.5
"""Seconds between looks at the file: about the longest that a revoked key goes on."""

GRACE = 60.0
"""Seconds for which the keys read last stay in force when the file cannot be read any more, or
when nobody has looked at it any more: a disk that hangs must not keep a revoked key in force."""

logger = logging.getLogger(__name__)

_Version = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is in force; replaced wholly, so that no reader needs a lock.

    `failed_at` is since when the file cannot be read, None while it can.
    """

    keys: Keys
    version: _Version
    failed_at: float | None = None


class KeyRing:
    """Authenticates tokens by a file of keys; safe to use from several threads.

    No call waits for the disk: `follow` starts a thread that looks at the file.

    Args:
        path: of the file.
        grace: seconds; more than `follow` lets pass between two looks.

    Raises:
        KeyFileUnusable: the file cannot be read at the start. Later on, the keys that were read
            last stay in force for `grace` seconds, and the log says so; then nobody may call.
    """

    def __init__(self, path: Path, grace: float = GRACE) -> None:
        self._path = path
        self._grace = grace
        self._failure = ""
        self._following: RepeatingThread | None = None
        self._looked_at = time.monotonic()
        self._is_overdue = False
        version = _version_of(path)
        self._known = _Known(self._read(), version)

    def __len__(self) -> int:
        """Number of keys, expired ones included."""
        return len(self._current())

    def follow(self, interval: float = LOOK_INTERVAL) -> None:
        """Look at the file every so many seconds until `close`."""
        self._looked_at = time.monotonic()
        self._following = RepeatingThread("keys", self.look, interval)

    def close(self) -> None:
        """Stop looking; a second time does nothing."""
        if self._following is not None:
            self._following.close()

    def look(self) -> None:
        """Read the file again if it has changed; may block."""
        began = time.monotonic()
        self._look()
        # What was seen is of the beginning at the earliest.
        self._looked_at, self._is_overdue = began, False

    def _look(self) -> None:
        known, version = self._known, _version_of(self._path)
        if version == known.version and known.failed_at is None:
            return
        try:
            keys = self._read()
        except Exception as error:  # Whatever it is: keys that nobody can follow must end.
            since = time.monotonic() if known.failed_at is None else known.failed_at
            self._known = _Known(known.keys, known.version, since)
            if self._failure != f"{version} {error}":
                self._failure = f"{version} {error}"
                logger.error("the keys read last stay in force for %g s: %s", self._grace, error)
            return
        self._known, self._failure = _Known(keys, version), ""
        logger.info("%d API keys are in force", len(keys))

    def check_readable(self) -> None:
        """Ask whether the keys can be trusted.

        Raises:
            KeysUnreadable: their file could not be read, or looked at, for longer than the grace.
        """
        self._current()

    def authenticate(self, authorization: str | None) -> Key:
        """Return the key of a header `Authorization: Bearer KEY`.

        Raises:
            Unauthenticated: there is none, or it is not known, revoked or expired.
            KeysUnreadable: the file could not be read, or looked at, for longer than the grace.
        """
        scheme, _, token = (authorization or "").partition(" ")
        parts = split_token(token.strip()) if scheme.lower() == "bearer" else None
        if parts is None:
            raise Unauthenticated
        key_id, secret = parts
        key = self._current().get(key_id)
        if not is_secret_of(key, secret) or key is None or key.is_expired(datetime.now(UTC)):
            raise Unauthenticated
        return key

    def _read(self) -> Keys:
        return read_keys(self._path, owners={0, os.geteuid()})

    def _current(self) -> Keys:
        known, now = self._known, time.monotonic()
        if known.failed_at is not None and now - known.failed_at >= self._grace:
            raise KeysUnreadable(self._path)
        if self._following is not None and now - self._looked_at >= self._grace:
            if not self._is_overdue:
                self._is_overdue = True
                logger.error(
                    "nobody could look at the file of keys %s for %g s, so nobody may call; check "
                    "the disk that it is on, and restart the service where that answers",
                    *(self._path, now - self._looked_at),
                )
            raise KeysUnreadable(self._path)
        return known.keys


def _version_of(path: Path) -> _Version:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
