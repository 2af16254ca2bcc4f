"""Log lines of a process as JSON, also of what nobody foresaw."""

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging, threading, warnings
from service.log_setup import say, set_up_logging

set_up_logging("info", "{log_format}")
logging.getLogger("vreid.test").info("one\\ntwo")
logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
logging.getLogger("PIL.PngImagePlugin").info("a chunk")
say("said by a command")
warnings.warn("old", UserWarning, stacklevel=1)

def fail():
    raise ValueError("in a thread")

thread = threading.Thread(target=fail, name="worker-1")
thread.start()
thread.join()
raise RuntimeError("the end\\nof it")
"""


def standard_error(log_format: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(log_format=log_format)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_every_line_is_an_object_and_faults_are_members() -> None:
    told: list[dict[str, Any]] = [json.loads(line) for line in standard_error("json").splitlines()]
    assert [each["message"] for each in told[:3]] == [
        "one\ntwo",
        "Invalid HTTP request received.",
        "said by a command",
    ]
    assert "UserWarning: old" in told[3]["message"]
    thread, process = told[4:]
    assert (thread["level"], thread["message"]) == (
        "critical",
        "The thread worker-1 ended by a fault",
    )
    assert thread["exception"].endswith("ValueError: in a thread")
    assert process["exception"].endswith("RuntimeError: the end\nof it")


def test_text_has_a_line_for_each_message_and_line_breaks_are_told() -> None:
    told = standard_error("text")
    assert " INFO vreid.test: one\\ntwo\n" in told
    assert "\nsaid by a command\n" in told
    assert "\nRuntimeError: the end" in told
    assert "a chunk" not in told
