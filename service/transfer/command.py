"""The commands `vreid gallery import` and `vreid gallery export`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from service.exit_status import resumable
from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_option import FilterOption
from service.gallery.upkeep.opened import opened
from service.transfer.exporting import export_records
from service.transfer.importing import DEFAULT_BATCH_SIZE, ImportSummary, import_records
from vreid.bundle import Bundle

_JSON = click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON object.")


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    "bundle_directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The model bundle that made the features.",
)
@click.option(
    "--gallery",
    "gallery_directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The gallery's directory; made when it does not exist.",
)
@click.option(
    "--model",
    metavar="FINGERPRINT",
    help="The model that made the features, where FILE does not say it; another one than the "
    "bundle's is refused.",
)
@click.option(
    "--batch",
    "batch_size",
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    type=click.IntRange(min=1),
    help="Records stored in one transaction at most; fewer when they are large.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for rows that are no records and the reasons (JSONL); by default in the gallery.",
)
@_JSON
def import_command(
    file: Path,
    bundle_directory: Path,
    gallery_directory: Path,
    model: str | None,
    batch_size: int,
    rejects: Path | None,
    as_json: bool,
) -> None:
    """Import records with their features from FILE (.npz, .parquet).

    \b
    features     (N, 3, D) float16 or float32; in Parquet three columns
                 features_rgb, features_nir, features_tir of lists, null where missing
    mask         (N, 3) bool: which of RGB, NIR, TIR a record has; in Parquet optional
    id           a text for each record
    identity, camera, scene, captured_at, attributes (JSON objects)    optional
    model        the fingerprint of the bundle; in Parquet a metadata entry

    A time is a text in ISO 8601 with a zone or microseconds since 1970-01-01T00:00:00Z; in Parquet
    also a timestamp with a zone. In an npz file an empty text is no value.

    A record that the gallery has already is skipped, so an interrupted import is resumed by running
    it again, and so is one whose content_hash (which an export adds) another record of the gallery
    has; a row whose id another record has is rejected. Rows count from 0. The exit status is 0
    only when nothing was rejected.
    """  # noqa: D301 - \b is click's mark for lines to keep
    with resumable():
        bundle = Bundle.load(bundle_directory)
        summary = import_records(
            file,
            bundle.fingerprint,
            bundle.manifest.feature_size,
            gallery_directory,
            model=model,
            batch_size=batch_size,
            rejects=rejects,
            warn=lambda sentence: click.echo(f"warning: {sentence}", err=True),
        )
    _report(summary, as_json)
    if summary.rejected:
        sys.exit(1)


@click.command(name="export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--gallery",
    "directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The gallery's directory.",
)
@click.option(
    "--filter",
    "conditions",
    type=FilterOption(),
    help='Only records that pass this filter, such as {"camera": "gate"}.',
)
@_JSON
def export_command(file: Path, directory: Path, conditions: Filter | None, as_json: bool) -> None:
    """Export every record of a gallery, with its features, into the new FILE (.npz, .parquet).

    The file has the gallery of one moment, also while others write to it, and `vreid gallery
    import` makes the same gallery of it. Thumbnails and kept images are not in it: use `vreid
    gallery backup` for a copy with everything.
    """
    with opened(directory) as store:
        summary = export_records(store, file, conditions)
    click.echo(
        f"{summary.exported} records are in {file} ({summary.bytes} bytes, "
        f"{summary.seconds:.1f} s); thumbnails and kept images are not in it: "
        "`vreid gallery backup` copies everything",
        err=as_json,
    )
    if as_json:
        click.echo(
            json.dumps(
                {
                    "exported": summary.exported,
                    "bytes": summary.bytes,
                    "seconds": round(summary.seconds, 3),
                }
            )
        )


def _report(summary: ImportSummary, as_json: bool) -> None:
    click.echo(
        f"{summary.imported} imported, {summary.skipped} skipped (already in the gallery"
        + (f"; {summary.known_content} of them under another id" if summary.known_content else "")
        + f"), {summary.rejected} rejected in {summary.seconds:.1f} s",
        err=as_json,
    )
    if summary.rejects is not None:
        click.echo(f"rejected rows and the reasons: {summary.rejects}", err=True)
    if as_json:
        rejects = None if summary.rejects is None else str(summary.rejects)
        seconds = round(summary.seconds, 3)
        click.echo(json.dumps(asdict(summary) | {"seconds": seconds, "rejects": rejects}))
