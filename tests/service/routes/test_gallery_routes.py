import json
from io import BytesIO

import httpx
import pytest
from PIL import Image

from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import picture, triplet
from vreid.modality import Modality


@pytest.fixture
def client(service: tuple[httpx.Client, Running]) -> httpx.Client:
    """A client of a service with an empty gallery."""
    return service[0]


def enrol(client: httpx.Client, images: dict[str, bytes], **fields: str) -> httpx.Response:
    return client.post("/gallery", files=images, data=fields)


def test_a_record_is_stored_with_everything_that_was_said(client: httpx.Client) -> None:
    response = enrol(
        client,
        triplet(1),
        id="first",
        identity="v1",
        camera="north",
        scene="7",
        captured_at="2024-05-01T10:00:00+02:00",
        attributes='{"colour": "red", "doors": 5, "taxi": false}',
    )
    assert response.status_code == 201
    assert response.headers["location"] == "/gallery/first"
    read = client.get(response.headers["location"]).json()
    assert read == {key: value for key, value in response.json().items() if key != "warnings"}
    assert read["attributes"] == {"colour": "red", "doors": 5, "taxi": False}
    assert read["captured_at"] == "2024-05-01T08:00:00Z"
    assert read["mask"] == {"rgb": True, "nir": True, "tir": True}


def test_a_record_can_come_as_json(client: httpx.Client) -> None:
    import base64

    body = {"nir": base64.b64encode(picture(1, 0, Modality.NIR)).decode(), "identity": "v1"}
    response = client.post("/gallery", json=body)
    assert response.status_code == 201
    assert response.json()["mask"] == {"rgb": False, "nir": True, "tir": False}


def test_an_id_is_made_when_none_is_given(client: httpx.Client) -> None:
    first, second = (enrol(client, triplet(1)).json()["id"] for _ in range(2))
    assert first != second
    assert client.get(f"/gallery/{first}").status_code == 200


def test_an_id_that_is_taken_is_a_conflict_and_changes_nothing(client: httpx.Client) -> None:
    assert enrol(client, triplet(1), id="one", identity="before").status_code == 201
    assert_problem(enrol(client, triplet(2), id="one"), 409, "duplicate-record")
    assert client.get("/gallery/one").json()["identity"] == "before"


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("id", "a/b", "invalid-record"),
        ("id", "", "invalid-record"),
        ("captured_at", "2024-05-01T10:00:00", "invalid-record"),
        ("captured_at", "yesterday", "invalid-request"),
        ("attributes", '{"nested": {"a": 1}}', "invalid-record"),
        ("attributes", "[1]", "invalid-request"),
        ("camera", "x" * 300, "invalid-record"),
        ("colour", "red", "invalid-request"),
    ],
)
def test_a_field_that_cannot_be_stored_stores_nothing(
    client: httpx.Client, field: str, value: str, kind: str
) -> None:
    body = assert_problem(enrol(client, triplet(1), **{field: value}), 422, kind)
    assert field in body["detail"].replace("attribute ", "attributes ")
    assert client.get("/gallery").json()["records"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("identity", "x" * 300),
        ("captured_at", "2024-05-01T10:00:00"),
        ("attributes", '{"nested": {"a": 1}}'),
    ],
)
def test_a_field_that_cannot_be_stored_is_refused_before_a_picture_is_decoded(
    client: httpx.Client, field: str, value: str
) -> None:
    whole = picture(1)
    broken = {"rgb": whole[: len(whole) // 2]}
    assert_problem(enrol(client, broken), 422, "undecodable-image")
    assert_problem(enrol(client, broken, **{field: value}), 422, "invalid-record")


def test_thumbnails_show_what_was_enrolled(client: httpx.Client) -> None:
    images = {name: data for name, data in triplet(1).items() if name != "tir"}
    record = enrol(client, images).json()
    assert record["thumbnails"]["tir"] is None
    for name in images:
        response = client.get(record["thumbnails"][name])
        assert response.headers["content-type"] == "image/jpeg"
        assert Image.open(BytesIO(response.content)).size == (48, 24)
    missing = client.get(f"/gallery/{record['id']}/images/tir")
    assert_problem(missing, 404, "unknown-thumbnail")
    unknown = client.get(f"/gallery/{record['id']}/images/xray")
    assert_problem(unknown, 422, "invalid-request")
    assert_problem(client.get("/gallery/nobody/images/rgb"), 404, "unknown-record")


def test_pages_hold_every_record_once_in_the_order_of_storing(client: httpx.Client) -> None:
    for number in range(7):
        enrol(client, triplet(number), id=f"r{number}")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        parameters: dict[str, str] = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/gallery", params=parameters).json()
        seen += [record["id"] for record in page["records"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"r{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"limit": "0"}, "invalid-request"),
        ({"limit": "501"}, "invalid-request"),
        ({"limit": "x"}, "invalid-request"),
        ({"offset": "3"}, "invalid-request"),
        ({"cursor": "x"}, "invalid-search"),
    ],
)
def test_a_page_out_of_range_is_refused(
    client: httpx.Client, parameters: dict[str, str], kind: str
) -> None:
    assert_problem(client.get("/gallery", params=parameters), 422, kind)


def test_a_deleted_record_is_gone_everywhere(client: httpx.Client) -> None:
    enrol(client, triplet(1), id="one")
    assert client.delete("/gallery/one").status_code == 204
    assert_problem(client.get("/gallery/one"), 404, "unknown-record")
    assert_problem(client.delete("/gallery/one"), 404, "unknown-record")
    assert client.get("/gallery").json()["records"] == []
    assert client.post("/search", files=triplet(1)).json()["results"] == []


def test_what_was_enrolled_over_http_is_recognised_by_the_indexing_job(
    client: httpx.Client,
) -> None:
    from service.indexing.preparation import hash_content
    from service.messages.inputs import EnrolInput
    from service.messages.sighting import content_hash
    from vreid.sample import Sample

    images = {Modality.RGB: picture(1)}
    sample = Sample(images, identity="v1", camera="2")
    asked = EnrolInput.model_validate({"rgb": picture(1), "identity": "v1", "camera": "2"})
    assert content_hash(asked) == hash_content(None, sample, images)


def test_an_answer_is_json_that_any_reader_reads(client: httpx.Client) -> None:
    record = enrol(client, triplet(1), identity="Größe 東").content
    assert json.loads(record)["identity"] == "Größe 東"
