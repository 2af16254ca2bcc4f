"""Where the service's log lines go: standard error, one line each, no image data."""

from __future__ import annotations

import logging

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up_logging(level: str) -> None:
    """Send every log line at `level` (debug, info, warning, error) or above to standard error."""
    logging.basicConfig(format=FORMAT, level=level.upper(), force=True)
    # They tell about every chunk of a PNG and every instruction set that is not there.
    for chatty in ("PIL", "faiss.loader"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
