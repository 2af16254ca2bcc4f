"""`vreid reindex` is killed again and again while a service of the old bundle is in use."""

import json
import random
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from service.indexing.job import index_source
from tests.bundles import make_tiny_bundle
from tests.e2e.processes import clean_environment, command, serving, vreid
from tests.e2e.test_enrolment_survives_kill import all_ids, searchable_ids
from tests.service.vehicles import picture, triplet
from vreid.bundle import Bundle

INDEXED = 300
KILLS = 3
DEADLINE = 120.0


@pytest.fixture(scope="module")
def new_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Other weights and another feature size than the service's."""
    return make_tiny_bundle(tmp_path_factory.mktemp("new"), feature_size=24, seed=1)


@dataclass
class Client:
    """Enrols and deletes until the service says that its generation is retired."""

    address: str
    there: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    unexpected: list[str] = field(default_factory=list)
    retired: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
            number = 0
            while not self.retired.is_set():
                record_id = f"live-{number}"
                files, data = triplet(number % 7, number), {"id": record_id}
                if self._done(client.post("/gallery", files=files, data=data), 201):
                    self.there.add(record_id)
                    number += 1
                if number % 3 == 2 and number > 3:
                    self._delete(client, f"live-{number - 3}")

    def _delete(self, client: httpx.Client, record_id: str) -> None:
        if record_id in self.there and self._done(client.delete(f"/gallery/{record_id}"), 204):
            self.there.remove(record_id)
            self.deleted.add(record_id)

    def _done(self, response: httpx.Response, status: int) -> bool:
        if response.status_code == status:
            return True
        kind = response.json()["type"].rpartition(":")[2]
        if kind == "gallery-retired":
            self.retired.set()
        elif kind != "gallery-locked":
            self.unexpected.append(response.text)
        return False


def test_nothing_acknowledged_is_missing_and_nothing_deleted_is_back_after_kills_and_the_swap(
    bundle: Bundle, new_bundle: Bundle, tmp_path: Path
) -> None:
    gallery, archive = tmp_path / "gallery", tmp_path / "archive"
    archive.mkdir()
    for number in range(INDEXED):
        (archive / f"{number}.png").write_bytes(picture(number % 9, number))
    # Half of the images are kept, the others are read from their files again.
    index_source(archive, bundle, gallery, keep_crops=True, show_progress=False)
    more = tmp_path / "more"
    more.mkdir()
    for number in range(INDEXED):
        (more / f"{number}.png").write_bytes(picture(number % 9, INDEXED + number))
    index_source(more, bundle, gallery, show_progress=False)

    arguments: list[str | Path] = ["reindex", "--gallery", gallery, "--bundle", new_bundle.path]
    arguments += ["--source", more, "--batch-size", "4", "--json"]
    with serving(bundle.path, gallery, environment={"VREID_KEEP_CROPS": "encoded"}) as service:
        indexed = all_ids(service.client)
        assert len(indexed) == 2 * INDEXED
        client = Client(service.address)
        thread = threading.Thread(target=client.run)
        thread.start()
        try:
            kill_while_building(arguments, gallery)
            finished = vreid(*arguments)
            assert finished.returncode == 0, finished.stderr
            assert client.retired.wait(DEADLINE)
        finally:
            client.retired.set()
            thread.join(DEADLINE)
        report = json.loads(finished.stdout.splitlines()[-1])
        assert report["swapped"]
        assert report["verification"]["sound"]
        # What was built before the kills was not built again.
        assert report["embedded"] < 2 * INDEXED + len(client.there) + len(client.deleted)
        assert client.unexpected == []
        assert client.deleted
        # The old service searches on, until it is restarted, and says so.
        ready = service.client.get("/health/ready")
        assert ready.status_code == 200
        assert new_bundle.fingerprint in ready.json()["checks"]["gallery"]
        assert searchable_ids(service.client, 5)

    with serving(new_bundle.path, gallery) as restarted:
        stored = all_ids(restarted.client)
        assert stored == indexed | client.there
        assert searchable_ids(restarted.client, len(stored)) == stored
        answer = restarted.client.post("/gallery", files=triplet(1), data={"id": "afterwards"})
        assert answer.status_code == 201
    assert vreid("serve", "--bundle", bundle.path, "--gallery", gallery).returncode == 1
    assert json.loads(vreid("gallery", "doctor", gallery, "--json").stdout)["sound"]


def kill_while_building(arguments: list[str | Path], gallery: Path) -> None:
    generator = random.Random(7)
    for kill in range(KILLS):
        before = built_records(gallery)
        process = subprocess.Popen(
            command(arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )
        # Once as soon as there is a file, and then in the middle of its filling.
        wait_for_records(gallery, max(0, before + 25 * kill), process)
        time.sleep(generator.uniform(0, 0.02))
        process.kill()
        assert process.wait(DEADLINE) == -9


def built_records(gallery: Path) -> int:
    """How many records the new generation has, -1 while there is none."""
    found = list((gallery / "generations").glob("*/gallery.sqlite3"))
    if not found:
        return -1
    try:
        with closing(sqlite3.connect(f"{found[0].as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_for_records(
    gallery: Path, count: int, process: subprocess.Popen[bytes] | subprocess.Popen[str]
) -> None:
    """Return when the new generation has so many records."""
    deadline = time.monotonic() + DEADLINE
    while built_records(gallery) < count:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_sigterm_ends_it_and_the_next_run_goes_on(
    bundle: Bundle, new_bundle: Bundle, tmp_path: Path
) -> None:
    gallery, archive = tmp_path / "gallery", tmp_path / "archive"
    archive.mkdir()
    for number in range(INDEXED):
        (archive / f"{number}.png").write_bytes(picture(number % 9, number))
    index_source(archive, bundle, gallery, show_progress=False)
    arguments: list[str | Path] = ["reindex", "--gallery", gallery, "--bundle", new_bundle.path]
    arguments += ["--source", archive, "--batch-size", "2"]
    process = subprocess.Popen(
        command(arguments), stderr=subprocess.PIPE, env=clean_environment(), text=True
    )
    wait_for_records(gallery, 20, process)
    process.terminate()
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert "run the same command again" in told
    finished = vreid(*arguments, "--json")
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout.splitlines()[-1])
    assert report["embedded"] <= INDEXED - 20
    assert report["verification"]["records"] == INDEXED
