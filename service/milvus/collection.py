"""The collection that holds a gallery: its fields, its indexes, and which model it belongs to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymilvus import DataType, MilvusClient

from service.errors import GalleryUnavailable, GalleryUnsupported
from service.gallery.record import MAX_ATTRIBUTES
from service.milvus.connection import KEY, Connection
from vreid.errors import FingerprintMismatch
from vreid.modality import MODALITIES

CENTER = "center"
CONCATENATION = "concatenation"

LAYOUT = 1
"""Of the fields below; a collection of a newer layout is refused."""

# Milvus's limit on a text, in bytes of UTF-8.
LONGEST_TEXT = 65_535

_LAYOUT = "vreid.layout"
_FINGERPRINT = "vreid.fingerprint"
_FEATURE_SIZE = "vreid.feature_size"
_CREATED_AT = "vreid.created_at"

_KEY_LENGTH = 32
_ID_LENGTH = 128
_LABEL_LENGTH = 1024  # 256 characters of up to four bytes
_HASH_LENGTH = 256
_WORD_LENGTH = 32

# How each kind of index is built and asked; what is not here has the server's own defaults.
_BUILDING: Mapping[str, Mapping[str, object]] = {
    "HNSW": {"M": 32, "efConstruction": 200},
    "IVF_RABITQ": {"nlist": 4096},
    "IVF_FLAT": {"nlist": 1024},
}
_INDEXES = ("AUTOINDEX", "DISKANN", "FLAT", "HNSW", "IVF_FLAT", "IVF_RABITQ")


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What a collection says about itself. `index` is the kind of its vectors' indexes."""

    fingerprint: str
    feature_size: int
    created_at: datetime
    index: str

    def asking(self, count: int) -> dict[str, object]:
        """Options of a search for `count` candidates."""
        if self.index == "HNSW":
            return {"ef": max(2 * count, 128)}
        if self.index.startswith("IVF"):
            return {"nprobe": 64}
        if self.index == "DISKANN":
            return {"search_list": max(2 * count, 128)}
        return {}


def prepare(connection: Connection, fingerprint: str, feature_size: int) -> CollectionFacts:
    """The facts of the collection, which is made where there is none.

    Raises `FingerprintMismatch` when it belongs to another model, `GalleryUnsupported` when it is
    no gallery or one of a newer vreid.
    """
    address = connection.address
    if address.index not in _INDEXES:
        raise GalleryUnsupported(
            f"There is no index {address.index!r}; use one of {', '.join(_INDEXES)} in the "
            f"address of the gallery {address}."
        )
    if not connection.call(lambda client: client.has_collection(connection.name)):
        _create(connection, fingerprint, feature_size)
    found = _facts(connection)
    if (found.fingerprint, found.feature_size) != (fingerprint, feature_size):
        raise FingerprintMismatch(
            f"The gallery {address} was made with the model {found.fingerprint}, and the bundle is "
            f"{fingerprint}; features of two models cannot be compared. Use the old bundle, or "
            "name a new collection and index the pictures into it."
        )
    connection.call(lambda client: client.load_collection(connection.name))
    return found


def _facts(connection: Connection) -> CollectionFacts:
    described = connection.call(lambda client: client.describe_collection(connection.name))
    # A server may drop properties that it does not know; a description it keeps.
    told = {**_described(described), **described.get("properties", {})}
    try:
        layout = int(told[_LAYOUT])
        created_at = datetime.fromisoformat(told[_CREATED_AT])
        fingerprint, feature_size = str(told[_FINGERPRINT]), int(told[_FEATURE_SIZE])
    except (KeyError, TypeError, ValueError):
        raise GalleryUnsupported(
            f"The collection {connection.address} holds no gallery of vreid; name another one."
        ) from None
    if layout > LAYOUT:
        raise GalleryUnsupported(
            f"The gallery {connection.address} was written by a newer vreid; update this one."
        )
    return CollectionFacts(fingerprint, feature_size, created_at, _index_kind(connection))


def _described(described: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        told = json.loads(described.get("description") or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _index_kind(connection: Connection) -> str:
    described = connection.call(lambda client: client.describe_index(connection.name, CENTER))
    return str((described or {}).get("index_type", ""))


def _create(connection: Connection, fingerprint: str, feature_size: int) -> None:
    told = {
        _LAYOUT: str(LAYOUT),
        _FINGERPRINT: fingerprint,
        _FEATURE_SIZE: str(feature_size),
        _CREATED_AT: datetime.now(UTC).isoformat(),
    }
    schema = MilvusClient.create_schema(
        auto_id=False, enable_dynamic_field=False, description=json.dumps(told)
    )
    for name, length in (
        ("id", _ID_LENGTH),
        ("batch", _KEY_LENGTH),
        ("identity", _LABEL_LENGTH),
        ("camera", _LABEL_LENGTH),
        ("scene", _LABEL_LENGTH),
        ("content_hash", _HASH_LENGTH),
        ("images_hash", _HASH_LENGTH),
    ):
        if name == "id":
            schema.add_field(KEY, DataType.VARCHAR, max_length=_KEY_LENGTH, is_primary=True)
        schema.add_field(name, DataType.VARCHAR, max_length=length)
    for name in ("sequence", "captured_at", "created_at"):
        schema.add_field(name, DataType.INT64)
    schema.add_field("mask", DataType.INT8)
    schema.add_field("attributes", DataType.JSON)
    schema.add_field(
        "words",
        DataType.ARRAY,
        element_type=DataType.VARCHAR,
        max_capacity=2 * MAX_ATTRIBUTES,
        max_length=_WORD_LENGTH,
    )
    # Read for few rows at a time: they may stay on the disk of the query nodes.
    for name in ("source", "features", *(f"thumbnail_{each}" for each in MODALITIES)):
        schema.add_field(name, DataType.VARCHAR, max_length=LONGEST_TEXT, mmap_enabled=True)
    schema.add_field(CENTER, DataType.FLOAT_VECTOR, dim=feature_size)
    schema.add_field(CONCATENATION, DataType.FLOAT_VECTOR, dim=len(MODALITIES) * feature_size)
    indexes = MilvusClient.prepare_index_params()
    kind = connection.address.index
    for vectors in (CENTER, CONCATENATION):
        indexes.add_index(
            vectors, index_type=kind, metric_type="IP", params=dict(_BUILDING.get(kind, {}))
        )
    for name in ("id", "sequence", "content_hash", "images_hash", "words"):
        indexes.add_index(name, index_type="INVERTED")
    try:
        connection.call(
            lambda client: client.create_collection(
                connection.name,
                schema=schema,
                consistency_level="Strong",
                num_shards=1,
                properties=told,
            )
        )
        # An empty collection's indexes need no waiting for.
        connection.call(lambda client: client.create_index(connection.name, indexes, sync=False))
    except GalleryUnavailable:
        # Another process may have made it at the same moment.
        if not _appears(connection):
            raise


def _appears(connection: Connection, patience: float = 5.0) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if connection.call(lambda client: client.has_collection(connection.name)):
            return True
        time.sleep(0.1)
    return False
