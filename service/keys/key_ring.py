"""The keys in force: re-read when their file changes, so that a revoked key ends at once."""

from __future__ import annotations

import logging
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from service.keys.errors import KeyFileUnusable, Unauthenticated
from service.keys.key import Key, is_secret_of, split_token
from service.keys.key_file import Keys, read_keys

LOOK_INTERVAL = 1.0
"""Seconds between looks at the file: the longest that a revoked key goes on."""

logger = logging.getLogger(__name__)

_Version = tuple[int, int, int] | None


class KeyRing:
    """Authenticates tokens by a file of keys; safe to use from several threads.

    Raises:
        KeyFileUnusable: the file cannot be read at the start. Later on, the keys that were read
            last stay in force, and the log says so.
    """

    def __init__(self, path: Path, look_interval: float = LOOK_INTERVAL) -> None:
        self._path = path
        self._look_interval = look_interval
        self._lock = threading.Lock()
        self._version = _version_of(path)
        self._keys: Keys = read_keys(path)
        self._next_look = time.monotonic() + look_interval

    def __len__(self) -> int:
        """Number of keys, expired ones included."""
        return len(self._current())

    def authenticate(self, authorization: str | None) -> Key:
        """Return the key of a header `Authorization: Bearer KEY`.

        Raises:
            Unauthenticated: there is none, or it is not known, revoked or expired.
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
            return self._keys

    def _reread(self) -> None:
        version = _version_of(self._path)
        if version == self._version:
            return
        try:
            self._keys = read_keys(self._path)
        except KeyFileUnusable as error:
            logger.error("The keys read last stay in force: %s", error)
            return
        self._version = version
        logger.info("%d API keys are in force", len(self._keys))


def _version_of(path: Path) -> _Version:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
