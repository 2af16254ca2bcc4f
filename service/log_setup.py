"""Where the log lines of service, workers and jobs go: standard error, one line each, no images."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import click

from service.telemetry.json_lines import JsonLines
from service.telemetry.settings import LogFormat
from service.telemetry.text_lines import TextLines
from vreid.errors import VreidError

logger = logging.getLogger("vreid")


def set_up_logging(level: str, log_format: LogFormat = "text") -> None:
    """Send every log line at `level` (debug, info, warning, error) or above to standard error.

    As JSON, what ends a thread or the process without being foreseen is such a line, too, and so
    are Python's warnings.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # They tell about every chunk of a PNG and every instruction set that is not there.
    for chatty in ("PIL", "faiss.loader"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Pillow warns about broken metadata, and Python keeps every text that it was warned with.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    if log_format == "json":
        logging.captureWarnings(True)
        sys.excepthook = _log_end_of_process
        threading.excepthook = _log_end_of_thread


def writes_json() -> bool:
    """Tell whether standard error holds one JSON object a line."""
    return any(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers)


def say(sentence: str, level: int = logging.INFO) -> None:
    """Say a sentence on standard error: as it is, or as a log line where these are JSON."""
    if writes_json():
        logger.log(level, "%s", sentence)
    else:
        click.echo(sentence, err=True)


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Where log lines are JSON, end with such a line for a typed error, and exit status 1."""
    try:
        yield
    except VreidError as error:
        if not writes_json():
            raise
        logger.error("%s", error)
        sys.exit(1)


def _log_end_of_process(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logger.critical("The process ends by a fault", exc_info=(kind, error, traceback))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or ended.exc_type is SystemExit:
        return
    name = "a thread" if ended.thread is None else ended.thread.name
    logger.critical(
        "The thread %s ended by a fault",
        name,
        exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback),
    )
