"""A key: what the caller sends, and what the service keeps of it.

A key reads `vreid_ID_SECRET`. The secret is 256 random bits, so one pass of SHA-256 is as hard to
turn back as any slow hash, and checking it takes a microsecond.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

Role = Literal["search", "enrol", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""

_SECRET_BYTES = 32
_TOKEN = re.compile(r"vreid_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key; the secret itself is not.

    Attributes:
        id: 8 hexadecimal digits, part of what the caller sends and of the audit log.
        name: whom or what it was made for.
        role: what it may do.
        digest: SHA-256 of the secret, hexadecimal.
        rate: requests a second, None without a bound of its own.
        created_at: with time zone.
        expires_at: from when on it is not valid, None for never.
    """

    id: str
    name: str
    role: Role
    digest: str
    rate: float | None
    created_at: datetime
    expires_at: datetime | None

    def allows(self, needed: Role) -> bool:
        """Tell whether the key's role may do what `needed` may."""
        return ROLES.index(self.role) >= ROLES.index(needed)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the key is not valid any more at a time with time zone."""
        return self.expires_at is not None and now >= self.expires_at


def make_key(
    name: str, role: Role, rate: float | None = None, expires_at: datetime | None = None
) -> tuple[Key, str]:
    """Return a new key and the token that its owner sends, which nobody can read again."""
    key_id = secrets.token_hex(4)
    secret = base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).rstrip(b"=").decode()
    key = Key(key_id, name, role, digest_of(secret), rate, datetime.now(UTC), expires_at)
    return key, f"vreid_{key_id}_{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """Return the id and the secret of a token; None where it has another form."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret_of(key: Key | None, secret: str) -> bool:
    """Tell whether a secret is a key's, in a time that depends on neither, also without a key."""
    expected = "0" * 64 if key is None else key.digest
    return hmac.compare_digest(digest_of(secret), expected) and key is not None
