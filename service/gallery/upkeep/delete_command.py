"""The command `vreid gallery delete`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_option import FilterOption
from service.gallery.store.matching import delete_matches, stored_matches
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.opened import opened


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("ids", nargs=-1)
@click.option(
    "--filter",
    "conditions",
    type=FilterOption(deletes=True),
    help='Instead of IDS: the records that pass this filter, such as {"camera": "gate"}.',
)
@click.option("--dry-run", is_flag=True, help="With --filter: say how many, delete nothing.")
@click.option(
    "--all",
    "all_of_them",
    is_flag=True,
    help="With --filter: delete also where every record passes it.",
)
@click.option(
    "--expected",
    type=click.IntRange(0),
    help="With --filter: how many are meant; where another number passes, none is deleted.",
)
def delete(
    directory: Path,
    ids: tuple[str, ...],
    conditions: Filter | None,
    dry_run: bool,
    all_of_them: bool,
    expected: int | None,
) -> None:
    """Delete the records of DIRECTORY with these IDS, with their features and images.

    With --filter, the records that pass a filter are deleted, a few hundred at a time, so others
    write in between. A filter that every record passes is refused unless --all is given.
    """
    if conditions is None:
        if not ids or dry_run or all_of_them or expected is not None:
            raise click.UsageError(
                "Give IDS, or --filter; --dry-run, --all and --expected belong to --filter."
            )
        _delete_ids(directory, ids)
        return
    if ids:
        raise click.UsageError("Give IDS or --filter, not both.")
    with opened(directory) as store:
        if dry_run:
            click.echo(f"{sum(map(len, stored_matches(store, conditions)))} would be deleted")
            return
        if not all_of_them:
            _refuse_everything(store, conditions)
        click.echo(f"{delete_matches(store, conditions, expected)} deleted")


def _refuse_everything(store: GalleryStore, conditions: Filter) -> None:
    """Refuse a filter that every record passes, as one with a misspelt name in a `not` does."""
    if any(stored_matches(store, Filter(negated=conditions))):
        return
    if any(stored_matches(store, conditions)):
        raise click.UsageError(
            "Every record of the gallery passes the filter; narrow it, or give --all to delete "
            "all of them."
        )


def _delete_ids(directory: Path, ids: tuple[str, ...]) -> None:
    wanted = list(dict.fromkeys(ids))
    with opened(directory) as store:
        deleted = store.delete(wanted)
    click.echo(f"{deleted} deleted")
    if deleted < len(wanted):
        click.echo(f"{len(wanted) - deleted} ids were not in the gallery", err=True)
        sys.exit(1)
