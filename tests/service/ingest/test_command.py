import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.ingest.command import ingest
from service.ingest.entry import make_entry
from service.ingest.errors import IngestOff, IngestUnavailable, UnknownIngest
from service.ingest.queue import EntryQueue
from service.ingest.settings import IngestSettings
from service.messages.inputs import EnrolInput
from tests.redis_server import RedisServer, running_redis
from tests.service.ingest.stream import put


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("VREID_"):
            monkeypatch.delenv(name)


@pytest.fixture
def entry_ids(redis_server: RedisServer) -> Iterator[list[str]]:
    """Twenty entries that were given up, more than fit on one page of the list."""
    queue = EntryQueue(IngestSettings(redis=redis_server.url, timeout=0.5))
    queue.open()
    ids = []
    for number in range(20):
        entry = make_entry([EnrolInput(rgb=bytes([number]))], True, None, "request", "2026-01-01")
        put(redis_server, entry)
        taken = queue.fresh("a")
        assert taken is not None
        queue.give_up(taken, "the lens is dirty", "{}", 2)
        ids.append(entry.id)
    yield ids
    queue.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(ingest, ["dead", *arguments])


def test_dead_entries_are_listed_with_the_reason(
    redis_server: RedisServer, entry_ids: list[str]
) -> None:
    result = run("--redis", redis_server.url)
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if "lens" in line]
    assert [line.split()[0] for line in lines] == entry_ids
    assert lines[0].endswith("2 tries: the lens is dirty")
    machine = [
        json.loads(line) for line in run("--redis", redis_server.url, "--json").stdout.splitlines()
    ]
    assert [each["entry_id"] for each in machine] == entry_ids
    assert machine[0]["record_ids"] == [entry_ids[0]]


def test_a_dead_entry_goes_back_with_its_pictures(
    redis_server: RedisServer, entry_ids: list[str]
) -> None:
    result = run("--redis", redis_server.url, "--requeue", entry_ids[17], "--requeue", entry_ids[3])
    assert result.exit_code == 0, result.output
    queue = EntryQueue(IngestSettings(redis=redis_server.url, timeout=0.5))
    for number in (17, 3):
        taken = queue.fresh("a")
        assert taken is not None
        assert taken.entry is not None
        assert taken.entry.id == entry_ids[number]
        assert taken.entry.samples[0].rgb == bytes([number])
    assert len(list(queue.dead())) == 18
    queue.close()


def test_what_is_not_dead_cannot_be_requeued(redis_server: RedisServer) -> None:
    assert isinstance(run("--redis", redis_server.url, "--requeue", "x").exception, UnknownIngest)


def test_without_an_address_or_a_server_it_says_what_to_set(tmp_path: Path) -> None:
    assert isinstance(run().exception, IngestOff)
    with running_redis(tmp_path) as server:
        pass
    result = run("--redis", server.url)
    assert isinstance(result.exception, IngestUnavailable)
    assert "VREID_INGEST__REDIS" in str(result.exception)
