"""A service with API keys: made, used, refused, revoked and audited, in real processes."""

import json
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.keys.key import ROLES, Role
from service.keys.key import make_key as made
from service.keys.key_file import add_key
from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


def make_key(keys: Path, name: str, role: Role, rate: float | None = None) -> dict[str, Any]:
    key, token = made(name, role, rate)
    add_key(keys, key)
    return {"id": key.id, "key": token}


def make_key_by_command(keys: Path, name: str, role: str) -> dict[str, Any]:
    ended = vreid("keys", "create", name, "--role", role, "--keys", keys, "--json")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert isinstance(document, dict)
    return document


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of keys of the service that the tests share."""
    return tmp_path_factory.mktemp("keys") / "secret" / "keys.json"


@pytest.fixture(scope="module")
def service(
    bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, keys: Path
) -> Iterator[ServiceProcess]:
    gallery = tmp_path_factory.mktemp("gallery")
    environment = {"VREID_ACCESS__KEYS": str(keys), "VREID_TRUSTED_PROXIES": "127.0.0.1"}
    with serving(bundle.path, gallery / "gallery", environment=environment) as running:
        yield running


def audited(keys: Path, name: str = "audit") -> list[dict[str, Any]]:
    lines = (keys.parent / "audit" / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_each_role_may_do_its_own_and_no_more(service: ServiceProcess, keys: Path) -> None:
    search, enrol, admin = (make_key(keys, role, role) for role in ROLES)
    client = service.client
    wait_until_known(client, admin)
    refused = client.post("/gallery", files=triplet(1), headers=bearer(search))
    assert_problem(refused, 403, "forbidden")
    stored = client.post("/gallery", files=triplet(1), data={"id": "one"}, headers=bearer(enrol))
    assert stored.status_code == 201
    found = client.post("/search", files=triplet(1), headers=bearer(search))
    assert [result["id"] for result in found.json()["results"]] == ["one"]
    assert_problem(client.delete("/gallery/one", headers=bearer(enrol)), 403, "forbidden")
    assert client.delete("/gallery/one", headers=bearer(admin)).status_code == 204


def test_without_a_valid_key_only_probes_and_the_console_answer(
    service: ServiceProcess, keys: Path
) -> None:
    client = service.client
    for path in ("/health/live", "/health/ready", "/"):
        assert client.get(path).status_code == 200
    for answer in (
        client.get("/gallery"),
        client.get("/info"),
        client.get("/metrics"),
        client.get("/nowhere"),
        client.post("/search", files=triplet(1)),
        client.get("/gallery", headers={"Authorization": "Bearer vreid_00000000_" + "A" * 43}),
    ):
        assert_problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_ends_while_the_service_runs(service: ServiceProcess, keys: Path) -> None:
    key, other = (make_key_by_command(keys, name, "search") for name in ("gate", "north"))
    wait_until_known(service.client, other)
    assert service.client.get("/gallery", headers=bearer(key)).status_code == 200
    assert vreid("keys", "revoke", key["id"], "--keys", keys).returncode == 0
    listed = json.loads(vreid("keys", "list", "--json", "--keys", keys).stdout)
    ids = [each["id"] for each in listed]
    assert other["id"] in ids
    assert key["id"] not in ids
    wait_until(lambda: service.client.get("/gallery", headers=bearer(key)).status_code == 401)
    assert service.client.get("/gallery", headers=bearer(other)).status_code == 200


def test_a_key_beyond_its_rate_is_told_when_to_come_again(
    service: ServiceProcess, keys: Path
) -> None:
    # A rate so low that no machine is slow enough to stay below it.
    slow, other = make_key(keys, "slow", "search", rate=0.001), make_key(keys, "o", "search")
    wait_until_known(service.client, other)
    assert service.client.get("/info", headers=bearer(slow)).status_code == 200
    refused = service.client.get("/info", headers=bearer(slow))
    assert_problem(refused, 429, "too-many-requests")
    assert int(refused.headers["Retry-After"]) > 1
    assert service.client.get("/info", headers=bearer(other)).status_code == 200


def test_the_audit_log_says_who_did_what_and_holds_no_image_and_no_key(
    service: ServiceProcess, keys: Path
) -> None:
    admin = make_key(keys, "the operator", "admin")
    client = service.client
    wait_until_known(client, admin)
    before = len(audited(keys))
    client.post("/gallery", files=triplet(1), data={"id": "two"}, headers=bearer(admin))
    search = {"k": "3", "filter": '{"camera": {"exists": false}}'}
    answer = client.post("/search", files=triplet(1), data=search, headers=bearer(admin))
    client.delete("/gallery/two", headers=bearer(admin))
    client.get("/gallery/two")
    begun, enrolled, searched, begun_too, deleted = audited(keys)[before:]
    assert begun["event"] == begun_too["event"] == "begins"
    refused = audited(keys, "refused")[-1]
    assert (enrolled["method"], enrolled["route"], enrolled["status"]) == ("POST", "/gallery", 201)
    assert enrolled["details"] == {"records": ["two"]}
    assert searched["request_id"] == answer.headers["X-Request-ID"]
    assert (searched["key"], searched["name"]) == (admin["id"], "the operator")
    assert searched["details"] == {
        "policy": answer.json()["policy"],
        "k": 3,
        "images": [{name: sha256(image).hexdigest() for name, image in triplet(1).items()}],
        "filter": {"camera": {"exists": False}},
        "results": 1,
        "top": ["two"],
    }
    assert searched["client"] == "127.0.0.1"
    assert (deleted["path"], deleted["status"]) == ("/gallery/two", 204)
    assert (refused["key"], refused["status"]) == (None, 401)
    secret = admin["key"].rsplit("_", 1)[1]
    for path in keys.parent.rglob("*"):
        assert not path.is_file() or secret not in path.read_text()
    assert secret not in service.log.read_text()


def test_with_keys_a_service_may_listen_beyond_this_machine(bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    make_key(keys, "gate", "search")
    environment = {"VREID_ACCESS__KEYS": str(keys)}
    options = ("--host", "0.0.0.0")
    with serving(bundle.path, tmp_path / "gallery", *options, environment=environment) as service:
        assert service.address.startswith("http://0.0.0.0:")
        foreign = service.client.get("/gallery", headers={"Host": "vreid.example"})
        assert_problem(foreign, 401, "unauthenticated")
    assert service.stop() == 0


def test_a_list_of_keys_that_are_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    listed = vreid("keys", "list", "--keys", keys)
    assert listed.returncode == 0
    assert f"vreid keys create NAME --keys {keys}" in listed.stderr


def test_a_command_without_a_key_says_how_to_give_one(
    service: ServiceProcess, tmp_path: Path
) -> None:
    picture = tmp_path / "one.png"
    picture.write_bytes(triplet(1)["rgb"])
    ended = vreid("embed", picture, "--url", service.address)
    assert ended.returncode == 1
    assert "VREID_API_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_of_keys_that_others_may_read_stops_the_start(
    bundle: Bundle, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    make_key(keys, "gate", "search")
    keys.chmod(0o644)
    ended = vreid(
        *("serve", "--bundle", bundle.path, "--gallery", tmp_path / "gallery", "--port", "0"),
        environment={"VREID_ACCESS__KEYS": str(keys)},
    )
    assert ended.returncode == 1
    assert "chmod 600" in ended.stderr
    assert "Traceback" not in ended.stderr


def wait_until_known(client: httpx.Client, key: dict[str, Any]) -> None:
    # From a place of its own: calls with a key that is not known yet are bounded.
    headers = {**bearer(key), "X-Forwarded-For": "198.51.100.1"}
    wait_until(lambda: client.get("/gallery", headers=headers).status_code == 200)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
