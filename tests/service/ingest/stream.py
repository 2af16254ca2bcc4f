"""Looking into and putting into the queue, past the service."""

from service.ingest.entry import Entry, to_fields
from service.ingest.keys import Keys
from service.ingest.progress import Progress, read_progress
from service.redis_server import Word, command
from tests.redis_server import RedisServer

KEYS = Keys("vreid")


def put(server: RedisServer, entry: Entry) -> None:
    """Put an entry into the stream as the service does."""
    words: list[Word] = ["XADD", KEYS.stream, "*"]
    for name, value in to_fields(entry).items():
        words += [name, value]
    with server.client() as client:
        command(client, *words)


def progress_of(server: RedisServer, entry: Entry) -> Progress:
    """Return the progress of an entry that came by `put`, which notes no time of acceptance."""
    with server.client() as client:
        fields = command(client, "HGETALL", KEYS.progress(entry.id))
    progress = read_progress({b"accepted_at": b"2026-01-01", **fields})
    assert progress is not None
    return progress
