"""`POST /embed`: images in, representations out; nothing is stored."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.answers import EmbedAnswer
from service.bodies import answer_body
from service.openapi import body_of, problems_of
from service.presentation import embedded_samples, model_identity
from service.query import refuse_too_many_samples, sent_samples
from service.requests import read_embed
from service.routes.dependencies import RunningService
from service.running import Running

router = APIRouter(tags=["search"])


@router.post(
    "/embed",
    summary="Embed one to three images, or several samples",
    response_model=EmbedAnswer,
    openapi_extra=body_of("EmbedInput"),
    responses=problems_of(400, 413, 415, 422, 503),
)
async def embed(request: Request, running: RunningService) -> Response:
    """A form holds one sample; a JSON document holds several."""
    return await answer_body(request, running, embed_body)


def embed_body(running: Running, body: bytes, content_type: str) -> EmbedAnswer:
    """Answer the call; may block.

    Raises:
        RequestError: the body or a field is at fault.
        EngineError: the engine failed.
    """
    reading = read_embed(body, content_type)
    asked = reading.value
    refuse_too_many_samples(asked.samples, running.settings.limits)
    embedded = running.embedder.embed(sent_samples(asked.samples, reading.is_form))
    return EmbedAnswer(
        model=model_identity(running.bundle),
        samples=embedded_samples(embedded, asked.encoding, asked.features),
    )
