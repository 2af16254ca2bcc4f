"""The command `vreid gallery`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from service.gallery.record import Record
from service.gallery.store import GalleryStore
from vreid.modality import modalities_of, subset_name


@click.group()
def gallery() -> None:
    """Look into a gallery and delete from it."""


@gallery.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(directory: Path, as_json: bool) -> None:
    """Print how many records DIRECTORY holds, of which model, and its size."""
    with _opened(directory) as store:
        facts = {
            "records": store.count(),
            "fingerprint": store.facts.fingerprint,
            "feature_size": store.facts.feature_size,
            "created_at": store.facts.created_at.isoformat(),
            "bytes": store.size_on_disk(),
        }
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name}: {value}")


@gallery.command(name="list")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many records.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_records(directory: Path, limit: int | None, as_json: bool) -> None:
    """List the records of DIRECTORY in the order in which they were stored."""
    with _opened(directory) as store:
        for number, record in enumerate(_records(store)):
            if limit is not None and number >= limit:
                break
            click.echo(json.dumps(_summary(record)) if as_json else _line(record))


@gallery.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("ids", nargs=-1, required=True)
def delete(directory: Path, ids: tuple[str, ...]) -> None:
    """Delete the records with these IDS, with their features and thumbnails."""
    wanted = list(dict.fromkeys(ids))
    with _opened(directory) as store:
        deleted = store.delete(wanted)
    click.echo(f"{deleted} deleted")
    if deleted < len(wanted):
        click.echo(f"{len(wanted) - deleted} ids were not in the gallery", err=True)
        sys.exit(1)


@contextmanager
def _opened(directory: Path) -> Iterator[GalleryStore]:
    store = GalleryStore.open_existing(directory)
    try:
        yield store
    finally:
        store.close()


def _records(store: GalleryStore) -> Iterator[Record]:
    last = 0
    while batch := store.records_after(last, limit=256):
        yield from batch
        last = batch[-1].sequence


def _summary(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "identity": record.identity,
        "camera": record.camera,
        "scene": record.scene,
        "captured_at": None if record.captured_at is None else record.captured_at.isoformat(),
        "attributes": dict(record.attributes),
        "modalities": [modality.value for modality in modalities_of(record.mask)],
    }


def _line(record: Record) -> str:
    cells = (
        record.id,
        record.identity,
        record.camera,
        None if record.captured_at is None else record.captured_at.isoformat(),
        subset_name(modalities_of(record.mask)),
    )
    return "\t".join(cell or "-" for cell in cells)
