"""Calls that ask again until something is so."""

from __future__ import annotations

import time

from vreid.client.calls import ingest_progress, ready
from vreid.client.errors import (
    AnswerLost,
    ClientError,
    DeadlineExceeded,
    IngestUnfinished,
    ServiceProblem,
    ServiceUnreachable,
)
from vreid.client.facts import Health, IngestProgress
from vreid.client.flows import Flow
from vreid.client.retrying import Pause

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_NOT_YET = frozenset([502, 503, 504])


def wait_until_ready(seconds: float = 60.0) -> Flow[Health]:
    """Return when the service can search, also where it only starts to run.

    Args:
        seconds: to wait at most.

    Raises:
        DeadlineExceeded: it could not in this time; the message says what it answered last.
        ClientError: it answers something that no waiting changes.
    """
    end = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            return (yield from ready())
        except (ServiceUnreachable, AnswerLost, DeadlineExceeded) as error:
            if isinstance(error, ServiceUnreachable) and not error.may_pass:
                raise
            last: ClientError = error
        except ServiceProblem as error:
            if error.status not in _NOT_YET:
                raise
            last = error
        if time.monotonic() + pause > end:
            raise DeadlineExceeded(
                f"the service was not ready within {seconds:g} s; it last said: {last}"
            ) from last
        yield Pause(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)


def wait_for_ingest(id: str, seconds: float = 60.0) -> Flow[IngestProgress]:
    """Return when an accepted entry is stored.

    Args:
        id: that `ingest` answered.
        seconds: to wait at most.

    Raises:
        IngestUnfinished: it failed, or still waits after this time.
        NotThere: nothing is known of it, or not any more.
    """
    end = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        progress = yield from ingest_progress(id)
        if progress.status == "stored":
            return progress
        if progress.status == "failed":
            detail = (progress.problem or {}).get("detail", "the worker's log says why")
            raise IngestUnfinished(
                f"the entry {id} failed after {progress.attempts} tries: {detail}", id
            )
        if time.monotonic() + pause > end:
            raise IngestUnfinished(
                f"the entry {id} is {progress.status} after {seconds:g} s; wait longer, and check "
                "that a worker runs (`vreid worker`)",
                id,
            )
        yield Pause(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
