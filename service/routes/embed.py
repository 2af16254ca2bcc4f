"""`POST /embed`: images in, representations out; nothing is stored."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.embedding.query import refuse_too_many_samples, sent_samples
from service.http.openapi import body_of, problems_of
from service.keys.details import image_digests
from service.messages.answers import EmbedAnswer
from service.messages.encoding import Document
from service.messages.inputs import EmbedInput
from service.messages.presentation import embedded_samples, model_members
from service.messages.samples import EmbeddedSamples
from service.requests.bodies import answer_body
from service.requests.parsing import read_embed
from service.requests.passage import Question
from service.routes.dependencies import RunningService, audited_details
from service.routes.direct_route import DirectRoute
from service.running import Running

router = APIRouter(tags=["search"], route_class=DirectRoute)


@router.post(
    "/embed",
    summary="Embed one to three images, or several samples",
    response_model=EmbedAnswer,
    openapi_extra=body_of("EmbedInput"),
    responses=problems_of(400, 413, 415, 422, 429, 503, 504),
)
async def embed(request: Request, running: RunningService) -> Response:
    """A form holds one sample; a JSON document holds several."""
    return await answer_body(request, running, partial(read, audited_details(request, running)))


def read(
    told: dict[str, Any] | None, running: Running, body: bytes, content_type: str
) -> Question[Document]:
    """Read the call's body and put into `told` what the audit log says of it; may block.

    `told` is None where there is no audit log.

    Raises:
        RequestError: the body or a field is at fault.
    """
    reading = read_embed(body, content_type)
    asked = reading.value
    refuse_too_many_samples(asked.samples, running.settings.limits)
    samples = sent_samples(asked.samples, reading.is_form)
    if told is not None:
        told["images"] = image_digests(sample.images for sample in samples)
    return Question(samples, partial(answer, running, asked))


def answer(running: Running, asked: EmbedInput, embedded: EmbeddedSamples) -> Document:
    """Answer the call, with the members of `EmbedAnswer`."""
    return {
        "model": model_members(running.bundle),
        "samples": embedded_samples(embedded, asked.encoding, asked.features),
    }
