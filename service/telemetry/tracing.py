"""Traces of requests for an OpenTelemetry collector; nothing of it is imported without one.

What is handed over here is sent by a thread of the library, in batches. Where the collector does
not answer, or not in time, spans are dropped: no request waits for it or fails because of it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from service.telemetry.request_trace import RequestTrace
from service.telemetry.settings import TracingSettings
from vreid.errors import ConfigurationError
from vreid.installation import install_hint

if TYPE_CHECKING:
    from service.telemetry.span_export import SpanExport

_LONGEST_FAREWELL = 3.0
"""Seconds that the last spans get to be sent when the service stops."""

logger = logging.getLogger(__name__)


class Tracing:
    """Makes spans of requests that have ended; belongs to the event loop, but for `close`."""

    def __init__(self, export: SpanExport) -> None:
        self._export = export
        self._is_warned = False

    def begin(self) -> RequestTrace:
        """Begin to note what a request does."""
        return RequestTrace()

    def end(
        self, trace: RequestTrace, headers: dict[str, str], facts: dict[str, str | int]
    ) -> str | None:
        """Hand over a request that has ended, and return its trace id; None where it is not traced.

        Args:
            trace: from `begin`.
            headers: those of W3C trace context, in lower case, as far as the client sent them.
            facts: attributes of the request's span, by the names of OpenTelemetry's conventions.
        """
        try:
            return self._export.hand_over(trace, headers, facts)
        except Exception:
            # The answer is what counts. One line says that something is wrong with the library.
            if not self._is_warned:
                self._is_warned = True
                logger.exception("A request cannot be traced; requests go on without")
            return None

    def close(self, timeout: float) -> None:
        """Send what is left, for so many seconds at most and never long."""
        thread = threading.Thread(target=self._export.close, name="tracing-end", daemon=True)
        thread.start()
        thread.join(min(timeout, _LONGEST_FAREWELL))


def open_tracing(settings: TracingSettings, version: str) -> Tracing | None:
    """Return what traces requests; None where no collector is configured.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """
    if settings.endpoint is None:
        return None
    try:
        from service.telemetry.span_export import SpanExport
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("opentelemetry", "requests"):
            raise
        raise ConfigurationError(
            f"traces are to go to {settings.endpoint} (VREID_TRACING__ENDPOINT) and the package "
            f"'{error.name}' is not installed; {install_hint('service,cpu,telemetry')}"
        ) from error
    return Tracing(SpanExport(settings, version))
