"""Reads files of environment variables as compose and systemd read them."""

from __future__ import annotations

from pathlib import Path


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file with `NAME=value` lines, comments and empty lines.

    Raises:
        ValueError: a line is none of these.
    """
    variables = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or name != name.strip() or value != value.strip():
            raise ValueError(f"{path}, line {number}: write NAME=value without spaces: {line!r}")
        variables[name] = value
    return variables
