"""Watches a folder of detector crops and enrols every sighting, once.

A detector writes one file for each modality that it has:

    north_20260301T120000.123Z_000017_rgb.jpg
    CAMERA_TIME_NUMBER_MODALITY.SUFFIX          (TIME in UTC; NUMBER tells sightings apart)

Files that share CAMERA_TIME_NUMBER are one sighting, and that is the id of its record. It is
complete when CAMERA_TIME_NUMBER.done is there, when every modality of --expect is, or when nothing
came for --patience seconds. When it is settled its files go to the folder done/ or failed/ below
the watched one; mended, its pictures are moved back from failed/ and sent again. A sighting with a
file that cannot be read stays where it is, and the others go on.

    python examples/camera_folder.py crops --expect rgb,nir,tir
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from vreid.client import (
    Client,
    EnrolOutcome,
    NotPermitted,
    NotSetUp,
    NotThere,
    RequestRefused,
    Sighting,
)
from vreid.errors import VreidError
from vreid.modality import MODALITIES, Modality

_NAME = re.compile(
    r"(?P<sighting>(?P<camera>[A-Za-z0-9-]+)_(?P<time>\d{8}T\d{6}(?:\.\d{1,6})?)Z_[A-Za-z0-9-]+)"
    r"(?:_(?P<modality>rgb|nir|tir)\.(?:jpe?g|png|webp|bmp|tiff?)|(?P<marker>\.done))"
)
_SENT_TOGETHER = 64
_PROBLEM = "problem.json"


@dataclass(frozen=True, slots=True)
class Crops:
    """The files of one sighting.

    Attributes:
        name: CAMERA_TIME_NUMBER, the id of its record.
        images: a file for each modality that came.
        marker: the file that says that all have come, if there is one.
    """

    name: str
    camera: str
    captured_at: datetime
    images: Mapping[Modality, Path]
    marker: Path | None

    def files(self) -> Iterator[Path]:
        """Every file of the sighting; the marker last."""
        yield from self.images.values()
        if self.marker is not None:
            yield self.marker

    def read(self) -> Sighting:
        """What is enrolled.

        Raises:
            OSError: a file cannot be read.
        """
        pictures = {modality: path.read_bytes() for modality, path in self.images.items()}
        return Sighting(
            rgb=pictures.get(Modality.RGB),
            nir=pictures.get(Modality.NIR),
            tir=pictures.get(Modality.TIR),
            id=self.name,
            camera=self.camera,
            captured_at=self.captured_at,
        )


def crops_in(folder: Path) -> list[Crops]:
    """The sightings of a folder, oldest first; files of other names are left alone."""
    images: dict[str, dict[Modality, Path]] = {}
    markers: dict[str, Path] = {}
    parts: dict[str, re.Match[str]] = {}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        parts[match["sighting"]] = match
        if match["marker"]:
            markers[match["sighting"]] = path
        else:
            images.setdefault(match["sighting"], {})[Modality(match["modality"])] = path
    found = [
        Crops(name, match["camera"], moment, images.get(name, {}), markers.get(name))
        for name, match in parts.items()
        if (moment := _moment(match["time"])) is not None
    ]
    return sorted(found, key=lambda crops: (crops.captured_at, crops.name))


def _moment(text: str) -> datetime | None:
    whole, _, fraction = text.partition(".")
    try:
        return datetime.strptime(f"{whole}.{fraction or 0}+0000", "%Y%m%dT%H%M%S.%f%z")
    except ValueError:
        return None


class Completeness:
    """Which sightings can be sent. Clocks of the machines that write files do not matter.

    Args:
        expected: modalities after which no more is waited for.
        settle: seconds without a change after which expected files count as whole. What is moved
            into the folder under its final name is whole at once, and so is what a marker follows.
        patience: seconds without a change after which the files that are there have to do.
    """

    def __init__(self, expected: frozenset[Modality], settle: float, patience: float) -> None:
        self._expected, self._settle, self._patience = expected, settle, patience
        self._seen: dict[str, tuple[object, float]] = {}

    def complete(self, found: Sequence[Crops], now: float) -> list[Crops]:
        """Those of `found` that can be sent, by what was found at earlier moments.

        Args:
            found: all that are in the folder.
            now: seconds on a clock that is never set.
        """
        seen: dict[str, tuple[object, float]] = {}
        for crops in found:
            state = _state(crops)
            before, since = self._seen.get(crops.name, (None, now))
            seen[crops.name] = (state, since if state == before else now)
        self._seen = seen
        return [crops for crops in found if self._is_complete(crops, now)]

    def _is_complete(self, crops: Crops, now: float) -> bool:
        if not crops.images:
            return False
        has_all = self._expected <= crops.images.keys()
        quiet = now - self._seen[crops.name][1]
        return crops.marker is not None or quiet >= (self._settle if has_all else self._patience)


def _state(crops: Crops) -> object:
    """Something that is another as soon as a file of the sighting is."""
    return [(path, _size_and_time(path)) for path in crops.images.values()]


def _size_and_time(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


class Reader:
    """Reads sightings, and tells once of each that cannot be read.

    Attributes:
        unreadable: names of those that could not be read the last time.
    """

    def __init__(self) -> None:
        self.unreadable: set[str] = set()

    def read(self, crops: Crops) -> Sighting | None:
        """The sighting; None where a file of it cannot be read now."""
        try:
            sighting = crops.read()
        except OSError as error:
            if crops.name not in self.unreadable:
                click.echo(f"{crops.name}: waits, for it cannot be read: {error}", err=True)
            self.unreadable.add(crops.name)
            return None
        self.unreadable.discard(crops.name)
        return sighting


class Outcome:
    """The folders done/ and failed/, with a folder for each sighting."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._done, self._failed = folder, folder / "done", folder / "failed"
        self._done.mkdir(parents=True, exist_ok=True)
        self._failed.mkdir(exist_ok=True)

    def settle(self, crops: Crops, problem: str | None) -> None:
        """Move a sighting's files away; with a problem to failed/, beside problem.json."""
        if problem is None:
            _move(crops.files(), self._done / crops.name)
            self._forget_failure(crops.name)
        else:
            self._fail(crops, problem)
        click.echo(f"{crops.name}: {'stored' if problem is None else f'failed: {problem}'}")

    def finish(self) -> None:
        """Go on moving failed sightings where a program that was ended had not moved every file."""
        for journal in self._failed.glob("*.moving"):
            self._follow(journal)

    def is_settled(self, crops: Crops) -> bool:
        """Whether the sighting was settled before; then the files that are left follow the others.

        They are there because the program was ended between two of them, or because they came
        after the sighting was sent: a record never gets another modality. A failed sighting of
        which a picture is in the watched folder again is to be sent again.
        """
        target = self._done / crops.name
        if target.is_dir() and any(_NAME.fullmatch(path.name) for path in target.iterdir()):
            _move(crops.files(), target)
            click.echo(f"{crops.name}: settled before; what was left is in {target}")
            return True
        failure = self._failure(crops.name)
        if not crops.images or not failure or crops.images.keys() & set(failure["modalities"]):
            return False
        self._fail(crops, failure["problem"])
        click.echo(f"{crops.name}: failed before; what came later is beside the others")
        return True

    def _fail(self, crops: Crops, problem: str) -> None:
        target = self._failed / crops.name
        target.mkdir(exist_ok=True)
        before = self._failure(crops.name)
        modalities = {*crops.images, *(before["modalities"] if before else ())}
        told = {"sighting": crops.name, "problem": problem, "modalities": sorted(modalities)}
        (target / _PROBLEM).write_text(json.dumps(told) + "\n", encoding="utf-8")
        # Of a sighting that failed, a part that is left would be another sighting.
        journal = self._failed / f"{crops.name}.moving"
        journal.write_text("".join(f"{path.name}\n" for path in crops.files()), encoding="utf-8")
        self._follow(journal)

    def _follow(self, journal: Path) -> None:
        names = journal.read_text(encoding="utf-8").splitlines()
        _move((self._folder / name for name in names), journal.with_suffix(""))
        journal.unlink()

    def _failure(self, name: str) -> dict[str, Any] | None:
        try:
            told = json.loads((self._failed / name / _PROBLEM).read_text(encoding="utf-8"))
            return {"problem": str(told["problem"]), "modalities": list(told["modalities"])}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _forget_failure(self, name: str) -> None:
        folder = self._failed / name
        for file in (_PROBLEM, f"{name}.done"):
            with suppress(OSError):
                (folder / file).unlink()
        with suppress(OSError):  # A picture that was not moved back stays.
            folder.rmdir()


def _move(files: Iterable[Path], target: Path) -> None:
    target.mkdir(exist_ok=True)
    for path in files:
        with suppress(FileNotFoundError):
            os.replace(path, target / path.name)


Send = Callable[[Client, Sequence[Crops], Reader, Outcome], None]


def through_gallery(
    client: Client, waiting: Sequence[Crops], reader: Reader, outcome: Outcome
) -> None:
    """Store sightings, and move the files of each that is on the service's disk.

    Raises:
        VreidError: the service cannot be reached or failed; what is left waits.
    """
    sent: list[Crops] = []
    refused: list[tuple[Crops, str]] = []

    def sightings() -> Iterator[Sighting]:
        # Each is read when its turn comes.
        for crops in waiting:
            if (sighting := reader.read(crops)) is not None:
                sent.append(crops)
                yield sighting

    def settled(told: EnrolOutcome) -> None:
        if told.status == "failed":
            refused.append((sent[told.number], str(told.error)))
        else:
            outcome.settle(sent[told.number], None)

    client.enrol_many(sightings(), progress=settled)
    for crops, problem in refused:
        outcome.settle(crops, _unless_stored(client, crops, problem))


class ThroughIngest:
    """Has sightings accepted, to be embedded by workers, and moves those that are stored.

    The Idempotency-Key follows from the sighting's name and files, so after a restart the same
    entry is asked for, and a sighting that was mended is another request.
    """

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def __call__(
        self, client: Client, waiting: Sequence[Crops], reader: Reader, outcome: Outcome
    ) -> None:
        """Ask how far each sighting is, and send what was not sent yet.

        Raises:
            VreidError: the service cannot be reached or failed; what is left waits.
        """
        for crops in waiting:
            try:
                if crops.name not in self._entries:
                    sighting = reader.read(crops)
                    if sighting is None:
                        continue
                    self._entries[crops.name] = _accepted(client, sighting)
                progress = client.ingest_progress(self._entries[crops.name])
            except RequestRefused as error:
                outcome.settle(crops, _unless_stored(client, crops, str(error)))
                continue
            except NotThere:  # Redis lost it, or it was done so long ago that nobody knows
                self._entries.pop(crops.name, None)
                continue
            if progress.status == "stored":
                outcome.settle(crops, None)
            elif progress.status == "failed":
                problem = str((progress.problem or {}).get("detail"))
                outcome.settle(crops, _unless_stored(client, crops, problem))
            if progress.status in ("stored", "failed"):
                del self._entries[crops.name]


def _accepted(client: Client, sighting: Sighting) -> str:
    """The id of the sighting's entry.

    An entry that failed stays failed under its key. Where it is there from before, the files have
    been moved back since, and it is tried once more under another key.
    """
    key = _idempotency_key(sighting)
    attempt = 1
    while True:
        receipt = client.ingest(sighting, key=f"{key}/{attempt}")
        if not receipt.repeated or client.ingest_progress(receipt.id).status != "failed":
            return receipt.id
        attempt += 1


def _idempotency_key(sighting: Sighting) -> str:
    digest = hashlib.sha256()
    for modality, picture in sighting.encoded().items():
        digest.update(f"{modality} {len(picture)}\n".encode() + picture)
    return f"{sighting.id}/{digest.hexdigest()[:32]}"


def _unless_stored(client: Client, crops: Crops, problem: str) -> str | None:
    """The problem; None where the gallery has the sighting all the same.

    It has it where the program was ended after it was accepted and another modality came since.
    """
    try:
        record = client.get(crops.name)
    except (NotThere, RequestRefused):
        return problem
    is_same = (record.camera, record.captured_at) == (crops.camera, crops.captured_at)
    return None if is_same else problem


class _SettingUpNeeded(click.ClickException):
    """The service takes nothing before somebody changes something: a key, a setting."""

    exit_code = os.EX_CONFIG


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--expect", default="rgb,nir,tir", help="Modalities that complete a sighting.")
@click.option("--settle", default=1.0, help="Seconds after which unchanged files are whole.")
@click.option("--patience", default=10.0, help="Seconds to wait for a missing modality.")
@click.option("--every", default=0.5, help="Seconds between two looks at the folder.")
@click.option("--through", type=click.Choice(["gallery", "ingest"]), default="gallery")
@click.option("--url", help="Of the service; default: VREID_URL, http://127.0.0.1:8000.")
@click.option("--once", is_flag=True, help="End when nothing is left to send.")
def main(
    folder: Path,
    expect: str,
    settle: float,
    patience: float,
    every: float,
    through: str,
    url: str | None,
    once: bool,
) -> None:
    """Watch FOLDER until SIGTERM or Ctrl-C. The API key is taken from VREID_API_KEY.

    Ends with status 78 where the key may not enrol, or where the service has no ingest.
    """
    names = [each.strip() for each in expect.split(",")]
    if unknown := set(names) - {each.value for each in MODALITIES}:
        raise click.BadParameter(f"no modality is called {', '.join(sorted(unknown))}")
    completeness = Completeness(frozenset(map(Modality, names)), settle, patience)
    send: Send = ThroughIngest() if through == "ingest" else through_gallery
    reader, outcome = Reader(), Outcome(folder)
    end = _end_by_signal()
    with Client(url) as client:
        while not end.is_set():
            try:
                outcome.finish()
                found = [crops for crops in crops_in(folder) if not outcome.is_settled(crops)]
                reader.unreadable.intersection_update(crops.name for crops in found)
                ready = completeness.complete(found, time.monotonic())
                ready.sort(key=lambda crops: crops.name in reader.unreadable)
                if ready:
                    send(client, ready[:_SENT_TOGETHER], reader, outcome)
            except (VreidError, OSError) as error:
                if isinstance(error.__cause__ or error, NotPermitted | NotSetUp):
                    raise _SettingUpNeeded(str(error)) from error
                click.echo(f"nothing can be sent now: {error}", err=True)
            if once and _is_all_sent(folder, reader):
                return
            end.wait(every)


def _is_all_sent(folder: Path, reader: Reader) -> bool:
    """Whether nothing is left that can be sent.

    Raises:
        ClickException: what is left cannot be read.
    """
    left = {crops.name for crops in crops_in(folder) if crops.images}
    if not left <= reader.unreadable:
        return False
    if left:
        raise click.ClickException(f"could not be read and wait in {folder}: {len(left)} sightings")
    return True


def _end_by_signal() -> threading.Event:
    end = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: end.set())
    return end


if __name__ == "__main__":
    main()
