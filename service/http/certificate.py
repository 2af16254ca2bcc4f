"""The certificate of HTTPS; a new version of its files comes in force by itself."""

from __future__ import annotations

import logging
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.http.tls_settings import TlsSettings
from service.threads.repeating_thread import RepeatingThread
from vreid.errors import ConfigurationError

LOOK_INTERVAL = 5.0
"""Seconds between looks at the files."""

_SOON = timedelta(days=14)
_NOT_YET_VALID, _EXPIRED = 9, 10
"""OpenSSL's numbers of these faults."""

logger = logging.getLogger(__name__)


class Certificate:
    """A context for a listening socket that always answers with the files' last good version.

    Raises:
        ConfigurationError: the files cannot be used at the start. Later on, what was read last
            stays in force, and the log says so.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._version = self._version_now()
        self._in_force = load_certificate(certificate, key)
        self._following: RepeatingThread | None = None
        self.context = _server_context()
        self.context.load_cert_chain(certificate, key)
        # Replacing certificate and key of a context in use would show the one without the other.
        self.context.sni_callback = self._choose

    def follow(self, interval: float = LOOK_INTERVAL) -> None:
        """Look at the files every so many seconds until `close`."""
        self._following = RepeatingThread("certificate", self.look, interval)

    def close(self) -> None:
        """Stop looking; a second time does nothing."""
        if self._following is not None:
            self._following.close()

    def look(self) -> None:
        """Read the files again if they have changed; may block."""
        version = self._version_now()
        if version == self._version:
            return
        self._version = version
        try:
            self._in_force = load_certificate(self._certificate, self._key)
        except ConfigurationError as error:
            logger.error("the certificate read last stays in force: %s", error)
        else:
            logger.info("the new certificate %s is in force", self._certificate)

    def _choose(self, connection: ssl.SSLObject, _: str, __: ssl.SSLContext) -> None:
        connection.context = self._in_force

    def _version_now(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_version_of(path) for path in (self._certificate, self._key))


def open_certificate(settings: TlsSettings) -> Certificate | None:
    """Return the certificate of the settings, None where there is none; errors as it has."""
    if settings.certificate is None or settings.key is None:
        return None
    return Certificate(settings.certificate, settings.key)


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context that answers with a certificate, and log when it ends soon.

    Raises:
        ConfigurationError: a file cannot be read or is none, they do not belong together, or the
            certificate is not valid now.
    """
    _check_readable(certificate, "certificate")
    if b"ENCRYPTED" in _check_readable(key, "key"):
        raise ConfigurationError(
            f"the TLS key {key} has a password, which nobody could type at a start; write it "
            f"without: openssl pkey -in {key} -out FILE"
        )
    context = _server_context()
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"the TLS key {key} is not that of the certificate {certificate}; the certificate "
                "comes first in its file, before those of its authorities"
            ) from error
        raise ConfigurationError(
            f"the TLS certificate {certificate} or its key {key} is not in PEM form; they begin "
            "with -----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY-----"
        ) from error
    _check_valid(context, certificate)
    return context


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _check_readable(path: Path, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except OSError as error:
        raise ConfigurationError(
            f"the TLS {what} {path} cannot be read ({error.strerror}); check its name and rights"
        ) from error
    if what == "key" and mode & 0o007:
        logger.warning("everybody on this machine may read the TLS key %s; run: chmod 600", path)
    return content


def _check_valid(context: ssl.SSLContext, certificate: Path) -> None:
    """Shake hands with a client in this process that trusts the certificate itself."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.load_verify_locations(certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    try:
        _shake_hands(client, server)
    except ssl.SSLCertVerificationError as error:
        fault = {_EXPIRED: "has expired", _NOT_YET_VALID: "is not valid yet"}.get(
            error.verify_code, f"cannot be used by a server ({error.verify_message})"
        )
        raise ConfigurationError(
            f"the TLS certificate {certificate} {fault}; check this machine's clock, or have a new "
            "certificate made"
        ) from error
    found = client.getpeercert() or {}
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)
    if until - datetime.now(UTC) < _SOON:
        logger.warning("the TLS certificate %s ends %s", certificate, f"{until:%Y-%m-%d %H:%M}Z")


def _shake_hands(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
    for _ in range(2):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def _version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
