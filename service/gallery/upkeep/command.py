"""The command `vreid gallery`."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import click

from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_option import FilterOption
from service.gallery.record import DamagedRecord, Record
from service.gallery.upkeep.delete_command import delete
from service.gallery.upkeep.opened import opened
from service.gallery.upkeep.upkeep_commands import backup, doctor, prune, restore, scrub
from service.transfer.command import export_command, import_command
from vreid.modality import modalities_of, subset_name


@click.group()
def gallery() -> None:
    """Look into a gallery, fill and thin it, back it up and check it."""


for _command in (delete, prune, scrub, backup, restore, doctor, import_command, export_command):
    gallery.add_command(_command)


@gallery.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(directory: Path, as_json: bool) -> None:
    """Print how many records DIRECTORY holds, of which model, and its size."""
    with opened(directory) as store:
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
@click.option(
    "--filter",
    "conditions",
    type=FilterOption(),
    help='Only records that pass this filter, such as {"camera": "gate"}.',
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_records(
    directory: Path, limit: int | None, conditions: Filter | None, as_json: bool
) -> None:
    """List the records of DIRECTORY in the order in which they were stored.

    A record that cannot be read is listed with the reason, whatever the filter; then the exit
    status is 1.
    """
    damaged = 0
    with opened(directory) as store:
        listed = (
            record
            for record in store.all_records()
            if conditions is None or isinstance(record, DamagedRecord) or conditions.matches(record)
        )
        for record in islice(listed, limit):
            damaged += isinstance(record, DamagedRecord)
            click.echo(json.dumps(_summary(record)) if as_json else _line(record))
    if damaged:
        click.echo(
            f"{damaged} records are damaged; `vreid gallery doctor {directory}` tells more",
            err=True,
        )
        sys.exit(1)


def _summary(record: Record | DamagedRecord) -> dict[str, object]:
    if isinstance(record, DamagedRecord):
        return {"id": record.id, "damaged": record.reason}
    return {
        "id": record.id,
        "identity": record.identity,
        "camera": record.camera,
        "scene": record.scene,
        "captured_at": None if record.captured_at is None else record.captured_at.isoformat(),
        "attributes": dict(record.attributes),
        "modalities": [modality.value for modality in modalities_of(record.mask)],
    }


def _line(record: Record | DamagedRecord) -> str:
    if isinstance(record, DamagedRecord):
        return f"{record.id!r}\tdamaged: {record.reason}"
    cells = (
        record.id,
        record.identity,
        record.camera,
        None if record.captured_at is None else record.captured_at.isoformat(),
        subset_name(modalities_of(record.mask)),
    )
    return "\t".join(cell or "-" for cell in cells)
