"""A key's token, and what is kept of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.keys.key import ROLES, Role, is_secret_of, make_key, split_token


def test_the_token_holds_the_id_and_a_secret_that_is_not_kept() -> None:
    key, token = make_key("gate", "search")
    parts = split_token(token)
    assert parts is not None
    assert parts[0] == key.id
    assert parts[1] not in repr(key)
    assert is_secret_of(key, parts[1])


def test_no_two_keys_are_alike() -> None:
    made = [make_key("gate", "search") for _ in range(50)]
    assert len({token for _, token in made}) == len({key.digest for key, _ in made}) == 50


def test_the_secret_of_another_key_is_refused() -> None:
    key, _ = make_key("gate", "search")
    _, token = make_key("other", "search")
    parts = split_token(token)
    assert parts is not None
    assert not is_secret_of(key, parts[1])


def test_without_a_key_every_secret_is_refused() -> None:
    assert not is_secret_of(None, "")
    assert not is_secret_of(None, "0" * 64)


@given(st.text())
def test_what_is_no_token_has_no_parts(text: str) -> None:
    assert split_token(text) is None
    assert split_token(f"vreid_0123abcd_{text}") is None or len(text) == 43


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_roles_before_it_may(role: Role) -> None:
    key, _ = make_key("gate", role)
    assert [key.allows(needed) for needed in ROLES] == [
        ROLES.index(needed) <= ROLES.index(role) for needed in ROLES
    ]


def test_a_key_expires_at_its_moment_and_not_before() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    key, _ = make_key("gate", "search", expires_at=moment)
    assert not key.is_expired(moment - timedelta(microseconds=1))
    assert key.is_expired(moment)
    assert not make_key("gate", "search")[0].is_expired(moment)
