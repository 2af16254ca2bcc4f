"""What a log line is as JSON, whatever is in it."""

import json
import logging
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.telemetry.json_lines import JsonLines, members


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:  # noqa: ANN401
    return logging.getLogger("vreid.test").makeRecord(
        "vreid.test", logging.WARNING, "file.py", 1, message, arguments, None, **more
    )


def line(made: logging.LogRecord) -> dict[str, Any]:
    text = JsonLines().format(made)
    assert text.isascii()
    assert text.isprintable()
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def test_a_line_has_time_level_logger_and_message() -> None:
    told = line(record("%d records", 3))
    assert set(told) == {"time", "level", "logger", "message"}
    assert (told["level"], told["logger"]) == ("warning", "vreid.test")
    assert told["message"] == "3 records"
    assert told["time"].endswith("+00:00")


def test_members_stand_beside_the_message_and_none_stay_out() -> None:
    told = line(record("done", extra=members(route="/gallery/{id}", status=200, key=None)))
    assert (told["route"], told["status"]) == ("/gallery/{id}", 200)
    assert "key" not in told


def test_no_member_hides_what_every_line_has() -> None:
    told = line(record("done", extra=members(message="another", level="debug")))
    assert (told["message"], told["level"]) == ("done", "warning")


@settings(deadline=None)
@given(st.text() | st.text(alphabet=st.characters(categories=["Cc", "Cs", "Zl", "Zp"])))
def test_no_text_begins_another_line_or_is_lost(text: str) -> None:
    told = line(record("%s", text, extra=members(route=text)))
    whole = text.encode("utf-8", "backslashreplace").decode()
    assert (told["message"], told["route"]) == (whole, whole)


def test_an_exception_is_a_member_with_its_lines() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    told = line(made)
    assert told["message"] == "failed"
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("ValueError: two\nlines")


def test_a_line_is_bounded_whatever_is_handed_to_it() -> None:
    made = record("%s", "x" * 10**6)
    try:
        raise ValueError("y" * 10**6)
    except ValueError:
        made.exc_info = sys.exc_info()
    text = JsonLines().format(made)
    assert len(text) < 50_000
    assert "1000000 characters" in text


def test_what_json_does_not_know_is_told_as_text() -> None:
    made = record("done")
    made.members = {"path": object}
    assert "object" in line(made)["path"]
