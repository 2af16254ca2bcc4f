"""What ``auto`` chose, kept from one process to the next."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from vreid import __version__
from vreid.bundle import Bundle
from vreid.cpu_features import Processor
from vreid.engines.batches import batch_sizes_of
from vreid.engines.candidates import Candidate

_LOGGER = logging.getLogger(__name__)

FILE_NAME = "engines.json"
MOST_CHOICES = 100

_LIBRARIES = ("onnxruntime", "onnxruntime-gpu", "openvino", "numpy")


def choice_key(
    bundle: Bundle,
    candidates: list[Candidate],
    processor: Processor,
    threads: int,
    lanes: int,
    libraries: Mapping[str, str | None],
) -> str:
    """What a choice holds for, 64 hexadecimal digits: another model, machine or library, another.

    Args:
        bundle: the model.
        candidates: among which was chosen, in their order.
        processor: on which was measured.
        threads: of the engine.
        lanes: of the engine.
        libraries: versions by package, see `library_versions`.
    """
    manifest = bundle.manifest
    covered = {
        "fingerprint": bundle.fingerprint,
        "files": {
            precision: {str(modality): entry.sha256 for modality, entry in entries.items()}
            for precision, entries in manifest.files.items()
        },
        "candidates": [
            [each.engine, each.precision, *batch_sizes_of(each.engine, each.precision)]
            for each in candidates
        ],
        "processor": [processor.model, *sorted(processor.flags)],
        "threads": threads,
        "lanes": lanes,
        "libraries": dict(libraries),
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


def library_versions() -> dict[str, str | None]:
    """Versions of what computes, by package; None for one that is not installed."""
    return {"vreid": __version__, **{name: _version(name) for name in _LIBRARIES}}


def read_choice(directory: Path | None, key: str) -> Candidate | None:
    """The choice that was kept, None where there is none or it cannot be read."""
    found = _read(directory).get(key)
    if not isinstance(found, dict):
        return None
    engine, precision = found.get("engine"), found.get("precision")
    if not isinstance(engine, str) or not isinstance(precision, str):
        return None
    return Candidate(engine, precision)


def keep_choice(
    directory: Path | None, key: str, chosen: Candidate, measured: Mapping[Candidate, float]
) -> None:
    """Keep a choice and what it was made by; where that cannot be, the next start measures again.

    Args:
        directory: of the file, None where there is none that can be written.
        key: see `choice_key`.
        chosen: the choice.
        measured: milliseconds of one image by candidate.
    """
    if directory is None:
        _LOGGER.info(
            "the choice of the engine is not kept and measured again at the next start; "
            "set XDG_CACHE_HOME to a directory that can be written"
        )
        return
    choices = _read(directory)
    choices.pop(key, None)
    choices[key] = {
        "engine": chosen.engine,
        "precision": chosen.precision,
        "milliseconds": {str(each): round(time, 4) for each, time in measured.items()},
    }
    _write(directory, dict(list(choices.items())[-MOST_CHOICES:]))


def drop_choice(directory: Path | None, key: str) -> None:
    """Forget a choice, where there is one."""
    choices = _read(directory)
    if directory is not None and choices.pop(key, None) is not None:
        _write(directory, choices)


def _read(directory: Path | None) -> dict[str, Any]:
    if directory is None:
        return {}
    try:
        found = json.loads((directory / FILE_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(directory: Path, choices: Mapping[str, Any]) -> None:
    try:
        _replace(directory / FILE_NAME, json.dumps(choices, indent=1))
    except OSError as error:
        _LOGGER.info("the choices of engines are not kept in %s (%s)", directory, error)


def _replace(path: Path, text: str) -> None:
    """Write a file wholly or not at all, whoever else writes it."""
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as temporary:
        try:
            temporary.write(text)
            temporary.flush()
            os.replace(temporary.name, path)
        except BaseException:
            os.unlink(temporary.name)
            raise


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
