"""Bad input is answered with a sentence, stores nothing, and leaves the service up."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bundles import make_tiny_bundle
from tests.e2e.processes import ServiceProcess, serving, vreid
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import declared_huge_png, picture, triplet
from vreid.bundle import Bundle
from vreid.modality import Modality

FORM_CALLS = ("/embed", "/search", "/gallery")

BAD_FILES: dict[str, tuple[bytes, int, str]] = {
    "not an image": (b"GIF? no, a text file", 422, "undecodable-image"),
    "truncated": (picture(1, form="JPEG")[:400], 422, "undecodable-image"),
    "0 bytes": (b"", 422, "empty-image"),
    "60 000 x 60 000 declared": (declared_huge_png(), 413, "image-too-large"),
}


@pytest.fixture(scope="module")
def shared(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    environment = {"VREID_LIMITS__REQUEST_BYTES": "200000"}
    gallery = tmp_path_factory.mktemp("bad") / "gallery"
    with serving(bundle.path, gallery, environment=environment) as process:
        yield process


@pytest.fixture
def client(shared: ServiceProcess) -> Iterator[httpx.Client]:
    """A client whose test has to leave the gallery empty and the service ready."""
    yield shared.client
    assert shared.process.poll() is None
    assert shared.client.get("/health/ready").status_code == 200
    assert shared.client.get("/gallery").json()["records"] == []
    assert "Traceback" not in shared.log.read_text()


@pytest.mark.parametrize("path", FORM_CALLS)
@pytest.mark.parametrize("name", BAD_FILES)
def test_an_unusable_image_is_named_with_what_to_do(
    client: httpx.Client, path: str, name: str
) -> None:
    data, status, kind = BAD_FILES[name]
    files = {"rgb": picture(1), "nir": data, "tir": picture(1, 0, Modality.TIR)}
    body = assert_problem(client.post(path, files=files), status, kind)
    assert body["errors"][0]["field"] == "nir"
    assert ";" in body["detail"], "the sentence says what is wrong; and what to do"


@pytest.mark.parametrize("path", FORM_CALLS)
def test_an_unknown_form_field_is_named(client: httpx.Client, path: str) -> None:
    response = client.post(path, files=triplet(1), data={"colour": "red"})
    body = assert_problem(response, 422, "invalid-request")
    assert "colour: is not known; allowed are rgb, nir, tir" in body["detail"]


@pytest.mark.parametrize("path", FORM_CALLS)
def test_three_missing_files_are_asked_for(client: httpx.Client, path: str) -> None:
    response = client.post(path, files={"tir_palette": (None, "grey")})
    assert "rgb, nir, tir" in assert_problem(response, 422, "no-modality")["detail"]


@pytest.mark.parametrize(
    "k", ["0", "-3", "1.5", "5.0", "1_0", "9" * 5000, "ten", "", "100000000000000000000"]
)
def test_k_has_to_be_a_sensible_number(client: httpx.Client, k: str) -> None:
    body = assert_problem(
        client.post("/search", files=triplet(1), data={"k": k}), 422, "invalid-request"
    )
    assert body["errors"][0]["field"] == "k"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5000])
@pytest.mark.parametrize(("path", "field"), [("/search", "filter"), ("/gallery", "attributes")])
def test_json_nested_without_end_in_a_form_field_is_named(
    client: httpx.Client, path: str, field: str, text: str
) -> None:
    response = client.post(path, files=triplet(1), data={field: text})
    body = assert_problem(response, 422, "invalid-request")
    assert body["errors"][0]["field"] == field


def test_an_unknown_id_is_not_found(client: httpx.Client) -> None:
    assert_problem(client.get("/gallery/nobody"), 404, "unknown-record")
    assert_problem(client.delete("/gallery/nobody"), 404, "unknown-record")
    assert_problem(client.post("/search", json={"id": "nobody"}), 404, "unknown-record")


@pytest.mark.parametrize("path", [*FORM_CALLS, "/compare"])
def test_an_oversized_body_is_refused(client: httpx.Client, path: str) -> None:
    response = client.post(path, files={"rgb": b"\xff" * 300_000})
    assert "200000 bytes" in assert_problem(response, 413, "body-too-large")["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "kind"),
    [
        (b"{", "application/json", 400, "malformed-body"),
        (b"[" * 100_000, "application/json", 400, "malformed-body"),
        (b"\xff\xfe", "application/json", 400, "malformed-body"),
        (b"null", "application/json", 422, "invalid-request"),
        (b"rgb=1", "application/x-www-form-urlencoded", 415, "unsupported-body"),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400, "malformed-body"),
        (b"x", "multipart/form-data", 400, "malformed-body"),
        (b"x", "multipart/form-data; boundary=" + "x" * 5000, 400, "malformed-body"),
        (b"[1]", "application/json", 422, "invalid-request"),
        (b"", "", 415, "unsupported-body"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    client: httpx.Client, body: bytes, content_type: str, status: int, kind: str
) -> None:
    for path in FORM_CALLS:
        response = client.post(path, content=body, headers={"content-type": content_type})
        assert_problem(response, status, kind)


def test_a_gallery_of_another_bundle_is_refused_at_start_up(
    service: ServiceProcess, tmp_path: Path
) -> None:
    gallery = tmp_path / "gallery"
    service.client.post("/gallery", files=triplet(1))
    service.stop()
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    refused = vreid("serve", "--bundle", other.path, "--gallery", gallery, "--port", "0")
    assert refused.returncode == 1
    assert other.fingerprint in refused.stderr
    assert "vreid reindex" in refused.stderr
    assert "Traceback" not in refused.stderr
