from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.embedding.cache_settings import CacheSettings
from service.embedding.cached_picture import CachedPicture
from service.embedding.embedder import Embedder
from service.embedding.embedding_cache import EmbeddingCache
from service.messages.samples import SentSample
from tests.redis_server import RedisServer, running_redis
from tests.service.vehicles import picture, triplet
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits
from vreid.modality import MODALITIES, Modality

SIZE = 16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as each:
        yield each


@pytest.fixture
def redis_server(server: RedisServer) -> RedisServer:
    with server.client() as client:
        client.flushall()
    return server


def open_cache(server: RedisServer, fingerprint: str = "one", **settings: int) -> EmbeddingCache:
    return EmbeddingCache(
        CacheSettings.model_validate({"redis": server.url, "timeout": 5} | settings),
        fingerprint,
        "fp32",
        SIZE,
    )


def open_embedder(bundle: Bundle, cache: EmbeddingCache | None) -> Embedder:
    embedder = Embedder.open(bundle, "auto", 1, ImageLimits(2**20, 10**6), 10**7)
    embedder.cache = cache
    return embedder


def samples() -> list[SentSample]:
    def sample(number: int, *without: str) -> SentSample:
        images = {Modality(name): data for name, data in triplet(number).items()}
        return SentSample({key: data for key, data in images.items() if key not in without})

    return [sample(1), sample(2, "nir"), sample(3, "rgb", "tir"), sample(1)]


@pytest.mark.parametrize("with_thumbnails", [False, True])
def test_an_answer_from_the_cache_is_the_answer_without_it(
    calibrated_bundle: Bundle, redis_server: RedisServer, with_thumbnails: bool
) -> None:
    plain = open_embedder(calibrated_bundle, None).embed(samples(), with_thumbnails)
    cache = open_cache(redis_server, calibrated_bundle.fingerprint)
    embedder = open_embedder(calibrated_bundle, cache)
    # Half of it known, then all of it.
    embedder.embed(samples()[1:2])
    for _ in range(2):
        cached = embedder.embed(samples(), with_thumbnails)
        np.testing.assert_array_equal(cached.features, plain.features)
        np.testing.assert_array_equal(cached.mask, plain.mask)
        assert cached.warnings == plain.warnings
        assert cached.thumbnails == plain.thumbnails
    cache.close()


def test_what_is_known_is_not_computed_again(
    calibrated_bundle: Bundle, redis_server: RedisServer
) -> None:
    cache = open_cache(redis_server, calibrated_bundle.fingerprint)
    key = cache.key(Modality.RGB, picture(1), None)
    other = np.arange(1, SIZE + 1, dtype=np.float32)
    cache.write({key: CachedPicture(other, ("from the cache",))})
    embedded = open_embedder(calibrated_bundle, cache).embed(
        [SentSample({Modality.RGB: picture(1)})]
    )
    np.testing.assert_array_equal(embedded.features[0, 0], other)
    assert embedded.warnings == (("from the cache",),)
    cache.close()


class CountingCache(EmbeddingCache):
    """A cache that notes which pictures were hashed."""

    def __init__(self, server: RedisServer, fingerprint: str) -> None:
        settings = CacheSettings.model_validate({"redis": server.url, "timeout": 5})
        super().__init__(settings, fingerprint, "fp32", SIZE)
        self.hashed: list[bytes] = []

    def key(self, modality: Modality, data: bytes, tir_palette: str | None) -> str:
        self.hashed.append(data)
        return super().key(modality, data, tir_palette)


def test_a_picture_is_hashed_once_in_a_call(
    calibrated_bundle: Bundle, redis_server: RedisServer
) -> None:
    cache = CountingCache(redis_server, calibrated_bundle.fingerprint)
    open_embedder(calibrated_bundle, cache).embed(samples())
    assert cache.hashed == [data for sample in samples() for data in sample.images.values()]
    cache.close()


def test_features_of_another_model_are_never_taken(redis_server: RedisServer) -> None:
    one, two = open_cache(redis_server, "one"), open_cache(redis_server, "two")
    keys = {cache: cache.key(Modality.RGB, b"picture", None) for cache in (one, two)}
    one.write({keys[one]: CachedPicture(np.ones(SIZE, np.float32), ())})
    assert two.read([keys[two]]) == {}
    # Not even where somebody copied the value to the other model's key.
    with redis_server.client() as client:
        client.copy(keys[one], keys[two])
    assert two.read([keys[two]]) == {}
    assert set(one.read([keys[one]])) == {keys[one]}
    one.close()
    two.close()


def test_a_damaged_value_is_embedded_again(redis_server: RedisServer) -> None:
    cache = open_cache(redis_server)
    key = cache.key(Modality.RGB, b"picture", None)
    cache.write({key: CachedPicture(np.ones(SIZE, np.float32), ())})
    with redis_server.client() as client:
        client.setrange(key, 40, b"\x01")
    assert cache.read([key]) == {}
    cache.close()


def test_the_picture_the_modality_and_the_palette_make_the_key(redis_server: RedisServer) -> None:
    cache = open_cache(redis_server)
    keys = [cache.key(modality, b"picture", None) for modality in MODALITIES]
    keys += [cache.key(Modality.TIR, b"picture", "iron"), cache.key(Modality.TIR, b"other", None)]
    assert len(set(keys)) == 5
    assert cache.key(Modality.RGB, b"picture", "iron") == keys[0]
    cache.close()


def test_only_so_many_pictures_are_kept_for_so_long(redis_server: RedisServer) -> None:
    cache = open_cache(redis_server, pictures=2, ttl=1000)
    keys = [cache.key(Modality.RGB, bytes([number]), None) for number in range(3)]
    for key in keys:
        cache.write({key: CachedPicture(np.ones(SIZE, np.float32), ())})
    assert set(cache.read(keys)) == set(keys[1:])
    with redis_server.client() as client:
        remaining = client.ttl(keys[1])
        assert isinstance(remaining, int)
        assert 0 < remaining <= 1000
    cache.close()


def test_without_redis_pictures_are_embedded(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        cache = open_cache(server, calibrated_bundle.fingerprint)
        embedder = open_embedder(calibrated_bundle, cache)
        before = embedder.embed(samples())
    np.testing.assert_array_equal(embedder.embed(samples()).features, before.features)
    cache.close()
