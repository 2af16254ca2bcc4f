"""Which role each call needs."""

import httpx
import pytest

from service.app import create_app
from service.keys.access import (
    NEEDED,
    PUBLIC,
    TELLS_MORE_WITH_KEY,
    check_allowed,
    is_public,
    needed_role,
)
from service.keys.errors import Forbidden
from service.keys.key import ROLES, make_key
from service.running import Running
from service.scopes.route_patterns import calls_of


def test_every_call_of_the_application_is_public_or_stands_in_the_table(
    service: tuple[httpx.Client, Running],
) -> None:
    calls = set(calls_of(create_app(service[1])))
    assert len(calls) > 20
    public = {call for call in calls if is_public(*call)}
    assert calls - public <= NEEDED.keys()
    assert public & NEEDED.keys() == TELLS_MORE_WITH_KEY
    # What is public besides the probes are pages and the document.
    assert all(method in ("GET", "HEAD") for method, _ in public)


def test_the_tables_name_no_call_that_is_gone(service: tuple[httpx.Client, Running]) -> None:
    calls = set(calls_of(create_app(service[1])))
    assert NEEDED.keys() <= calls
    assert calls >= PUBLIC


def test_deleting_needs_admin_and_reading_does_not() -> None:
    assert needed_role("DELETE", "/gallery/{id}") == needed_role("DELETE", "/gallery") == "admin"
    assert needed_role("GET", "/gallery/{id}") == needed_role("HEAD", "/gallery/{id}") == "search"


def test_what_no_table_names_needs_admin() -> None:
    assert needed_role("POST", "/something/new") == "admin"
    assert not is_public("POST", "/")
    assert not is_public("GET", "/console")


def test_probes_and_the_console_need_no_key() -> None:
    for path in (
        "/health/live",
        "/health/ready",
        "/",
        "/console/app.js",
        "/docs",
        "/docs/swagger-ui.css",
    ):
        assert is_public("GET", path)
        assert is_public("HEAD", path)


def test_a_probe_that_brings_a_key_is_checked_as_any_other_call() -> None:
    assert not is_public("GET", "/health/ready", has_key=True)
    assert is_public("GET", "/health/live", has_key=True)


def test_a_role_that_is_not_enough_is_told_which_is() -> None:
    key, _ = make_key("gate", "search")
    with pytest.raises(Forbidden, match="role enrol, and this one has the role search"):
        check_allowed(key, "enrol")
    for role in ROLES:
        check_allowed(make_key("gate", role)[0], "search")
