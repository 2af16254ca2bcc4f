"""Records of a test's own, put into a running service."""

import base64
from pathlib import Path
from typing import Any

import httpx

from service.keys.key import Role, make_key
from service.keys.key_file import add_key
from tests.service.vehicles import triplet


def enrol(address: str, record_id: str, **labels: object) -> None:
    """Store a record with three small pictures; labels are those of `POST /gallery`."""
    number = sum(record_id.encode())
    sample = {name: _base64(data) for name, data in triplet(number).items()}
    document = {"samples": [{**sample, "id": record_id, **labels}]}
    answer = httpx.post(f"{address}/gallery", json=document, timeout=30, trust_env=False)
    assert answer.status_code == 201, answer.text


def enrol_four(address: str) -> None:
    """Store the records a, b, c and d, each with labels of its own."""
    enrol(address, "a", identity="one", camera="north", captured_at="2026-03-01T08:00:00Z")
    enrol(address, "b", identity="one", camera="gate", attributes={"colour": "red"})
    enrol(address, "c", camera="north", attributes={"speed": 62})
    enrol(address, "d", identity="two", captured_at="2026-03-02T08:00:00Z")


def stored(address: str) -> list[str]:
    """The ids of all records, in the order of storing."""
    answer = httpx.get(f"{address}/gallery", params={"limit": 500}, timeout=30, trust_env=False)
    return [record["id"] for record in answer.json()["records"]]


def read(address: str, record_id: str) -> dict[str, Any]:
    """A record as the service shows it."""
    answer = httpx.get(f"{address}/gallery/{record_id}", timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def new_key(file: Path, role: Role) -> str:
    """Make an API key in a file of keys and return what its owner sends."""
    key, token = make_key(f"the {role} key", role)
    add_key(file, key)
    return token


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
