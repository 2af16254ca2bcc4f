"""Which role each call needs."""

import pytest
from fastapi.routing import APIRoute

from service.keys.access import (
    NEEDED,
    check_allowed,
    is_public,
    needed_role,
    route_of,
)
from service.keys.errors import Forbidden
from service.keys.key import ROLES, make_key
from service.routes import compare, correction, deletion, embed, enrolment, gallery, ingest, search

CALLS = [
    (method, route.path)
    for module in (compare, correction, deletion, embed, enrolment, gallery, ingest, search)
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_every_call_that_reads_or_changes_stands_in_the_table(method: str, route: str) -> None:
    assert (method, route) in NEEDED
    assert not is_public(method, route)
    assert route_of(route) == route


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


def test_ids_of_any_form_lead_to_the_route_of_ids() -> None:
    assert route_of("/gallery/images") == "/gallery/{id}"
    assert route_of("/gallery/a b/images/rgb") == "/gallery/{id}/images/{modality}"
    assert route_of("/ingest/01") == "/ingest/{id}"


def test_a_role_that_is_not_enough_is_told_which_is() -> None:
    key, _ = make_key("gate", "search")
    with pytest.raises(Forbidden, match="role enrol, and this one has the role search"):
        check_allowed(key, "enrol")
    for role in ROLES:
        check_allowed(make_key("gate", role)[0], "search")
