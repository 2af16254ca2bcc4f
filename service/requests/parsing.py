"""From a request's bytes to the input model of its call, out of a form or a JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pydantic_core

from service.messages.inputs import (
    CompareInput,
    CorrectionInput,
    EmbedInput,
    EnrolBatchInput,
    EnrolInput,
    IngestInput,
    Input,
)
from service.request_errors import FieldProblem, InvalidRequest, MalformedBody, UnsupportedBody
from service.requests.json_members import members_once
from service.requests.multipart import Part, parse_multipart
from service.requests.validation import Location, field_name, validate
from service.search.input import SearchInput
from vreid.errors import NoModality
from vreid.modality import MODALITIES

FORM = "multipart/form-data"
DOCUMENT = "application/json"
MERGE_PATCH = "application/merge-patch+json"

IMAGE_FIELDS = tuple(modality.value for modality in MODALITIES)
SAMPLE_FIELDS = (*IMAGE_FIELDS, "tir_palette")
JSON_FIELDS: Mapping[str, str] = {
    "filter": 'a JSON object, as in {"camera": "north"}',
    "attributes": 'a JSON object, as in {"colour": "red"}',
    "rerank": 'true, false or a JSON object, as in {"candidates": 200}',
    "ids": 'a JSON list, as in ["one", "other"]',
    "embedding": 'a JSON object, as in {"features": [[0.1, 0.2], null, null]}',
    "embeddings": 'a JSON list of objects, as in [{"features": [[0.1, 0.2], null, null]}]',
}
"""The fields that a form holds as JSON text, and how each is written."""

QUERY_FIELDS = ("id", "ids", "embedding", "embeddings")
"""What a search may be for instead of images, or beside them."""

Model = TypeVar("Model", bound=Input)
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading(Generic[Model]):
    """A validated input, and whether it came as a form, which decides how fields are called."""

    value: Model
    is_form: bool


def read_embed(body: bytes, content_type: str) -> Reading[EmbedInput]:
    """Read the body of `POST /embed`; a form holds one sample."""
    return _read(EmbedInput, body, content_type, _embed_document, EMBED_FIELDS)


def read_search(body: bytes, content_type: str) -> Reading[SearchInput]:
    """Read the body of `POST /search`; a form's images are one sample."""
    return _read(SearchInput, body, content_type, _search_document, SEARCH_FIELDS)


def read_enrol(body: bytes, content_type: str) -> Reading[EnrolInput] | Reading[EnrolBatchInput]:
    """Read the body of `POST /gallery`; a document with `samples` holds several sightings."""
    if _media_type(content_type) != DOCUMENT:
        return _read(EnrolInput, body, content_type, _enrol_document, ENROL_FIELDS)
    document = _document(body)
    if isinstance(document, dict) and "samples" in document:
        return Reading(validate(EnrolBatchInput, document), is_form=False)
    return Reading(validate(EnrolInput, document), is_form=False)


def read_correction(body: bytes, content_type: str) -> CorrectionInput:
    """Read the body of `PATCH /gallery/{id}`, a JSON document."""
    if _media_type(content_type) not in (DOCUMENT, MERGE_PATCH):
        raise _unsupported(f"{DOCUMENT} and {MERGE_PATCH}", content_type)
    return validate(CorrectionInput, _document(body))


def read_ingest(body: bytes, content_type: str) -> Reading[IngestInput]:
    """Read the body of `POST /ingest`; a form holds one sighting, a document several."""
    return _read(IngestInput, body, content_type, _ingest_document, ENROL_FIELDS)


def read_compare(body: bytes, content_type: str) -> Reading[CompareInput]:
    """Read the body of `POST /compare`; a form's fields are called a_rgb, b_rgb and so on."""
    return _read(CompareInput, body, content_type, _compare_document, COMPARE_FIELDS)


EMBED_FIELDS = (*SAMPLE_FIELDS, "features", "encoding")
SEARCH_FIELDS = (
    *SAMPLE_FIELDS,
    *QUERY_FIELDS,
    *(name for name in SearchInput.model_fields if name not in ("samples", *QUERY_FIELDS)),
)
ENROL_FIELDS = (
    *SAMPLE_FIELDS,
    *(name for name in EnrolInput.model_fields if name not in SAMPLE_FIELDS),
)
COMPARE_FIELDS = (*(f"{side}_{name}" for side in "ab" for name in (*SAMPLE_FIELDS, "id")), "policy")


def _read(
    model: type[Model],
    body: bytes,
    content_type: str,
    document_of: Callable[[Fields], Fields],
    form_fields: Iterable[str],
) -> Reading[Model]:
    media_type = _media_type(content_type)
    if media_type == FORM:
        fields = _fields(parse_multipart(body, content_type), tuple(form_fields))
        return Reading(validate(model, document_of(fields), _form_name, is_text=True), is_form=True)
    if media_type == DOCUMENT:
        return Reading(validate(model, _document(body)), is_form=False)
    raise _unsupported(f"{FORM} and {DOCUMENT}", content_type)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _unsupported(read: str, content_type: str) -> UnsupportedBody:
    sent = _media_type(content_type)
    found = f"not {sent}" if sent else "and the request has no Content-Type"
    return UnsupportedBody(f"this call reads {read}, {found}")


def _document(body: bytes) -> object:
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None


def _fields(parts: Iterable[Part], allowed: tuple[str, ...]) -> Fields:
    """Return a form's fields by name: images as bytes, JSON fields decoded, the others as text."""
    fields: Fields = {}
    problems: list[FieldProblem] = []
    for part in parts:
        if part.name not in allowed:
            known = ", ".join(allowed)
            problems.append(FieldProblem(part.name, f"is not known; allowed are {known}"))
        elif part.name in fields:
            problems.append(FieldProblem(part.name, _sent_again(part.name)))
        elif part.name.rpartition("_")[2] not in IMAGE_FIELDS:
            try:
                fields[part.name] = _text_value(part)
            except ValueError as error:
                problems.append(FieldProblem(part.name, str(error)))
        elif part.content or part.filename != "":
            fields[part.name] = part.content
    if problems:
        raise InvalidRequest(problems)
    return fields


def _sent_again(name: str) -> str:
    sentence = "was sent more than once; send it once"
    if name in IMAGE_FIELDS:
        return f"{sentence}; several pictures of one vehicle go as JSON `samples`"
    return sentence


def _text_value(part: Part) -> object:
    try:
        text = part.content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("has to be UTF-8 text") from None
    if part.name not in JSON_FIELDS:
        return text
    try:
        value: object = pydantic_core.from_json(text, allow_inf_nan=False)
        json.loads(text, object_pairs_hook=members_once)
        return value
    except (ValueError, RecursionError) as error:
        raise ValueError(f"has to be {JSON_FIELDS[part.name]}: {error}") from None


def _embed_document(fields: Fields) -> Fields:
    if not _has_image(fields):
        raise _no_image()
    sample, rest = _split_sample(fields)
    return {"samples": [sample], **rest}


def _search_document(fields: Fields) -> Fields:
    if not _has_image(fields) and not any(name in fields for name in QUERY_FIELDS):
        raise _no_image()
    sample, rest = _split_sample(fields)
    return {"samples": [sample], **rest} if sample else rest


def _enrol_document(fields: Fields) -> Fields:
    if not _has_image(fields):
        raise _no_image()
    return fields


def _ingest_document(fields: Fields) -> Fields:
    return {"samples": [_enrol_document(fields)]}


def _compare_document(fields: Fields) -> Fields:
    sides: Fields = {"a": {}, "b": {}}
    rest: Fields = {}
    for name, value in fields.items():
        side, separator, field = name.partition("_")
        if separator:
            sides[side][field] = value
        else:
            rest[name] = value
    for side, sample in sides.items():
        if not _has_image(sample) and "id" not in sample:
            raise NoModality(
                f"sample {side} has no image; send at least one of "
                + ", ".join(f"{side}_{name}" for name in IMAGE_FIELDS)
                + f", or a record's id as {side}_id"
            )
    return {**sides, **rest}


def _has_image(fields: Mapping[str, Any]) -> bool:
    return any(name in fields for name in IMAGE_FIELDS)


def _split_sample(fields: Mapping[str, Any]) -> tuple[Fields, Fields]:
    sample = {name: value for name, value in fields.items() if name in SAMPLE_FIELDS}
    rest = {name: value for name, value in fields.items() if name not in SAMPLE_FIELDS}
    return sample, rest


def _form_name(location: Location) -> str:
    if location and location[0] in JSON_FIELDS:
        return field_name(location)
    parts = [part for part in location if isinstance(part, str) and part != "samples"]
    return "_".join(parts) or "form"


def _no_image() -> NoModality:
    return NoModality(
        "the form has no image; send at least one of the files " + ", ".join(IMAGE_FIELDS)
    )
