"""Log lines as text: nothing that is in one can look like another."""

import logging
import re
import sys

from hypothesis import given
from hypothesis import strategies as st

from service.telemetry.text_lines import TextLines

BEGINS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \S+: ")
FORGED = "2026-03-01 12:00:00,000 INFO vreid.access: GET /gallery 200"


def formatted(message: str, error: BaseException | None = None) -> str:
    told = None
    if error is not None:
        try:
            raise error
        except type(error):
            told = sys.exc_info()
    record = logging.LogRecord("vreid", logging.WARNING, __file__, 1, "%s", (message,), told)
    return TextLines().format(record)


@given(st.text())
def test_a_message_is_one_line_of_printable_characters(message: str) -> None:
    line = formatted(message)
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert BEGINS.match(line)


def test_what_can_be_printed_stays_as_it_is() -> None:
    assert formatted("Straße 7, 北, \\n").endswith("vreid: Straße 7, 北, \\n")


def test_breaks_and_commands_for_a_terminal_are_escaped() -> None:
    line = formatted(f"a\r\n{FORGED}\x1b[2K\x85\u2028\u202e\ud800")
    assert line.endswith(f"a\\r\\n{FORGED}\\x1b[2K\\x85\\u2028\\u202e\\ud800")


def test_a_traceback_follows_and_no_line_of_it_looks_like_a_line_of_the_log() -> None:
    first, *others = formatted("It failed", ValueError(f"bad\n{FORGED}\x1b[2K")).split("\n")
    assert first.endswith("It failed")
    assert "Traceback" in others[0]
    assert others[-1] == f"  {FORGED}\\x1b[2K"
    assert all(line.startswith("  ") and line.isprintable() for line in others)
