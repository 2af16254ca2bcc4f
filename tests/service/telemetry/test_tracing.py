"""Traces of requests, as a real OTLP receiver gets them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from service.settings import load_settings
from service.telemetry.settings import TracingSettings
from service.telemetry.span_export import traces_address
from service.telemetry.tracing import open_tracing
from tests.service.ingest.waiting import wait_until
from tests.service.serving import running_service
from tests.service.telemetry.collector import Collector, collecting
from tests.service.vehicles import triplet
from vreid.bundle import Bundle
from vreid.errors import ConfigurationError

STAGES = ("read", "decode", "queue", "inference", "search", "encode")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def traced(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Collector]]:
    """A service whose requests are traced, and what gets the traces."""
    gallery = tmp_path_factory.mktemp("traced") / "gallery"
    with collecting() as collector:
        tracing = {"endpoint": collector.address, "service": "gate"}
        with running_service(calibrated_bundle.path, gallery, tracing=tracing) as (client, _):
            yield client, collector


def spans_of(collector: Collector, request_id: str) -> tuple[Span, list[Span]]:
    """The span of a request and those below it, when they have come."""

    def own() -> list[Span]:
        return [
            span
            for span in collector.spans()
            if attributes(span).get("vreid.request_id") == request_id
        ]

    wait_until(lambda: len(own()) == 1, "the span", 60)
    [root] = own()
    return root, [span for span in collector.spans() if span.parent_span_id == root.span_id]


def attributes(span: Span) -> dict[str, Any]:
    return {
        each.key: each.value.int_value
        if each.value.HasField("int_value")
        else each.value.string_value
        for each in span.attributes
    }


def test_a_search_has_a_span_and_below_it_one_for_each_stage(
    traced: tuple[httpx.Client, Collector],
) -> None:
    client, collector = traced
    answer = client.post("/search", files=triplet(1), headers={"X-Request-ID": "a-search"})
    assert answer.status_code == 200
    root, stages = spans_of(collector, "a-search")
    assert root.name == "POST /search"
    assert root.kind == Span.SPAN_KIND_SERVER
    told = attributes(root)
    assert (told["http.route"], told["http.response.status_code"]) == ("/search", 200)
    assert sorted(span.name for span in stages) == sorted(STAGES)
    for span in stages:
        assert root.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
        assert span.trace_id == root.trace_id
    ends = {span.name: span.end_time_unix_nano for span in stages}
    begins = {span.name: span.start_time_unix_nano for span in stages}
    order = [begins[name] for name in STAGES]
    assert order == sorted(order)
    assert ends["queue"] <= ends["inference"] <= ends["search"] <= ends["encode"]
    assert collector.paths == {"/v1/traces"}
    assert collector.services == {"gate"}


def test_a_call_without_images_has_a_span_of_its_own(
    traced: tuple[httpx.Client, Collector],
) -> None:
    client, collector = traced
    client.get("/gallery/none", headers={"X-Request-ID": "a-record"})
    root, stages = spans_of(collector, "a-record")
    assert (root.name, stages) == ("GET /gallery/{id}", [])
    assert attributes(root)["http.response.status_code"] == 404
    assert root.status.code == Status.STATUS_CODE_UNSET
    # A path may name a person or a plate; the trace has its pattern only.
    assert "none" not in str(root)


def test_a_method_that_no_call_has_names_no_span(
    traced: tuple[httpx.Client, Collector],
) -> None:
    client, collector = traced
    client.request("PROPFIND", "/info", headers={"X-Request-ID": "made-up"})
    root, _ = spans_of(collector, "made-up")
    assert root.name == "_OTHER /info"


def test_the_trace_of_the_client_is_continued(traced: tuple[httpx.Client, Collector]) -> None:
    client, collector = traced
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "continued"}
    client.get("/info", headers=headers)
    root, _ = spans_of(collector, "continued")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, PARENT)


def test_what_the_client_does_not_want_traced_is_not(
    traced: tuple[httpx.Client, Collector],
) -> None:
    client, collector = traced
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-00", "X-Request-ID": "unwanted"}
    client.get("/info", headers=headers)
    client.get("/info", headers={"X-Request-ID": "after"})
    spans_of(collector, "after")
    assert not [
        span for span in collector.spans() if attributes(span).get("vreid.request_id") == "unwanted"
    ]


@pytest.mark.parametrize(
    "damaged", ["", "00", "00-0-0-01", f"ff-{TRACE}-{PARENT}-01", "x" * 5000, f"00-{TRACE}"]
)
def test_a_damaged_traceparent_begins_a_trace_of_its_own(
    traced: tuple[httpx.Client, Collector], damaged: str
) -> None:
    client, collector = traced
    name = f"damaged-{len(damaged)}"
    answer = client.get("/info", headers={"traceparent": damaged, "X-Request-ID": name})
    assert answer.status_code == 200
    root, _ = spans_of(collector, name)
    assert root.parent_span_id == b""
    assert root.trace_id.hex() != TRACE


def test_a_failed_request_is_an_error(traced: tuple[httpx.Client, Collector]) -> None:
    client, collector = traced
    # There is no ingest here: 501.
    client.post("/ingest", files=triplet(1), headers={"X-Request-ID": "failed"})
    root, _ = spans_of(collector, "failed")
    assert attributes(root)["http.response.status_code"] == 501
    assert root.status.code == Status.STATUS_CODE_ERROR


def test_a_share_of_nothing_traces_nothing(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    with collecting() as collector:
        tracing = {"endpoint": collector.address, "share": 0.0}
        with running_service(calibrated_bundle.path, tmp_path / "g", tracing=tracing) as (each, _):
            each.get("/info")
        assert collector.spans() == []


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_collector_that_is_down_fails_no_request(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    tracing = {"endpoint": unused_address()}
    with running_service(calibrated_bundle.path, tmp_path / "g", tracing=tracing) as (client, _):
        answers = [client.post("/search", files=triplet(1)).status_code for _ in range(20)]
    assert answers == [200] * 20


def test_a_collector_that_hangs_delays_neither_requests_nor_the_end(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with collecting(hangs=True) as collector:
        tracing = {"endpoint": collector.address}
        with running_service(calibrated_bundle.path, tmp_path / "g", tracing=tracing) as (each, _):
            assert each.get("/info").status_code == 200
            assert collector.asked.wait(60)
            # The thread that sends waits for an answer that does not come.
            answers = [each.post("/search", files=triplet(1)).status_code for _ in range(20)]
            assert answers == [200] * 20
        # The block has ended: the service has stopped, and the collector still says nothing.
        assert collector.spans() == []


def test_an_address_without_a_path_gets_that_of_the_specification() -> None:
    assert traces_address("http://c:4318") == "http://c:4318/v1/traces"
    assert traces_address("http://c:4318/") == "http://c:4318/v1/traces"
    assert traces_address("https://c/otlp/v1/traces") == "https://c/otlp/v1/traces"


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://c", "http://", "http://c:x"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="VREID_TRACING__ENDPOINT"):
        load_settings({"tracing": {"endpoint": endpoint}})


def test_a_password_in_the_endpoint_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_HEADERS") as refused:
        load_settings({"tracing": {"endpoint": "http://me:geheim@collector:4318"}})
    assert "geheim" not in str(refused.value)


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    assert open_tracing(TracingSettings(), "1") is None
    # The client of Redis looks for the library's metrics by itself.
    code = (
        "import sys; import service.app, service.running; "
        "print([each for each in sys.modules if each.startswith(('opentelemetry.sdk.trace', "
        "'opentelemetry.exporter', 'service.telemetry.span_export'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ABSENT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith("opentelemetry.sdk") or name.startswith("opentelemetry.exporter"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Absent())
from service.telemetry.settings import TracingSettings
from service.telemetry.tracing import open_tracing
from vreid.errors import ConfigurationError
try:
    open_tracing(TracingSettings(endpoint="http://127.0.0.1:4318"), "1")
except ConfigurationError as error:
    print(error)
"""


def test_an_endpoint_without_the_packages_names_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABSENT], capture_output=True, text=True, check=True
    )
    assert "http://127.0.0.1:4318 (VREID_TRACING__ENDPOINT)" in done.stdout
    assert "[service,cpu,telemetry]" in done.stdout
