"""`GET /me`, with and without keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.keys.key import ROLES, Role, make_key
from service.keys.key_file import add_key
from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from vreid.bundle import Bundle


@dataclass(frozen=True)
class Guarded:
    """A service with one key of each role."""

    client: httpx.Client
    tokens: dict[Role, str]

    def me(self, role: Role) -> httpx.Response:
        return self.client.get("/me", headers={"Authorization": f"Bearer {self.tokens[role]}"})


@pytest.fixture
def guarded(calibrated_bundle: Bundle, tmp_path: Path) -> Iterator[Guarded]:
    tokens: dict[Role, str] = {}
    for role in ROLES:
        key, tokens[role] = make_key(f"the {role} key", role)
        add_key(tmp_path / "keys.json", key)
    access = {"keys": tmp_path / "keys.json"}
    with running_service(calibrated_bundle.path, tmp_path / "gallery", access=access) as (
        client,
        _,
    ):
        yield Guarded(client, tokens)


def test_without_keys_everybody_may_do_everything(client: httpx.Client) -> None:
    assert client.get("/me").json() == {"authenticated": False, "role": "admin", "name": None}


def test_each_key_is_told_its_role_and_its_name(guarded: Guarded) -> None:
    for role in ROLES:
        expected = {"authenticated": True, "role": role, "name": f"the {role} key"}
        assert guarded.me(role).json() == expected


def test_who_has_no_key_where_keys_are_needed_is_told_so(guarded: Guarded) -> None:
    assert_problem(guarded.client.get("/me"), 401, "unauthenticated")
