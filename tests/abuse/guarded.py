"""A real service with keys and small bounds, as those who mean it harm find it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from service.keys.key import ROLES, Role, make_key
from service.keys.key_file import add_key
from tests.e2e.processes import ServiceProcess, serving

MOST_CONNECTIONS = 40
BOUNDS = {
    "VREID_CONNECTIONS__MOST": str(MOST_CONNECTIONS),
    "VREID_CONNECTIONS__HEAD_TIMEOUT": "2",
    "VREID_CONNECTIONS__WRITE_TIMEOUT": "2",
    "VREID_BODY_TIMEOUT": "5",
    # Those who behave are answered, however slow the machine is.
    "VREID_DEADLINE": "120",
    "VREID_LOCK_TIMEOUT": "60",
    "VREID_LIMITS__REQUEST_BYTES": str(2**20),
    # So that a test can say where its calls come from.
    "VREID_TRUSTED_PROXIES": "127.0.0.1",
}


@dataclass(frozen=True)
class Guarded:
    """The service, the directory of its keys, and a token of each role."""

    service: ServiceProcess
    directory: Path
    tokens: dict[Role, str]

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.service.address

    def key(self, role: Role) -> dict[str, str]:
        """The header of a valid key."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def line(self, role: Role) -> bytes:
        """The same as a line of a request's head."""
        return f"Authorization: Bearer {self.tokens[role]}\r\n".encode()

    def call(self, method: str, path: str, role: Role | None = "admin") -> httpx.Response:
        """Make one call on a connection of its own."""
        headers = {} if role is None else self.key(role)
        return httpx.request(
            method, f"{self.address}{path}", headers=headers, timeout=60, verify=False
        )

    def lines(self, name: str = "audit") -> list[dict[str, Any]]:
        """What the audit log, or that of refusals, holds."""
        text = (self.directory / "audit" / f"{name}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def is_well(self) -> bool:
        """Whether it answers, and has met nothing that was not foreseen."""
        log = self.service.log.read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 1000 :][:5000]
        assert self.call("GET", "/health/live", role=None).status_code == 200
        return self.call("GET", "/gallery", role="search").status_code == 200


@contextmanager
def guarded_service(bundle: Path, directory: Path) -> Iterator[Guarded]:
    """Serve until the block ends."""
    tokens: dict[Role, str] = {}
    for role in ROLES:
        key, tokens[role] = make_key(f"the {role} key", role)
        add_key(directory / "keys.json", key)
    environment = {**BOUNDS, "VREID_ACCESS__KEYS": str(directory / "keys.json")}
    with serving(bundle, directory / "gallery", environment=environment) as service:
        yield Guarded(service, directory, tokens)
