"""What the client's commands have in common: the service, the images, the form of the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from vreid.client.client import Client
from vreid.client.connection import DEFAULT_URL
from vreid.client.inputs import Images
from vreid.client.variables import API_KEY_VARIABLE, CA_VARIABLE, URL_VARIABLE
from vreid.layouts.modality_endings import samples_by_ending
from vreid.modality import MODALITIES, Modality
from vreid.thermal import STYLES

Command = TypeVar("Command", bound=Callable[..., Any])

NAMING = (
    f"NAME_rgb, NAME_nir, NAME_tir are one sample; a name without such an ending is RGB. "
    f"The service's address is --url or {URL_VARIABLE}; {API_KEY_VARIABLE} is the API key that "
    f"goes to {URL_VARIABLE}."
)

_FILE = click.Path(path_type=Path, dir_okay=False)


def service_options(command: Command) -> Command:
    """Add --url, --ca-certificate, --deadline and --json."""
    options = (
        click.option(
            "--url", help=f"The service's address; default: {URL_VARIABLE}, {DEFAULT_URL}."
        ),
        click.option(
            "--ca-certificate",
            type=_FILE,
            help=f"PEM file of who signed the service's certificate; default: {CA_VARIABLE}, "
            "else what browsers trust.",
        ),
        click.option(
            "--deadline",
            type=click.FloatRange(min=0, min_open=True),
            help="Seconds in which the service has to answer, tries included.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def image_options(prefix: str = "") -> Callable[[Command], Command]:
    """Add --rgb, --nir, --tir and --tir-palette, each with a prefix."""

    def add(command: Command) -> Command:
        palette = click.option(
            f"--{prefix}tir-palette",
            type=click.Choice(STYLES),
            help="Palette of the false-colour thermal image; measured when left out.",
        )
        command = palette(command)
        for modality in reversed(MODALITIES):
            option = click.option(
                f"--{prefix}{modality}", type=_FILE, help=f"The {modality.value.upper()} image."
            )
            command = option(command)
        return command

    return add


def open_client(
    url: str | None, deadline: float | None, ca_certificate: Path | None = None
) -> Client:
    """A client of the service that the options name."""
    client = Client(url, deadline=deadline, verify=ca_certificate or True)
    if os.environ.get(API_KEY_VARIABLE) and not client.has_key:
        click.echo(
            f"{API_KEY_VARIABLE} is not sent to {client.url}: it goes to {URL_VARIABLE} alone; set "
            "that to the address it is for",
            err=True,
        )
    return client


def images_of(files: Mapping[str, Path | None], palette: str | None = None) -> list[Images]:
    """The sample that the options for single images name, in a list; an empty one for none.

    Raises:
        click.UsageError: a palette without a thermal image.
    """
    given = {name: path for name, path in files.items() if path is not None}
    if palette is not None and "tir" not in given:
        raise click.UsageError("--tir-palette needs --tir: it says how that image is coloured")
    if not given:
        return []
    return [images_by_modality({Modality(name): path for name, path in given.items()}, palette)]


def named_samples(paths: Sequence[Path]) -> dict[str, Images]:
    """The samples of files that are named by their modalities, by name."""
    return {
        str(name): images_by_modality(images) for name, images in samples_by_ending(paths).items()
    }


def images_by_modality(files: Mapping[Modality, Path], palette: str | None = None) -> Images:
    """A sample of image files."""
    return Images(
        rgb=files.get(Modality.RGB),
        nir=files.get(Modality.NIR),
        tir=files.get(Modality.TIR),
        tir_palette=palette,
    )
