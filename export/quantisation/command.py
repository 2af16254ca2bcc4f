"""``vreid bundle quantise``: adds variants to a bundle that is there.

Its own files and fingerprint stay.
"""

from __future__ import annotations

from pathlib import Path

import click

from export.cli import Variants, data_set_option, describe
from export.errors import ExportError
from export.named_sets import NamedSet
from export.quantisation.addition import add_variants
from export.quantisation.variants import VariantName


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@data_set_option("--validation", told="A data set that the loss is measured on.")
@data_set_option(
    "--calibration", told="A data set of other vehicles that int8 takes ranges of activations from."
)
@data_set_option("--halve", told="A data set of which half of the identities give ranges.")
@click.option(
    "--variants",
    type=Variants(),
    default="int8,bf16",
    show_default=True,
    help="Which to make anew, of int8, bf16 and fp16; others that are there stay. none takes away "
    "all that are there.",
)
def quantise(
    bundle: Path,
    validation: tuple[tuple[str, str], ...],
    calibration: tuple[tuple[str, str], ...],
    halve: tuple[tuple[str, str], ...],
    variants: tuple[VariantName, ...],
) -> None:
    """Measure variants of BUNDLE and write those that cost little."""
    sets = [
        [NamedSet.parse(name, Path(folder)) for name, folder in given]
        for given in (validation, calibration, halve)
    ]
    try:
        written = add_variants(
            bundle, variants, validation=sets[0], calibration=sets[1], halved=sets[2]
        )
    except OSError as error:
        raise ExportError(
            f"{bundle} cannot be replaced ({error}); check the rights and the space of the folder "
            "that it lies in. It is as it was"
        ) from error
    click.echo(describe(written))
