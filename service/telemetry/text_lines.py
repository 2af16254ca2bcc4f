"""Log lines as text, one for each record, whatever is in them."""

from __future__ import annotations

import logging
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class TextLines(logging.Formatter):
    """Gives time, level, logger and message; lines of a traceback follow, set in by two spaces.

    All else than printable characters and spaces is escaped. So a line that is not set in is one of
    the service, and no text in it can begin another or tell a terminal what to do.
    """

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without its traceback."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802 - logging's name
        """Return the traceback's lines."""
        return _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        """Return the stack's lines."""
        return _set_in(super().formatStack(stack_info))


def escaped(text: str) -> str:
    r"""Return a text with `\n`, `\x1b`, `\u2028` and the like in place of what is not printed."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _set_in(text: str) -> str:
    return "\n".join(f"  {escaped(line)}" for line in text.split("\n"))
