"""Problems of each kind as examples: the sentence that says what to do, and fields at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.messages.problems import Kind, problem_document
from service.request_errors import FieldProblem

REQUEST_ID = "8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071"

DETAILS: Mapping[str, str] = {
    "audit-unwritable": "the audit log cannot be written (No space left on device); make room",
    "body-too-large": "the body has more than 67108864 bytes; send fewer samples in a request or "
    "smaller images",
    "body-too-slow": "the body did not arrive within 30 s; send smaller images or use a faster "
    "connection",
    "cross-site-request": "a page of https://elsewhere.example sent this POST; use the console of "
    "this service, or call it from a program instead of a page",
    "deadline-passed": "the request waited 2.0 s and its turn did not come; nothing was computed; "
    "try again later, or give it a longer deadline",
    "deletion-interrupted": "500 of the records that pass the filter were deleted, and then it "
    "could not go on (another process holds the gallery). Count what passes now, and delete the "
    "rest.",
    "duplicate-record": "id: The gallery already has a record with the id 'north-000017'; choose "
    "another id, leave the id out to have one made, or delete the old record first.",
    "empty-image": "rgb: the image has 0 bytes; send the whole file",
    "fingerprint-mismatch": "embedding: the features come from another model; embed the images "
    "again with /embed",
    "forbidden": "this call needs a key with the role enrol, and this one has the role search; ask "
    "whoever runs the service for another key",
    "gallery-damaged": "the gallery's file is damaged; run vreid gallery doctor",
    "gallery-locked": "another process writes to the gallery; try again in a second",
    "gallery-retired": "the gallery has been embedded with another bundle; restart the service",
    "gallery-unavailable": "the Milvus server does not answer; try again in a few seconds",
    "gallery-unwritable": "the gallery cannot be written (No space left on device); make room",
    "head-too-large": "the request's line and headers have more than 65536 bytes; send what is "
    "long in the body",
    "idempotency-key-reused": "the Idempotency-Key belongs to another request; choose another",
    "image-too-large": "rgb: the image declares 60000 x 60000 pixels and 50 million are allowed; "
    "send a crop of the vehicle",
    "ingest-full": "10000 entries are waiting; try again in a few seconds",
    "ingest-off": "ingest is off, because no Redis server is configured; set VREID_INGEST__REDIS, "
    "or enrol with POST /gallery",
    "ingest-unavailable": "the Redis server does not answer; try again in a few seconds",
    "invalid-filter": "The filter has the unknown member 'colour'; put it into attributes.",
    "invalid-record": "camera: The camera '' cannot be used; give a text of 1 to 256 characters or "
    "leave it out.",
    "invalid-request": "k: has to be greater than or equal to 1",
    "invalid-search": "The cursor 'x' is none of this gallery's; begin without one.",
    "keys-unreadable": "the file of API keys cannot be read; the service's log says why",
    "malformed-body": "the body is not JSON: EOF while parsing a value at line 1 column 0",
    "misdirected-request": "the request is addressed to 'vreid.example'; use localhost, or start "
    "the service with VREID_ALLOWED_HOSTS naming the host",
    "no-modality": "the form has no image; send at least one of the files rgb, nir, tir",
    "not-ready": "the service is shutting down; send requests to another",
    "overloaded": "the request would wait 3.1 s and 2 s are allowed; try again later",
    "shutting-down": "the service finishes what it has and takes nothing new; send the request to "
    "another",
    "too-many-connections": "every connection that the service holds is being answered; try again "
    "in a second",
    "too-many-failures": "too many calls without a valid API key came from here; send the header "
    "'Authorization: Bearer KEY' with a valid key, which is answered at any time",
    "too-many-pixels": "the images declare 240 million pixels together and 200 million are decoded "
    "for one request; send fewer or smaller ones",
    "too-many-requests": "the key may make 5 requests a second; try again in a second",
    "unauthenticated": "this call needs an API key; send it as Authorization: Bearer KEY",
    "undecodable-image": "rgb: the JPEG image is truncated or corrupt (image file is truncated); "
    "send the whole file again",
    "unexpected": f"an error that was not foreseen; look for {REQUEST_ID} in the service's log",
    "unexpected-count": "18 records pass the filter and 17 were expected; nothing was deleted. "
    "Look at what passes now, and expect that number.",
    "unknown-ingest": "there is no entry of this id, or it ended long ago; look for its records",
    "unknown-record": "No record has the id 'north-000017'; list the gallery for the ids that "
    "exist.",
    "unknown-thumbnail": "the record 'north-000017' has no nir picture; its mask and thumbnails "
    "say which it has",
    "unreadable-request": "this is no HTTP/1.1 request that can be read; check the line, headers "
    "and lengths",
    "unsupported-body": "this call reads multipart/form-data and application/json, not text/plain",
    "unsupported-image": "rgb: GIF is not read; send JPEG, PNG, WebP, BMP or TIFF",
    "unusable-query": "policy concat compares complete samples only; use policy shared",
}
"""Slug of a kind -> the detail of an example."""

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "duplicate-record": ("id",),
    "empty-image": ("rgb",),
    "fingerprint-mismatch": ("embedding",),
    "image-too-large": ("rgb",),
    "invalid-filter": ("filter",),
    "invalid-record": ("camera",),
    "invalid-request": ("k",),
    "undecodable-image": ("rgb",),
    "unexpected-count": ("expected",),
    "unsupported-image": ("rgb",),
}


def example_of(kind: Kind) -> dict[str, Any]:
    """Return an example of a kind of problem, as the service would write it."""
    detail = DETAILS[kind.slug]
    fields = [
        FieldProblem(field, detail.removeprefix(f"{field}: "))
        for field in _FIELDS.get(kind.slug, ())
    ]
    return problem_document(kind, detail, REQUEST_ID, fields)
