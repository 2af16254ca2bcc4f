"""What a call that was let in carries for whoever answers it: the caller's key."""

from __future__ import annotations

from starlette.types import Scope

from service.keys.key import Key

_KEY = "key"


def set_caller(scope: Scope, key: Key) -> None:
    """Keep the key that a call was let in by."""
    scope["state"][_KEY] = key


def caller_of(scope: Scope) -> Key | None:
    """Return the key that a call was let in by; None where the service asks for none."""
    key = scope["state"].get(_KEY)
    assert key is None or isinstance(key, Key)
    return key
