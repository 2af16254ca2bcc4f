"""Errors of the benchmark.

ServiceError
└── BenchError
├── NoAnswer           the service that is measured cannot be reached
└── ServerNotReady     the service that was started ended, or was not ready in time
"""

from __future__ import annotations

from service.errors import ServiceError


class BenchError(ServiceError):
    """Nothing could be measured."""


class NoAnswer(BenchError):
    """The service that is measured cannot be reached, or refuses everything."""


class ServerNotReady(BenchError):
    """The service that was started ended, or was not ready in time."""
