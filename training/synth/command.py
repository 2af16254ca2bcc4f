"""The command `vreid synth`."""

from __future__ import annotations

from pathlib import Path

import click

from vreid.errors import VreidError


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--identities", type=click.IntRange(1, 9999), required=True, help="Vehicles to make.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Same seed, same pictures.",
)
@click.option("--samples", type=click.IntRange(2, 1000), default=8, show_default=True)
@click.option("--train-share", type=click.FloatRange(0.0, 1.0), default=0.5, show_default=True)
@click.option("--height", type=click.IntRange(16), default=144, show_default=True)
@click.option("--width", type=click.IntRange(16), default=256, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=None, help="Default: one per core.")
def synth(
    directory: Path,
    identities: int,
    seed: int,
    samples: int,
    train_share: float,
    height: int,
    width: int,
    workers: int | None,
) -> None:
    """Render synthetic RGB-NIR-TIR vehicles into DIRECTORY in the MSVR310 layout.

    An interrupted run continues where it stopped when the same command is given again.
    """
    # Imported late so that `vreid --help` does not pay for the ray caster.
    from training.synth.generate import generate

    try:
        summary = generate(
            directory,
            identities,
            seed,
            samples=samples,
            train_share=train_share,
            height=height,
            width=width,
            workers=workers,
            progress=True,
        )
    except VreidError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{summary.directory}: {summary.train_identities} training and "
        f"{summary.test_identities} test identities, {summary.train_triplets} training, "
        f"{summary.gallery_triplets} gallery and {summary.query_triplets} query triplets"
    )


if __name__ == "__main__":
    synth()
