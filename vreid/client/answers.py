"""Answers as plain values: what the service said, or the problem that it named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

from vreid.client.errors import FieldError, Problem, UnexpectedAnswer, error_of
from vreid.client.reading import read_as

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: of HTTP.
        headers: by name in small letters.
        body: its bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def checked(answer: Answer) -> Answer:
    """The answer, where it is no error.

    Raises:
        ServiceProblem: it is one.
    """
    problem = problem_of(answer)
    if problem is not None:
        raise error_of(problem)
    return answer


def read_answer(kind: type[T], answer: Answer, where: str) -> T:
    """A JSON answer as a `kind`.

    Args:
        kind: a dataclass.
        answer: that is no error.
        where: what messages call it.

    Raises:
        UnexpectedAnswer: it is something else.
    """
    return read_as(kind, document_of(answer, where), where)


def document_of(answer: Answer, where: str) -> object:
    """The JSON document that an answer holds.

    Raises:
        UnexpectedAnswer: it holds none.
    """
    try:
        document: object = json.loads(answer.body)
        return document
    except ValueError:
        raise UnexpectedAnswer(
            f"{where} is no JSON: it begins with {answer.body[:40]!r}; check that the address is "
            "that of a vreid service"
        ) from None


def problem_of(answer: Answer) -> Problem | None:
    """The problem that an answer names; None where it is no error."""
    if answer.status < 300:
        return None
    document = _problem_document(answer)
    if document is None:
        return Problem(
            status=answer.status,
            type="about:blank",
            title=_phrase(answer.status),
            detail=_advice(answer),
            request_id=answer.headers.get("x-request-id"),
            retry_after=retry_after(answer),
        )
    return Problem(
        status=answer.status,
        type=str(document.get("type", "about:blank")),
        title=str(document.get("title", _phrase(answer.status))),
        detail=str(document.get("detail", "nothing more was said; see the service's log")),
        request_id=_text(document.get("request_id")) or answer.headers.get("x-request-id"),
        errors=_field_errors(document.get("errors")),
        retry_after=retry_after(answer),
    )


def retry_after(answer: Answer, now: datetime | None = None) -> float | None:
    """Seconds after which to come back, as the answer's Retry-After says; None where it does not.

    Args:
        answer: of any status.
        now: the moment that a date is counted from; default: this one.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _problem_document(answer: Answer) -> dict[str, Any] | None:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _field_errors(value: object) -> tuple[FieldError, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        FieldError(str(each.get("field", "")), str(each.get("message", "")))
        for each in value
        if isinstance(each, dict)
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def _advice(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "elsewhere")
        return f"the address leads to {target}; give the service's own address as URL"
    return (
        f"the answer with status {answer.status} is not the service's own; check the address, and "
        "what stands between: a proxy, another program on this port"
    )
