"""Features of pictures that were embedded before, kept in Redis; nothing depends on it.

A key names the model's fingerprint, the engine's precision, and a hash of the picture and of what
its preprocessing was told. A value carries a checksum over its key too, so that what was written
for one model, or damaged, is never taken for another's. Redis gone means embedding again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence

import numpy as np
from redis.exceptions import RedisError

from service.embedding.cache_settings import CacheSettings
from service.embedding.cached_picture import CachedPicture
from service.redis_server import Client, Reply, Word, command, connect
from vreid.modality import Modality

_REST_SECONDS = 5.0
"""How long a server that failed is left alone: waiting for it would slow every search down."""
_CHECKSUM_BYTES = 32

_PUT = """
-- KEYS index, value; ARGV value, seconds to keep, time, most values
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], KEYS[2])
while redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[4]) do
  redis.call('DEL', redis.call('ZPOPMIN', KEYS[1])[1])
end
"""

logger = logging.getLogger(__name__)


class EmbeddingCache:
    """Features by picture for one model; safe to use from several threads; raises nothing.

    `variant` says how the model is computed, as its precision: other numbers, other features.
    """

    def __init__(
        self, settings: CacheSettings, fingerprint: str, variant: str, feature_size: int
    ) -> None:
        self._settings = settings
        self._prefix = f"{settings.name}:embedding:{fingerprint}:{variant}:"
        self._index = f"{settings.name}:embedding:index"
        self._feature_size = feature_size
        self._redis: Client = connect(settings, settings.timeout)
        self._rests_until = 0.0

    def key(self, modality: Modality, data: bytes, tir_palette: str | None) -> str:
        """Return the key of a picture's features; the palette changes a thermal picture only."""
        option = tir_palette if modality is Modality.TIR else None
        told = json.dumps([modality.value, option, len(data)]).encode()
        return self._prefix + hashlib.sha256(told + b"\n" + data).hexdigest()

    def read(self, keys: Sequence[str]) -> dict[str, CachedPicture]:
        """Return what is known of the pictures with these keys."""
        values = self._command("MGET", *keys) if keys else None
        if values is None:
            return {}
        decoded = {
            key: self._decode(key, value)
            for key, value in zip(keys, values, strict=True)
            if value is not None
        }
        return {key: picture for key, picture in decoded.items() if picture is not None}

    def write(self, pictures: Mapping[str, CachedPicture]) -> None:
        """Keep the features of pictures by key."""
        for key, picture in pictures.items():
            self._command(
                *("EVAL", _PUT, 2, self._index, key, self._encode(key, picture)),
                *(self._settings.ttl, time.time(), self._settings.pictures),
            )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _encode(self, key: str, picture: CachedPicture) -> bytes:
        content = picture.features.astype("<f2").tobytes()
        content += json.dumps(picture.warnings).encode()
        return _checksum(key, content) + content

    def _decode(self, key: str, value: bytes) -> CachedPicture | None:
        checksum, content = value[:_CHECKSUM_BYTES], value[_CHECKSUM_BYTES:]
        if checksum != _checksum(key, content):
            logger.warning("A value of the embedding cache is damaged and not used")
            return None
        size = 2 * self._feature_size
        features = np.frombuffer(content[:size], dtype="<f2").astype(np.float32)
        return CachedPicture(features, tuple(json.loads(content[size:])))

    def _command(self, *words: Word) -> Reply:
        if time.monotonic() < self._rests_until:
            return None
        try:
            return command(self._redis, *words)
        except RedisError as error:
            self._rests_until = time.monotonic() + _REST_SECONDS
            logger.warning("The embedding cache is left alone for a while: %s", error)
            return None


def _checksum(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + content).digest()
