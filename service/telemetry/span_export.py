"""Spans by OpenTelemetry's library, sent as OTLP over HTTP; needs the extra `telemetry`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.telemetry.request_trace import RequestTrace
from service.telemetry.settings import TracingSettings

_PATH = "/v1/traces"
"""Where collectors take traces, by the OTLP specification."""

_EXPORT_SECONDS = 5.0
_SPANS_HELD = 4096
_FIRST_SERVER_ERROR = 500


def traces_address(endpoint: str) -> str:
    """Return where traces are sent: an address without a path gets the one of the specification."""
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + _PATH


class SpanExport:
    """A provider of spans with its thread that sends them."""

    def __init__(self, settings: TracingSettings, version: str) -> None:
        assert settings.endpoint is not None
        exporter = OTLPSpanExporter(traces_address(settings.endpoint), timeout=_EXPORT_SECONDS)
        self._processor = BatchSpanProcessor(
            exporter, max_queue_size=_SPANS_HELD, schedule_delay_millis=1000
        )
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share)),
            resource=Resource.create({SERVICE_NAME: settings.service, SERVICE_VERSION: version}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("vreid", version)
        self._propagator = TraceContextTextMapPropagator()

    def hand_over(
        self, trace: RequestTrace, headers: Mapping[str, str], facts: Mapping[str, str | int]
    ) -> str | None:
        """Make the spans of a request that has just ended, and return its trace id.

        None where the request is not sampled.
        """
        root = self._tracer.start_span(
            f"{facts['http.request.method']} {facts['http.route']}",
            context=self._propagator.extract(headers),
            kind=SpanKind.SERVER,
            attributes=dict(facts),
            start_time=trace.began,
        )
        if not root.is_recording():
            return None
        self._add_stages(root, trace)
        status = facts.get("http.response.status_code")
        if status is None or int(status) >= _FIRST_SERVER_ERROR:
            root.set_status(Status(StatusCode.ERROR))
        root.end()
        return f"{root.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Send what is left and end the thread."""
        self._provider.shutdown()

    def _add_stages(self, root: Span, trace: RequestTrace) -> None:
        inside = set_span_in_context(root)
        # A copy: a request that was given up may still be in some thread's hands.
        for stage in list(trace.stages):
            began = max(stage.began, trace.began)
            span = self._tracer.start_span(stage.name, inside, start_time=began)
            span.end(max(stage.ended, began))
