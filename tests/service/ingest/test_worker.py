import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from service.embedding.embedder import Embedder
from service.errors import GalleryClosed, GalleryError, GalleryRetired, GalleryUnwritable
from service.gallery.gallery import Gallery
from service.gallery.record import NewRecord, Record
from service.ingest.crew import Crew
from service.ingest.entry import Entry, make_entry
from service.ingest.keys import GROUP
from service.ingest.progress import Progress
from service.ingest.queue import EntryQueue
from service.ingest.settings import IngestSettings
from service.ingest.storage import Add, Storage
from service.ingest.worker import IngestWorker
from service.messages.inputs import EnrolInput
from tests.redis_server import RedisServer
from tests.service.ingest.stream import KEYS, progress_of, put
from tests.service.ingest.waiting import wait_until
from tests.service.vehicles import triplet
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits
from vreid.errors import EngineError


class Killed(BaseException):
    """What a test raises where a process would be killed: nothing handles it."""


class Site:
    """A queue and a gallery, and workers on them that a test moves by hand."""

    def __init__(self, redis_server: RedisServer, embedder: Embedder, gallery: Gallery) -> None:
        self.settings = IngestSettings(redis=redis_server.url, idle=0.05, attempts=3, timeout=0.2)
        self.redis = redis_server
        self.queue = EntryQueue(self.settings)
        self.embedder = embedder
        self.gallery = gallery

    def worker(self, name: str, add: Add | None = None) -> IngestWorker:
        storage = Storage(self.embedder, add or self.gallery.add_all, self.gallery.get)
        return IngestWorker(name, self.queue, storage, self.settings)

    def accept(self, number: int, *, id: str | None = None, samples: int = 1) -> Entry:
        """Put an entry into the stream as the service does."""
        asked = [
            EnrolInput.model_validate({**triplet(number, sighting), "id": id})
            for sighting in range(samples)
        ]
        entry = make_entry(asked, False, None, "request", "2026-01-01T00:00:00+00:00")
        put(self.redis, entry)
        return entry

    def progress(self, entry: Entry) -> Progress:
        return progress_of(self.redis, entry)

    def length(self) -> int:
        with self.redis.client() as client:
            return int(client.xlen(KEYS.stream))

    def stored(self) -> list[str]:
        return [record.id for record in self.gallery.page().records]


@pytest.fixture(scope="session")
def embedder(calibrated_bundle: Bundle) -> Embedder:
    return Embedder.open(calibrated_bundle, "auto", 1, ImageLimits(2**20, 10**6), 10**7)


@pytest.fixture
def site(
    redis_server: RedisServer, embedder: Embedder, calibrated_bundle: Bundle, tmp_path: Path
) -> Iterator[Site]:
    with Gallery.open(tmp_path / "gallery", calibrated_bundle, follow_interval=None) as gallery:
        each = Site(redis_server, embedder, gallery)
        yield each
        each.queue.close()


def work(worker: IngestWorker, until_entries: int = 1) -> None:
    """Let the worker finish so many entries."""
    finished = 0
    for _ in range(200):
        finished += worker.work_once(threading.Event())
        if finished >= until_entries:
            return
    raise AssertionError("the worker found nothing to do")


def test_entries_are_stored_in_the_order_of_acceptance(site: Site) -> None:
    entries = [site.accept(number) for number in range(4)]
    work(site.worker("a"), 4)
    assert site.stored() == [entry.id for entry in entries]
    assert site.length() == 0


def test_nothing_is_acknowledged_before_the_gallery_has_it(site: Site) -> None:
    seen: list[int] = []

    def add(records: Sequence[NewRecord]) -> Sequence[Record]:
        seen.append(site.length())
        return site.gallery.add_all(records)

    entry = site.accept(1)
    work(site.worker("a", add))
    assert seen == [1]
    assert site.progress(entry).status == "stored"


def test_a_worker_killed_between_storing_and_acknowledging_stores_once(site: Site) -> None:
    def add_and_die(records: Sequence[NewRecord]) -> Sequence[Record]:
        site.gallery.add_all(records)
        raise Killed

    entry = site.accept(1, samples=2)
    with pytest.raises(Killed):
        work(site.worker("killed", add_and_die))
    assert site.length() == 1
    work(site.worker("heir"))
    assert site.stored() == list(entry.record_ids)
    assert site.progress(entry).status == "stored"
    assert site.length() == 0


def test_a_record_deleted_before_the_acknowledgement_does_not_come_back(site: Site) -> None:
    def add_and_die(records: Sequence[NewRecord]) -> Sequence[Record]:
        site.gallery.add_all(records)
        site.gallery.delete(entry.record_ids[0])
        raise Killed

    entry = site.accept(1, samples=2)
    with pytest.raises(Killed):
        work(site.worker("killed", add_and_die))
    work(site.worker("heir"))
    assert site.stored() == [entry.record_ids[1]]


def test_two_workers_on_one_entry_store_it_once(site: Site) -> None:
    def add_after_the_other(records: Sequence[NewRecord]) -> Sequence[Record]:
        site.gallery.add_all(records)
        return site.gallery.add_all(records)

    entry = site.accept(1)
    work(site.worker("slow", add_after_the_other))
    assert site.stored() == [entry.id]
    assert site.progress(entry).status == "stored"


def test_an_entry_that_kills_its_worker_is_given_up(site: Site) -> None:
    def die(records: Sequence[NewRecord]) -> Sequence[Record]:
        raise Killed

    entry = site.accept(1)
    for number in range(site.settings.attempts):
        with pytest.raises(Killed):
            work(site.worker(f"killed-{number}", die))
    work(site.worker("heir"))
    progress = site.progress(entry)
    assert (progress.status, site.length(), site.stored()) == ("failed", 0, [])
    [dead] = site.queue.dead()
    assert (dead.entry_id, dead.attempts) == (entry.id, site.settings.attempts)
    assert "its worker ended 3 times" in dead.reason


def test_a_fault_is_tried_again_and_given_up_with_the_reason(site: Site) -> None:
    tries: list[str] = []

    def fail(records: Sequence[NewRecord]) -> Sequence[Record]:
        tries.append("try")
        raise EngineError("the device at /dev/secret is gone")

    entry = site.accept(1)
    work(site.worker("a", fail), site.settings.attempts)
    assert len(tries) == site.settings.attempts
    [dead] = site.queue.dead()
    assert "/dev/secret" in dead.reason
    problem = site.progress(entry).problem
    assert problem is not None
    assert (problem["status"], "/dev/secret" in problem["detail"]) == (500, False)


def test_a_fault_that_passes_is_stored(site: Site) -> None:
    results = iter([True, False])

    def fail_once(records: Sequence[NewRecord]) -> Sequence[Record]:
        if next(results):
            raise EngineError("once")
        return site.gallery.add_all(records)

    entry = site.accept(1)
    work(site.worker("a", fail_once), 2)
    assert (site.progress(entry).status, site.progress(entry).attempts) == ("stored", 2)


@pytest.mark.parametrize("outage", [GalleryUnwritable, GalleryRetired])
def test_a_gallery_that_cannot_be_written_uses_up_no_tries(
    site: Site, outage: type[GalleryError]
) -> None:
    outages = iter([True] * 5)

    def full_disk(records: Sequence[NewRecord]) -> Sequence[Record]:
        if next(outages, False):
            raise outage("the disk is full, or another generation is served")
        return site.gallery.add_all(records)

    entry = site.accept(1)
    work(site.worker("a", full_disk))
    assert (site.progress(entry).status, site.progress(entry).attempts) == ("stored", 1)


def test_a_dead_entry_can_be_tried_again(site: Site) -> None:
    def fail(records: Sequence[NewRecord]) -> Sequence[Record]:
        raise EngineError("broken")

    entry = site.accept(1)
    work(site.worker("a", fail), site.settings.attempts)
    site.queue.requeue(entry.id)
    assert (list(site.queue.dead()), site.progress(entry).status) == ([], "waiting")
    work(site.worker("b"))
    assert site.stored() == [entry.id]
    assert site.progress(entry).problem is None


def test_only_so_many_dead_entries_are_kept(site: Site) -> None:
    site.settings = site.settings.model_copy(update={"dead": 2, "attempts": 1})
    site.queue = EntryQueue(site.settings)

    def fail(records: Sequence[NewRecord]) -> Sequence[Record]:
        raise EngineError("broken")

    entries = [site.accept(number) for number in range(3)]
    work(site.worker("a", fail), 3)
    assert [dead.entry_id for dead in site.queue.dead()] == [entry.id for entry in entries[1:]]


def test_what_is_no_entry_does_not_stop_the_stream(site: Site) -> None:
    with site.redis.client() as client:
        client.xadd(KEYS.stream, {"rubbish": "x"})
    entry = site.accept(1)
    work(site.worker("a"), 2)
    assert site.stored() == [entry.id]
    [dead] = site.queue.dead()
    assert "cannot be read" in dead.reason


def test_a_consumer_with_entries_in_its_hands_is_not_forgotten(site: Site) -> None:
    site.accept(1)
    site.queue.open()
    assert site.queue.fresh("busy") is not None
    assert site.queue.fresh("idle") is None
    for name in ("busy", "idle"):
        site.queue.leave(name)
    with site.redis.client() as client:
        consumers = client.xinfo_consumers(KEYS.stream, GROUP)
    assert isinstance(consumers, list)
    assert [each["name"] for each in consumers] == [b"busy"]


def test_a_redis_that_comes_back_empty_is_used_again(site: Site) -> None:
    worker = site.worker("a")
    site.accept(1)
    work(worker)
    with site.redis.client() as client:
        client.flushall()
    with pytest.raises(RedisError):
        worker.work_once(threading.Event())
    entry = site.accept(2)
    work(worker)
    assert site.stored()[1:] == [entry.id]


def test_a_crew_waits_for_all_its_workers_together_no_longer_than_for_one(site: Site) -> None:
    size = 4
    for number in range(size):
        site.accept(number)
    held, released = threading.Semaphore(0), threading.Event()

    def get(record_id: str) -> Record:
        held.release()
        released.wait(30)
        raise GalleryClosed("it is closed")

    settings = site.settings.model_copy(update={"idle": 60})
    crew = Crew(settings, Storage(site.embedder, site.gallery.add_all, get), size)
    crew.start()
    for _ in range(size):
        assert held.acquire(timeout=30)
    started = time.monotonic()
    crew.stop(0.5)
    waited = time.monotonic() - started
    assert crew.working == size
    released.set()
    wait_until(lambda: crew.working == 0, "the end of the workers")
    assert 0.5 <= waited < 1.5
