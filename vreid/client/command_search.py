"""The command `vreid search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vreid.client.command_options import (
    NAMING,
    image_options,
    images_of,
    named_samples,
    open_client,
    service_options,
)
from vreid.client.command_output import found_text, json_text
from vreid.policy import POLICIES, Policy


def _document(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> dict[str, Any] | None:
    try:
        document = None if value is None else json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"is no JSON: {error}", context, parameter) from None
    if document is not None and not isinstance(document, dict):
        raise click.BadParameter('has to be a JSON object: {"camera": "north"}', context, parameter)
    return document


@click.command(epilog=NAMING)
@click.argument("images", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@image_options()
@click.option("--id", "ids", multiple=True, help="A record of the gallery; may be repeated.")
@click.option("-k", type=click.IntRange(min=1), help="Results wanted; with --by-identity, groups.")
@click.option("--policy", type=click.Choice(POLICIES), help="How two samples are compared.")
@click.option("--filter", callback=_document, help='Which records: \'{"camera": "north"}\'.')
@click.option("--camera", help="Of the query, for the filter's exclude_same_camera.")
@click.option("--scene", help="Of the query, for the filter's exclude_same_scene.")
@click.option("--min-score", type=float, help="Leave out results with a lower score.")
@click.option("--min-probability", type=float, help="Leave out results with a lower probability.")
@click.option(
    "--false-accept-rate",
    type=float,
    help="Leave out results below the calibrated threshold of this rate.",
)
@click.option("--by-identity", is_flag=True, help="One result for each identity.")
@click.option("--rerank", is_flag=True, help="Order the best candidates anew.")
@service_options
def search(
    images: tuple[Path, ...],
    rgb: Path | None,
    nir: Path | None,
    tir: Path | None,
    tir_palette: str | None,
    ids: tuple[str, ...],
    k: int | None,
    policy: Policy | None,
    filter: dict[str, Any] | None,
    camera: str | None,
    scene: str | None,
    min_score: float | None,
    min_probability: float | None,
    false_accept_rate: float | None,
    by_identity: bool,
    rerank: bool,
    url: str | None,
    ca_certificate: Path | None,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Search a running service for the vehicle that IMAGES show.

    Everything that is given is of one vehicle: IMAGES, the sample of --rgb, --nir and --tir, and
    the records of --id.
    """
    query = [*named_samples(images).values()]
    query += images_of({"rgb": rgb, "nir": nir, "tir": tir}, tir_palette)
    if not query and not ids:
        raise click.UsageError("give images of a vehicle, or --id of a record that shows it")
    with open_client(url, deadline, ca_certificate) as client:
        found = client.search(
            *query,
            id=ids,
            k=k,
            policy=policy,
            filter=filter,
            camera=camera,
            scene=scene,
            min_score=min_score,
            min_probability=min_probability,
            false_accept_rate=false_accept_rate,
            group_by="identity" if by_identity else None,
            rerank=rerank or None,
        )
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(json_text(found) if as_json else found_text(found))
