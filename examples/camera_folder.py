"""Watches a folder of detector crops and enrols every sighting, once.

A detector writes one file for each modality that it has:

    north_20260301T120000.123Z_000017_rgb.jpg
    CAMERA_TIME_NUMBER_MODALITY.SUFFIX          (TIME in UTC; NUMBER tells sightings apart)

Files that share CAMERA_TIME_NUMBER are one sighting, and that is the id of its record. It is
complete when CAMERA_TIME_NUMBER.done is there, when every modality of --expect is, or when nothing
came for --patience seconds. When it is settled its files go to the folder done/ or failed/ below
the watched one.

    python examples/camera_folder.py crops --expect rgb,nir,tir
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType

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
from vreid.client.facts import IngestProgress
from vreid.errors import VreidError
from vreid.modality import MODALITIES, Modality

_NAME = re.compile(
    r"(?P<sighting>(?P<camera>[A-Za-z0-9-]+)_(?P<time>\d{8}T\d{6}(?:\.\d{1,6})?)Z_[A-Za-z0-9-]+)"
    r"(?:_(?P<modality>rgb|nir|tir)\.(?:jpe?g|png|webp|bmp|tiff?)|(?P<marker>\.done))"
)
_SENT_TOGETHER = 64


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

    def sighting(self) -> Sighting:
        """What is enrolled."""
        return Sighting(
            rgb=self.images.get(Modality.RGB),
            nir=self.images.get(Modality.NIR),
            tir=self.images.get(Modality.TIR),
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
        if match is None or not path.is_file():
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
    try:
        return [
            (path, path.stat().st_size, path.stat().st_mtime_ns) for path in crops.images.values()
        ]
    except FileNotFoundError:
        return object()


class Outcome:
    """The folders done/ and failed/, with a folder for each sighting."""

    def __init__(self, folder: Path) -> None:
        self._done, self._failed = folder / "done", folder / "failed"
        self._done.mkdir(parents=True, exist_ok=True)
        self._failed.mkdir(exist_ok=True)

    def settle(self, crops: Crops, problem: str | None) -> None:
        """Move a sighting's files away; with a problem to failed/, beside problem.json."""
        target = (self._done if problem is None else self._failed) / crops.name
        target.mkdir(exist_ok=True)
        if problem is not None:
            told = json.dumps({"sighting": crops.name, "problem": problem})
            (target / "problem.json").write_text(told + "\n", encoding="utf-8")
        _move(crops, target)
        click.echo(f"{crops.name}: {'stored' if problem is None else f'failed: {problem}'}")

    def is_settled(self, crops: Crops) -> bool:
        """Whether the sighting was settled before; then the files that are left follow the others.

        They are there because the program was ended between two of them, or because they came
        after the sighting was sent: a record never gets another modality.
        """
        for target in (self._done / crops.name, self._failed / crops.name):
            if target.is_dir() and any(_NAME.fullmatch(path.name) for path in target.iterdir()):
                _move(crops, target)
                click.echo(f"{crops.name}: settled before; what was left is in {target}")
                return True
        return False


def _move(crops: Crops, target: Path) -> None:
    for path in crops.files():
        os.replace(path, target / path.name)


Send = Callable[[Client, Sequence[Crops], Outcome], None]


def through_gallery(client: Client, waiting: Sequence[Crops], outcome: Outcome) -> None:
    """Store sightings, and move the files of each that is on the service's disk.

    Raises:
        VreidError: the service cannot be reached or failed; what is left waits.
    """

    def settled(told: EnrolOutcome) -> None:
        outcome.settle(waiting[told.number], str(told.error) if told.status == "failed" else None)

    client.enrol_many((crops.sighting() for crops in waiting), progress=settled)


class ThroughIngest:
    """Has sightings accepted, to be embedded by workers, and moves those that are stored.

    The Idempotency-Key is the sighting's name, so after a restart the same entry is asked for.
    """

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def __call__(self, client: Client, waiting: Sequence[Crops], outcome: Outcome) -> None:
        """Ask how far each sighting is, and send what was not sent yet.

        Raises:
            VreidError: the service cannot be reached or failed; what is left waits.
        """
        for crops in waiting:
            try:
                if crops.name not in self._entries:
                    receipt = client.ingest(crops.sighting(), key=crops.name)
                    self._entries[crops.name] = receipt.id
                progress = client.ingest_progress(self._entries[crops.name])
            except RequestRefused as error:
                outcome.settle(crops, str(error))
                continue
            except NotThere:  # Redis lost it, or it was done so long ago that nobody knows
                del self._entries[crops.name]
                continue
            if progress.status in ("stored", "failed"):
                del self._entries[crops.name]
                outcome.settle(crops, _problem(client, crops, progress))


def _problem(client: Client, crops: Crops, progress: IngestProgress) -> str | None:
    """Why an entry failed; None where its record is in the gallery, maybe since long ago."""
    if progress.status == "stored":
        return None
    try:
        record = client.get(crops.name)
    except NotThere:
        return str((progress.problem or {}).get("detail"))
    return None if set(record.mask.modalities) == crops.images.keys() else "the id is taken"


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
    """Watch FOLDER until SIGTERM or Ctrl-C. The API key is taken from VREID_API_KEY."""
    names = [each.strip() for each in expect.split(",")]
    if unknown := set(names) - {each.value for each in MODALITIES}:
        raise click.BadParameter(f"no modality is called {', '.join(sorted(unknown))}")
    completeness = Completeness(frozenset(map(Modality, names)), settle, patience)
    send: Send = ThroughIngest() if through == "ingest" else through_gallery
    outcome = Outcome(folder)
    end = _end_by_signal()
    with Client(url) as client:
        while not end.is_set():
            try:
                found = [crops for crops in crops_in(folder) if not outcome.is_settled(crops)]
                ready = completeness.complete(found, time.monotonic())[:_SENT_TOGETHER]
                if ready:
                    send(client, ready, outcome)
            except (VreidError, OSError) as error:
                if isinstance(error.__cause__ or error, NotPermitted | NotSetUp):
                    raise click.ClickException(str(error)) from error
                click.echo(f"nothing can be sent now: {error}", err=True)
            if once and not any(crops.images for crops in crops_in(folder)):
                return
            end.wait(every)


def _end_by_signal() -> threading.Event:
    end = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        end.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    return end


if __name__ == "__main__":
    main()
