"""The proxy of the compose file: real Caddy, TLS, in front of a real service with API keys."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.image.compose import composed
from deploy.image.env_file import read_env_file
from tests.deploy.proxy import CADDYFILE, Proxy, make_certificate, proxying
from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.service.calibrated_bundle import make_bundle
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet

MOST_BYTES = 2**20

pytestmark = pytest.mark.timeout(1500)
PROFILES = CADDYFILE.parents[1] / "profiles"


@dataclass
class Site:
    """A service with a key, and the proxy before it."""

    service: ServiceProcess
    proxy: Proxy
    headers: dict[str, str]
    audit: Path

    def last_line(self) -> dict[str, object]:
        line = json.loads(self.audit.read_text().splitlines()[-1])
        assert isinstance(line, dict)
        return line


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    bundle = make_bundle(folder / "bundle")
    keys = folder / "access" / "keys.json"
    made = vreid("keys", "create", "operator", "--role", "enrol", "--keys", keys)
    environment = {
        "VREID_ACCESS__KEYS": str(keys),
        "VREID_TRUSTED_PROXIES": "127.0.0.1",
        "VREID_LIMITS__REQUEST_BYTES": str(MOST_BYTES),
    }
    with serving(bundle.path, folder / "gallery", environment=environment) as service:
        upstream = service.address.removeprefix("http://")
        variables = {"VREID_PROXY_BODY_BYTES": str(MOST_BYTES)}
        with proxying(upstream, folder / "proxy", variables) as proxy:
            headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
            yield Site(service, proxy, headers, keys.parent / "audit" / "audit.jsonl")


def test_a_search_goes_through_it_over_tls(site: Site) -> None:
    stored = site.proxy.client.post(
        "/gallery", files=triplet(1), data={"id": "one"}, headers=site.headers
    )
    assert stored.status_code == 201
    found = site.proxy.client.post("/search", files=triplet(1), headers=site.headers)
    assert [result["id"] for result in found.json()["results"]] == ["one"]
    assert found.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Server" not in found.headers
    assert site.proxy.client.get("/", headers=site.headers).status_code == 200


def test_who_has_no_key_has_none_behind_the_proxy_either(site: Site) -> None:
    assert_problem(site.proxy.client.get("/gallery"), 401, "unauthenticated")


def test_the_audit_log_names_the_client_and_believes_nobody_but_the_proxy(site: Site) -> None:
    assert site.proxy.client.get("/info", headers=site.headers).status_code == 200
    assert site.last_line()["client"] == "127.0.0.1"
    told = site.headers | {"X-Forwarded-For": "203.0.113.9"}
    assert site.proxy.client.get("/info", headers=told).status_code == 200
    # The proxy has replaced what the client said about itself.
    assert site.last_line()["client"] == "127.0.0.1"
    # The service believes the proxy's address.
    assert site.service.client.get("/info", headers=told).status_code == 200
    assert site.last_line()["client"] == "203.0.113.9"


@pytest.mark.parametrize("body_type", ["multipart/form-data; boundary=x", "application/json"])
def test_a_body_that_says_it_is_too_large_is_told_so(site: Site, body_type: str) -> None:
    headers = site.headers | {"Content-Type": body_type}
    refused = site.proxy.client.post("/search", content=b"x" * (MOST_BYTES + 1), headers=headers)
    assert refused.status_code == 413
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["status"] == 413


def test_a_body_without_an_end_is_cut_off(site: Site) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 256 * MOST_BYTES:
            sent += MOST_BYTES // 4
            yield b"x" * (MOST_BYTES // 4)

    headers = site.headers | {"Content-Type": "multipart/form-data; boundary=x"}
    # It may hang up, or answer, while the body is on its way.
    with suppress(httpx.TransportError):
        assert not site.proxy.client.post("/search", content=endless(), headers=headers).is_success
    assert sent < 128 * MOST_BYTES
    assert site.service.client.get("/health/ready").status_code == 200


def test_headers_beyond_measure_are_refused(site: Site) -> None:
    answer = site.proxy.client.get("/info", headers=site.headers | {"X-Much": "x" * 40_000})
    assert answer.status_code == 431


def test_plain_http_is_refused_and_neither_key_nor_query_is_written_to_its_log(site: Site) -> None:
    plain = site.proxy.address.replace("https://", "http://")
    answer = httpx.get(f"{plain}/health/live", trust_env=False)
    assert answer.status_code == 400
    site.proxy.client.get("/info", headers=site.headers)
    asked = {"filter": '{"identity": "Erika"}'}
    told = site.headers | {"Referer": f"{site.proxy.address}/?camera=Erika"}
    answer = site.proxy.client.get("/gallery", params=asked, headers=told)
    assert answer.status_code == 200
    log = (site.proxy.folder / "log").read_text()
    assert "/info" in log
    assert site.headers["Authorization"].split()[1] not in log
    assert '"uri":"/gallery"' in log
    assert "Erika" not in log


def test_a_service_that_is_gone_is_a_problem_with_words(tmp_path: Path) -> None:
    with proxying("127.0.0.1:9", tmp_path / "proxy", {}) as proxy:
        answer = proxy.client.get("/health/live")
    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 502


def test_a_site_s_own_certificate_is_used(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path / "tls", "localhost")
    variables = {"VREID_PROXY_TLS": f"{certificate} {key}"}
    with proxying("127.0.0.1:9", tmp_path / "proxy", variables) as proxy:
        assert proxy.client.get("/health/live").status_code == 502
        assert str(certificate.parent) in str(proxy.authority)


@pytest.mark.parametrize(
    ("file", "profile"), [("compose.yaml", "server"), ("compose.edge.yaml", "edge")]
)
def test_it_takes_what_the_profile_takes(file: str, profile: str) -> None:
    proxy = composed(["compose.yaml", file])["services"]["proxy"]
    taken = read_env_file(PROFILES / f"{profile}.env")["VREID_LIMITS__REQUEST_BYTES"]
    assert proxy["environment"]["VREID_PROXY_BODY_BYTES"] == taken


def test_compose_gives_it_what_its_file_reads() -> None:
    document = composed()
    proxy = document["services"]["proxy"]
    text = CADDYFILE.read_text()
    assert all(f"{{${name}" in text for name in proxy["environment"])
    assert proxy["environment"]["VREID_PROXY_UPSTREAM"] == "service:8000"
    (port,) = proxy["ports"]
    assert f"{{$VREID_PROXY_LISTEN:{port['target']}}}" in text
    assert "{$VREID_PROXY_HEALTH:8080}" in text
    assert "http://127.0.0.1:8080/" in proxy["healthcheck"]["test"]


def test_the_service_believes_the_proxy_s_address_and_no_other() -> None:
    document = composed()
    address = document["services"]["proxy"]["networks"]["edge"]["ipv4_address"]
    assert document["services"]["service"]["environment"]["VREID_TRUSTED_PROXIES"] == address
    others = {
        name
        for name, service in document["services"].items()
        if "edge" in service["networks"] and name not in ("service", "proxy")
    }
    assert others == set()
