"""Adds variants to a bundle that is exported already; its own files and fingerprint stay.

Run: `python -m export.quantisation.command BUNDLE --validation NAME=DIR ...`, with the data sets
that `vreid export` was given.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from export.bundle_writer import staged_directory
from export.cli import NameAndValue, Variants, describe
from export.model_card import CARD_NAME, render_model_card
from export.named_sets import NamedSet, load_roles
from export.quantisation.calibration_images import pixels_or_reason
from export.quantisation.measured_sets import measured_sets
from export.quantisation.variants import VariantName, without_variants, write_variants
from vreid.bundle import Bundle, write_manifest
from vreid.engines import open_engine
from vreid.manifest import FileEntry

ENGINE = "onnxruntime-cpu"


def add_variants(
    path: Path,
    variants: Sequence[VariantName],
    *,
    validation: Sequence[NamedSet] = (),
    calibration: Sequence[NamedSet] = (),
    halved: Sequence[NamedSet] = (),
) -> Bundle:
    """Replace a bundle by one with these variants and no others, or leave it as it is.

    Arguments and errors are those of `export.bundle_export.export_bundle`.
    """
    former = Bundle.load(path)
    roles = load_roles(validation, calibration, halved)
    plain = without_variants(former.manifest)
    preprocessing, size = plain.preprocessing, plain.feature_size
    engine = open_engine(Bundle(path, plain), ENGINE, precision=plain.precision)
    default = measured_sets(roles, preprocessing, engine, size)
    with staged_directory(path, force=True) as directory:
        own = {entry.path for name in former.manifest.files for entry in _files(former, name)}
        kept = {entry.path for entry in _files(former, plain.precision)}
        for source in path.iterdir():
            if source.name in kept or source.name not in own:
                shutil.copy2(source, directory / source.name)
        manifest = write_variants(
            directory,
            plain,
            variants,
            pixels_or_reason(roles, preprocessing),
            default,
            lambda runner: measured_sets(roles, preprocessing, runner, size),
        )
        write_manifest(directory, manifest)
        (directory / CARD_NAME).write_text(render_model_card(manifest), encoding="utf-8")
        Bundle.load(directory)
    return Bundle.load(path)


def _files(bundle: Bundle, precision: str) -> list[FileEntry]:
    return list(bundle.manifest.files[precision].values())


@click.command()
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--validation", type=NameAndValue(), multiple=True, metavar="[LABEL:]NAME=DIR")
@click.option("--calibration", type=NameAndValue(), multiple=True, metavar="[LABEL:]NAME=DIR")
@click.option("--halve", type=NameAndValue(), multiple=True, metavar="[LABEL:]NAME=DIR")
@click.option("--variants", type=Variants(), default="int8,bf16", show_default=True)
def main(
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
    written = add_variants(
        bundle, variants, validation=sets[0], calibration=sets[1], halved=sets[2]
    )
    click.echo(describe(written))


if __name__ == "__main__":
    main()
