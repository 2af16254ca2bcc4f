"""What every answer tells browsers and caches."""

import httpx
import pytest

from service.http.security_headers import with_security


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/health/live", "/gallery", "/nowhere", "/gallery/none"]
)
def test_every_answer_keeps_other_sites_out(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    scripts = [part for part in policy.split("; ") if part.startswith("script-src")]
    assert scripts in ([], ["script-src 'self'"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_answers_with_records_are_kept_by_nobody(client: httpx.Client) -> None:
    assert client.get("/gallery").headers["Cache-Control"] == "no-store"
    assert client.get("/info").headers["Cache-Control"] == "no-store"


def test_an_answers_own_headers_stay() -> None:
    own = [(b"cache-control", b"private"), (b"content-security-policy", b"default-src 'self'")]
    headers = with_security(own, "http")
    assert headers[:2] == own
    assert [name for name, _ in headers].count(b"cache-control") == 1
    assert [name for name, _ in headers].count(b"content-security-policy") == 1


def test_what_has_a_tag_may_be_kept_and_asked_for_again() -> None:
    assert (b"cache-control", b"no-cache") in with_security([(b"etag", b'"1"')], "http")


def test_only_over_tls_a_browser_is_told_to_use_nothing_else() -> None:
    over_tls = dict(with_security([], "https"))
    assert over_tls[b"strict-transport-security"] == b"max-age=31536000"
    assert b"strict-transport-security" not in dict(with_security([], "http"))
