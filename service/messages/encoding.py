"""Answers as bytes of JSON.

Calls that answer with many numbers or many records make plain values, not models: a model's
checking would only find what the service itself wrote. Numbers of NumPy arrays are written straight
from their memory; a float32 in the fewest digits that read back as the same float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import orjson
from pydantic import BaseModel

Document: TypeAlias = Mapping[str, object]
"""A JSON object of plain values, with the members of the model that documents the call's answer.

Values may be texts, numbers, booleans, None, times with a zone, NumPy arrays in C order, and lists
and objects of these.
"""

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z


def encode_json(answer: BaseModel | Document) -> bytes:
    """Return an answer as JSON in UTF-8."""
    if isinstance(answer, BaseModel):
        return answer.model_dump_json().encode()
    return orjson.dumps(answer, option=_OPTIONS)
