"""Cursors: where a page of results ended, and which search it belongs to.

A cursor holds a position in the ranking and the newest change that the first page could see.
Records that are added later are therefore on no page, and records that are deleted leave the pages
that follow without moving anything else. It also holds which identities had their group already.
It is opaque to clients, and carries a checksum, so that half a cursor is told from a whole one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import struct
from collections.abc import Collection
from dataclasses import dataclass

from service.gallery.query import Position
from service.request_errors import FieldProblem, InvalidRequest

_VERSION = 1
_FIXED = struct.Struct("<B16sqqdq")
_CHECKSUM_SIZE = 8
_IDENTITY_SIZE = 8

_NOT_GIVEN = (
    "was not given by a search, or not all of it arrived; send next_cursor as it was "
    "answered, or leave the cursor out to begin at the start"
)


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page begins.

    Attributes:
        as_of: the newest change that the search may see.
        position: the place in the ranking after which the page begins, None at the start.
        rank: how many results the pages before had.
        shown: digests of the identities whose group was on a page before.
    """

    as_of: int
    position: Position | None = None
    rank: int = 0
    shown: frozenset[bytes] = frozenset()


def query_digest(*parts: object) -> bytes:
    """Return 16 bytes that tell one search from another.

    Args:
        parts: everything that decides about the ranking, as bytes or plain JSON values.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def identity_digest(identity: str) -> bytes:
    """Return 8 bytes that tell one identity from another."""
    return hashlib.blake2b(identity.encode(), digest_size=_IDENTITY_SIZE).digest()


def encode_cursor(start: PageStart, digest: bytes) -> str:
    """Return the cursor of the page that begins at `start`, of the search with this digest."""
    assert start.position is not None
    depth, key, sequence = start.position
    content = _FIXED.pack(_VERSION, digest, start.as_of, depth, key, sequence)
    content += start.rank.to_bytes(4, "little") + b"".join(sorted(start.shown))
    return base64.urlsafe_b64encode(content + _checksum(content)).decode().rstrip("=")


def decode_cursor(cursor: str, digest: bytes) -> PageStart:
    """Return where the page begins.

    Raises:
        InvalidRequest: the cursor is none, is damaged, or belongs to a search with another digest.
    """
    content = _checked_content(cursor)
    _, belongs_to, as_of, depth, key, sequence = _FIXED.unpack_from(content)
    if belongs_to != digest:
        raise _refused(
            "belongs to another search; send it with the query, policy, filter, thresholds and "
            "group_by of the page before (only k, group_size, explain and features may change). "
            "If the query was images, "
            "send the first page's query.embedding, which features: true returns"
        )
    rank_end = _FIXED.size + 4
    rank = int.from_bytes(content[_FIXED.size : rank_end], "little")
    if not (0 <= rank <= depth and as_of >= 0 and math.isfinite(key)):
        raise _refused(_NOT_GIVEN)
    shown = content[rank_end:]
    return PageStart(
        as_of=as_of,
        position=Position(depth, key, sequence),
        rank=rank,
        shown=frozenset(
            shown[first : first + _IDENTITY_SIZE] for first in range(0, len(shown), _IDENTITY_SIZE)
        ),
    )


def digests_of(identities: Collection[str | None]) -> frozenset[bytes]:
    """Return the digests of those identities that are not None."""
    return frozenset(identity_digest(each) for each in identities if each is not None)


def refuse_depth(most: int) -> InvalidRequest:
    """Return the error for a page beyond the `most` best records."""
    return _refused(
        f"reaches beyond the {most} best records, where every search ends; "
        "narrow the search with a filter or a threshold"
    )


def refuse_later(as_of: int) -> InvalidRequest:
    """Return the error for a cursor that has seen changes up to `as_of`, which do not exist."""
    return _refused(
        f"has seen the gallery's change {as_of}, which there is not, as after the restoring of a "
        "backup; leave the cursor out to begin at the start"
    )


def _checked_content(cursor: str) -> bytes:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    content, checksum = data[:-_CHECKSUM_SIZE], data[-_CHECKSUM_SIZE:]
    rest = len(content) - _FIXED.size - 4
    if rest < 0 or rest % _IDENTITY_SIZE or checksum != _checksum(content):
        raise _refused(_NOT_GIVEN)
    if content[0] != _VERSION:
        raise _refused("was given by another version of vreid; leave it out to begin at the start")
    return content


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_SIZE, person=b"vreid cursor").digest()


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest([FieldProblem("cursor", message)])
