"""HTTPS by files, with a real authority and with verification on."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.e2e.authority import Authority, Signed
from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.service.vehicles import triplet
from vreid.bundle import Bundle
from vreid.client import Client, Images, ServiceUnreachable
from vreid.client.command_embed import embed
from vreid.client.retrying import Retry

ONCE = Retry(attempts=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "authority").mkdir()
    return Authority(tmp_path / "authority")


@pytest.fixture
def signed(authority: Authority) -> Signed:
    return authority.sign("site")


@pytest.fixture
def service(
    bundle: Bundle, tmp_path: Path, authority: Authority, signed: Signed
) -> Iterator[ServiceProcess]:
    trusting = ssl.create_default_context(cafile=authority.certificate)
    gallery = tmp_path / "gallery"
    with serving(bundle.path, gallery, *signed.options, verify=trusting) as running:
        yield running


def test_it_is_called_by_https_with_verification_and_says_so(
    service: ServiceProcess, authority: Authority, tmp_path: Path
) -> None:
    assert service.address.startswith("https://127.0.0.1:")
    answer = service.client.post("/embed", files=triplet(1))
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")

    picture = tmp_path / "one.png"
    picture.write_bytes(triplet(1)["rgb"])
    with Client(service.address, verify=authority.certificate) as client:
        assert len(client.embed(Images(rgb=picture)).samples) == 1
    trusted = {"VREID_CA_CERTIFICATE": str(authority.certificate)}
    with Client(service.address, environment=trusted) as client:
        assert client.info().model.fingerprint
    options = ["--url", service.address, "--ca-certificate", str(authority.certificate)]
    printed = CliRunner().invoke(embed, [str(picture), *options])
    assert printed.exit_code == 0, printed.output

    with (
        Client(service.address, retry=ONCE) as client,
        pytest.raises(ServiceUnreachable, match="--ca-certificate"),
    ):
        client.info()
    plain = service.address.replace("https", "http")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{plain}/health/live", trust_env=False)
    assert service.client.get("/health/live").status_code == 200
    assert service.stop() == 0


def test_a_renewed_certificate_is_used_without_a_restart(
    service: ServiceProcess, authority: Authority, signed: Signed
) -> None:
    before = certificate_of(service, authority)
    renewed = authority.sign("renewed")
    os.replace(renewed.key, signed.key)
    os.replace(renewed.certificate, signed.certificate)
    deadline = time.monotonic() + 60
    while certificate_of(service, authority) == before:
        assert time.monotonic() < deadline, service.log.read_text()
        time.sleep(0.2)
    assert service.client.get("/health/live").status_code == 200


def test_silent_connections_count_before_their_handshake(
    bundle: Bundle, tmp_path: Path, authority: Authority, signed: Signed
) -> None:
    trusting = ssl.create_default_context(cafile=authority.certificate)
    bounds = {
        "VREID_CONNECTIONS__MOST": "8",
        # They are sent away by their number, not by their time.
        "VREID_CONNECTIONS__HEAD_TIMEOUT": "600",
    }
    gallery = tmp_path / "gallery"
    with (
        serving(
            bundle.path, gallery, *signed.options, environment=bounds, verify=trusting
        ) as service,
        ExitStack() as held,
    ):
        url = httpx.URL(service.address)
        assert url.port is not None
        silent = [
            held.enter_context(socket.create_connection((url.host, url.port), timeout=60))
            for _ in range(40)
        ]
        for _ in range(3):
            answer = httpx.get(
                f"{service.address}/health/live", verify=trusting, timeout=60, trust_env=False
            )
            assert answer.status_code == 200
        # Those that came first made room for the others.
        for connection in silent[:32]:
            assert is_ended(connection)
        assert service.stop() == 0


def is_ended(connection: socket.socket) -> bool:
    """Whether the service ends a connection before long."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def certificate_of(service: ServiceProcess, authority: Authority) -> str:
    port = httpx.URL(service.address).port
    assert port is not None
    return ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(authority.certificate))


def test_a_certificate_of_another_key_stops_the_start_with_a_sentence(
    bundle: Bundle, tmp_path: Path, authority: Authority, signed: Signed
) -> None:
    other = authority.sign("other")
    options = ("--tls-certificate", signed.certificate, "--tls-key", other.key)
    ended = vreid(
        *("serve", "--bundle", bundle.path, "--gallery", tmp_path / "gallery", "--port", "0"),
        *options,
    )
    assert ended.returncode == 1
    assert "is not that of the certificate" in ended.stderr
    assert "Traceback" not in ended.stderr
