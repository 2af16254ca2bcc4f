"""Every example request of the API document, sent to a service over the shipped sample gallery."""

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from service.demo.run import SAMPLES
from service.http.openapi_document import describe
from service.http.openapi_examples import examples_of
from service.indexing.job import index_source
from service.settings import SHIPPED_BUNDLE
from tests.e2e.processes import serving
from tests.redis_server import running_redis
from vreid.bundle import Bundle

QUERY = SAMPLES / "query"
FREE_NAMES = {"attributes", "scores", "contributions", "source", "checks", "images"}
"""Members whose own members depend on the data."""


@dataclass(frozen=True)
class Call:
    """One operation of the document with one of its example requests."""

    method: str
    path: str
    operation: Mapping[str, Any]
    title: str
    request: Mapping[str, Any]


def calls() -> list[Call]:
    return [
        Call(method.upper(), path, operation, title, request)
        for path, methods in describe()["paths"].items()
        for method, operation in methods.items()
        for title, request in (
            examples_of(operation["operationId"])["requests"] or {"a call": {}}
        ).items()
    ]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Response]]:
    """The answer to every example request, in an order in which each finds what it names."""
    folder = tmp_path_factory.mktemp("examples")
    gallery = folder / "gallery"
    index_source(
        SAMPLES / "manifest.csv", Bundle.load(SHIPPED_BUNDLE), gallery, show_progress=False
    )
    with running_redis(folder / "redis") as queue:
        environment = {
            "VREID_INGEST__REDIS": queue.url,
            "VREID_INGEST__WORKERS": "1",
            "VREID_DEADLINE": "120",
        }
        with serving(SHIPPED_BUNDLE, gallery, environment=environment) as service:
            # What deletes comes last, and what is asked for was accepted before.
            ordered = sorted(calls(), key=lambda call: (call.method == "DELETE", call.path))
            yield {name_of(call): sent(service.client, call) for call in ordered}
    shutil.rmtree(folder)


def name_of(call: Call) -> str:
    return f"{call.method} {call.path}, {call.title}"


def sent(client: httpx.Client, call: Call) -> httpx.Response:
    path, headers, parameters = call.path, {}, {}
    given = call.request.get("parameters", {})
    for parameter in call.operation.get("parameters", ()):
        name = parameter["name"]
        if name not in given:
            continue
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", given[name])
        elif parameter["in"] == "header":
            headers[name] = given[name]
        else:
            parameters[name] = given[name]
    options: dict[str, Any] = {"headers": headers, "params": parameters}
    if "body" in call.request:
        options["json"] = call.request["body"]
    if "form" in call.request:
        options["files"] = {name: part(text) for name, text in call.request["form"].items()}
    response = client.request(call.method, path, **options)
    deadline = time.monotonic() + 120
    while call.path == "/ingest/{id}" and response.json()["status"] != "stored":
        assert time.monotonic() < deadline, response.text
        time.sleep(0.05)
        response = client.get(path)
    return response


def part(text: str) -> tuple[str | None, str | bytes]:
    """A form's part: `@rgb.jpg` is a file."""
    if not text.startswith("@"):
        return None, text
    file = QUERY / text[1:]
    return file.name, file.read_bytes()


@pytest.mark.parametrize("call", calls(), ids=name_of)
def test_the_answer_is_as_the_document_says(answers: dict[str, httpx.Response], call: Call) -> None:
    response = answers[name_of(call)]
    described = [status for status in call.operation["responses"] if status < "400"]
    assert [str(response.status_code)] == described, response.text
    content = call.operation["responses"][described[0]].get("content", {})
    if not content:
        assert response.content == b""
        return
    [(media_type, form)] = content.items()
    assert response.headers["content-type"].partition(";")[0] == media_type
    if media_type != "application/json":
        return
    answer = response.json()
    whole = {**form["schema"], "components": describe()["components"]}
    Draft202012Validator(whole).validate(answer)
    titles = form["examples"]
    example = titles.get(call.title) or next(iter(titles.values()))
    assert differences(example["value"], answer) == []


def differences(example: object, answer: object, place: str = "") -> list[str]:
    """Where an answer has another shape than its example; null goes with everything."""
    if example is None or answer is None:
        return []
    if isinstance(example, dict) and isinstance(answer, dict):
        found = []
        if place.rpartition(".")[2] not in FREE_NAMES and example.keys() != answer.keys():
            found.append(f"{place or 'the answer'} has {sorted(answer)}, not {sorted(example)}")
        for name in example.keys() & answer.keys():
            found += differences(example[name], answer[name], f"{place}.{name}")
        return found
    if isinstance(example, list) and isinstance(answer, list):
        pairs = list(zip(example, answer, strict=False))
        return [each for one, other in pairs for each in differences(one, other, f"{place}[]")]
    kinds = [float if type(each) is int else type(each) for each in (example, answer)]
    return [] if kinds[0] is kinds[1] else [f"{place} is {answer!r}, as {example!r} was expected"]


def test_another_shape_is_noticed() -> None:
    assert differences({"a": 1.5, "b": []}, {"a": 2, "b": [1]}) == []
    assert differences({"a": None}, {"a": "text"}) == []
    assert differences({"a": 1}, {"a": "1"}) == [".a is '1', as 1 was expected"]
    assert differences({"a": 1}, {}) == ["the answer has [], not ['a']"]
    assert differences({"a": [{"b": True}]}, {"a": [{"c": True}]}) == [".a[] has ['c'], not ['b']"]


def test_the_files_that_forms_name_are_shipped() -> None:
    named = [
        text[1:]
        for call in calls()
        for text in call.request.get("form", {}).values()
        if text.startswith("@")
    ]
    assert named
    assert [name for name in named if not (Path(QUERY) / name).exists()] == []
