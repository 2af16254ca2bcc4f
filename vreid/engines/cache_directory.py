"""Where engines keep what took time to find out or to compile; all of it may be deleted."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path | None:
    """``$XDG_CACHE_HOME/vreid``, below ``~/.cache`` where that is not set; None without a home."""
    root = environment.get("XDG_CACHE_HOME", "")
    if Path(root).is_absolute():
        return Path(root) / "vreid"
    try:
        return Path.home() / ".cache" / "vreid"
    except RuntimeError:
        return None


def writable_directory(*parts: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """A directory in the cache, made if absent; None where it cannot be written."""
    root = cache_directory(environment)
    if root is None:
        return None
    directory = root.joinpath(*parts)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return directory if os.access(directory, os.W_OK | os.X_OK) else None
