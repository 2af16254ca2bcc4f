"""Clients that enrol, correct, search and delete at the same time, and keep a ledger of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.abuse.ledger import Ledger
from tests.service.vehicles import triplet
from vreid.client import Busy, Client, Images, NotPermitted, RecordExists, Retry, Sighting
from vreid.client.errors import ClientError

CLIENTS = 4
LIVE = 40
"""Records that a client has at most: the gallery changes and does not grow."""

VEHICLES = 12
MODALITIES = (("rgb", "nir", "tir"), ("rgb",), ("tir",), ("nir", "tir"))

_PATIENT = Retry(attempts=40, seconds=120.0)


@dataclass(frozen=True, slots=True)
class Keys:
    """API keys by role; None where the service asks for none."""

    search: str | None = None
    enrol: str | None = None
    admin: str | None = None


def run_clients(address: str, keys: Keys, seconds: float, ledger: Ledger) -> None:
    """Let the clients work for so many seconds, and return when all have ended."""
    end = time.monotonic() + seconds
    pictures = [triplet(vehicle) for vehicle in range(VEHICLES)]
    workers: list[Callable[[], None]] = [
        _Changing(number, address, keys, pictures, ledger, end).run for number in range(CLIENTS)
    ]
    workers.append(lambda: _search(address, keys, pictures, ledger, end))
    if keys.search is not None:
        workers.append(lambda: _trespass(address, keys, pictures, ledger, end))
    threads = [threading.Thread(target=_noted(work, ledger)) for work in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _noted(work: Callable[[], None], ledger: Ledger) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except BaseException as error:
            ledger.fault(f"a client ended with {type(error).__name__}: {error}")
            raise

    return run


class _Changing:
    """One client with records of its own, which nobody else changes."""

    def __init__(
        self,
        number: int,
        address: str,
        keys: Keys,
        pictures: Sequence[Mapping[str, bytes]],
        ledger: Ledger,
        end: float,
    ) -> None:
        self._number = number
        self._enrolling = Client(address, keys.enrol, retry=_PATIENT)
        self._deleting = Client(address, keys.admin, retry=_PATIENT)
        self._pictures = pictures
        self._ledger = ledger
        self._end = end
        self._chance = random.Random(number)
        self._own: list[str] = []
        self._made = 0
        self._races = 0

    def run(self) -> None:
        """Work until the end."""
        steps = (
            *(self._enrol, self._enrol, self._enrol_together, self._correct, self._correct),
            *(self._delete, self._delete_by_filter, self._race),
        )
        with self._enrolling, self._deleting:
            # Each at least once, however slow the machine is.
            for step in steps:
                self._attempt(step)
            while time.monotonic() < self._end:
                self._attempt(self._chance.choice(steps) if self._has_room else self._delete)

    @property
    def _has_room(self) -> bool:
        return len(self._own) < LIVE

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Busy:
            self._ledger.count("busy")
        except ClientError as error:
            self._ledger.fault(f"{step.__name__}: {type(error).__name__}: {error}")

    def _sighting(self, record_id: str, camera: str) -> Sighting:
        pictures = self._chance.choice(self._pictures)
        given = self._chance.choice(MODALITIES)
        told = {"by": self._number, "turn": self._made}
        return Sighting(
            rgb=pictures["rgb"] if "rgb" in given else None,
            nir=pictures["nir"] if "nir" in given else None,
            tir=pictures["tir"] if "tir" in given else None,
            id=record_id,
            identity=f"vehicle-{self._chance.randrange(VEHICLES)}",
            camera=camera,
            attributes=told,
        )

    def _next_id(self) -> str:
        self._made += 1
        return f"client-{self._number}-{self._made}"

    def _enrol(self) -> None:
        record = self._enrolling.enrol(self._sighting(self._next_id(), f"at-{self._number}"))
        self._ledger.stored([record])
        self._own.append(record.id)
        self._ledger.count("enrolled")

    def _enrol_together(self) -> None:
        sightings = [self._sighting(self._next_id(), f"at-{self._number}") for _ in range(3)]
        report = self._enrolling.enrol_many(sightings)
        if report.failed or report.stored + report.present != len(sightings):
            self._ledger.fault(f"of three sightings together {report} became")
        ids = [each.id for each in sightings if each.id is not None]
        self._ledger.stored([self._enrolling.get(each) for each in ids])
        self._own += ids
        self._ledger.count("enrolled", len(ids))

    def _correct(self) -> None:
        if not self._own:
            return
        record_id = self._chance.choice(self._own)
        changes = {
            "identity": self._chance.choice((None, "vehicle-corrected")),
            "attributes": {"turn": None, "corrected": self._chance.randrange(1000)},
        }
        self._ledger.stored([self._enrolling.correct(record_id, changes)])
        self._ledger.count("corrected")

    def _delete(self) -> None:
        if not self._own:
            return
        record_id = self._own.pop(self._chance.randrange(len(self._own)))
        self._deleting.delete(record_id)
        self._ledger.deleted([record_id])
        self._ledger.count("deleted")

    def _delete_by_filter(self) -> None:
        """Store two records of a camera that nobody else has, and delete what the camera took."""
        camera = f"gone-{self._number}-{self._made}"
        for _ in range(2):
            self._enrolling.enrol(self._sighting(self._next_id(), camera))
        deletion = self._deleting.delete_matching({"camera": camera}, all=True)
        if deletion.deleted != 2:
            self._ledger.fault(f"of two records of {camera}, {deletion.deleted} were deleted")
        self._ledger.count("deleted by filter", 2)

    def _race(self) -> None:
        """Try to be the one who stores the next id that every client tries to store."""
        self._races += 1
        sighting = self._sighting(f"race-{self._races}", "race")
        try:
            record = self._enrolling.enrol(sighting)
        except RecordExists:
            self._ledger.count("races lost")
        else:
            self._ledger.won(record)
            self._ledger.count("races won")


def _search(
    address: str,
    keys: Keys,
    pictures: Sequence[Mapping[str, bytes]],
    ledger: Ledger,
    end: float,
) -> None:
    """Search all the time, by every set of modalities."""
    chance = random.Random("search")
    with Client(address, keys.search, retry=_PATIENT) as client:
        while time.monotonic() < end:
            some = chance.choice(pictures)
            given = chance.choice(MODALITIES)
            query = Images(
                rgb=some["rgb"] if "rgb" in given else None,
                nir=some["nir"] if "nir" in given else None,
                tir=some["tir"] if "tir" in given else None,
            )
            try:
                found = client.search(query, k=20)
            except Busy:
                ledger.count("busy")
                continue
            except ClientError as error:
                ledger.fault(f"a search: {type(error).__name__}: {error}")
                continue
            ids = [result.id for result in found.results]
            if len(set(ids)) != len(ids):
                ledger.fault(f"a search found a record twice: {ids}")
            ledger.count("searches")


def _trespass(
    address: str,
    keys: Keys,
    pictures: Sequence[Mapping[str, bytes]],
    ledger: Ledger,
    end: float,
) -> None:
    """Try with the key of a searcher what only others may."""
    attempts: tuple[Callable[[Client], object], ...] = (
        lambda client: client.enrol(Sighting(rgb=pictures[0]["rgb"], id="trespasser")),
        lambda client: client.delete("client-0-1"),
        lambda client: client.correct("client-0-1", {"identity": "mine"}),
        lambda client: client.delete_matching({"camera": "at-0"}, all=True),
    )
    with Client(address, keys.search, retry=_PATIENT) as client:
        number = 0
        while time.monotonic() < end:
            number += 1
            try:
                attempts[number % len(attempts)](client)
                ledger.fault(f"a searcher was let in to attempt {number % len(attempts)}")
            except NotPermitted:
                ledger.count("refused by role")
            except Busy:
                ledger.count("busy")
            # As many as anybody else does, and no more.
            threading.Event().wait(0.02)
