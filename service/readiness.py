"""Whether the service can answer, asked of its parts once a second whoever and however many ask."""

from __future__ import annotations

import asyncio
import logging
import time

import anyio.to_thread

from service.request_errors import NotReady
from service.running import Running

KEPT_SECONDS = 1.0
"""For which an answer of the gallery counts: asking makes it look at its files."""

logger = logging.getLogger(__name__)

_Outcome = dict[str, str] | NotReady


class Readiness:
    """Shares one look at the parts among all who ask meanwhile; belongs to the event loop."""

    def __init__(self, running: Running, seconds: float = KEPT_SECONDS) -> None:
        self._running = running
        self._seconds = seconds
        self._look: asyncio.Task[_Outcome] | None = None
        self._ended = 0.0

    async def checks(self) -> dict[str, str]:
        """Return what each part said, at most a second ago.

        Raises:
            NotReady: naming the part that cannot answer, and why.
        """
        self._running.check_open()
        outcome = await asyncio.shield(self._current())
        if isinstance(outcome, NotReady):
            # The same one is raised for many: it must not gather all their tracebacks.
            raise outcome.with_traceback(None)
        # The look took its time, and the order to stop may have come meanwhile.
        self._running.check_open()
        return outcome

    def _current(self) -> asyncio.Task[_Outcome]:
        look = self._look
        if look is None or (look.done() and time.monotonic() - self._ended >= self._seconds):
            look = self._look = asyncio.create_task(self._ask())
        return look

    async def _ask(self) -> _Outcome:
        try:
            return await anyio.to_thread.run_sync(self._running.check_ready)
        except NotReady as error:
            return error
        except Exception:
            logger.exception("a part of the service failed when asked whether it can answer")
            return NotReady(
                "a part of the service failed when asked; its log says how; start the service again"
            )
        finally:
            self._ended = time.monotonic()
