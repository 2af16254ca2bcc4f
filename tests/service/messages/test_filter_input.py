"""The API document describes the filters that are read, and no others."""

import httpx
import pytest
from hypothesis import given, settings

from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_json import MEMBERS, read_filter, written_filter
from service.messages.filter_input import EXAMPLES, FilterInput
from tests.service.gallery.filter_strategies import filters


def test_every_member_is_described_and_no_other() -> None:
    properties = FilterInput.model_json_schema()["$defs"]["FilterInput"]["properties"]
    assert set(properties) == set(MEMBERS)


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_is_a_filter(title: str) -> None:
    FilterInput.model_validate(EXAMPLES[title])
    assert read_filter(EXAMPLES[title]) != Filter()


@settings(max_examples=50, deadline=None)
@given(filters)
def test_a_filter_is_as_described(written: Filter) -> None:
    FilterInput.model_validate(written_filter(written))


def test_the_calls_that_take_a_filter_say_what_it_is(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    reference = {"$ref": "#/components/schemas/FilterInput"}
    assert reference in schemas["SearchInput"]["properties"]["filter"]["anyOf"]
    assert schemas["FilterInput"]["properties"]["and"]["anyOf"][0]["items"] == reference
    assert len(schemas["FilterInput"]["examples"]) == len(EXAMPLES)
    for method in ("get", "delete"):
        parameters = document["paths"]["/gallery"][method]["parameters"]
        (described,) = [each for each in parameters if each["name"] == "filter"]
        assert described["required"] == (method == "delete")
        assert "JSON" in described["description"]
