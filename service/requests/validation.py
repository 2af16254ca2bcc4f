"""pydantic's validation errors as sentences about named fields."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from service.messages.inputs import DOCUMENT_CONTEXT
from service.request_errors import FieldProblem, InvalidRequest

Location = tuple[int | str, ...]
Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model],
    data: object,
    name: Callable[[Location], str] | None = None,
    *,
    is_text: bool = False,
) -> Model:
    """Return `data` as a `model`.

    Args:
        model: the model; unknown members are refused.
        data: a decoded JSON document, or a form's fields put into the document's shape.
        name: how the client wrote the field at a location; default: as in the JSON document.
        is_text: whether numbers and booleans may come as texts, as they do in a form.

    Raises:
        InvalidRequest: each field at fault with a sentence.
    """
    try:
        return model.model_validate(data, context=None if is_text else DOCUMENT_CONTEXT)
    except ValidationError as error:
        raise InvalidRequest(
            [
                FieldProblem(
                    (name or field_name)(entry["loc"]),
                    sentence(entry["type"], entry["msg"], _fields_at(model, entry["loc"][:-1])),
                )
                for entry in error.errors(include_url=False, include_input=False)
            ]
        ) from None


def field_name(location: Location) -> str:
    """Return the path of a field as a client would write it: `samples[0].rgb`."""
    name = ""
    for part in location:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part}" if name else part
    return name or "body"


def sentence(kind: str, message: str, known: Sequence[str]) -> str:
    """Return what is wrong with a field and what would be right.

    Args:
        kind: pydantic's type of the error.
        message: pydantic's message.
        known: the fields that there are beside it.
    """
    if kind == "missing":
        return "is missing; it has to be given"
    if kind == "extra_forbidden":
        return (
            f"is not known; allowed are {', '.join(known)}" if known else "is not known; see /docs"
        )
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "has to be a JSON object"
    for prefix in ("Value error, ", "Input should be ", "Assertion failed, "):
        if message.startswith(prefix):
            rest = message.removeprefix(prefix)
            return rest if prefix == "Value error, " else f"has to be {rest}"
    # As in "List should have at least 3 items after validation, not 2".
    _, is_demand, demand = message.removesuffix(".").partition(" should have ")
    if is_demand:
        return f"has to have {demand.replace(' after validation', '')}"
    return message[0].lower() + message[1:]


def _fields_at(model: type[BaseModel], location: Iterable[int | str]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in location:
        if current is None:
            return []
        if isinstance(part, str) and part in (fields := _fields_by_client_name(current)):
            current = _model_within(fields[part].annotation)
    return list(_fields_by_client_name(current)) if current is not None else []


def _fields_by_client_name(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_within(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Annotated, Union, types.UnionType, list, tuple, dict):
        for argument in get_args(annotation):
            found = _model_within(argument)
            if found is not None:
                return found
    return None
