"""What one key's holder, or nobody's, can learn of another's: nothing."""

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.keys.key import make_key
from service.keys.key_file import add_key, remove_key
from tests.abuse.guarded import Guarded
from tests.service.vehicles import triplet

PATIENCE = 60.0


def ask(guarded: Guarded, token: str, place: str, path: str = "/gallery") -> httpx.Response:
    """Ask with a token, through the proxy that the service trusts, as from some place."""
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": place}
    return httpx.get(f"{guarded.address}{path}", headers=headers, timeout=PATIENCE, verify=False)


def without_ids(answer: httpx.Response) -> dict[str, Any]:
    """An answer's body and headers, without what names the request and the moment."""
    body = {
        name: value
        for name, value in answer.json().items()
        if name not in ("request_id", "instance")
    }
    own = ("x-request-id", "date")
    return {**body, "headers": [pair for pair in answer.headers.items() if pair[0] not in own]}


def test_every_wrong_key_gets_one_and_the_same_answer(guarded: Guarded) -> None:
    keys = guarded.directory / "keys.json"
    revoked, revoked_token = make_key("revoked", "admin")
    expired, expired_token = make_key("old", "admin", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    add_key(keys, revoked)
    add_key(keys, expired)
    wait_until_known(guarded, revoked_token)
    remove_key(keys, revoked.id)
    wait_until_refused(guarded, revoked_token)
    valid = guarded.tokens["admin"]
    tokens = [
        revoked_token,
        expired_token,
        make_key("nobody", "admin")[1],
        valid[:-1] + ("A" if valid[-1] != "A" else "B"),
        valid[:-1],
        valid + "A",
        valid.upper(),
        valid.replace("vreid_", ""),
        "x",
        "~" * 40,
        "a" * 4000,
    ]
    seen = [without_ids(ask(guarded, token, "198.51.100.1")) for token in tokens]
    assert seen[0]["status"] == 401
    assert all(one == seen[0] for one in seen)


def test_a_key_is_taken_from_the_header_alone(guarded: Guarded) -> None:
    token = guarded.tokens["admin"]
    for call in (
        {"params": {"api_key": token, "access_token": token, "Authorization": f"Bearer {token}"}},
        {"headers": {"X-API-Key": token, "Cookie": f"Authorization=Bearer {token}; key={token}"}},
        {"auth": ("vreid", token)},
        {"headers": {"Proxy-Authorization": f"Bearer {token}"}},
    ):
        answer = httpx.get(f"{guarded.address}/gallery", timeout=PATIENCE, verify=False, **call)
        assert answer.status_code in (401, 429)


def test_a_role_that_is_not_enough_learns_nothing_of_what_is_there(guarded: Guarded) -> None:
    stored = httpx.post(
        f"{guarded.address}/gallery",
        files=triplet(2),
        data={"id": "there"},
        headers=guarded.key("enrol"),
        timeout=PATIENCE,
        verify=False,
    )
    assert stored.status_code == 201, stored.text
    for role in ("search", "enrol"):
        there = guarded.call("DELETE", "/gallery/there", role=role)
        absent = guarded.call("DELETE", "/gallery/absent", role=role)
        assert there.status_code == 403
        assert without_ids(there) == without_ids(absent)
    for path in ("/gallery/there", "/gallery/there/images/rgb", "/gallery/absent", "/nowhere"):
        refused = guarded.call("GET", path, role=None)
        assert refused.status_code in (401, 429)
        assert "there" not in refused.text.replace("is there", "")


def test_no_cache_and_no_tag_gives_away_what_a_key_has_read(guarded: Guarded) -> None:
    for path in ("/gallery", "/info", "/me", "/metrics", "/gallery/absent"):
        with_key = guarded.call("GET", path)
        assert "no-store" in with_key.headers["Cache-Control"], path
        assert "ETag" not in with_key.headers
    for condition in (
        {"If-None-Match": "*"},
        {"If-Modified-Since": "Wed, 1 Jan 2098 00:00:00 GMT"},
    ):
        url = f"{guarded.address}/gallery"
        assert httpx.get(url, headers=condition, verify=False).status_code in (401, 429)
        with_key = httpx.get(url, headers={**condition, **guarded.key("search")}, verify=False)
        assert with_key.status_code == 200


def test_no_answer_and_no_log_repeats_a_key(guarded: Guarded) -> None:
    secret = make_key("nobody", "admin")[1]
    valid = guarded.tokens["search"]
    headers = guarded.key("search")
    url = guarded.address
    for answer in (
        ask(guarded, secret, "198.51.100.2"),
        httpx.post(f"{url}/search", json={"k": valid}, headers=headers, verify=False),
        httpx.post(f"{url}/search", content=b"{", headers={**headers, "Content-Type": valid}),
        httpx.get(f"{url}/gallery", headers={**headers, "X-Request-ID": "x" * 200}, verify=False),
    ):
        said = answer.text + "".join(answer.headers.values())
        assert secret not in said
        assert valid not in said
    for path in (guarded.service.log, *guarded.directory.rglob("*.jsonl")):
        content = path.read_text()
        assert secret not in content
        assert valid not in content


def test_calls_at_the_same_moment_are_written_down_under_their_own_keys(guarded: Guarded) -> None:
    def call(role: str) -> None:
        headers = {"Authorization": f"Bearer {guarded.tokens[role]}"}  # type: ignore[index]
        with httpx.Client(base_url=guarded.address, timeout=PATIENCE, verify=False) as client:
            for number in range(40):
                request = {**headers, "X-Request-ID": f"mixed-{role}-{number}"}
                me = client.get("/me", headers=request).json()
                assert me == {"authenticated": True, "role": role, "name": f"the {role} key"}
                answered.append(role)

    answered: list[str] = []
    threads = [threading.Thread(target=call, args=(role,)) for role in guarded.tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == 40 * len(threads)
    mixed = [line for line in guarded.lines() if line["request_id"].startswith("mixed-")]
    assert len(mixed) == len(answered)
    for line in mixed:
        assert line["name"] == f"the {line['request_id'].split('-')[1]} key"


def test_wrong_keys_in_number_are_told_less_and_a_valid_one_beside_them_is_answered(
    guarded: Guarded,
) -> None:
    before = len(guarded.lines("refused"))
    wrong = make_key("nobody", "admin")[1]
    place = "203.0.113.9"
    statuses = []
    for _ in range(60):
        statuses.append(ask(guarded, wrong, place).status_code)
        assert ask(guarded, guarded.tokens["search"], place).status_code == 200
    assert set(statuses) == {401, 429}
    assert len(guarded.lines("refused")) - before < 60
    assert all(len(json.dumps(line)) < 4000 for line in guarded.lines("refused"))


def test_nobody_can_pretend_to_call_from_elsewhere(guarded: Guarded) -> None:
    wrong = make_key("nobody", "admin")[1]
    ask(guarded, wrong, "127.0.0.1, 10.9.9.9, 203.0.113.77")
    assert guarded.lines("refused")[-1]["client"] == "203.0.113.77"
    ask(guarded, guarded.tokens["search"], "192.0.2.1, 203.0.113.78")
    assert guarded.lines()[-1]["client"] == "203.0.113.78"


def test_the_audit_logs_are_read_by_their_owner_alone(guarded: Guarded) -> None:
    paths: list[Path] = list((guarded.directory / "audit").iterdir())
    assert paths
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/", "/health/ready", "/health/live"])
def test_what_is_public_is_the_same_whoever_asks_and_names_nothing_of_this_place(
    guarded: Guarded, path: str
) -> None:
    told = guarded.call("GET", path, role=None)
    assert told.status_code == 200
    for private in (str(guarded.directory), "the admin key", *map(key_id, guarded.tokens.values())):
        assert private not in told.text


def key_id(token: str) -> str:
    return token.split("_")[1]


def wait_until_known(guarded: Guarded, token: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while ask(guarded, token, "198.51.100.3").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_refused(guarded: Guarded, token: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while ask(guarded, token, "198.51.100.4").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
