"""The commands `vreid worker` and `vreid ingest`."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
from redis.exceptions import RedisError

from service.cli import warn_about_unknown_variables
from service.gallery.opening import open_records
from service.ingest.crew import Crew
from service.ingest.errors import IngestOff, IngestUnavailable
from service.ingest.queue import EntryQueue
from service.ingest.storage import Storage
from service.log_setup import errors_as_lines, set_up_logging
from service.opening import check_ingest, open_embedder
from service.settings import Settings, load_settings
from vreid.engines import ENGINES

_redis_option = click.option("--redis", help="Redis server of ingest, as redis://127.0.0.1:6379/0.")


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="The bundle that embeds.")
@click.option("--gallery", help="The gallery's directory, or milvus://host:19530/name.")
@_redis_option
@click.option("--engine", type=click.Choice(ENGINES), help="What runs the model.")
@click.option("--threads", type=int, help="Threads of the engine.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Entries that are embedded at the same moment.",
)
@errors_as_lines()
def worker(
    bundle: Path | None,
    gallery: str | None,
    redis: str | None,
    engine: str | None,
    threads: int | None,
    workers: int,
) -> None:
    """Embed what POST /ingest accepted and store it in the gallery, until SIGTERM or Ctrl-C.

    Any number of workers may run; an entry in work is finished first. The settings of ingest are
    those of the service (VREID_INGEST__...); `vreid config` lists them.
    """
    settings = _settings(redis, bundle=bundle, gallery=gallery, engine=engine, threads=threads)
    set_up_logging(settings.log_level, settings.log_format)
    warn_about_unknown_variables()
    check_ingest(settings)
    embedder = open_embedder(settings)
    store = open_records(settings.gallery, embedder.bundle, lock_timeout=settings.lock_timeout)
    try:
        storage = Storage(embedder, store.add, store.get, settings.keep_crops)
        crew = Crew(settings.ingest, storage, workers)
        stop = _stop_on_signal()
        crew.start()
        click.echo(f"vreid worker takes entries from {settings.ingest.redis}")
        stop.wait()
        crew.stop(settings.drain_timeout)
    finally:
        store.close()


@click.group()
def ingest() -> None:
    """Look after the queue of POST /ingest."""


@ingest.command()
@_redis_option
@click.option(
    "--requeue", "requeued", multiple=True, metavar="ID", help="Try this entry again; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def dead(redis: str | None, requeued: tuple[str, ...], as_json: bool) -> None:
    """List the entries that were given up, with the reason; or put some back into the queue."""
    settings = _settings(redis)
    queue = EntryQueue(settings.ingest)
    try:
        if requeued:
            for entry_id in requeued:
                queue.requeue(entry_id)
                click.echo(f"{entry_id} waits again", err=as_json)
            return
        count = 0
        for entry in queue.dead():
            count += 1
            if as_json:
                click.echo(json.dumps(asdict(entry)))
            else:
                tries = "1 try" if entry.attempts == 1 else f"{entry.attempts} tries"
                name = entry.entry_id or f"(unreadable, {entry.stream_id})"
                click.echo(f"{name}  {entry.failed_at}  {tries}: {entry.reason}")
        click.echo(f"{count} dead", err=True)
    except RedisError as error:
        raise IngestUnavailable(
            f"the Redis server {settings.ingest.redis} does not answer ({error}); start it, or "
            "correct VREID_INGEST__REDIS"
        ) from error
    finally:
        queue.close()


def _settings(redis: str | None, **options: object) -> Settings:
    nested = {} if redis is None else {"ingest": {"redis": redis}}
    settings = load_settings({**options, **nested})
    if settings.ingest.redis is None:
        raise IngestOff
    return settings


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    return stop
