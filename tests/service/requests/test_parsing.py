import base64
import json

import httpx
import pytest

from service.request_errors import InvalidRequest, MalformedBody, UnsupportedBody
from service.requests.parsing import (
    read_compare,
    read_correction,
    read_embed,
    read_enrol,
    read_ingest,
    read_search,
)
from vreid.errors import NoModality
from vreid.modality import Modality

JSON = "application/json"
IMAGE = base64.b64encode(b"image").decode()


def form(fields: dict[str, tuple[str | None, bytes]]) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://service", files=fields)
    return request.read(), request.headers["content-type"]


def fields_at_fault(error: pytest.ExceptionInfo[InvalidRequest]) -> list[str]:
    return [problem.field for problem in error.value.problems]


def test_a_form_is_one_sample() -> None:
    reading = read_search(
        *form(
            {
                "rgb": ("a.jpg", b"one"),
                "tir": ("b.png", b"two"),
                "k": (None, b"7"),
                "policy": (None, b"center"),
                "filter": (None, b'{"camera": "north"}'),
            }
        )
    )
    assert reading.is_form
    asked = reading.value
    assert asked.samples is not None
    assert asked.samples[0].by_modality() == {Modality.RGB: b"one", Modality.TIR: b"two"}
    assert (asked.k, asked.policy, asked.filter) == (7, "center", {"camera": "north"})


def test_a_document_carries_images_as_base64() -> None:
    body = json.dumps({"samples": [{"nir": IMAGE}, {"rgb": IMAGE}]}).encode()
    samples = read_embed(body, JSON).value.samples
    assert [sample.by_modality() for sample in samples] == [
        {Modality.NIR: b"image"},
        {Modality.RGB: b"image"},
    ]


def test_an_unknown_form_field_is_named_with_those_that_are_allowed() -> None:
    with pytest.raises(
        InvalidRequest, match="kk: is not known; allowed are rgb, nir, tir"
    ) as error:
        read_search(*form({"rgb": ("a", b"x"), "kk": (None, b"1")}))
    assert fields_at_fault(error) == ["kk"]


def test_an_unknown_member_is_named_with_those_that_are_allowed() -> None:
    body = json.dumps({"samples": [{"rgb": IMAGE, "uv": IMAGE}], "zz": 1}).encode()
    with pytest.raises(InvalidRequest, match="allowed are rgb, nir, tir, tir_palette") as error:
        read_search(body, JSON)
    assert fields_at_fault(error) == ["zz", "samples[0].uv"] or fields_at_fault(error) == [
        "samples[0].uv",
        "zz",
    ]


def test_a_field_sent_twice_is_refused() -> None:
    request = httpx.Request(
        "POST", "http://service", files=[("rgb", ("a", b"x")), ("rgb", ("b", b"y"))]
    )
    with pytest.raises(InvalidRequest, match=r"send it once; several pictures .* JSON `samples`"):
        read_search(request.read(), request.headers["content-type"])


def test_a_text_sent_twice_is_refused_without_a_word_about_pictures() -> None:
    fields = [("rgb", ("a", b"x")), ("k", (None, b"1")), ("k", (None, b"2"))]
    request = httpx.Request("POST", "http://service", files=fields)
    with pytest.raises(InvalidRequest, match=r"k: was sent more than once; send it once$"):
        read_search(request.read(), request.headers["content-type"])


def test_a_form_without_images_says_which_files_to_send() -> None:
    for read in (read_embed, read_search, read_enrol):
        with pytest.raises(NoModality, match="rgb, nir, tir"):
            read(*form({"tir_palette": (None, b"grey")}))


def test_a_browser_field_without_a_chosen_file_is_left_out() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="rgb"; filename="a.jpg"\r\n\r\nx\r\n'
        b'--x\r\nContent-Disposition: form-data; name="nir"; filename=""\r\n\r\n\r\n--x--\r\n'
    )
    reading = read_embed(body, "multipart/form-data; boundary=x")
    assert reading.value.samples[0].nir is None


def test_an_empty_file_is_handed_on_to_be_refused_as_an_image() -> None:
    reading = read_embed(*form({"rgb": ("a.jpg", b"")}))
    assert reading.value.samples[0].rgb == b""


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "many", None])
def test_k_has_to_be_a_whole_number_above_zero(k: object) -> None:
    body = json.dumps({"id": "a", "k": k}).encode()
    with pytest.raises(InvalidRequest) as error:
        read_search(body, JSON)
    assert fields_at_fault(error) == ["k"]


@pytest.mark.parametrize(("text", "value"), [(b"true", True), (b"false", False)])
def test_a_form_says_true_or_false(text: bytes, value: bool) -> None:
    reading = read_search(*form({"id": (None, b"a"), "explain": (None, text)}))
    assert reading.value.explain is value


@pytest.mark.parametrize("text", [b"yes", b"1", b"on", b"True", b"0", b""])
def test_a_form_says_nothing_else_for_it(text: bytes) -> None:
    with pytest.raises(InvalidRequest, match="explain: has to be true or false"):
        read_search(*form({"id": (None, b"a"), "explain": (None, text)}))


def test_a_search_without_a_query_is_told_what_a_query_is() -> None:
    with pytest.raises(InvalidRequest, match="samples, id, ids, embedding, embeddings"):
        read_search(b"{}", JSON)


@pytest.mark.parametrize(
    "features",
    [[], [None, None, None], [[1.0], None], [["x"], None, None], [[1e9], None, None]],
)
def test_an_embedding_has_three_rows_of_numbers(features: object) -> None:
    body = json.dumps({"embedding": {"features": features}}).encode()
    with pytest.raises(InvalidRequest, match="embedding"):
        read_search(body, JSON)


def test_numbers_that_are_none_are_no_json() -> None:
    with pytest.raises(MalformedBody):
        read_search(b'{"embedding": {"features": [[NaN], null, null]}}', JSON)


def test_a_thermal_palette_has_to_be_known() -> None:
    body = json.dumps({"samples": [{"tir": IMAGE, "tir_palette": "plaid"}]}).encode()
    with pytest.raises(InvalidRequest, match="inferno"):
        read_embed(body, JSON)


def test_a_filter_in_a_form_has_to_be_json() -> None:
    with pytest.raises(InvalidRequest, match="filter: has to be a JSON object"):
        read_search(*form({"rgb": ("a", b"x"), "filter": (None, b"camera=2")}))


def test_a_member_that_a_forms_filter_has_twice_is_refused() -> None:
    fields: dict[str, tuple[str | None, bytes]] = {
        "rgb": ("a", b"x"),
        "filter": (None, b'{"or": [{"camera": "a", "camera": "b"}]}'),
    }
    with pytest.raises(InvalidRequest, match=r"filter: .*'camera' is given twice"):
        read_search(*form(fields))


def test_base64_with_a_prefix_is_refused_with_advice() -> None:
    body = json.dumps({"samples": [{"rgb": "data:image/png;base64,AAAA"}]}).encode()
    with pytest.raises(InvalidRequest, match="without a data: prefix"):
        read_embed(body, JSON)


def test_the_two_samples_of_a_comparison_are_told_apart_by_prefix() -> None:
    asked = read_compare(*form({"a_rgb": ("a", b"x"), "b_tir": ("b", b"y")})).value
    assert asked.a.by_modality() == {Modality.RGB: b"x"}
    assert asked.b.by_modality() == {Modality.TIR: b"y"}
    with pytest.raises(NoModality, match="b_rgb"):
        read_compare(*form({"a_rgb": ("a", b"x")}))


def test_other_content_types_are_refused_with_those_that_are_read() -> None:
    for content_type in ("", "text/plain", "application/x-www-form-urlencoded"):
        with pytest.raises(UnsupportedBody, match="multipart/form-data and application/json"):
            read_search(b"{}", content_type)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"text"', b"[]", b"null"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises((MalformedBody, InvalidRequest)):
        read_search(body, JSON)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 5000, b"NaN"])
def test_a_json_field_that_cannot_be_read_is_named(text: bytes) -> None:
    for read, field in ((read_search, "filter"), (read_enrol, "attributes")):
        with pytest.raises(InvalidRequest, match=f"{field}: has to be a JSON object"):
            read(*form({"rgb": ("a", b"x"), field: (None, text)}))


@pytest.mark.parametrize("k", [b"1_0", b"5.0", b" 5", b"+5", "٥".encode()])
def test_a_count_in_a_form_is_written_in_digits(k: bytes) -> None:
    with pytest.raises(InvalidRequest, match="k: has to be a whole number"):
        read_search(*form({"rgb": ("a", b"x"), "k": (None, k)}))


@pytest.mark.parametrize("time", [12345, 1e300, True, "12345", "1714557600", "noon", ["2024"]])
def test_a_time_is_a_text_of_the_form_that_is_shown(time: object) -> None:
    calls = [
        (read_enrol, {"rgb": IMAGE, "captured_at": time}, "captured_at"),
        (read_enrol, {"samples": [{"rgb": IMAGE, "captured_at": time}]}, "samples[0].captured_at"),
        (read_ingest, {"samples": [{"rgb": IMAGE, "captured_at": time}]}, "samples[0].captured_at"),
        (read_correction, {"captured_at": time}, "captured_at"),
    ]
    for read, document, field in calls:
        with pytest.raises(InvalidRequest, match="as in 2026-03-01T12:00:00Z") as error:
            read(json.dumps(document).encode(), JSON)
        assert fields_at_fault(error) == [field]


def test_booleans_of_a_document_are_booleans_and_a_form_writes_them() -> None:
    for value in ("yes", "true", 1):
        body = json.dumps({"samples": [{"rgb": IMAGE}], "features": value}).encode()
        with pytest.raises(InvalidRequest, match="features: has to be true or false"):
            read_embed(body, JSON)
    assert read_embed(*form({"rgb": ("a", b"x"), "features": (None, b"true")})).value.features


def test_a_thermal_palette_without_a_thermal_image_is_named() -> None:
    with pytest.raises(InvalidRequest, match="without tir") as error:
        read_enrol(*form({"rgb": ("a", b"x"), "tir_palette": (None, b"grey")}))
    assert fields_at_fault(error) == ["tir_palette"]
    body = json.dumps({"samples": [{"rgb": IMAGE, "tir_palette": "grey"}]}).encode()
    with pytest.raises(InvalidRequest, match="without tir") as error:
        read_embed(body, JSON)
    assert fields_at_fault(error) == ["samples[0].tir_palette"]


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"text"'])
def test_a_document_that_is_no_object_is_told_so_in_words_of_json(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"^body: has to be a JSON object$"):
        read_search(body, JSON)
    with pytest.raises(InvalidRequest, match=r"^samples\[0\]: has to be a JSON object$"):
        read_embed(b'{"samples": [' + body + b"]}", JSON)


@pytest.mark.parametrize("row", ["%%%", "AAA=", base64.b64encode(b"\0\0\xc0\x7f").decode()])
def test_a_row_of_an_embedding_has_to_be_base64_of_numbers(row: str) -> None:
    body = json.dumps({"embedding": {"features": [row, None, None]}}).encode()
    with pytest.raises(InvalidRequest, match="embedding"):
        read_search(body, JSON)
