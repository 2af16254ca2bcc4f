import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from service.errors import (
    DuplicateRecord,
    GalleryUnavailable,
    GalleryUnsupported,
    InvalidRecord,
    UnknownRecord,
)
from service.gallery.address import MilvusAddress, parse_address
from service.gallery.filters.filter import Filter
from service.gallery.record import Labels, NewRecord
from service.milvus import enrolment
from service.milvus.connection import Connection
from service.milvus.gallery import MilvusGallery
from service.milvus.rows import LARGEST_THUMBNAIL, Numbers
from tests.bundles import make_tiny_bundle
from tests.milvus_server import MilvusServer, milvus_server
from tests.service.gallery.builders import FEATURE_SIZE, new_record, random_features
from tests.service.ingest.waiting import wait_until
from tests.service.serving import running_service
from vreid.bundle import Bundle
from vreid.errors import FingerprintMismatch
from vreid.modality import Modality

TIMEOUT = 3.0


def milvus_address(server: MilvusServer, name: str) -> MilvusAddress:
    parsed = parse_address(server.address(name))
    assert isinstance(parsed, MilvusAddress)
    return parsed


@contextmanager
def replicas(
    server: MilvusServer, name: str, bundle: Bundle
) -> Iterator[tuple[MilvusGallery, MilvusGallery]]:
    """Two services' galleries on one collection."""
    place = milvus_address(server, name)
    with (
        MilvusGallery.open(place, bundle, timeout=TIMEOUT) as first,
        MilvusGallery.open(place, bundle, timeout=TIMEOUT) as second,
    ):
        yield first, second


def test_what_one_acknowledged_another_finds_at_once(server: MilvusServer, bundle: Bundle) -> None:
    query = random_features(np.random.default_rng(7)), np.ones(3, dtype=np.bool_)
    with replicas(server, "at_once", bundle) as (first, second):
        stored = first.add(new_record(7, id="a"))
        assert second.get("a").sequence == stored.sequence
        assert [match.record.id for match in second.search(*query, 5)] == ["a"]
        assert second.sequence > stored.sequence
        second.delete("a")
        assert first.search(*query, 5) == []
        with pytest.raises(UnknownRecord):
            first.get("a")


def test_one_id_is_acknowledged_to_one_writer_only(server: MilvusServer, bundle: Bundle) -> None:
    with replicas(server, "race", bundle) as (first, second), ThreadPoolExecutor(2) as threads:
        for number in range(15):
            together = threading.Barrier(2)

            def store(
                gallery: MilvusGallery, camera: str, number: int, start: threading.Barrier
            ) -> str | None:
                start.wait(timeout=30)
                try:
                    gallery.add(new_record(number, id=f"r{number}", camera=camera))
                except DuplicateRecord:
                    return None
                return camera

            told = [
                threads.submit(store, gallery, camera, number, together)
                for gallery, camera in ((first, "1"), (second, "2"))
            ]
            winners = [answer for each in told if (answer := each.result(timeout=60))]
            assert len(winners) == 1
            assert first.get(f"r{number}").camera == winners[0]
        assert second.count() == 15


def test_a_writer_takes_its_row_back_when_another_has_the_id(
    server: MilvusServer, bundle: Bundle
) -> None:
    """Between a writer's first look and its insertion, another stores the same id."""
    place = milvus_address(server, "between")

    class Interrupted(Connection):
        def insert(self, rows: list[dict[str, object]]) -> None:  # type: ignore[override]
            if rival.count() == 0:
                rival.add(new_record(1, id="a", camera="rival"))
            super().insert(rows)

    with MilvusGallery.open(place, bundle, timeout=TIMEOUT) as rival:
        connection = Interrupted(place, TIMEOUT)
        with pytest.raises(DuplicateRecord):
            enrolment.store(connection, [new_record(2, id="a"), new_record(3)], Numbers())
        connection.close()
        assert [record.camera for record in rival.page().records] == ["rival"]


def test_what_a_clock_that_is_ahead_stored_is_neither_counted_nor_deleted(
    server: MilvusServer, bundle: Bundle
) -> None:
    place = milvus_address(server, "ahead")

    class Ahead(Numbers):
        def __init__(self) -> None:
            super().__init__()
            self._last = int((time.time() + 3600) * 1_000_000)

    with MilvusGallery.open(place, bundle, timeout=TIMEOUT) as gallery:
        gallery.add(new_record(1, id="a", camera="gate"))
        connection = Connection(place, TIMEOUT)
        enrolment.store(connection, [new_record(2, id="b", camera="gate")], Ahead())
        connection.close()
        gate = Filter(camera=("gate",))
        assert (gallery.count(gate), gallery.count_matching(gate)) == (2, 1)
        assert gallery.delete_matching(gate, expected=1) == 1
        assert gallery.get("b").camera == "gate"


def test_a_record_that_is_deleted_while_it_is_relabelled_stays_deleted(
    server: MilvusServer, bundle: Bundle
) -> None:
    place = milvus_address(server, "relabelled")

    class Interrupted(Connection):
        def insert(self, rows: list[dict[str, object]]) -> None:  # type: ignore[override]
            other.delete("a")
            super().insert(rows)

    with MilvusGallery.open(place, bundle, timeout=TIMEOUT) as other:
        other.add(new_record(1, id="a"))
        connection = Interrupted(place, TIMEOUT)
        with pytest.raises(UnknownRecord):
            enrolment.relabel(connection, Numbers(), "a", Labels(camera="2"), None)
        connection.close()
        assert other.count() == 0


def test_a_record_that_a_dead_process_left_half_relabelled_is_the_old_one(
    server: MilvusServer, bundle: Bundle
) -> None:
    place = milvus_address(server, "half")

    class Dying(Connection):
        def by_key(self, *_: object) -> list[dict[str, object]]:
            raise KeyboardInterrupt

    with MilvusGallery.open(place, bundle, timeout=TIMEOUT) as other:
        other.add(new_record(1, id="a", camera="1"))
        connection = Dying(place, TIMEOUT)
        with pytest.raises(KeyboardInterrupt):
            enrolment.relabel(connection, Numbers(), "a", Labels(camera="2"), None)
        connection.close()
        query = random_features(np.random.default_rng(7)), np.ones(3, dtype=np.bool_)
        assert [match.record.camera for match in other.search(*query)] == ["1"]
        assert other.get("a").camera == "1"
        other.relabel("a", Labels(camera="3"), None)
        assert [record.camera for record in other.page().records] == ["3"]


def test_outlives_a_killed_server_and_goes_on_by_itself(bundle: Bundle, tmp_path: Path) -> None:
    with milvus_server(tmp_path) as server, replicas(server, "killed", bundle) as (gallery, other):
        gallery.add_all([new_record(number, id=f"r{number}") for number in range(5)])
        gallery.delete("r3")
        server.kill()
        with pytest.raises(GalleryUnavailable, match="Milvus server"):
            gallery.add(new_record(9, id="r9"))
        with pytest.raises(GalleryUnavailable):
            gallery.check()
        server.start()
        answered(other.check)
        assert [record.id for record in other.page().records] == ["r0", "r1", "r2", "r4"]
        answered(gallery.check)
        gallery.add(new_record(9, id="r9"))
        assert other.get("r9").id == "r9"


def test_a_service_tells_503_while_the_server_is_gone(tmp_path: Path) -> None:
    tiny = make_tiny_bundle(tmp_path / "bundle")
    with milvus_server(tmp_path / "milvus") as server:
        place = server.address("served")
        with running_service(
            tiny.path,
            place,
            lock_timeout=TIMEOUT,
        ) as (client, running):
            running.gallery.add(new_record_of(tiny, "a"))
            assert client.get("/gallery/a").status_code == 200
            assert client.get("/health/ready").status_code == 200
            status = client.get("/status").json()
            exact = {"records": 1, "segments": None, "unsealed": None, "recall": None}
            assert (status["gallery"], status["jobs"]) == (exact, [])
            server.kill()
            answer = client.get("/gallery/a")
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("gallery-unavailable")
            wait_until(lambda: client.get("/health/ready").status_code == 503, "the end", 60)
            # Who looks what is wrong gets the rest.
            assert client.get("/status").json()["gallery"] is None
            assert "\nvreid_gallery_records " not in client.get("/metrics").text
            server.start()
            answered(running.gallery.check)
            assert client.get("/gallery/a").json()["id"] == "a"


def answered(check: Callable[[], None]) -> None:
    """Wait until the gallery's client has connected again, which it does by itself."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return check()
        except GalleryUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def new_record_of(bundle: Bundle, record_id: str) -> NewRecord:
    size = bundle.manifest.feature_size
    return new_record(1, id=record_id, features=random_features(np.random.default_rng(1), size))


def test_refuses_another_model_and_another_collection(
    server: MilvusServer, bundle: Bundle, tmp_path: Path
) -> None:
    place = milvus_address(server, "model")
    MilvusGallery.open(place, bundle).close()
    with pytest.raises(FingerprintMismatch):
        MilvusGallery.open(place, make_tiny_bundle(tmp_path, FEATURE_SIZE, seed=5))
    connection = Connection(milvus_address(server, "other"), TIMEOUT)
    connection.call(lambda client: client.create_collection("other", dimension=4))
    connection.close()
    with pytest.raises(GalleryUnsupported, match="holds no gallery"):
        MilvusGallery.open(milvus_address(server, "other"), bundle)


def test_refuses_what_it_cannot_hold(gallery: MilvusGallery) -> None:
    large = {Modality("rgb"): b"x" * (LARGEST_THUMBNAIL + 1)}
    with pytest.raises(InvalidRecord, match="thumbnail"):
        gallery.add(new_record(1, thumbnails=large))
    with pytest.raises(InvalidRecord, match="keep_crops"):
        gallery.add(new_record(1, crops={Modality("rgb"): b"png"}))
    largest = {Modality("rgb"): b"x" * LARGEST_THUMBNAIL}
    stored = gallery.add(new_record(1, thumbnails=largest))
    assert gallery.thumbnail(stored.id, Modality("rgb")) == largest[Modality("rgb")]
    assert gallery.thumbnail(stored.id, Modality("nir")) is None
