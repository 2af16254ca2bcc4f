"""Recipe files: TOML, which may extend another and be changed by `section.key=value`."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vreid.errors import ConfigurationError

EXTENDS = "extends"
REPLACED_WHOLE = frozenset({"sources"})
"""Sections that a recipe takes from the one it extends as they are, or not at all."""


def read_recipe(path: Path, changes: Iterable[str] = ()) -> dict[str, Any]:
    """Reads a recipe, with what it extends, as plain values that nothing has checked yet.

    `extends = "other.toml"`, a path relative to the file, takes over every value of the other
    recipe that the file does not give itself. `[sources]` is taken over only where the file names
    no source, since a recipe for other data has other sources.

    Args:
        path: the file.
        changes: "section.key=value" each, the value in TOML or a bare word; made last.

    Raises:
        ConfigurationError: a file cannot be read, a recipe extends itself, or a change is none.
    """
    document = _extended(path, ())
    for change in changes:
        _apply(document, change)
    return document


def _extended(path: Path, descendants: tuple[Path, ...]) -> dict[str, Any]:
    resolved = path.resolve()
    if resolved in descendants:
        chain = " extends ".join(file.name for file in (*descendants, resolved))
        raise ConfigurationError(f"a recipe cannot extend itself: {chain}; take one extends out")
    document = _read_toml(path, descendants)
    if EXTENDS not in document:
        return document
    base = document.pop(EXTENDS)
    if not isinstance(base, str):
        raise ConfigurationError(f'{path}: extends = {base!r}; write extends = "other.toml"')
    return _merged(_extended(path.parent / base, (*descendants, resolved)), document)


def _read_toml(path: Path, descendants: tuple[Path, ...]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        extended = f", which {descendants[-1].name} extends," if descendants else ""
        raise ConfigurationError(
            f"{path}{extended} cannot be read as TOML ({error}); see training/configs for examples"
        ) from error


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Each section of `own` laid over that of `base`, key by key."""
    document = dict(base)
    for name, value in own.items():
        inherited = document.get(name)
        if isinstance(inherited, dict) and isinstance(value, dict) and name not in REPLACED_WHOLE:
            document[name] = {**inherited, **value}
        else:
            document[name] = value
    return document


def _apply(document: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise ConfigurationError(f"{change!r} changes nothing; write section.key=value")
    *sections, last = key.strip().split(".")
    section: Any = document
    for name in sections:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"{change!r}: {name} is a value, not a section")
    try:
        section[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        section[last] = text
