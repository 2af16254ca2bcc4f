"""The figures on disk while the parts are measured, so that a run goes on where it was cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from service.bench.machine import machine_facts
from service.errors import ServiceError
from vreid.errors import VreidError


class Progress:
    """One file of figures; written after each part.

    A file whose parts were all measured is begun anew by the next run; an unfinished one is
    taken up if it was made with the same options.
    """

    def __init__(self, path: Path, parts: list[str], options: Mapping[str, Any]) -> None:
        self.path = path
        self.document = _unfinished(path, parts, options) or {
            "options": dict(options),
            "machine": machine_facts(),
            "parts": {},
        }
        self.parts = parts

    def measure(self, name: str, part: Callable[[], Any]) -> None:
        """Measure a part that is not in the file; one that fails is noted and no obstacle."""
        if name in self.document["parts"]:
            click.echo(f"{name}: measured before", err=True)
            return
        click.echo(f"{name} ...", err=True)
        started = datetime.now(UTC)
        try:
            figures = part()
        except (VreidError, ServiceError) as error:
            figures = {"failed": str(error)}
            click.echo(f"{name} failed: {error}", err=True)
        seconds = (datetime.now(UTC) - started).total_seconds()
        self.document["parts"][name] = {
            "measured_at": started.isoformat(timespec="seconds"),
            "took_seconds": round(seconds, 1),
            "figures": figures,
        }
        self.document["complete"] = all(each in self.document["parts"] for each in self.parts)
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(json.dumps(self.document, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.path)


def merged(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The known figures with the new ones in the place of those of the same part."""
    return {**known, **new, "parts": {**known.get("parts", {}), **new["parts"]}}


def _unfinished(path: Path, parts: list[str], options: Mapping[str, Any]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    missing = [name for name in parts if name not in document["parts"]]
    return document if missing and document["options"] == dict(options) else None
