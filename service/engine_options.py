"""The options by which a job's command chooses what runs the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from vreid.engines.names import ENGINES, PRECISIONS

Command = TypeVar("Command", bound=Callable[..., Any])


def engine_options(command: Command) -> Command:
    """Add --engine, --precision and --threads, named as the settings of `vreid serve`."""
    for option in (
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            help="Threads of the engine; by default the processors it may use.",
        ),
        click.option(
            "--precision",
            type=click.Choice(PRECISIONS),
            default="auto",
            show_default=True,
            help="How the model computes; auto takes the fastest that the bundle has.",
        ),
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            default="auto",
            show_default=True,
            help="What runs the model; auto takes the fastest that is there.",
        ),
    ):
        command = option(command)
    return command
