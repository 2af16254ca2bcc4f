"""The command `vreid compare`."""

from __future__ import annotations

from pathlib import Path

import click

from vreid.client.command_options import (
    NAMING,
    image_options,
    images_of,
    named_samples,
    open_client,
    service_options,
)
from vreid.client.command_output import comparison_text, json_text
from vreid.policy import POLICIES, Policy


@click.command(epilog=NAMING)
@click.argument("images", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@image_options("a-")
@image_options("b-")
@click.option("--policy", type=click.Choice(POLICIES), help="How the samples are compared.")
@service_options
def compare(
    images: tuple[Path, ...],
    a_rgb: Path | None,
    a_nir: Path | None,
    a_tir: Path | None,
    a_tir_palette: str | None,
    b_rgb: Path | None,
    b_nir: Path | None,
    b_tir: Path | None,
    b_tir_palette: str | None,
    policy: Policy | None,
    url: str | None,
    ca_certificate: Path | None,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Ask a running service whether two samples show the same vehicle.

    The samples are IMAGES that make two by their names, or those of the options --a-... and
    --b-...
    """
    sides = [
        *named_samples(images).values(),
        *images_of({"rgb": a_rgb, "nir": a_nir, "tir": a_tir}, a_tir_palette),
        *images_of({"rgb": b_rgb, "nir": b_nir, "tir": b_tir}, b_tir_palette),
    ]
    if len(sides) != 2:
        raise click.UsageError(
            f"the images make {len(sides)} samples by their names; give those of two, or say which "
            "is which with --a-rgb, --b-rgb and so on"
        )
    with open_client(url, deadline, ca_certificate) as client:
        comparison = client.compare(sides[0], sides[1], policy)
    for warning in comparison.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(json_text(comparison) if as_json else comparison_text(comparison))
