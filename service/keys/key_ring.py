"""The keys in force: re-read when their file changes, so that a revoked key ends at once."""

from __future__ import annotations

import logging
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from service.keys.errors import KeyFileUnusable, KeysUnreadable, Unauthenticated
from service.keys.key import Key, is_secret_of, split_token
from service.keys.key_file import Keys, read_keys

LOOK_INTERVAL = 1.0
"""Seconds between looks at the file: the longest that a revoked key goes on."""

GRACE = 60.0
"""Seconds for which the keys read last stay in force when the file cannot be read any more."""

logger = logging.getLogger(__name__)

_Version = tuple[int, ...] | None


class KeyRing:
    """Authenticates tokens by a file of keys; safe to use from several threads.

    Raises:
        KeyFileUnusable: the file cannot be read at the start. Later on, the keys that were read
            last stay in force for `grace` seconds, and the log says so; then nobody may call.
    """

    def __init__(
        self, path: Path, look_interval: float = LOOK_INTERVAL, grace: float = GRACE
    ) -> None:
        self._path = path
        self._look_interval = look_interval
        self._lock = threading.Lock()
        self._grace = grace
        self._failed_at: float | None = None
        self._failure = ""
        self._version = _version_of(path)
        self._keys: Keys = read_keys(path)
        self._next_look = time.monotonic() + look_interval

    def __len__(self) -> int:
        """Number of keys, expired ones included."""
        return len(self._current())

    def check_readable(self) -> None:
        """Ask whether the keys can be trusted.

        Raises:
            KeysUnreadable: their file could not be read for longer than the grace.
        """
        self._current()

    def authenticate(self, authorization: str | None) -> Key:
        """Return the key of a header `Authorization: Bearer KEY`.

        Raises:
            Unauthenticated: there is none, or it is not known, revoked or expired.
            KeysUnreadable: the file could not be read for longer than the grace.
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

    def _current(self) -> Keys:
        with self._lock:
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + self._look_interval
                self._reread()
            if self._failed_at is not None and time.monotonic() - self._failed_at >= self._grace:
                raise KeysUnreadable(self._path)
            return self._keys

    def _reread(self) -> None:
        version = _version_of(self._path)
        if version == self._version and self._failed_at is None:
            return
        try:
            self._keys = read_keys(self._path)
        except KeyFileUnusable as error:
            if self._failed_at is None:
                self._failed_at = time.monotonic()
            if self._failure != f"{version} {error}":
                self._failure = f"{version} {error}"
                logger.error("the keys read last stay in force for %g s: %s", self._grace, error)
            return
        self._version, self._failed_at, self._failure = version, None, ""
        logger.info("%d API keys are in force", len(self._keys))


def _version_of(path: Path) -> _Version:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
