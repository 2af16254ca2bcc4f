"""The command `vreid enrol`."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

from vreid.client.command_options import open_client, service_options
from vreid.client.enrolment import BATCH, EnrolmentInterrupted
from vreid.client.inputs import Sighting
from vreid.client.records import EnrolOutcome, EnrolReport
from vreid.client.sources import SourceItem, read_source
from vreid.errors import VreidError
from vreid.sample import Sample


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--camera", help="Of the samples whose camera is not known.")
@click.option("--scene", help="Of the samples whose scene is not known.")
@click.option(
    "--batch",
    default=BATCH,
    show_default=True,
    type=click.IntRange(min=1),
    help="Samples sent, and stored, together.",
)
@service_options
def enrol(
    source: Path,
    camera: str | None,
    scene: str | None,
    batch: int,
    url: str | None,
    ca_certificate: Path | None,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Send SOURCE to a running service: a list (.csv, .jsonl), a data set, or a folder of pictures.

    \b
    In a folder of pictures
      NAME_rgb, NAME_nir, NAME_tir are one sample;
      a picture without such an ending is taken as RGB.

    A sample that the list gives no id gets one that follows from its name and its pictures, so an
    interrupted run is resumed by running it again. Where the gallery's directory is on this
    machine, `vreid index` is faster. The exit status is 0 only when every sample is stored.
    """  # noqa: D301 - \b is click's mark for lines to keep
    begun = time.monotonic()
    unusable: list[EnrolOutcome] = []
    # Of the sightings that are not settled yet.
    names: dict[int, str] = {}
    with (
        open_client(url, deadline, ca_certificate) as client,
        tqdm(unit=" samples", disable=None) as bar,
    ):

        def settled(outcome: EnrolOutcome) -> None:
            bar.update()
            name = names.pop(outcome.number)
            if outcome.status == "failed":
                bar.write(f"{name}: {outcome.error}", file=sys.stderr)

        sightings = _sightings(read_source(source), camera, scene, names, unusable)
        try:
            report = client.enrol_many(sightings, batch=batch, progress=settled)
        except EnrolmentInterrupted as error:
            _print(error.report, unusable, time.monotonic() - begun, as_json)
            raise
    _print(report, unusable, time.monotonic() - begun, as_json)
    if report.failed or unusable:
        sys.exit(1)


def _sightings(
    items: Iterator[SourceItem],
    camera: str | None,
    scene: str | None,
    names: dict[int, str],
    unusable: list[EnrolOutcome],
) -> Iterator[Sighting]:
    """The sightings of a source; what cannot be read is told at once and counted."""
    number = 0
    for item in items:
        try:
            if item.sample is None:
                raise item.problem or VreidError("it cannot be read")
            sample = replace(
                item.sample,
                camera=item.sample.camera or camera,
                scene=item.sample.scene or scene,
            )
            sighting = Sighting.from_sample(sample, item.id or id_of(sample))
        except VreidError as error:
            click.echo(f"{item.name}: {error}", err=True)
            unusable.append(EnrolOutcome(len(unusable), "failed", item.id, error=error))
            continue
        names[number] = item.name
        number += 1
        yield sighting


def id_of(sample: Sample) -> str:
    """An id that follows from a sample's name, its camera and scene, and its pictures.

    Raises:
        ImageError: a picture cannot be read.
    """
    digest = hashlib.sha256(
        json.dumps([sample.name, sample.identity, sample.camera, sample.scene]).encode()
    )
    for modality in sample.images:
        digest.update(f"\n{modality} ".encode())
        digest.update(hashlib.sha256(sample.content(modality)).digest())
    return digest.hexdigest()[:32]


def _print(
    report: EnrolReport, unusable: list[EnrolOutcome], seconds: float, as_json: bool
) -> None:
    failed = len(report.failed) + len(unusable)
    click.echo(
        f"{report.stored} stored, {report.present} in the gallery already, {failed} failed "
        f"in {seconds:.1f} s",
        err=as_json,
    )
    if as_json:
        summary = {"stored": report.stored, "present": report.present, "failed": failed}
        click.echo(json.dumps({**summary, "seconds": round(seconds, 3)}))
