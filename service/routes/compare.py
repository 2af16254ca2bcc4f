"""`POST /compare`: two samples in; score, probability and verdict out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.embedding.query import sent_sample
from service.gallery.record import Record
from service.http.openapi import body_of, problems_of
from service.keys.details import image_digests
from service.messages.answers import CompareAnswer, Verdict
from service.messages.inputs import CompareInput
from service.messages.presentation import by_name, modality_mask, model_identity
from service.messages.samples import EmbeddedSamples
from service.requests.bodies import answer_body
from service.requests.parsing import read_compare
from service.requests.passage import Question
from service.routes.dependencies import RunningService, audited_details
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
    responses=problems_of(400, 404, 413, 415, 422, 429, 503, 504),
)
async def compare(request: Request, running: RunningService) -> Response:
    """A form's fields are called a_rgb, a_nir, a_tir and b_rgb, b_nir, b_tir.

    Either side may be a record of the gallery instead, by a_id or b_id.
    """
    return await answer_body(request, running, partial(read, audited_details(request, running)))


def read(
    told: dict[str, Any] | None, running: Running, body: bytes, content_type: str
) -> Question[CompareAnswer]:
    """Read the call's body and put into `told` what the audit log says of it; may block.

    `told` is None where there is no audit log.

    Raises:
        RequestError: the body or a field is at fault.
        UnknownRecord: there is no record of an id.
    """
    reading = read_compare(body, content_type)
    asked = reading.value
    joint = "_" if reading.is_form else "."
    sides = (("a", asked.a), ("b", asked.b))
    ids = [side.id for _, side in sides if side.id is not None]
    records = [None if side.id is None else running.gallery.get(side.id) for _, side in sides]
    samples = [
        sent_sample(side, f"{name}{joint}")
        for (name, side), record in zip(sides, records, strict=True)
        if record is None
    ]
    if told is not None:
        told.update(ids=ids, images=image_digests(sample.images for sample in samples))
    return Question(samples, partial(answer, told, running, asked, records))


def with_records(embedded: EmbeddedSamples, records: Sequence[Record | None]) -> EmbeddedSamples:
    """Return both sides as embedded samples: a side's record, else the next of those embedded."""
    sides, rest = [], iter(range(len(embedded.mask)))
    for record in records:
        if record is None:
            row = next(rest)
            sides.append((embedded.features[row], embedded.mask[row], embedded.warnings[row]))
        else:
            sides.append((record.features.astype(np.float32), record.mask, ()))
    features, mask, warnings = zip(*sides, strict=True)
    return EmbeddedSamples(np.stack(features), np.stack(mask), tuple(warnings))


def answer(
    told: dict[str, Any] | None,
    running: Running,
    asked: CompareInput,
    records: Sequence[Record | None],
    sent: EmbeddedSamples,
) -> CompareAnswer:
    """Answer the call; `records` are those of the two sides, None for a side of images.

    Raises:
        ScoringError: the policy does not compare this pair.
    """
    manifest = running.bundle.manifest
    policy = resolve_policy(asked.policy, manifest.auto_policy)
    embedded = with_records(sent, records)
    first, second = embedded.features
    first_mask, second_mask = embedded.mask
    parts = contributions(first, first_mask, second, second_mask, policy)
    scores = score(
        first[None], first_mask[None], second[None], second_mask[None], policy, manifest.calibration
    )
    cosine = float(scores.score[0, 0])
    key = representation_key(int(scores.representation[0, 0]), first_mask, second_mask)
    verdict = verdict_of(cosine, key, manifest.calibration, running.settings.false_accept_rate)
    if told is not None:
        told.update(policy=policy, verdict=None if verdict is None else verdict.model_dump())
    return CompareAnswer(
        model=model_identity(running.bundle),
        policy=policy,
        score=cosine,
        probability=None if scores.probability is None else float(scores.probability[0, 0]),
        verdict=verdict,
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
