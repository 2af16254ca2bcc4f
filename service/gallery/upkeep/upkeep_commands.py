"""The commands of `vreid gallery` that keep one in good order: prune, scrub, backup, doctor."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from service.gallery.index.recall import RecallEstimate
from service.gallery.store.deletion import Selection
from service.gallery.upkeep.backup import BackupManifest, back_up
from service.gallery.upkeep.backup import restore as restore_backup
from service.gallery.upkeep.doctor import Examination, examine
from service.gallery.upkeep.opened import opened
from service.gallery.upkeep.retention import parse_age
from service.gallery.upkeep.stored_recall import estimate_stored_recall

_DIRECTORY = click.argument("directory", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _age(context: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    try:
        return parse_age(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command()
@_DIRECTORY
@click.option(
    "--older-than", required=True, callback=_age, help="An age: 90d (days), 12h (hours), 30m."
)
@click.option("--camera", "cameras", multiple=True, help="Only of this camera; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say how many records there are, delete nothing.")
@_JSON
def prune(
    directory: Path,
    older_than: timedelta,
    cameras: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete the records of DIRECTORY that are older than an age.

    A record's age counts from captured_at or, where that is not known, from when it was stored.
    """
    selection = Selection(
        seen_before=datetime.now(UTC) - older_than, cameras=cameras if cameras else None
    )
    with opened(directory) as store:
        count = store.count_selected(selection) if dry_run else store.delete_selected(selection)
    if as_json:
        click.echo(json.dumps({"older": count, "deleted": 0 if dry_run else count}))
    else:
        click.echo(f"{count} would be deleted" if dry_run else f"{count} deleted")


@click.command()
@_DIRECTORY
def scrub(directory: Path) -> None:
    """Write the database of DIRECTORY anew, without unused parts.

    What is deleted is overwritten at once, but short values (an id, a label) can leave a copy in an
    unused part of the file. This removes such copies. It needs as much free disk space as the
    database takes, and writes wait until it has ended.
    """
    with opened(directory) as store:
        before = store.size_on_disk()
        store.scrub()
        click.echo(f"written anew: {before} bytes before, {store.size_on_disk()} now")


@click.command()
@_DIRECTORY
@click.argument("target", type=click.Path(path_type=Path))
@_JSON
def backup(directory: Path, target: Path, as_json: bool) -> None:
    """Copy the gallery in DIRECTORY into the new directory TARGET, also while it is in use.

    The copy is read back: every record is compared with its checksum, every thumbnail and kept
    image with its SHA-256. What is damaged in the gallery is named, the copy is kept, and the exit
    status is 1. The manifest carries the SHA-256 of each file.
    """
    with opened(directory) as store:
        manifest = back_up(store, target)
    if as_json:
        click.echo(json.dumps(asdict(manifest)))
    else:
        _print_damaged(manifest)
        click.echo(
            f"{manifest.records} records, {manifest.pictures} pictures and {manifest.crops} kept "
            f"images are in {target}"
        )
    if manifest.damaged:
        click.echo(
            f"{len(manifest.damaged)} of them are damaged in the gallery and so in this copy. Keep "
            "older backups: they may still have them. "
            f"Then run: vreid gallery doctor {directory} --repair",
            err=True,
        )
        sys.exit(1)


@click.command()
@click.argument("backup", metavar="BACKUP", type=click.Path(path_type=Path))
@click.option(
    "--gallery",
    "directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The gallery's new directory; it must not hold anything.",
)
def restore(backup: Path, directory: Path) -> None:
    """Make a gallery of BACKUP, after comparing every file with its checksum."""
    manifest = restore_backup(backup, directory)
    _print_damaged(manifest)
    click.echo(f"{manifest.records} records of {manifest.made_at} are in {directory}")
    if manifest.damaged:
        click.echo(
            f"{len(manifest.damaged)} of them were damaged when the backup was made. "
            f"Run: vreid gallery doctor {directory} --repair",
            err=True,
        )


@click.command()
@_DIRECTORY
@click.option(
    "--repair",
    is_flag=True,
    help="Build derived parts again; move what is damaged into quarantine. Deletes no record.",
)
@_JSON
def doctor(directory: Path, repair: bool, as_json: bool) -> None:
    """Check everything in DIRECTORY: database, records, thumbnails, files of the index.

    Of a large gallery it also estimates the recall of its search, from a sample of its records.
    The exit status is 0 when nothing is wrong or everything that was has been repaired.
    """
    with opened(directory) as store:
        examination = examine(store, repair=repair)
        recall = estimate_stored_recall(store) if examination.sound else None
    if as_json:
        estimate = None if recall is None else asdict(recall)
        answer = {**asdict(examination), "sound": examination.sound, "recall": estimate}
        click.echo(json.dumps(answer))
    else:
        _print(examination)
        _print_recall(recall)
    if not examination.sound:
        sys.exit(1)


def _print_damaged(manifest: BackupManifest) -> None:
    for each in manifest.damaged:
        # A damaged id may have bytes that no terminal shows.
        subject = each["subject"].encode(errors="backslashreplace").decode()
        click.echo(f"{each['kind']}: {subject}: {each['problem']}")


def _print(examination: Examination) -> None:
    for finding in examination.findings:
        done = "" if finding.repaired is None else f" [{finding.repaired}]"
        click.echo(f"{finding.kind}: {finding.subject}: {finding.problem}{done}")
    click.echo(
        f"{examination.records} records, {examination.pictures} pictures, "
        f"{examination.crops} kept images, "
        f"{examination.quarantined} in quarantine, {len(examination.findings)} findings"
    )
    if not examination.sound:
        click.echo("add --repair to mend what can be mended", err=True)


def _print_recall(recall: RecallEstimate | None) -> None:
    if recall is not None:
        click.echo(
            f"recall@{recall.results} of the search: {recall.recall:.4f} (+- {recall.margin:.4f}, "
            f"{recall.queries} of {recall.records} records searched for)"
        )
