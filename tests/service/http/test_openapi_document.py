"""The API document in the repository is what the code describes, and says all of every call."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from service.http.openapi_document import DOCUMENT, document_text
from service.messages.problems import (
    HEAD_TOO_LARGE,
    KINDS,
    SHUTTING_DOWN,
    TOO_MANY_CONNECTIONS,
    UNEXPECTED,
    UNREADABLE_REQUEST,
)
from vreid import __version__

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_text())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples(document: dict[str, Any], described: dict[str, Any]) -> list[Any]:
    """The values of a media type's examples, those that are kept among the components too."""
    found = []
    for example in described.get("examples", {}).values():
        name = example.get("$ref", "").rpartition("/")[2]
        found.append((document["components"]["examples"][name] if name else example)["value"])
    return found


def conforms(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": document["components"]}
    Draft202012Validator(whole).validate(value)


def test_the_document_in_the_repository_is_the_one_that_the_code_describes() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == document_text(), "run: python -m service.http.openapi_document"


def test_another_process_in_another_folder_describes_the_same(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(DOCUMENT.parents[1]), "PYTHONHASHSEED": "5", "VREID_PORT": "1"}
    check = [sys.executable, "-m", "service.http.openapi_document", "--check"]
    assert subprocess.run(check, cwd=tmp_path, env=environment, timeout=120).returncode == 0


def test_the_document_has_the_version_of_the_api_and_no_path_of_a_machine(
    document: dict[str, Any],
) -> None:
    assert document["info"]["version"] == __version__
    assert document["openapi"].startswith("3.1")
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not any(
        path in text for path in (str(Path(__file__).parents[3]), "/home/", "/root", "/tmp/")
    )


def test_bounds_are_written_in_the_words_of_json_schema(document: dict[str, Any]) -> None:
    def members(node: object) -> set[str]:
        if isinstance(node, dict):
            return set(node).union(*map(members, node.values()))
        return set().union(*map(members, node)) if isinstance(node, list) else set()

    assert {"ge", "gt", "le", "lt"}.isdisjoint(members(document))
    (deletion,) = (
        each["schema"]
        for each in document["paths"]["/gallery"]["delete"]["parameters"]
        if each["name"] == "expected"
    )
    assert {"type": "integer", "minimum": 0} in deletion["anyOf"]


def test_every_call_has_a_name_of_its_own_a_summary_and_a_description(
    document: dict[str, Any],
) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names) > 15
    for call, operation in operations(document):
        assert operation["summary"], call
        assert operation["description"], call


def test_every_answer_of_every_call_has_examples_that_conform_to_its_schema(
    document: dict[str, Any],
) -> None:
    for call, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert answer["description"], f"{call} {status}"
            for media_type, described in answer.get("content", {}).items():
                if media_type.startswith("image/"):
                    continue
                values = examples(document, described)
                assert values, f"{call} {status} {media_type} has no example"
                for value in values:
                    conforms(document, described.get("schema", {}), value)


def test_every_request_with_a_body_has_examples_and_json_ones_conform(
    document: dict[str, Any],
) -> None:
    for call, operation in operations(document):
        for media_type, described in operation.get("requestBody", {}).get("content", {}).items():
            values = examples(document, described)
            assert values, f"{call} {media_type} has no example"
            for value in values if media_type.endswith("json") else ():
                conforms(document, described["schema"], value)


def test_every_required_parameter_has_an_example(document: dict[str, Any]) -> None:
    for call, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert "example" in parameter or not parameter["required"], f"{call} {parameter}"


def problems(document: dict[str, Any], operation: Operation, status: str) -> set[str]:
    """The kinds that a call's answer of a status may have."""
    answer = operation["responses"].get(status, {}).get("content", {})
    described = answer.get("application/problem+json", {})
    return {value["type"].rpartition(":")[2] for value in examples(document, described)}


def test_every_call_says_how_it_may_be_refused_before_it_is_looked_at(
    document: dict[str, Any],
) -> None:
    for call, operation in operations(document):
        assert "unreadable-request" in problems(document, operation, "400"), call
        assert "head-too-large" in problems(document, operation, "431"), call
        assert "too-many-connections" in problems(document, operation, "503"), call


def test_every_call_that_needs_a_key_says_that_too_many_wrong_ones_are_told_less(
    document: dict[str, Any],
) -> None:
    guarded = [each for _, each in operations(document) if each["security"]]
    assert len(guarded) > 10
    for operation in guarded:
        assert {"too-many-failures", "too-many-requests"} <= problems(document, operation, "429")


def test_what_is_told_while_the_service_ends_is_described_as_it_is(
    document: dict[str, Any],
) -> None:
    example = document["components"]["examples"]["shutting-down"]
    assert example["summary"] == example["value"]["title"] == SHUTTING_DOWN.title


def test_every_call_says_that_it_may_fail_and_that_its_host_may_be_wrong(
    document: dict[str, Any],
) -> None:
    for call, operation in operations(document):
        assert {"421", "500", "503"} <= operation["responses"].keys(), call
        for answer in operation["responses"].values():
            assert "X-Request-ID" in answer["headers"], call


def test_problem_examples_are_of_the_status_that_they_stand_under(
    document: dict[str, Any],
) -> None:
    for call, operation in operations(document):
        for status, answer in operation["responses"].items():
            problems = answer.get("content", {}).get("application/problem+json", {})
            for value in examples(document, problems):
                assert value["status"] == int(status), f"{call} {value['type']}"


def test_every_kind_of_problem_of_a_request_is_described_by_some_call(
    document: dict[str, Any],
) -> None:
    described = {
        example["value"]["type"] for example in document["components"]["examples"].values()
    }
    # What these derive from is what is raised; nobody sees that a client has gone.
    general = {"unusable-image", "unknown-modality", "unusable-sample", "unusable-features"}
    unseen = {*general, "client-gone"}
    # The router's own answers are those of calls that the document does not have.
    others = (SHUTTING_DOWN, UNREADABLE_REQUEST, HEAD_TOO_LARGE, TOO_MANY_CONNECTIONS, UNEXPECTED)
    missing = {kind.slug for kind in (*KINDS.values(), *others) if kind.type not in described}
    assert missing <= unseen
