"""The certificate of HTTPS; a new version of its files comes in force by itself."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.http.tls_settings import TlsSettings
from service.threads.repeating_thread import RepeatingThread
from vreid.errors import ConfigurationError

_Version = tuple[tuple[int, int, int] | None, ...]

LOOK_INTERVAL = 5.0
"""Seconds between looks at the files."""

_SOON = timedelta(days=14)
_REMINDER = timedelta(days=1)
_NO_PEM = frozenset(["PEM_LIB", "NO_START_LINE", "BAD_END_LINE", "BAD_BASE64_DECODE", "ASN1_LIB"])
"""What OpenSSL calls files of another form."""

_NOT_YET_VALID, _EXPIRED = 9, 10
"""OpenSSL's numbers of these faults."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedCertificate:
    """A context that answers with a certificate, and the moment at which that ends."""

    context: ssl.SSLContext
    until: datetime


class Certificate:
    """A context for a listening socket that always answers with the files' last good version.

    Raises:
        ConfigurationError: the files cannot be used at the start. Later on, what was read last
            stays in force, and the log says so.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._reminded: datetime | None = None
        self._certificate = certificate
        self._key = key
        self._version = self._version_now()
        self._in_force = load_certificate(certificate, key)
        self._following: RepeatingThread | None = None
        self.context = _server_context()
        self.context.load_cert_chain(certificate, key)
        # Replacing certificate and key of a context in use would show the one without the other.
        self.context.sni_callback = self._choose
        self._remind()

    def follow(self, interval: float = LOOK_INTERVAL) -> None:
        """Look at the files every so many seconds until `close`."""
        self._following = RepeatingThread("certificate", self.look, interval)

    def close(self) -> None:
        """Stop looking; a second time does nothing."""
        if self._following is not None:
            self._following.close()

    def look(self) -> None:
        """Read the files again if they have changed, and say when they end soon; may block."""
        version = self._version_now()
        if version != self._version:
            self._read(version)
        self._remind()

    def _read(self, version: _Version) -> None:
        self._version = version
        try:
            self._in_force = load_certificate(self._certificate, self._key)
        except ConfigurationError as error:
            logger.error("the certificate read last stays in force: %s", error)
        else:
            self._reminded = None
            logger.info("the new certificate %s is in force", self._certificate)

    def _remind(self) -> None:
        now, until = self._clock(), self._in_force.until
        if until - now >= _SOON or (self._reminded and now - self._reminded < _REMINDER):
            return
        self._reminded = now
        logger.warning(
            "the TLS certificate %s %s %s; put a new one in its place, which needs no new start",
            *(self._certificate, "has ended" if until <= now else "ends", _moment(until)),
        )

    def _choose(self, connection: ssl.SSLObject, _: str, __: ssl.SSLContext) -> None:
        connection.context = self._in_force.context

    def _version_now(self) -> _Version:
        return tuple(_version_of(path) for path in (self._certificate, self._key))


def open_certificate(settings: TlsSettings) -> Certificate | None:
    """Return the certificate of the settings, None where there is none; errors as it has."""
    if settings.certificate is None or settings.key is None:
        return None
    return Certificate(settings.certificate, settings.key)


def load_certificate(certificate: Path, key: Path) -> LoadedCertificate:
    """Read a certificate and its key.

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
        raise _unusable(certificate, key, error) from error
    try:
        until = _end_of_valid(context, certificate)
    except ssl.SSLCertVerificationError as error:
        fault = {_EXPIRED: "has expired", _NOT_YET_VALID: "is not valid yet"}.get(
            error.verify_code, f"cannot be used by a server ({error.verify_message})"
        )
        raise ConfigurationError(
            f"the TLS certificate {certificate} {fault}; check this machine's clock, or have a new "
            "certificate made"
        ) from error
    except ssl.SSLError as error:
        raise _unusable(certificate, key, error) from error
    return LoadedCertificate(context, until)


def _unusable(certificate: Path, key: Path, error: ssl.SSLError) -> ConfigurationError:
    if not error.reason or error.reason in _NO_PEM:
        return ConfigurationError(
            f"the TLS certificate {certificate} or its key {key} is not in PEM form; they begin "
            "with -----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY-----"
        )
    return ConfigurationError(
        f"the TLS certificate {certificate} or its key {key} cannot be used: OpenSSL says "
        f"{error.reason.replace('_', ' ').lower()}; have a new certificate made, with a key of "
        "RSA 2048 or EC P-256 and signed with SHA-256"
    )


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


def _end_of_valid(context: ssl.SSLContext, certificate: Path) -> datetime:
    """Shake hands with a client in this process that trusts the certificate itself.

    Returns:
        When the certificate ends.

    Raises:
        ssl.SSLError: a client would not take it.
    """
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.load_verify_locations(certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    _shake_hands(client, server)
    found = client.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


def _shake_hands(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
    for _ in range(2):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"


def _version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
