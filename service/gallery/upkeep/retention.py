"""How long records are kept: ages as people write them, and a rule for each camera."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from service.errors import GalleryClosed, GalleryError
from service.gallery.store.deletion import Selection

EVERY_OTHER_CAMERA = "*"

_AGE = re.compile(r"([1-9][0-9]{0,5})([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}

logger = logging.getLogger(__name__)


def parse_age(text: str) -> timedelta:
    """An age such as 90d, 12h or 30m. Raises ValueError with a sentence."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no age; give a whole number and d, h or m, such as 90d (days), 12h or 30m"
        )
    return int(found[1]) * _UNITS[found[2]]


def expired(rules: Mapping[str, timedelta], now: datetime) -> list[Selection]:
    """What is older than its camera's rule; the rule `*` is for all that no other names."""
    named = tuple(camera for camera in rules if camera != EVERY_OTHER_CAMERA)
    return [
        Selection(seen_before=now - age, except_cameras=named)
        if camera == EVERY_OTHER_CAMERA
        else Selection(seen_before=now - age, cameras=(camera,))
        for camera, age in rules.items()
    ]


class RetentionThread:
    """Deletes what has expired, at once and then every `interval` seconds, until it is stopped."""

    def __init__(
        self,
        delete_selected: Callable[[Selection], int],
        rules: Mapping[str, timedelta],
        interval: float,
    ) -> None:
        self._delete_selected = delete_selected
        self._rules = dict(rules)
        self._interval = interval
        self._is_first = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gallery-retention", daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """End after the present deletion; one that takes longer than `timeout` seconds is left."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._delete_expired()
            except GalleryClosed:
                return
            except GalleryError as error:
                logger.warning("Expired records could not be deleted; trying again: %s", error)
            except Exception:
                # An error in the program must not end retention: the next time may succeed.
                logger.exception("Expired records could not be deleted; trying again")
            self._stopping.wait(self._interval)

    def _delete_expired(self) -> None:
        count = sum(map(self._delete_selected, expired(self._rules, datetime.now(UTC))))
        if count:
            # What a start deletes may be an archive that somebody gave too short an age.
            level = logging.WARNING if self._is_first else logging.INFO
            logger.log(level, "%d records older than their retention have been deleted", count)
        self._is_first = False
