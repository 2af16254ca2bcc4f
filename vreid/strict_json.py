"""Reading JSON objects strictly: each field checked, each complaint naming its field."""

import math
from collections.abc import Mapping
from typing import TypeGuard

from vreid.errors import ConfigurationError


class Fields:
    """The members of one JSON object, taken out one by one with their types checked.

    `where` names the object in messages, for instance `preprocessing.thermal`. After the last
    one is taken, `finish` refuses members that nobody asked for.

    Every method raises ConfigurationError with a sentence that names the field.
    """

    def __init__(self, document: object, where: str) -> None:
        if not isinstance(document, Mapping):
            raise ConfigurationError(
                f"{where} must be a JSON object with named fields, not {_kind(document)}"
            )
        self._members: dict[str, object] = {str(key): value for key, value in document.items()}
        self._taken: set[str] = set()
        self.where = where

    def value(self, name: str) -> object:
        """The member as it is, of any type."""
        if name not in self._members:
            raise ConfigurationError(f"{self.where} lacks the field {name!r}; add it")
        self._taken.add(name)
        return self._members[name]

    def has(self, name: str) -> bool:
        """Whether the member is there and not null."""
        self._taken.add(name)
        return self._members.get(name) is not None

    def names(self) -> tuple[str, ...]:
        """Every member's name, in the document's order."""
        return tuple(self._members)

    def text(self, name: str) -> str:
        """A string that is not empty."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a non-empty string", value)
        return value

    def integer(self, name: str, minimum: int = 0) -> int:
        """A whole number of at least `minimum`."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise self._wrong(name, f"a whole number of at least {minimum}", value)
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.value(name)
        if not is_number(value):
            raise self._wrong(name, "a finite number", value)
        return float(value)

    def numbers(self, name: str, length: int | None = None) -> tuple[float, ...]:
        """A list of finite numbers, of the given length if one is given."""
        value = self.value(name)
        wanted = "a list of finite numbers" if length is None else f"{length} finite numbers"
        if (
            not isinstance(value, list | tuple)
            or not all(is_number(item) for item in value)
            or (length is not None and len(value) != length)
        ):
            raise self._wrong(name, wanted, value)
        return tuple(float(item) for item in value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.value(name)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "a list of strings", value)
        return tuple(value)

    def fields(self, name: str) -> "Fields":
        """The member that is itself an object."""
        return Fields(self.value(name), f"{self.where}.{name}")

    def mapping(self, name: str) -> dict[str, object]:
        """The member that is a free-form object, unchecked inside."""
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise self._wrong(name, "an object", value)
        return {str(key): member for key, member in value.items()}

    def finish(self) -> None:
        """Refuse members that were never taken: a misspelt setting must not pass unseen."""
        unknown = sorted(set(self._members) - self._taken)
        if unknown:
            raise ConfigurationError(
                f"{self.where} has the unknown field {unknown[0]!r}; "
                f"it knows {', '.join(sorted(self._taken))}"
            )

    def _wrong(self, name: str, wanted: str, value: object) -> ConfigurationError:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return ConfigurationError(f"{self.where}.{name} must be {wanted}, not {shown}")


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a JSON value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
