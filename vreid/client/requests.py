"""Requests as plain values, made from what a caller gives; nothing is sent here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from vreid.client.embedded import Embedding
from vreid.client.errors import ClientError
from vreid.client.inputs import Images, Sighting

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

Form = Mapping[str, bytes | str]
"""The fields of a multipart form: images as bytes, everything else as text."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the HTTP API.

    Attributes:
        method: of HTTP.
        path: below the service's address, escaped.
        repeatable: whether it may be sent again although it may have been carried out.
        before_repeating: what its caller does before sending it again, where it is not repeatable.
        form: the body as a form.
        content: the body as it is.
        media_type: of `content`.
        parameters: of the address.
        headers: besides those that every request has.
        seconds: that the service gets where the caller names no deadline; None for its own.
        is_probe: whether an answer that says "not now" is the result, and not worth another try.
    """

    method: str
    path: str
    repeatable: bool = True
    before_repeating: str = (
        "look before you send it again (with an id of your own it can be repeated safely)"
    )
    form: Form | None = None
    content: bytes | None = None
    media_type: str = JSON
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    is_probe: bool = False


def with_images(path: str, samples: Sequence[Images], told: Mapping[str, Any]) -> Request:
    """A request that changes nothing, for samples: one goes as a form, several as JSON.

    Args:
        path: of the call.
        samples: may be none, where something else is asked for.
        told: the other fields; those that are None are left out.
    """
    given = {name: value for name, value in told.items() if value is not None}
    if len(samples) == 1:
        return Request("POST", path, form=form_of(samples[0], given))
    if samples:
        given["samples"] = [document_of(sample) for sample in samples]
    return Request("POST", path, content=encoded(given))


def form_of(sample: Images, told: Mapping[str, Any]) -> Form:
    """The fields of one sample and of what is told beside it."""
    fields = {**sample.told(), **told}
    return {**sample.encoded(), **{name: _form_text(value) for name, value in fields.items()}}


def document_of(sample: Images) -> dict[str, Any]:
    """A sample or sighting as it stands in a JSON document."""
    images = {name: _base64(data) for name, data in sample.encoded().items()}
    return {**images, **sample.told()}


def embedding_document(embedding: Embedding) -> dict[str, Any]:
    """An embedding as a query's part: rows as base64 of little-endian float32."""
    rows = [
        None if row is None else _base64(row.astype("<f4").tobytes()) for row in embedding.features
    ]
    known = {} if embedding.model is None else {"model": embedding.model}
    return {"features": rows, **known}


def compared(a: Images, b: Images, policy: str | None) -> Request:
    """The request of `/compare`, a form whose fields begin with a_ and b_."""
    form: dict[str, bytes | str] = {} if policy is None else {"policy": policy}
    for side, sample in (("a", a), ("b", b)):
        for name, value in form_of(sample, {}).items():
            form[f"{side}_{name}"] = value
    return Request("POST", "/compare", form=form)


def enrolled(sighting: Sighting) -> Request:
    """The request that enrols one sighting."""
    return Request(
        "POST", "/gallery", form=form_of(sighting, {}), repeatable=sighting.id is not None
    )


def ingested(sightings: Sequence[Sighting], key: str | None) -> Request:
    """The request of `/ingest`, which is safe to repeat: the same content counts once."""
    headers = {} if key is None else {"Idempotency-Key": key}
    if len(sightings) == 1:
        return Request("POST", "/ingest", form=form_of(sightings[0], {}), headers=headers)
    content = encoded({"samples": [document_of(each) for each in sightings]})
    return Request("POST", "/ingest", content=content, headers=headers)


def record_path(id: str) -> str:
    """The path of a record.

    Raises:
        ClientError: the id is empty, which would be the path of the whole gallery.
    """
    if not id:
        raise ClientError("an id has at least one character; name the record")
    # A path of dots would be taken for another folder before it is sent.
    escaped = quote(id, safe="") if id.strip(".") else id.replace(".", "%2E")
    return f"/gallery/{escaped}"


def encoded(document: object) -> bytes:
    """A document as JSON; times with their zone."""
    return json.dumps(document, allow_nan=False, default=_text_of_time).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _form_text(value: object) -> str:
    return value if isinstance(value, str) else encoded(value).decode()


def _text_of_time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in JSON; give texts, numbers, booleans or times")
