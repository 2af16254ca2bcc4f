from typing import Any

import httpx
import pytest

from service.search.input import SearchInput


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    if isinstance(node, list):
        return set().union(*map(references, node))
    return set()


def test_every_reference_has_a_target(document: dict[str, Any]) -> None:
    known = {
        f"#/components/{kind}/{name}"
        for kind, parts in document["components"].items()
        for name in parts
    }
    assert references(document) <= known


@pytest.mark.parametrize("path", ["/embed", "/search", "/gallery", "/compare"])
def test_a_call_with_images_is_described_as_form_and_as_json(
    document: dict[str, Any], path: str
) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}


def test_the_search_form_has_the_fields_that_the_service_reads(document: dict[str, Any]) -> None:
    form = document["components"]["schemas"]["SearchForm"]
    assert set(form["properties"]) == {
        *("rgb", "nir", "tir", "tir_palette", "id", "ids", "embedding", "embeddings"),
        *("k", "policy", "filter", "camera", "scene", "group_by", "group_size", "rerank"),
        *("min_score", "min_probability", "false_accept_rate"),
        *("explain", "features", "cursor"),
    }
    assert form["additionalProperties"] is False
    assert form["properties"]["rgb"]["format"] == "binary"


def test_every_example_of_a_search_is_one_that_the_service_reads(document: dict[str, Any]) -> None:
    content = document["paths"]["/search"]["post"]["requestBody"]["content"]["application/json"]
    examples = [example["value"] for example in content["examples"].values()]
    assert len(examples) > 5
    for example in examples:
        SearchInput.model_validate(without_shortened_images(example))


def without_shortened_images(example: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in example.items() if name != "samples"} | {"id": "a"}


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert set(answer["content"]) == {"application/problem+json"}
