"""What each call leaves in the audit log: which images, which records, what was found."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.keys.key import make_key
from service.keys.key_file import add_key
from tests.redis_server import running_redis
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


@dataclass(frozen=True)
class Audited:
    """A client with the key of an admin, and the log of what it does."""

    client: httpx.Client
    log: Path

    def details(self) -> dict[str, Any]:
        """What the last line says."""
        details: dict[str, Any] = json.loads(self.log.read_text().splitlines()[-1])["details"]
        return details


@pytest.fixture(scope="module")
def audited(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Audited]:
    directory = tmp_path_factory.mktemp("audited")
    key, token = make_key("the operator", "admin")
    add_key(directory / "keys.json", key)
    with running_redis(directory / "redis") as redis:
        settings = {"access": {"keys": directory / "keys.json"}, "ingest": {"redis": redis.url}}
        with running_service(calibrated_bundle.path, directory / "gallery", **settings) as (
            client,
            _,
        ):
            client.headers["Authorization"] = f"Bearer {token}"
            yield Audited(client, directory / "audit" / "audit.jsonl")


def digests(images: dict[str, bytes]) -> dict[str, str]:
    return {name: sha256(image).hexdigest() for name, image in images.items()}


def text(images: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(image).decode() for name, image in images.items()}


def test_an_image_that_is_embedded_is_named_by_its_hash(audited: Audited) -> None:
    assert audited.client.post("/embed", files=triplet(1)).status_code == 200
    assert audited.details() == {"images": [digests(triplet(1))]}


def test_every_sample_of_the_largest_request_is_named(audited: Audited) -> None:
    samples = [{"rgb": text(triplet(number))["rgb"]} for number in range(64)]
    answer = audited.client.post("/embed", json={"samples": samples})
    assert answer.status_code == 200, answer.text
    expected = [{"rgb": digests(triplet(number))["rgb"]} for number in range(64)]
    assert audited.details()["images"] == expected


def test_a_search_names_what_was_looked_for_and_what_was_found(audited: Audited) -> None:
    stored = audited.client.post("/gallery", files=triplet(2), data={"id": "searched"})
    assert stored.status_code == 201
    assert audited.details() == {"records": ["searched"]}
    assert audited.client.post("/search", files=triplet(2)).status_code == 200
    told = audited.details()
    assert told["images"] == [digests(triplet(2))]
    assert "searched" in told["top"]


def test_a_comparison_names_its_images_its_record_and_its_verdict(audited: Audited) -> None:
    stored = audited.client.post("/gallery", files=triplet(3), data={"id": "compared"})
    assert stored.status_code == 201
    form = {f"b_{name}": image for name, image in triplet(3).items()}
    answer = audited.client.post("/compare", files=form, data={"a_id": "compared"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"]["same"] is True
    assert audited.details() == {
        "ids": ["compared"],
        "images": [digests(triplet(3))],
        "policy": answer.json()["policy"],
        "verdict": answer.json()["verdict"],
    }


def test_an_accepted_entry_is_named_with_its_records(audited: Audited) -> None:
    for repeated in (False, True):
        accepted = audited.client.post("/ingest", files=triplet(4), data={"id": "later"})
        assert accepted.status_code == 202
        entry = accepted.json()["id"]
        expected = {"entry": entry, "records": ["later"], "repeated": repeated}
        assert audited.details() == expected


def test_a_deletion_says_how_many_records_it_deleted(audited: Audited) -> None:
    for number in range(2):
        data = {"id": f"deleted-{number}", "camera": "south"}
        assert audited.client.post("/gallery", files=triplet(5), data=data).status_code == 201
    parameters = {"filter": '{"camera": "south"}', "all": "true"}
    answer = audited.client.delete("/gallery", params=parameters)
    assert answer.json() == {"matched": 2, "deleted": 2}
    assert audited.details() == {"deleted": 2}
