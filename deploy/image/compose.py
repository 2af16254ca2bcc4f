"""Reads the compose files as compose itself merges and interpolates them; needs no engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]


class ComposeError(Exception):
    """Compose refuses the files, or is not there; the message is its own or says what to do."""


def composed(
    files: Sequence[str] = ("compose.yaml",),
    variables: Mapping[str, str] | None = None,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """Return the document that compose makes of the files, every profile's services included.

    Args:
        files: names in `folder`, each laid over those before it.
        variables: what `${NAME}` in the files stands for; the process's own environment and a
            file `.env` count for nothing.
        folder: where the files lie.

    Raises:
        ComposeError: the program docker-compose is absent, or finds a fault.
    """
    options = [option for file in files for option in ("--file", str(folder / file))]
    options += ["--env-file", os.devnull, "--profile", "*"]
    done = subprocess.run(
        [_program(), *options, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(variables or {})},
    )
    if done.returncode:
        raise ComposeError(done.stderr.strip())
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def _program() -> str:
    """Return docker-compose's path: this environment's, else the machine's."""
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = shutil.which("docker-compose", path=places)
    if found is None:
        raise ComposeError("docker-compose is not installed here; run: make environment")
    return found
