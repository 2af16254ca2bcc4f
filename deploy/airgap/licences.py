"""Collects the licences of a folder of wheels: each one's own texts, and a table of all."""

from __future__ import annotations

import email
import email.message
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors|third.?party)", re.IGNORECASE)
_IS_CODE = (".py", ".pyi", ".so")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Licence:
    """What a wheel says about its licence.

    Attributes:
        name: of the package.
        version: of the package.
        licence: an SPDX expression, or its own words.
        files: texts by name within the wheel.
    """

    name: str
    version: str
    licence: str
    files: dict[str, bytes]


def collect_licences(wheels: Path, folder: Path) -> list[Licence]:
    """Write the texts of every wheel's licences and a table of them; return what was found.

    Args:
        wheels: folder of wheels.
        folder: where `NAME-VERSION/` and README.md go.
    """
    found = [read_licence(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    for each in found:
        for name, content in each.files.items():
            path = folder / f"{each.name}-{each.version}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    (folder / "README.md").write_text(_table(found), encoding="utf-8")
    return found


def read_licence(wheel: Path) -> Licence:
    """Return what a wheel says about its licence, with the texts that it ships."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        described = email.message_from_bytes(archive.read(metadata))
        texts = {_place(name): archive.read(name) for name in names if _is_text(name)}
    return Licence(described["Name"], described["Version"], _words(described), texts)


def _words(described: email.message.Message) -> str:
    """Return the shortest telling of a licence that the metadata has."""
    if expression := described["License-Expression"]:
        return str(expression)
    classifiers = described.get_all("Classifier") or []
    named = [each.split(" :: ")[-1] for each in classifiers if each.startswith("License ::")]
    if named:
        return ", ".join(named)
    words = str(described["License"] or "").strip().splitlines()
    return words[0][:_LONGEST_NAME] if words else "see its files"


def _is_text(name: str) -> bool:
    """Tell whether a file of a wheel is a licence: of its metadata, or at the top of a package."""
    path = PurePosixPath(name)
    if name.endswith("/") or path.suffix in _IS_CODE:
        return False
    in_metadata = path.parts[0].endswith(".dist-info")
    return (in_metadata and "licenses" in path.parts) or (
        (in_metadata or len(path.parts) == 2) and _TEXT.match(path.name) is not None
    )


def _place(name: str) -> str:
    """Return where a text goes; nothing of it leads upwards."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("..", "/")]
    return str(PurePosixPath(*(parts[1:] if parts[0].endswith(".dist-info") else parts)))


def _table(found: list[Licence]) -> str:
    return "\n".join(_lines(found)) + "\n"


def _lines(found: list[Licence]) -> Iterator[str]:
    yield "# Licences of what this bundle installs"
    yield ""
    yield "| package | version | licence | texts |"
    yield "|---|---|---|--:|"
    for each in found:
        yield f"| {each.name} | {each.version} | {each.licence} | {len(each.files)} |"
