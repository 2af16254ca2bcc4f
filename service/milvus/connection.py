"""Calls to a Milvus server: with a time limit, and with the gallery's own errors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.errors import GalleryClosed, GalleryUnavailable
from service.gallery.address import MilvusAddress

Row: TypeAlias = dict[str, Any]
_Result = TypeVar("_Result")

# What Milvus gives at most in one answer.
MOST_ROWS = 16_384
KEY = "key"

# Rows of an insertion are cut into parts of about this size: a server takes 64 MB a call.
_INSERTED_BYTES = 24 * 2**20
# Milvus's code for a collection that is there and not in memory.
_NOT_LOADED = 101

# Readings at a time, for all searches of a process.
_READERS = 16

# Keys in one expression.
_KEYS_AT_ONCE = 512

# milvus-lite writes from one thread at a time only, and one process at a time has its file.
_LITE_WRITES = threading.RLock()

# pymilvus logs each failed call with its whole request; the error says what is needed.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


class Connection:
    """One collection of one server; safe from several threads.

    Every reading is strongly consistent: it waits until it sees what any client was told is
    stored. Calls raise `GalleryUnavailable` when the server does not answer in `timeout` seconds;
    a later call connects again by itself.
    """

    def __init__(self, address: MilvusAddress, timeout: float) -> None:
        self.address = address
        self.name = address.collection
        self._timeout = timeout
        self._closed = False
        self._connecting = threading.Lock()
        self._connected: MilvusClient | None = None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="milvus-reader")

    def call(self, action: Callable[[MilvusClient], _Result]) -> _Result:
        """What an action on the client gives."""
        try:
            try:
                return action(self._client())
            except MilvusException as error:
                if error.code != _NOT_LOADED:
                    raise
                # A server may come back without having loaded what it had loaded before.
                self._client().load_collection(self.name, timeout=self._timeout)
                return action(self._client())
        except MilvusException as error:
            raise GalleryUnavailable(
                f"The gallery {self.address} did not answer as it should ({_reason(error)}); see "
                "that the Milvus server runs and is reached from here, and try again."
            ) from error
        except ValueError as error:
            # What the client raises on a channel that was closed meanwhile.
            if self._closed or "closed channel" in str(error):
                raise GalleryClosed(f"The gallery {self.address} is closed.") from error
            raise

    def query(
        self, expression: str, fields: Sequence[str], limit: int = MOST_ROWS, after: str = ""
    ) -> list[Row]:
        """Rows that satisfy an expression, by ascending key, those with keys above `after`."""
        above = f'{KEY} > "{after}"'
        return self.call(
            lambda client: list(
                client.query(
                    self.name,
                    filter=f"({expression}) and {above}" if expression else above,
                    output_fields=list(fields),
                    limit=limit,
                    consistency_level="Strong",
                    timeout=self._timeout,
                    # As pymilvus's own iterator asks: the rows with the smallest keys, in order.
                    iterator="True",
                    reduce_stop_for_best="True",
                    batch_size=limit,
                )
            )
        )

    def count(self, expression: str) -> int:
        """How many rows satisfy an expression; an empty one counts all."""
        counted = self.call(
            lambda client: client.query(
                self.name,
                filter=expression or f'{KEY} > ""',
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._timeout,
            )
        )
        return int(counted[0]["count(*)"])

    def nearest(
        self,
        field: str,
        vector: NDArray[np.float32],
        count: int,
        expression: str,
        options: dict[str, object],
    ) -> list[str]:
        """Keys of up to `count` rows with the largest inner product, best first."""
        found = self.call(
            lambda client: client.search(
                self.name,
                data=[vector],
                anns_field=field,
                limit=count,
                filter=expression,
                output_fields=[],
                search_params={"metric_type": "IP", "params": options},
                consistency_level="Strong",
                timeout=self._timeout,
            )
        )
        return [str(hit[KEY]) for hit in found[0]]

    def by_key(self, keys: Sequence[str], fields: Sequence[str]) -> list[Row]:
        """Rows by key, in any order; those that are gone are left out."""
        rows: list[Row] = []
        for first in range(0, len(keys), _KEYS_AT_ONCE):
            part = keys[first : first + _KEYS_AT_ONCE]
            rows += self.query(_among(part), fields)
        return rows

    def at_once(self, actions: Sequence[Callable[[], _Result]]) -> list[_Result]:
        """What each of some readings gives: strongly consistent ones mostly wait."""
        return list(self._readers.map(lambda action: action(), actions))

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert rows; when this raises, some of them may be stored."""
        for part in _parts(rows):
            self._write(partial(self._insert_part, part))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete rows by key; those that are gone do not matter."""
        for first in range(0, len(keys), _KEYS_AT_ONCE):
            self._write(partial(self._delete_part, _among(keys[first : first + _KEYS_AT_ONCE])))

    def close(self) -> None:
        """Close the connection; afterwards every call raises `GalleryClosed`."""
        self._readers.shutdown()
        with self._connecting:
            self._closed = True
            if self._connected is not None:
                self._connected.close()
                self._connected = None

    def _client(self) -> MilvusClient:
        """The client, connected at the first call that reaches the server."""
        with self._connecting:
            if self._closed:
                raise GalleryClosed(f"The gallery {self.address} is closed.")
            if self._connected is None:
                self._connected = MilvusClient(
                    uri=self.address.uri,
                    user=self.address.user,
                    password=self.address.password,
                    db_name=self.address.database,
                    timeout=self._timeout,
                )
            return self._connected

    def _insert_part(self, rows: list[Row], client: MilvusClient) -> None:
        client.insert(self.name, rows, timeout=self._timeout)

    def _delete_part(self, expression: str, client: MilvusClient) -> None:
        client.delete(self.name, filter=expression, timeout=self._timeout)

    def _write(self, action: Callable[[MilvusClient], object]) -> None:
        if self.address.is_lite:
            with _LITE_WRITES:
                self.call(action)
        else:
            self.call(action)


def _among(keys: Sequence[str]) -> str:
    quoted = ", ".join(f'"{key}"' for key in keys)
    return f"{KEY} in [{quoted}]"


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    parts: list[list[Row]] = []
    size = _INSERTED_BYTES
    for row in rows:
        own = sum(_size(value) for value in row.values())
        if size + own > _INSERTED_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += own
    return parts


def _size(value: object) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else len(str(value))


def _reason(error: MilvusException) -> str:
    return str(error.message).strip().splitlines()[0][:200] if error.message else str(error.code)
