"""Log lines as JSON, one object each, whatever is in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MEMBERS = "members"
"""Name in `extra` of what a line has beside its sentence, by name."""

_LONGEST_MESSAGE = 8192
_LONGEST_EXCEPTION = 32_768


def members(**named: str | float | None) -> dict[str, Any]:
    """Return `extra` for a log call: members of the JSON object; those that are None stay out."""
    return {MEMBERS: {name: value for name, value in named.items() if value is not None}}


class JsonLines(logging.Formatter):
    """Gives `time`, `level`, `logger` and `message`, the line's own members, and `exception`.

    All of it is ASCII with escapes, so no text in it can begin another line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the object without a line break."""
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _plain(_bounded(record.getMessage(), _LONGEST_MESSAGE)),
        }
        own = getattr(record, MEMBERS, None)
        if isinstance(own, Mapping):
            document = {**{name: _plain(value) for name, value in own.items()}, **document}
        if record.exc_info:
            told = self.formatException(record.exc_info)
            document["exception"] = _plain(_bounded(told, _LONGEST_EXCEPTION))
        return json.dumps(document)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def _plain(value: object) -> str | float | None:
    """A number as it is, and all else as text.

    Halves of characters, which strict readers of JSON refuse, are escaped once more.
    """
    if value is None or isinstance(value, int | float):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()
