"""Queries, ingest and facts, as flows; those about stored records: `vreid.client.record_calls`.

Each raises `ClientError` (`vreid.client.errors`) where the service refuses it, cannot be reached or
does not answer; `ImageError` where a file cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from vreid.client.answers import document_of, read_answer
from vreid.client.embedded import Embedded, Embedding
from vreid.client.errors import ClientError
from vreid.client.facts import Health, Info, IngestProgress, IngestReceipt
from vreid.client.flows import Flow, Page, Paging, ask, ask_for
from vreid.client.found import Comparison, Found
from vreid.client.inputs import Filter, Images, Sighting
from vreid.client.requests import (
    Request,
    compared,
    embedding_document,
    ingested,
    record_path,
    with_images,
)
from vreid.client.status import Caller, Status
from vreid.policy import Policy

QueryPart = Images | Embedding


def embed(*samples: Images, features: bool = False) -> Flow[Embedded]:
    """Embed samples; nothing is stored.

    Args:
        samples: at least one, and at most `Info.limits.samples`.
        features: whether each branch's features are wanted too, as queries are made of.
    """
    _require(samples, "a sample to embed")
    told = {"features": features, "encoding": "base64"}
    return (yield from ask_for(Embedded, with_images("/embed", samples, told)))


def search(
    *query: QueryPart,
    id: str | Sequence[str] | None = None,
    k: int | None = None,
    policy: Policy | None = None,
    filter: Filter | None = None,
    camera: str | None = None,
    scene: str | None = None,
    min_score: float | None = None,
    min_probability: float | None = None,
    false_accept_rate: float | None = None,
    group_by: Literal["identity"] | None = None,
    group_size: int | None = None,
    rerank: bool | Mapping[str, object] | None = None,
    explain: bool | None = None,
    features: bool | None = None,
    cursor: str | None = None,
) -> Flow[Found]:
    """Find the records most like one vehicle.

    Everything that is given as query is of this vehicle and fused. What is left out is decided by
    the service.

    Args:
        query: its images and embeddings.
        id: of a record that shows it, or of several; they are left out of the results.
        k: results wanted; with `group_by`, groups.
        policy: how two samples are compared.
        filter: which records take part.
        camera: of the query, for the filter's ``exclude_same_camera``.
        scene: of the query, for ``exclude_same_scene``.
        min_score: results with a lower cosine are left out.
        min_probability: results with a lower probability are left out.
        false_accept_rate: results below the calibrated threshold of this rate are left out.
        group_by: one result for each identity.
        group_size: samples shown of each group.
        rerank: True, or the method and its numbers.
        explain: whether each result says what was compared.
        features: whether the query's embedding is wanted, to search by it again.
        cursor: `Found.next_cursor` of the page before, with the same query.
    """
    ids = [id] if isinstance(id, str) else list(id or ())
    if not ids:
        _require(query, "a query: images, an embedding or the id of a record")
    told = {
        "ids": ids or None,
        "embeddings": [embedding_document(each) for each in query if isinstance(each, Embedding)]
        or None,
        "k": k,
        "policy": policy,
        "filter": filter,
        "camera": camera,
        "scene": scene,
        "min_score": min_score,
        "min_probability": min_probability,
        "false_accept_rate": false_accept_rate,
        "group_by": group_by,
        "group_size": group_size,
        "rerank": rerank,
        "explain": explain,
        "features": features,
        "cursor": cursor,
    }
    samples = [each for each in query if isinstance(each, Images)]
    return (yield from ask_for(Found, with_images("/search", samples, told)))


def search_pages(
    *query: QueryPart,
    id: str | Sequence[str] | None = None,
    k: int | None = None,
    policy: Policy | None = None,
    filter: Filter | None = None,
    camera: str | None = None,
    scene: str | None = None,
    min_score: float | None = None,
    min_probability: float | None = None,
    false_accept_rate: float | None = None,
    group_by: Literal["identity"] | None = None,
    group_size: int | None = None,
    explain: bool | None = None,
) -> Paging[Found]:
    """Go through a ranking page by page, `k` results each; the arguments are those of `search`.

    The pages are those of the moment of the first one. Images are embedded once: later pages are
    asked for by the embedding.
    """
    embedded: list[Embedding] = []

    def page(cursor: str | None) -> Flow[Page[Found]]:
        # With records in the query, the embedding is of both, and would be fused with them again.
        found = yield from search(
            *(embedded or query),
            id=id,
            k=k,
            policy=policy,
            filter=filter,
            camera=camera,
            scene=scene,
            min_score=min_score,
            min_probability=min_probability,
            false_accept_rate=false_accept_rate,
            group_by=group_by,
            group_size=group_size,
            explain=explain,
            features=not id,
            cursor=cursor,
        )
        if not id and found.query.embedding is not None:
            embedded[:] = [found.query.embedding]
        return Page([found], found.next_cursor)

    return Paging(page)


def compare(a: Images, b: Images, policy: Policy | None = None) -> Flow[Comparison]:
    """Tell whether two samples show the same vehicle.

    Args:
        a: one sample.
        b: the other.
        policy: how they are compared.
    """
    return (yield from ask_for(Comparison, compared(a, b, policy)))


def ingest(*sightings: Sighting, key: str | None = None) -> Flow[IngestReceipt]:
    """Have sightings accepted, to be embedded later; they are stored together or not at all.

    Accepted is not stored: `wait_for_ingest` says when the gallery has them.

    Args:
        sightings: at least one.
        key: a name of yours for this request; sent again, it stores nothing twice. When left out,
            the same content counts as the same request.
    """
    _require(sightings, "a sighting to accept")
    return (yield from ask_for(IngestReceipt, ingested(sightings, key)))


def ingest_progress(id: str) -> Flow[IngestProgress]:
    """How far an accepted entry is.

    Args:
        id: that `ingest` answered.

    Raises:
        NotThere: nothing is known of it, or not any more.
    """
    path = record_path(id).replace("/gallery/", "/ingest/", 1)
    return (yield from ask_for(IngestProgress, Request("GET", path)))


def info() -> Flow[Info]:
    """Model, engine, gallery, ingest and limits of the service."""
    answer = yield from ask(Request("GET", "/info"))
    where = "the answer to GET /info"
    document = document_of(answer, where)
    facts = read_answer(Info, answer, where)
    return replace(facts, document=cast(Mapping[str, object], document))


def status() -> Flow[Status]:
    """What runs and what waits: queue, gallery, ingest, and the jobs on the gallery."""
    return (yield from ask_for(Status, Request("GET", "/status")))


def me() -> Flow[Caller]:
    """Whose key this client has, and what it may do.

    Raises:
        KeyNeeded: the service asks for a key, and there is none or no valid one.
    """
    return (yield from ask_for(Caller, Request("GET", "/me")))


def live() -> Flow[Health]:
    """Whether the process answers; asks once.

    Raises:
        ClientError: it does not.
    """
    return (yield from ask_for(Health, Request("GET", "/health/live", is_probe=True)))


def ready() -> Flow[Health]:
    """Whether the service can search; asks once.

    Raises:
        Busy: not now.
        ServiceUnreachable: it does not run.
    """
    return (yield from ask_for(Health, Request("GET", "/health/ready", is_probe=True)))


def metrics() -> Flow[str]:
    """The service's metrics, as Prometheus reads them."""
    return (yield from ask(Request("GET", "/metrics"))).body.decode()


def _require(given: Sequence[Any], what: str) -> None:
    if not given:
        raise ClientError(f"there is nothing to send; give {what}")
