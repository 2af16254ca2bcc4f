"""The command `vreid embed`."""

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
from vreid.client.command_output import json_text, modalities, table

_BY_OPTIONS = "(--rgb --nir --tir)"


@click.command(epilog=NAMING)
@click.argument("images", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@image_options()
@click.option("--features", is_flag=True, help="With --json: each branch's features too.")
@service_options
def embed(
    images: tuple[Path, ...],
    rgb: Path | None,
    nir: Path | None,
    tir: Path | None,
    tir_palette: str | None,
    features: bool,
    url: str | None,
    ca_certificate: Path | None,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Embed IMAGES with a running service; --json prints the vectors.

    IMAGES may be of several samples; --rgb, --nir and --tir are one more.
    """
    samples = named_samples(images)
    for sample in images_of({"rgb": rgb, "nir": nir, "tir": tir}, tir_palette):
        samples[_BY_OPTIONS] = sample
    if not samples:
        raise click.UsageError("give images to embed")
    with open_client(url, deadline, ca_certificate) as client:
        embedded = client.embed(*samples.values(), features=features)
    for name, one in zip(samples, embedded.samples, strict=True):
        for warning in one.warnings:
            click.echo(f"warning: {name}: {warning}", err=True)
    if as_json:
        click.echo(json_text(embedded))
        return
    model = embedded.model
    click.echo(f"{model.name} {model.version}, {model.fingerprint}\n")
    rows = [
        (
            name,
            modalities(one.mask),
            str(len(one.center)),
            "-" if one.concat is None else str(len(one.concat)),
        )
        for name, one in zip(samples, embedded.samples, strict=True)
    ]
    click.echo(table(("sample", "modalities", "center", "concat"), rows))
