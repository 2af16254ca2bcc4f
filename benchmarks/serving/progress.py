"""The figures on disk while the parts are measured, so that a run goes on where it was cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click


class Progress:
    """One file of figures; written after each part, and each part says where it comes from.

    A part that is in the file is taken over if it was measured on the same machine, revision,
    libraries and bundle and with the same options, and did not fail. A file that has all parts is
    begun anew by the next run.

    Args:
        path: of the file.
        parts: names of those that this run measures.
        options: with which it measures.
        origin: what it measures on, for all parts.
    """

    def __init__(
        self,
        path: Path,
        parts: Sequence[str],
        options: Mapping[str, Any],
        origin: Mapping[str, Any],
    ) -> None:
        self.path = path
        self._shared = {"options": dict(options), "origin": dict(origin)}
        self.document: dict[str, Any] = {"parts": _unfinished(path, parts, self._shared)}

    def measure(
        self,
        name: str,
        part: Callable[[], Any],
        bundle: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Measure a part that is not in the file; one that fails is noted and no obstacle.

        Args:
            name: of the part.
            part: returns its figures.
            bundle: says what bundle they are of.
        """
        started = datetime.now(UTC)
        said: Mapping[str, str] = {}
        try:
            said = dict(bundle())
            known = self.document["parts"].get(name)
            if known is not None and known["bundle"] == said:
                click.echo(f"{name}: measured before", err=True)
                return
            click.echo(f"{name} ...", err=True)
            figures = part()
        except Exception as error:
            # Whatever it is, the other parts can be measured.
            figures = {"failed": f"{error}" or type(error).__name__}
            click.echo(f"{name} failed: {error!r}", err=True)
        seconds = (datetime.now(UTC) - started).total_seconds()
        click.echo(f"{name}: {seconds:.0f} s", err=True)
        self.document["parts"][name] = {
            "measured_at": started.isoformat(timespec="seconds"),
            "took_seconds": round(seconds, 1),
            **self._shared,
            "bundle": said,
            "figures": figures,
        }
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(json.dumps(self.document, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.path)


def has_failed(part: Mapping[str, Any]) -> bool:
    """Whether a part has no figures."""
    return isinstance(part["figures"], dict) and "failed" in part["figures"]


def merged(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The known parts with the new ones in the place of those of the same name.

    A part that failed takes no figures away.
    """
    parts = dict(known.get("parts", {}))
    for name, part in new["parts"].items():
        if name not in parts or has_failed(parts[name]) or not has_failed(part):
            parts[name] = part
    return {"parts": parts}


def _unfinished(path: Path, parts: Sequence[str], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of the file that can be taken over; none if all of them can."""
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    usable = {
        name: part
        for name, part in document["parts"].items()
        if not has_failed(part) and all(part.get(key) == value for key, value in shared.items())
    }
    return usable if any(name not in usable for name in parts) else {}
