"""`POST /compare`: two samples in; score, probability and verdict out."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.embedding.query import sent_sample
from service.http.openapi import body_of, problems_of
from service.messages.answers import CompareAnswer, Verdict
from service.messages.inputs import CompareInput
from service.messages.presentation import by_name, modality_mask, model_identity
from service.messages.samples import EmbeddedSamples
from service.requests.bodies import answer_body
from service.requests.parsing import read_compare
from service.requests.passage import Question
from service.routes.dependencies import RunningService
from service.routes.direct_route import DirectRoute
from service.running import Running
from vreid.calibration import Calibration
from vreid.contributions import contributions
from vreid.scoring import representation_key, resolve_policy, score

router = APIRouter(tags=["search"], route_class=DirectRoute)


@router.post(
    "/compare",
    summary="Tell whether two samples show the same vehicle",
    response_model=CompareAnswer,
    openapi_extra=body_of("CompareInput"),
    responses=problems_of(400, 413, 415, 422, 429, 503, 504),
)
async def compare(request: Request, running: RunningService) -> Response:
    """A form's fields are called a_rgb, a_nir, a_tir and b_rgb, b_nir, b_tir."""
    return await answer_body(request, running, read)


def read(running: Running, body: bytes, content_type: str) -> Question[CompareAnswer]:
    """Read the call's body; may block.

    Raises:
        RequestError: the body or a field is at fault.
    """
    reading = read_compare(body, content_type)
    asked = reading.value
    joint = "_" if reading.is_form else "."
    samples = [sent_sample(asked.a, f"a{joint}"), sent_sample(asked.b, f"b{joint}")]
    return Question(samples, partial(answer, running, asked))


def answer(running: Running, asked: CompareInput, embedded: EmbeddedSamples) -> CompareAnswer:
    """Answer the call.

    Raises:
        ScoringError: the policy does not compare this pair.
    """
    manifest = running.bundle.manifest
    policy = resolve_policy(asked.policy, manifest.auto_policy)
    first, second = embedded.features
    first_mask, second_mask = embedded.mask
    parts = contributions(first, first_mask, second, second_mask, policy)
    scores = score(
        first[None], first_mask[None], second[None], second_mask[None], policy, manifest.calibration
    )
    cosine = float(scores.score[0, 0])
    key = representation_key(int(scores.representation[0, 0]), first_mask, second_mask)
    return CompareAnswer(
        model=model_identity(running.bundle),
        policy=policy,
        score=cosine,
        probability=None if scores.probability is None else float(scores.probability[0, 0]),
        verdict=verdict_of(cosine, key, manifest.calibration, running.settings.false_accept_rate),
        contributions=by_name(parts),
        a=modality_mask(first_mask),
        b=modality_mask(second_mask),
        warnings=[
            f"{side}: {text}"
            for side, texts in zip("ab", embedded.warnings, strict=True)
            for text in texts
        ],
    )


def verdict_of(
    cosine: float, key: str | None, calibration: Calibration | None, false_accept_rate: float
) -> Verdict | None:
    """Return the verdict at a false-accept rate, None where the bundle has no threshold for it.

    Args:
        cosine: the pair's score.
        key: of the representation that was compared.
        calibration: the bundle's.
        false_accept_rate: share of pairs of different vehicles that may pass as the same.
    """
    if key is None or calibration is None:
        return None
    threshold = calibration.threshold(key, false_accept_rate)
    if threshold is None:
        return None
    return Verdict(
        same=cosine >= threshold, false_accept_rate=false_accept_rate, threshold=threshold
    )
