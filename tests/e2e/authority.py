"""A site's own authority and the certificates that it signs, made by the program openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signed:
    """A certificate and its private key, PEM files."""

    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """What `vreid serve` is told."""
        return "--tls-certificate", str(self.certificate), "--tls-key", str(self.key)


class Authority:
    """Signs certificates for 127.0.0.1 and localhost; all its files lie in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = directory / "authority.pem"
        self._key = directory / "authority.key"
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", self._key, "-out", self.certificate, "-days", "2"),
            *("-subj", "/CN=the site's own authority"),
        )

    def sign(self, name: str, days: int = 2) -> Signed:
        """Return a new certificate; with negative days it has ended already."""
        key, request = self._directory / f"{name}.key", self._directory / f"{name}.csr"
        certificate, names = self._directory / f"{name}.pem", self._directory / "names.txt"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", request, "-subj", f"/CN={name}"),
        )
        openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-out", certificate, "-days", str(days), "-extfile", names),
        )
        return Signed(certificate, key)


def openssl(*arguments: str | Path) -> None:
    """Run openssl to its end."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
