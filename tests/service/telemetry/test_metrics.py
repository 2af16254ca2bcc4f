"""The metrics of a real service: what the guide says of them, and that clients cannot add any."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from service.running import Running
from tests.redis_server import RedisServer, running_redis
from tests.service.ingest.waiting import wait_until
from tests.service.serving import running_service
from tests.service.vehicles import picture, triplet
from vreid import __version__
from vreid.bundle import Bundle
from vreid.modality import Modality

GUIDE = Path(__file__).parents[3] / "docs" / "telemetry.md"
ROW = re.compile(r"\| `(vreid_\w+)` \| (\w+) \|(.*?)\| (.+) \|")

Described = dict[str, tuple[str, frozenset[str]]]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def served(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> Iterator[tuple[httpx.Client, Running]]:
    """A service that has everything that is measured."""
    gallery = tmp_path_factory.mktemp("metrics") / "gallery"
    ingest = {"redis": redis.url}
    with running_service(calibrated_bundle.path, gallery, ingest=ingest) as each:
        yield each


def families(client: httpx.Client) -> dict[str, Metric]:
    """By the names of the guide: those of counters end in _total."""
    found = text_string_to_metric_families(client.get("/metrics").text)
    return {f"{each.name}_total" if each.type == "counter" else each.name: each for each in found}


def value(client: httpx.Client, name: str, **labels: str) -> float | None:
    samples = families(client)[name].samples
    return next((each.value for each in samples if each.labels == labels), None)


def of_the_guide() -> Described:
    rows = ROW.findall(GUIDE.read_text())
    return {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows
    }


def of_the_service(found: dict[str, Metric]) -> Described:
    return {
        name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for name, family in found.items()
    }


def test_the_guide_lists_every_metric_with_its_type_and_labels_and_no_other(
    served: tuple[httpx.Client, Running],
) -> None:
    client, running = served
    client.post("/search", files=triplet(1))
    assert running.recall is not None
    guide = of_the_guide()
    assert len(guide) > 15
    assert of_the_service(families(client)) == guide


def test_every_metric_is_explained_where_it_is_read(
    served: tuple[httpx.Client, Running],
) -> None:
    assert [
        name for name, each in families(served[0]).items() if len(each.documentation) < 10
    ] == []


def test_nothing_says_when_a_counter_began(served: tuple[httpx.Client, Running]) -> None:
    client, _ = served
    client.post("/search", files=triplet(1))
    assert "_created" not in client.get("/metrics").text


def test_searches_count_by_the_policy_that_compared(served: tuple[httpx.Client, Running]) -> None:
    client, running = served
    auto = running.bundle.manifest.auto_policy
    before = {
        each: value(client, "vreid_searches_total", policy=each) or 0 for each in (auto, "center")
    }
    for policy in ("auto", "center", "center"):
        assert client.post("/search", files=triplet(1), data={"policy": policy}).status_code == 200
    assert value(client, "vreid_searches_total", policy=auto) == before[auto] + 1
    assert value(client, "vreid_searches_total", policy="center") == before["center"] + 2
    assert value(client, "vreid_searches_total", policy="auto") is None


def test_a_missing_modality_counts_in_every_call_that_takes_images(
    served: tuple[httpx.Client, Running],
) -> None:
    client, _ = served

    def missing() -> dict[str, float]:
        return {
            each.value: value(client, "vreid_missing_modalities_total", modality=each.value) or 0
            for each in Modality
        }

    before = missing()
    only_rgb = {"rgb": picture(1)}
    for path in ("/search", "/embed", "/gallery", "/ingest"):
        assert client.post(path, files=only_rgb).status_code in (200, 201, 202)
    # The same again is no second entry.
    assert client.post("/ingest", files=only_rgb).status_code == 202
    client.post("/search", files=triplet(1))
    after = missing()
    assert {name: after[name] - before[name] for name in after} == {"rgb": 0, "nir": 4, "tir": 4}


def test_the_build_and_the_gallery_are_told(
    served: tuple[httpx.Client, Running], calibrated_bundle: Bundle
) -> None:
    client, running = served
    manifest = calibrated_bundle.manifest
    labels = {
        "version": __version__,
        "model": f"{manifest.name} {manifest.version}",
        "fingerprint": calibrated_bundle.fingerprint,
    }
    assert value(client, "vreid_build_info", **labels) == 1
    before = value(client, "vreid_gallery_records")
    assert before == running.gallery.count()
    client.post("/gallery", files=triplet(2))
    assert value(client, "vreid_gallery_records") == before + 1
    assert value(client, "vreid_gallery_segments") == 0
    assert value(client, "vreid_gallery_unsealed") == before + 1


def test_ingest_is_told_and_its_end_too(calibrated_bundle: Bundle, tmp_path: Path) -> None:
    with (
        running_redis(tmp_path / "redis") as redis,
        running_service(
            calibrated_bundle.path, tmp_path / "gallery", ingest={"redis": redis.url}
        ) as (client, _),
    ):
        assert value(client, "vreid_ingest_available") == 1
        assert value(client, "vreid_ingest_waiting") == 0
        client.post("/ingest", files=triplet(1))
        assert value(client, "vreid_ingest_waiting") == 1
        wait_until(lambda: bool(value(client, "vreid_ingest_lag_seconds")), "the entry to age")
        assert value(client, "vreid_ingest_failed") == 0
        redis.kill()
        assert value(client, "vreid_ingest_available") == 0
        assert value(client, "vreid_ingest_waiting") is None
        assert value(client, "vreid_ingest_lag_seconds") is None


def test_metrics_are_there_when_the_gallery_is_not(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_service(calibrated_bundle.path, tmp_path / "gallery") as (client, running):
        assert value(client, "vreid_ingest_available") is None
        running.gallery.close()
        (tmp_path / "gallery" / "gallery.sqlite3").unlink()
        response = client.get("/metrics")
    assert response.status_code == 200
    assert "\nvreid_build_info{" in response.text


METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PROPFIND", "X-OWN")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(METHODS),
    st.sampled_from(["", "/gallery", "/console", "/docs", "/ingest", "/gallery/a/images"]),
    st.lists(st.text(string.ascii_letters + string.digits + "%._-", min_size=1, max_size=9)),
)
def test_no_path_and_no_method_makes_a_label(
    served: tuple[httpx.Client, Running], method: str, folder: str, parts: list[str]
) -> None:
    client, _ = served
    client.request(method, "/".join([folder or "/", *parts]))
    routes = {sample.labels["route"] for sample in families(client)["vreid_requests_total"].samples}
    assert routes <= known_routes(client)


def known_routes(client: httpx.Client) -> set[str]:
    described = set(client.get("/openapi.json").json()["paths"])
    pages = {"/", "/docs", "/openapi.json", "/metrics", "/docs/{name}", "/console/{path:path}"}
    return described | pages | {"other"}
