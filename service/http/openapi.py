"""The API's description where FastAPI cannot derive it: bodies that come as form or as JSON."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.http.openapi_answers import describe_answers
from service.http.openapi_examples import add_examples
from service.http.openapi_security import describe_security
from service.messages.inputs import (
    CompareInput,
    CompareSide,
    CorrectionInput,
    EmbedInput,
    EnrolBatchInput,
    EnrolInput,
    Images,
    IngestInput,
    Input,
    RecordFields,
)
from service.messages.problems import MEDIA_TYPE, ProblemBody
from service.requests.parsing import (
    COMPARE_FIELDS,
    DOCUMENT,
    EMBED_FIELDS,
    ENROL_FIELDS,
    FORM,
    IMAGE_FIELDS,
    JSON_FIELDS,
    MERGE_PATCH,
    SEARCH_FIELDS,
)
from service.search.input import SearchInput

_REFERENCE = "#/components/schemas/{model}"

_FORMS: dict[type[Input], tuple[str, ...]] = {
    EmbedInput: EMBED_FIELDS,
    SearchInput: SEARCH_FIELDS,
    EnrolInput: ENROL_FIELDS,
    IngestInput: ENROL_FIELDS,
    CompareInput: COMPARE_FIELDS,
}

_STATUS_TITLES = {
    400: "The body cannot be read",
    404: "There is no such record",
    408: "The body did not arrive in time",
    409: "The id is taken, or another model made the features",
    413: "The body or an image is too large",
    415: "The body's or an image's type is not read",
    422: "A field or an image cannot be used",
    429: "Too much is waiting; Retry-After says when to come back",
    504: "The request waited too long and nothing was computed",
    501: "The service is not set up for this call",
    503: "The service is busy or not ready; Retry-After says when to come back",
    507: "The gallery cannot be written",
}


def body_of(model: str, alternative: str | None = None) -> dict[str, Any]:
    """Return what a route with a body adds to its operation: the input as form and as JSON.

    Args:
        model: name of the input.
        alternative: name of another input, which comes as JSON only.
    """
    models = [model] if alternative is None else [model, alternative]
    schemas = [{"$ref": _REFERENCE.format(model=each)} for each in models]
    schema = schemas[0] if alternative is None else {"anyOf": schemas}
    form = {"$ref": _REFERENCE.format(model=_form_name(model))}
    content = {FORM: {"schema": form}, DOCUMENT: {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def document_body_of(model: str) -> dict[str, Any]:
    """Return what a route adds to its operation whose body is a JSON document only."""
    content = {
        media_type: {"schema": {"$ref": _REFERENCE.format(model=model)}}
        for media_type in (DOCUMENT, MERGE_PATCH)
    }
    return {"requestBody": {"required": True, "content": content}}


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of these statuses, each a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model=ProblemBody.__name__)}}}
    return {
        status: {"description": _STATUS_TITLES[status], "content": content} for status in statuses
    }


def operation_id(route: APIRoute) -> str:
    """Return the name of a call in the description and in what is generated of it."""
    room = route.path.split("/")[1]
    return route.name if route.name == room else f"{room}_{route.name}"


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi` describe the bodies and problems too."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(_schemas())
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            _describe_parameter_errors(document)
            describe_security(document, problems_of(422)[422]["content"])
            describe_answers(document)
            add_examples(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _schemas() -> dict[str, Any]:
    models: list[type[BaseModel]] = [*_FORMS, EnrolBatchInput, CorrectionInput, ProblemBody]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE
    )
    schemas: dict[str, Any] = dict(definitions["$defs"])
    for model, fields in _FORMS.items():
        schemas[_form_name(model.__name__)] = _form_schema(model, fields)
    return schemas


def _form_schema(model: type[Input], fields: tuple[str, ...]) -> dict[str, Any]:
    known = _field_schemas(model)
    return {
        "title": _form_name(model.__name__),
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _form_field(name, known) for name in fields},
    }


def _field_schemas(model: type[Input]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    sides: list[type[Input]] = [CompareSide] if model is CompareInput else []
    parts: list[type[Input]] = [Images, RecordFields, *sides, model]
    for part in parts:
        properties: dict[str, Any] = part.model_json_schema(ref_template=_REFERENCE)["properties"]
        known.update(properties)
    return known


def _form_field(name: str, known: dict[str, Any]) -> dict[str, Any]:
    plain = name.removeprefix("a_").removeprefix("b_")
    if plain in IMAGE_FIELDS:
        return {
            "type": "string",
            "format": "binary",
            "description": "an image file: JPEG, PNG, WebP, BMP or TIFF",
        }
    schema = dict(known[plain])
    if name in JSON_FIELDS:
        return {
            "type": "string",
            "contentMediaType": DOCUMENT,
            "description": f"{schema.get('description', name)}; {JSON_FIELDS[name]}",
        }
    # A form leaves a field out where a document says null.
    choices = [choice for choice in schema.pop("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        schema |= choices[0]
    if schema.get("default", "") is None:
        del schema["default"]
    return schema


def _describe_parameter_errors(document: dict[str, Any]) -> None:
    """FastAPI describes its own answer to wrong parameters; here that is a problem as well."""
    for path in document["paths"].values():
        for operation in path.values():
            answer = operation.get("responses", {}).get("422")
            if answer is not None and DOCUMENT in answer.get("content", {}):
                operation["responses"]["422"] = problems_of(422)[422]


def _form_name(model: str) -> str:
    return model.removesuffix("Input") + "Form"
