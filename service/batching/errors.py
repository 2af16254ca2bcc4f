"""What can become of images that wait for a lane, besides features.

VreidError
└── RequestError
    ├── DeadlinePassed       its computing did not begin in time
    ├── ClientGone           nobody waits for the answer any more
    └── LanesEnded           no thread is left that computes
"""

from __future__ import annotations

from service.request_errors import RequestError


class DeadlinePassed(RequestError):
    """The request's computing did not begin in time."""


class ClientGone(RequestError):
    """Nobody waits for the answer any more."""


class LanesEnded(RequestError):
    """No thread is left that computes: a fault of the service, which has to be started again."""
