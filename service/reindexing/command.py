"""The command `vreid reindex`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click

from service.engine_options import engine_options
from service.exit_status import resumable
from service.gallery.address import directory_of
from service.reindexing.job import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_SAMPLE,
    Options,
    ReindexingSummary,
    reindex,
    roll_back,
)
from service.reindexing.kept import Generation, discard, list_generations
from vreid.bundle import Bundle


@click.command(name="reindex")
@click.option(
    "--gallery",
    "directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The gallery's directory.",
)
@click.option(
    "--bundle",
    "bundle_directory",
    type=click.Path(path_type=Path),
    help="The bundle to embed with; with --rollback the old one, for records stored since.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A folder or manifest that was indexed, to read the original files again; repeatable. "
    "Images that the gallery keeps itself are taken first.",
)
@click.option(
    "--drop-missing",
    is_flag=True,
    help="Leave records that cannot be embedded out of the new generation, instead of refusing "
    "to swap; they stay in the old one.",
)
@click.option("--no-swap", is_flag=True, help="Build and verify, and let the old one serve on.")
@click.option("--rollback", is_flag=True, help="Serve the generation again that was before.")
@click.option("--status", is_flag=True, help="Tell which generations there are, change nothing.")
@click.option(
    "--discard",
    "discards",
    is_flag=True,
    help="Remove every generation that is not served; there is no way back then.",
)
@click.option(
    "--with-only-copies",
    is_flag=True,
    help="With --discard: also records that the served generation does not have (--status counts "
    "them).",
)
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON object.")
@click.option(
    "--batch-size",
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    type=click.IntRange(min=1),
    help="Records stored in one transaction.",
)
@click.option(
    "--sample",
    default=DEFAULT_SAMPLE,
    show_default=True,
    type=click.IntRange(min=0),
    help="Records that are embedded a second time and searched for before the swap.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for records that cannot be embedded and the reasons (JSONL); by default in the "
    "gallery.",
)
@engine_options
def reindex_command(
    directory: Path,
    bundle_directory: Path | None,
    sources: tuple[Path, ...],
    drop_missing: bool,
    no_swap: bool,
    rollback: bool,
    status: bool,
    discards: bool,
    with_only_copies: bool,
    as_json: bool,
    batch_size: int,
    sample: int,
    rejects: Path | None,
    engine: str,
    precision: str,
    threads: int | None,
) -> None:
    """Embed a gallery again with another bundle, while it is in use.

    The new generation is built beside the one that is served, from images that the gallery keeps
    (keep_crops) or from the original files. When it is whole and verified, it is served from one
    moment on; what was enrolled, corrected and deleted meanwhile is in it. Processes that still run
    with the old bundle search on and can change nothing: restart them with the new one.

    An interrupted run is resumed by running it again. The exit status is 0 only when the generation
    is served or, with --no-swap, could be.
    """
    if sum((rollback, status, discards)) > 1:
        raise click.UsageError("give one of --rollback, --status and --discard")
    if with_only_copies and not discards:
        raise click.UsageError("--with-only-copies is for --discard")
    directory = directory_of(directory, "`vreid reindex`")
    if status:
        _show_generations(list_generations(directory), as_json)
        return
    if discards:
        _show_discarded(discard(directory, with_only_copies=with_only_copies), as_json)
        return
    if bundle_directory is None and not rollback:
        raise click.UsageError("name the new bundle with --bundle")
    options = Options(
        sources=sources,
        engine=engine,
        precision=precision,
        threads=threads,
        batch_size=batch_size,
        drop_missing=drop_missing,
        swap=not no_swap,
        sample=sample,
        rejects=rejects,
    )
    with resumable(), _interrupted_by_sigterm():
        bundle = None if bundle_directory is None else Bundle.load(bundle_directory)
        if rollback:
            summary = roll_back(directory, bundle, options)
        else:
            assert bundle is not None
            summary = reindex(directory, bundle, options)
    for line in _sentences(summary, drop_missing=drop_missing, rollback=rollback):
        click.echo(line, err=as_json)
    if as_json:
        _print_json(summary)
    verified = summary.verification is not None and summary.verification.sound
    if not (summary.served or (no_swap and verified)):
        sys.exit(1)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C: the transaction at hand is undone, files are closed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_json(summary: ReindexingSummary) -> None:
    verification = summary.verification
    document = asdict(summary) | {
        "rejected": len(summary.rejected),
        "rejects": None if summary.rejects is None else str(summary.rejects),
        "seconds": round(summary.seconds, 3),
        "verification": None
        if verification is None
        else {**asdict(verification), "sound": verification.sound},
    }
    click.echo(json.dumps(document))


def _sentences(summary: ReindexingSummary, *, drop_missing: bool, rollback: bool) -> Iterator[str]:
    yield f"{summary.embedded} records embedded in {summary.seconds:.1f} s"
    if summary.rejected:
        done = "left out" if drop_missing else "cannot be embedded, so nothing was swapped"
        yield f"{len(summary.rejected)} records {done}; the reasons: {summary.rejects}"
    found = summary.verification
    if found is not None:
        yield f"verified: {found.readable} of {found.records} records readable"
        if found.sampled:
            yield (
                f"of {found.sampled} embedded a second time {found.identical} identical, "
                f"{found.found_first} found first by their own images"
            )
        yield from (f"problem: {each}" for each in found.problems)
    generation = f"generation {summary.generation} ({summary.fingerprint})"
    if summary.swapped and rollback:
        yield (
            f"{generation} is served; restart everything that uses the gallery (service, workers, "
            "jobs) with its bundle, also what has run with that bundle all along"
        )
    elif summary.swapped:
        yield (
            f"{generation} is served; restart everything that uses the gallery (service, workers, "
            "jobs) with this bundle"
        )
    elif summary.served:
        yield (
            f"{generation} is served already: this bundle is the gallery's own model (same weights "
            "and preprocessing), so there is nothing to do"
        )
    else:
        if found is not None and found.sound:
            yield f"{generation} is ready; run again without --no-swap to serve it"
        yield "the generation that was served is served on"


def _show_generations(found: list[Generation], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"generations": [asdict(each) for each in found]}))
        return
    for each in found:
        state = "served" if each.served else "previous" if each.previous else "not served"
        columns = [each.name, state, f"{each.records} records", f"{each.bytes} bytes"]
        columns.append(each.fingerprint)
        if not each.served:
            columns.append(f"lacking {each.lacking} records" if each.lacking else "complete")
        if each.only_here or each.quarantined_here:
            columns.append(f"only here: {each.only_here}, {each.quarantined_here} in quarantine")
        click.echo("\t".join(columns))


def _show_discarded(discarded: list[Generation], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"discarded": [asdict(each) for each in discarded]}))
        return
    for each in discarded:
        click.echo(f"removed {each.name}: {each.records} records of {each.fingerprint}")
    click.echo(f"{len(discarded)} generations removed")
