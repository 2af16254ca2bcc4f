"""Example requests and answers of the API's description, one file for each call.

`examples/OPERATION.json` holds

    {"requests": {TITLE: {"parameters": {...}, "body": {...}} or {"form": {...}}},
     "answers": {TITLE: {...}}}

with an answer for each request that has a body in JSON. In a form, `@rgb.jpg` stands for a file, as
curl writes it. A call without a file of its own shows the examples of its answer's model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.requests.parsing import DOCUMENT, FORM

_FOLDER = Path(__file__).parent / "examples"


def examples_of(operation_id: str) -> dict[str, Any]:
    """Return the examples of a call by its operation's id; none where it has no file."""
    path = _FOLDER / f"{operation_id}.json"
    if not path.exists():
        return {"requests": {}, "answers": {}}
    examples: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return examples


def add_examples(document: dict[str, Any]) -> None:
    """Put the examples of every call into an OpenAPI document, in place."""
    for operations in document["paths"].values():
        for operation in operations.values():
            _add(operation, document["components"]["schemas"])


def _add(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    examples = examples_of(operation["operationId"])
    requests: dict[str, Any] = examples["requests"]
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, described in content.items():
        kind = "form" if media_type == FORM else "body"
        shown = {title: each[kind] for title, each in requests.items() if kind in each}
        if shown:
            described.pop("example", None)
            described["examples"] = _titled(shown)
    given: dict[str, Any] = {}
    for each in requests.values():
        given = {**each.get("parameters", {}), **given}
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in given:
            parameter["example"] = given[parameter["name"]]
    for status, answer in operation["responses"].items():
        if status < "400":
            _add_answers(answer, examples["answers"], schemas)


def _add_answers(answer: dict[str, Any], answers: dict[str, Any], schemas: dict[str, Any]) -> None:
    for media_type, described in answer.get("content", {}).items():
        if media_type == DOCUMENT:
            shown = answers or _of_model(described.get("schema", {}), schemas)
            described["examples"] = _titled(shown)
        elif answers:
            described["examples"] = _titled(answers)


def _of_model(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    shown = schemas.get(name, {}).get("examples", [])
    return {f"example {number}": value for number, value in enumerate(shown, 1)}


def _titled(values: dict[str, Any]) -> dict[str, Any]:
    return {title: {"summary": title, "value": value} for title, value in values.items()}
