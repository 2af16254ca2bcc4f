"""The ids of requests: the caller's where it is short and plain, else a new one."""

from __future__ import annotations

import random
import re

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

# They are no secrets: asking the system for each would let another thread have Python's lock.
_numbers = random.Random()


def new_request_id() -> str:
    """Return 32 hexadecimal digits that no other request has."""
    return f"{_numbers.getrandbits(128):032x}"


def chosen_request_id(given: str | None) -> str:
    """Return what a caller sent as its request's id when it is short and plain, else a new one."""
    return given if given is not None and _SANE_ID.fullmatch(given) else new_request_id()
