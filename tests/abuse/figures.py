"""Figures of long runs, written into docs/measured/abuse.json where the environment says so."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

FILE_VARIABLE = "ABUSE_FIGURES"
"""The file to write into; nothing is written without it."""


def put_figures(subject: str, figures: Mapping[str, object]) -> None:
    """Replace what the file says about one subject; print it in any case."""
    print(f"{subject}: {json.dumps(figures)}", flush=True)
    name = os.environ.get(FILE_VARIABLE)
    if not name:
        return
    path = Path(name)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[subject] = figures
    text = json.dumps(dict(sorted(known.items())), indent=2)
    path.write_text(text + "\n", encoding="utf-8")
