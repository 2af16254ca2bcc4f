"""Between the client's plain values and httpx: what is sent, and what came of it."""

from __future__ import annotations

from typing import Any

import httpx

from vreid.client.answers import Answer
from vreid.client.requests import Request
from vreid.client.retrying import Failure, Send

_CONNECT_SECONDS = 5.0


def built(http: httpx.Client | httpx.AsyncClient, url: str, step: Send) -> httpx.Request:
    """The request of one attempt, as httpx sends it.

    Args:
        http: what will send it.
        url: of the service, without a slash at its end.
        step: what to send, and how long each step of it may take.
    """
    request = step.request
    headers = dict(step.headers)
    if request.content is not None:
        headers["Content-Type"] = request.media_type
    return http.build_request(
        request.method,
        url + request.path,
        params=request.parameters or None,
        headers=headers,
        content=request.content,
        files=None if request.form is None else _parts(request),
        timeout=httpx.Timeout(step.seconds, connect=_connect_seconds(step)),
    )


def _parts(request: Request) -> list[tuple[str, Any]]:
    """A form's fields as httpx takes them: images are files, texts have no file name."""
    return [
        (name, (name, value, "application/octet-stream"))
        if isinstance(value, bytes)
        else (name, (None, value.encode()))
        for name, value in (request.form or {}).items()
    ]


def answer_of(response: httpx.Response, body: bytearray) -> Answer:
    """A response whose body has been read."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body))


def failure_of(error: httpx.RequestError, step: Send) -> Failure:
    """What an error of httpx means: whether anything was sent, and what happened."""
    if isinstance(error, httpx.PoolTimeout):
        return Failure(
            "unsent",
            f"all of the client's own connections were in use for {step.seconds:.3g} s",
            "give the client more `connections`, or make fewer calls at the same moment",
        )
    if isinstance(error, httpx.ConnectTimeout):
        return Failure("unsent", f"no connection within {_connect_seconds(step):.3g} s")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Failure(
            "unsent",
            f"the service's certificate was not accepted ({error})",
            "use the name that the certificate is for, and give the file of the authority that "
            "signed it: VREID_CA_CERTIFICATE, --ca-certificate, or Client(verify=PATH)",
            may_pass=False,
        )
    if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol | httpx.ProxyError):
        return Failure("unsent", str(error) or type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return late(step)
    return Failure("lost", str(error) or type(error).__name__)


def late(step: Send) -> Failure:
    """An attempt whose time is over."""
    return Failure("late", f"nothing came for {step.seconds:.3g} s")


def _connect_seconds(step: Send) -> float:
    return min(_CONNECT_SECONDS, step.seconds)
