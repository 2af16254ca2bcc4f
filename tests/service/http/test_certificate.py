"""Certificates of HTTPS as the service reads them."""

import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.http.certificate import Certificate, load_certificate
from service.http.tls_settings import TlsSettings
from tests.e2e.authority import Authority, Signed, openssl
from vreid.errors import ConfigurationError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def signed(authority: Authority) -> Signed:
    return authority.sign("signed")


def test_a_certificate_that_ends_soon_is_used_and_the_log_says_so(
    signed: Signed, caplog: pytest.LogCaptureFixture
) -> None:
    Certificate(signed.certificate, signed.key)
    assert "ends" in caplog.text


def test_that_it_ends_soon_is_said_once_a_day(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    signed = authority.sign("long", days=30)
    begin = datetime.now(UTC)
    now = [begin]
    certificate = Certificate(signed.certificate, signed.key, clock=lambda: now[0])
    said = []
    for hour in range(0, 24 * 18, 6):
        caplog.clear()
        now[0] = begin + timedelta(hours=hour)
        certificate.look()
        said += [hour // 24 for record in caplog.records if record.levelname == "WARNING"]
    assert said == [16, 17]
    now[0] = begin + timedelta(days=31)
    certificate.look()
    assert "has ended" in caplog.text


def test_what_cannot_be_used_is_refused_with_what_to_do(
    authority: Authority, signed: Signed, tmp_path: Path
) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate\n")
    secret = tmp_path / "secret.key"
    openssl("pkey", "-in", signed.key, "-aes256", "-passout", "pass:x", "-out", secret)
    old = authority.sign("old", days=-1)
    weak = Signed(tmp_path / "weak.pem", tmp_path / "weak.key")
    openssl(
        *("req", "-x509", "-newkey", "rsa:512", "-nodes", "-keyout", weak.key),
        *("-out", weak.certificate, "-days", "2", "-subj", "/CN=weak"),
    )
    for certificate, key, sentence in (
        (old.certificate, old.key, "has expired"),
        (signed.certificate, old.key, "is not that of the certificate"),
        (tmp_path / "none.pem", signed.key, "certificate .* cannot be read"),
        (signed.certificate, tmp_path / "none.key", "key .* cannot be read"),
        (text, signed.key, "PEM form"),
        (signed.certificate, text, "PEM form"),
        (signed.key, signed.key, "PEM form"),
        (signed.certificate, secret, "without: openssl pkey"),
        (weak.certificate, weak.key, "too small"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            load_certificate(certificate, key)


def test_a_certificate_without_its_key_is_no_setting(signed: Signed) -> None:
    with pytest.raises(ValueError, match="both"):
        TlsSettings(certificate=signed.certificate)


@pytest.fixture
def renewed(authority: Authority, tmp_path: Path) -> Callable[[str], Signed]:
    """Puts a new certificate in place of the old one, each file at once."""
    place = Signed(tmp_path / "site.pem", tmp_path / "site.key")

    def renew(name: str) -> Signed:
        made = authority.sign(name)
        os.replace(made.key, place.key)
        os.replace(made.certificate, place.certificate)
        return place

    return renew


def test_a_new_version_of_the_files_comes_in_force(
    authority: Authority, renewed: Callable[[str], Signed]
) -> None:
    place = renewed("first")
    certificate = Certificate(place.certificate, place.key)
    assert subject(certificate, authority) == "first"
    renewed("second")
    certificate.look()
    assert subject(certificate, authority) == "second"


def test_a_new_version_that_cannot_be_used_leaves_the_old_one_in_force(
    authority: Authority, renewed: Callable[[str], Signed], caplog: pytest.LogCaptureFixture
) -> None:
    place = renewed("first")
    certificate = Certificate(place.certificate, place.key)
    place.key.write_text("half a k")
    certificate.look()
    certificate.look()
    assert subject(certificate, authority) == "first"
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    renewed("second")
    certificate.look()
    assert subject(certificate, authority) == "second"


def subject(certificate: Certificate, authority: Authority) -> str:
    """The common name of what a client is shown that trusts the authority."""
    trusting = ssl.create_default_context(cafile=authority.certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = certificate.context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(2):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    # The name stands in it as it was typed.
    return "second" if b"second" in shown else "first" if b"first" in shown else "another"
