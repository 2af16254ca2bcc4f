import base64
import json

import pytest

from service.request_errors import InvalidRequest
from service.requests.parsing import read_search
from service.search.input import SearchInput
from tests.service.requests.test_parsing import IMAGE, JSON, fields_at_fault, form


def read(**document: object) -> SearchInput:
    return read_search(json.dumps(document).encode(), JSON).value


def test_a_query_may_mix_images_records_and_embeddings() -> None:
    row = base64.b64encode(bytes(8)).decode()
    asked = read(
        samples=[{"rgb": IMAGE}],
        id="a",
        ids=["b", "c"],
        embedding={"features": [[1.0], None, None]},
        embeddings=[{"features": [None, row, None]}],
    )
    assert asked.record_ids == ("a", "b", "c")
    assert list(asked.all_embeddings) == ["embedding", "embeddings[0]"]
    assert asked.all_embeddings["embeddings[0]"].features == [None, [0.0, 0.0], None]
    assert asked.query_size == 6


def test_a_form_takes_every_option_that_a_document_takes() -> None:
    texts = {
        "ids": '["a", "b"]',
        "embedding": '{"features": [[1], null, null]}',
        "k": "7",
        "camera": "north",
        "min_score": "0.5",
        "false_accept_rate": "1e-3",
        "group_by": "identity",
        "group_size": "2",
        "rerank": '{"candidates": 50, "lambda": 0.5}',
        "explain": "true",
        "features": "true",
    }
    by_form = read_search(*form({name: (None, text.encode()) for name, text in texts.items()}))
    assert by_form.value == read(
        ids=["a", "b"],
        embedding={"features": [[1], None, None]},
        k=7,
        camera="north",
        min_score=0.5,
        false_accept_rate=0.001,
        group_by="identity",
        group_size=2,
        rerank={"candidates": 50, "lambda": 0.5},
        explain=True,
        features=True,
    )
    assert read_search(*form({"id": (None, b"a"), "rerank": (None, b"true")})).value.rerank


def test_re_ranking_is_switched_on_with_its_usual_numbers() -> None:
    assert read(id="a", rerank=True).rerank == read(id="a", rerank={}).rerank
    assert read(id="a", rerank=False).rerank is None
    assert read(id="a").rerank is None


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"group_size": 2}, "group_size"),
        ({"group_by": "camera"}, "group_by"),
        ({"group_by": "identity", "group_size": 101}, "group_size"),
        ({"rerank": True, "cursor": "x"}, "cursor"),
        ({"rerank": {"method": "query-expansion", "k1": 3}}, "rerank.k1"),
        ({"rerank": {"neighbours": 3}}, "rerank.neighbours"),
        ({"rerank": {"candidates": 1001}}, "rerank.candidates"),
        ({"rerank": {"lambda": 1.5}}, "rerank.lambda"),
        ({"rerank": {"first_share": 0.5}}, "rerank.first_share"),
        ({"rerank": "yes"}, "rerank"),
        ({"min_score": 2}, "min_score"),
        ({"min_score": True}, "min_score"),
        ({"min_probability": -0.1}, "min_probability"),
        ({"false_accept_rate": 0}, "false_accept_rate"),
        ({"ids": []}, "ids"),
        ({"ids": ["b", "a"]}, "ids"),
        ({"ids": ["b", "b"]}, "ids"),
        ({"embeddings": []}, "embeddings"),
        ({"embeddings": [{"features": [None] * 3}]}, "embeddings[0]"),
        ({"camera": ""}, "camera"),
        ({"id": ""}, "id"),
        ({"ids": ["b", ""]}, "ids[1]"),
        ({"explain": "yes"}, "explain"),
        ({"features": 1}, "features"),
        ({"k": "5"}, "k"),
        ({"group_by": "identity", "group_size": "2"}, "group_size"),
        ({"min_score": "0.5"}, "min_score"),
        ({"rerank": {"k1": "5"}}, "rerank.k1"),
        ({"embedding": {"features": [["1"], None, None]}}, "embedding.features[0][0]"),
    ],
)
def test_what_does_not_fit_together_is_named(document: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read(**{"id": "a", **document})
    assert fields_at_fault(error) == [field]


def test_an_empty_id_in_a_form_is_refused_too() -> None:
    with pytest.raises(InvalidRequest) as error:
        read_search(*form({"rgb": ("a", b"x"), "id": (None, b"")}))
    assert fields_at_fault(error) == ["id"]


def test_an_unknown_member_of_rerank_is_named_with_those_that_a_client_writes() -> None:
    with pytest.raises(InvalidRequest, match=r"allowed are method, .*, k2, lambda, neighbours$"):
        read(id="a", rerank={"first_share": 0.5})


def test_lists_that_are_too_short_are_told_so_in_plain_words() -> None:
    with pytest.raises(InvalidRequest, match=r"has to have at least 3 items, not 2$"):
        read(embedding={"features": [[1.0], None]})


def test_a_forms_json_field_is_named_with_the_place_within_it() -> None:
    with pytest.raises(InvalidRequest) as error:
        read_search(*form({"id": (None, b"a"), "rerank": (None, b'{"k1": 0}')}))
    assert fields_at_fault(error) == ["rerank.k1"]
