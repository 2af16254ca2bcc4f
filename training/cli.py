"""The command `train`; it imports what it runs when it runs, torch above all."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vreid.errors import ConfigurationError


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the run.",
)
@click.option(
    "--data", "roots", multiple=True, metavar="SOURCE=FOLDER", help="Where a source's data lies."
)
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting of CONFIG."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the run's directory.")
@click.option(
    "--from",
    "start",
    type=click.Path(exists=True, path_type=Path),
    help="Another run on the same identities, whose weights this one begins with.",
)
def train(
    config: Path,
    directory: Path,
    roots: tuple[str, ...],
    changes: tuple[str, ...],
    resume: bool,
    start: Path | None,
) -> None:
    """Train CCNet as CONFIG (TOML) says.

    Writes DIRECTORY/checkpoint after every epoch. Ctrl-C or SIGTERM finishes the step at hand,
    writes a checkpoint and exits with status 1; the same command with --resume goes on.
    """
    from lightning_fabric.utilities import rank_zero_only

    from training.allocator import restart_with_tuned_allocator
    from training.config import read_config
    from training.errors import ReportedElsewhereError
    from training.loop import train as run_training
    from training.sources import with_roots

    settings = with_roots(read_config(config, changes), parse_roots(roots))
    restart_with_tuned_allocator(settings.compute.accelerator)
    try:
        checkpoint = run_training(settings, directory, resume, start)
    except ReportedElsewhereError:
        # Process 0 says it and carries the status; the launcher kills it when another fails.
        sys.exit(0)
    rank_zero_only(click.echo)(f"checkpoint: {checkpoint}")


def parse_roots(roots: tuple[str, ...]) -> dict[str, Path]:
    """Folders by name of source, of "SOURCE=FOLDER" each.

    Raises:
        ConfigurationError: one names no source.
    """
    parsed = {}
    for given in roots:
        name, equals, folder = given.partition("=")
        if not equals:
            raise ConfigurationError(f"--data {given!r} names no source; write SOURCE=FOLDER")
        parsed[name] = Path(folder)
    return parsed
