"""Writes the API's description into the repository: `python -m service.http.openapi_document`.

It is the same on every machine: no bundle, gallery or setting is looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from service.app import application

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def describe() -> dict[str, Any]:
    """Return the description that a service of this version gives at /openapi.json."""
    return application().openapi()


def document_text() -> str:
    """Return the description as the repository keeps it: sorted, one member a line."""
    return json.dumps(describe(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file; with --check, end with status 1 where it would be another."""
    text = document_text()
    if sys.argv[1:] == ["--check"]:
        is_current = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == text
        if not is_current:
            sys.exit(f"{DOCUMENT} is not up to date; run python -m service.http.openapi_document")
        return
    DOCUMENT.write_text(text, encoding="utf-8")
    print(f"{DOCUMENT}: {len(describe()['paths'])} paths")


if __name__ == "__main__":
    main()
