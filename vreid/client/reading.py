"""From JSON to frozen dataclasses: each member read by the type that its field is declared with.

Members that a class does not know are passed over, so that a client goes on with a newer service;
one that is missing takes the field's default.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from numpy.typing import NDArray

from vreid.client.errors import UnexpectedAnswer

T = TypeVar("T")

Vector = NDArray[np.float32]
"""float32 numbers; in JSON a list, or base64 of their little-endian bytes."""

_PLAIN: dict[type, tuple[type, ...]] = {float: (int, float)}


def read_as(kind: type[T], document: object, where: str) -> T:
    """Return a decoded JSON value as a `kind`.

    Args:
        kind: a dataclass.
        document: the value.
        where: what messages call it.

    Raises:
        UnexpectedAnswer: it is something else; the message names the member.
    """
    return cast(T, _read(kind, document, where))


def _read(hint: object, value: object, where: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _read_one_of(get_args(hint), value, where)
    if origin is Annotated:
        return _read(get_args(hint)[0], value, where)
    if hint is object:
        return value
    if origin is np.ndarray:
        return _vector(value, where)
    if origin is tuple:
        return tuple(
            _read(get_args(hint)[0], each, f"{where}[{position}]")
            for position, each in enumerate(_checked(value, list, where))
        )
    if origin is Mapping:
        return {
            str(name): _read(get_args(hint)[1], each, f"{where}.{name}")
            for name, each in _checked(value, dict, where).items()
        }
    if origin is Literal:
        return _checked(value, str, where)
    if hint is datetime:
        return _time(value, where)
    assert isinstance(hint, type)
    if dataclasses.is_dataclass(hint):
        return _object(hint, value, where)
    checked: object = _checked(value, hint, where)
    return float(value) if hint is float and isinstance(value, int) else checked


def _read_one_of(hints: Sequence[object], value: object, where: str) -> object:
    if value is None and types.NoneType in hints:
        return None
    given = [hint for hint in hints if hint is not types.NoneType]
    if len(given) == 1:
        return _read(given[0], value, where)
    if any(_is_plain(hint, value) for hint in given):
        return value
    wanted = " or ".join(hint.__name__ for hint in given if isinstance(hint, type))
    raise _unexpected(where, wanted, value)


def _object(kind: type[object], value: object, where: str) -> object:
    document = _checked(value, dict, where)
    members: dict[str, object] = {}
    for name, hint, is_needed in _members(kind):  # type: ignore[arg-type]
        if name in document:
            members[name] = _read(hint, document[name], f"{where}.{name}")
        elif is_needed:
            raise UnexpectedAnswer(f"{where} lacks {name!r}; {_ADVICE}")
    return kind(**members)


@cache
def _members(kind: type[object]) -> tuple[tuple[str, object, bool], ...]:
    """Name, type and whether it must be there, of each member."""
    hints = get_type_hints(kind)
    return tuple(
        (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cast(Any, kind))
    )


def _vector(value: object, where: str) -> Vector:
    if isinstance(value, str):
        try:
            return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float32)
        except (binascii.Error, ValueError):
            raise _unexpected(where, "base64 of float32", value) from None
    try:
        return np.asarray(_checked(value, list, where), dtype=np.float32)
    except (TypeError, ValueError):
        raise _unexpected(where, "a list of numbers", value) from None


def _time(value: object, where: str) -> datetime:
    try:
        return datetime.fromisoformat(_checked(value, str, where))
    except ValueError:
        raise _unexpected(where, "a time", value) from None


def _checked(value: object, kind: type[T], where: str) -> T:
    if _is_plain(kind, value):
        return cast(T, value)
    raise _unexpected(where, kind.__name__, value)


def _is_plain(kind: object, value: object) -> bool:
    # In Python true is a number, in JSON it is none.
    if isinstance(value, bool):
        return kind is bool
    return isinstance(kind, type) and isinstance(value, _PLAIN.get(kind, (kind,)))


_ADVICE = (
    "the service may be of another version than this client (both say it: `vreid --version` and "
    "GET /info), or something in between may have answered"
)


def _unexpected(where: str, wanted: str, value: object) -> UnexpectedAnswer:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return UnexpectedAnswer(f"{where} has to be {wanted} and is {shown}; {_ADVICE}")
