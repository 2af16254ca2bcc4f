"""The command `vreid index`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from service.engine_options import engine_options
from service.exit_status import resumable
from service.indexing.job import DEFAULT_BATCH_SIZE, IndexingSummary, index_source
from service.indexing.sharding import Shard, parse_shard
from service.indexing.source import remarks
from service.log_setup import errors_as_lines, say, set_up_logging, writes_json
from service.settings import load_settings
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits


def _shard(context: click.Context, parameter: click.Parameter, value: str | None) -> Shard | None:
    try:
        return None if value is None else parse_shard(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    "bundle_directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The model bundle that embeds the images.",
)
@click.option(
    "--gallery",
    "gallery_directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The gallery's directory, or milvus://host:19530/name; made when it does not exist.",
)
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON object.")
@click.option(
    "--batch-size",
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    type=click.IntRange(min=1),
    help="Samples stored in one transaction.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for unusable samples and the reasons (JSONL); by default in the gallery.",
)
@click.option(
    "--identity-from",
    type=click.Choice(["none", "folder"]),
    default="none",
    show_default=True,
    help="In a plain folder of pictures: take the identity from the folder of each picture.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Where the gallery has the images of a sample under other labels: give that record the "
    "sample's identity, camera, scene, captured_at and attributes (also where they are empty) "
    "instead of making a second record. Works for records that this version stored.",
)
@click.option(
    "--keep-crops",
    is_flag=True,
    help="Keep the encoded images in the gallery too, so that `vreid reindex` can embed them with "
    "another model when the files are gone; the gallery grows by their size.",
)
@click.option(
    "--shard",
    callback=_shard,
    metavar="I/N",
    help="Index part I of N only (1/4, 2/4, ...): the parts may be indexed at the same time by "
    "several processes, into one gallery, or by several machines, into one each.",
)
@engine_options
@errors_as_lines()
def index(
    source: Path,
    bundle_directory: Path,
    gallery_directory: Path,
    as_json: bool,
    batch_size: int,
    rejects: Path | None,
    identity_from: str,
    update: bool,
    keep_crops: bool,
    shard: Shard | None,
    engine: str,
    precision: str,
    threads: int | None,
) -> None:
    """Index SOURCE: a manifest (.csv, .jsonl, .parquet), a data set in a known layout, or a folder.

    \b
    A folder of pictures is read by one of two rules:
      NAME_rgb, NAME_nir, NAME_tir in one folder are one sample;
      a picture without such an ending is taken as RGB;
    or, when it has folders rgb, nir, tir:
      pictures with the same path below them are one sample;
      a picture outside them is rejected.

    \b
    Of a public data set (`vreid datasets` lists them) the gallery folder is indexed,
    such as bounding_box_test; name another of its folders to index that one.

    Samples that the gallery has already are skipped, so an interrupted run is resumed by running it
    again. VREID_LIMITS__IMAGE_BYTES and VREID_LIMITS__IMAGE_PIXELS bound the images, as they do for
    the service. The exit status is 0 only when nothing was rejected.
    """  # noqa: D301 - \b is click's mark for lines to keep
    # Those of the service on this machine; where it listens is no matter here.
    settings = load_settings({"host": "127.0.0.1"})
    limits = settings.limits
    if settings.log_format == "json":
        set_up_logging(settings.log_level, settings.log_format)
    with resumable():
        bundle = Bundle.load(bundle_directory)
        for remark in remarks(source):
            say(remark)
        summary = index_source(
            source,
            bundle,
            gallery_directory,
            engine=engine,
            precision=precision,
            threads=threads,
            batch_size=batch_size,
            rejects=rejects,
            identity_from_folder=identity_from == "folder",
            update=update,
            keep_crops=keep_crops,
            shard=shard,
            limits=ImageLimits(limits.image_bytes, limits.image_pixels),
            show_progress=not writes_json(),
        )
    _report(summary, as_json)
    if summary.rejected:
        sys.exit(1)


def _report(summary: IndexingSummary, as_json: bool) -> None:
    tell = say if as_json else click.echo
    tell(
        f"{summary.indexed} indexed, "
        + (f"{summary.updated} updated, " if summary.updated else "")
        + f"{summary.skipped} skipped (already in the gallery or "
        f"identical to another sample), {summary.rejected} rejected "
        f"in {summary.seconds:.1f} s ({summary.throughput:.1f} samples/s)"
    )
    images = ", ".join(f"{count} {each.value.upper()}" for each, count in summary.images.items())
    tell(
        f"images: {images} ({summary.images_per_second:.0f} a second with {summary.engine}, "
        f"{summary.precision})"
    )
    if summary.rejects is not None:
        say(f"rejected samples and the reasons: {summary.rejects}")
    if as_json:
        click.echo(
            json.dumps(
                {
                    "indexed": summary.indexed,
                    "updated": summary.updated,
                    "skipped": summary.skipped,
                    "rejected": summary.rejected,
                    "seconds": round(summary.seconds, 3),
                    "rejects": None if summary.rejects is None else str(summary.rejects),
                    "engine": summary.engine,
                    "precision": summary.precision,
                    "images_per_second": round(summary.images_per_second, 1),
                }
            )
        )
