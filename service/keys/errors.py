"""Errors of API keys.

VreidError
└── ServiceError
    └── AccessError
        ├── Unauthenticated     no key, or none that is known
        ├── Forbidden           the key's role may not call this
        ├── TooManyRequests     the key's rate is used up
        ├── TooManyFailures     too many calls without a valid key
        ├── UnknownKey          no key has this id
        ├── KeyFileUnusable     the file of keys cannot be read or written
        ├── KeysUnreadable      the file of keys could not be read for too long
        └── AuditUnwritable     the audit log cannot be written
            └── AuditClosed     the service is shutting down
"""

from __future__ import annotations

from pathlib import Path

from service.errors import ServiceError


class AccessError(ServiceError):
    """Base of the errors of API keys."""


class Unauthenticated(AccessError):
    """The request has no key, or none that is valid; it never says which of the two."""

    def __init__(self) -> None:
        super().__init__(
            "this call needs a valid API key: send the header 'Authorization: Bearer KEY'; "
            "whoever runs the service makes keys with `vreid keys create`"
        )


class Forbidden(AccessError):
    """The key's role may not make this call."""


class TooManyRequests(AccessError):
    """The key's rate is used up.

    Attributes:
        retry_after: whole seconds after which to try again.
    """

    def __init__(self, rate: float, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"this key may make {rate:g} requests a second; try again in {retry_after} s, or ask "
            "for a key with a higher rate"
        )


class TooManyFailures(AccessError):
    """Too many calls without a valid key; a valid one is never told this.

    Attributes:
        retry_after: whole seconds after which to try again.
    """

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(
            "too many calls without a valid API key came from here; send the header "
            "'Authorization: Bearer KEY' with a valid key, which is answered at any time"
        )


class UnknownKey(AccessError):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key has the id {key_id!r}; `vreid keys list` shows those that exist")


class KeyFileUnusable(AccessError):
    """The file of keys cannot be read or written."""


class KeysUnreadable(AccessError):
    """The file of keys could not be read for longer than the last keys may stay in force."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the file of keys {path.name} cannot be read, so nobody may call; whoever runs the "
            "service finds the cause in its log"
        )


class AuditUnwritable(AccessError):
    """The audit log cannot be written."""


class AuditClosed(AuditUnwritable):
    """The audit log is closed."""

    def __init__(self) -> None:
        super().__init__("the audit log is closed: the service shuts down; call it again later")
