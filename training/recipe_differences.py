"""Whether two configurations are the same recipe, and where they part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from training.config import TrainingConfig


def differences(wanted: TrainingConfig, stored: TrainingConfig) -> dict[str, str]:
    """What differs between the recipes of two configurations: a phrase by dotted key.

    Only what decides the weights counts: not the name, so that a renamed run still resumes, nor
    where a run computes (`compute`), nor how it is measured meanwhile (`validation`), nor in which
    folders its data lie.
    """
    ours, theirs = (dict(_leaves(config.portable())) for config in (wanted, stored))
    return {
        key: f"{key} is {json.dumps(theirs.get(key))} there, {json.dumps(ours.get(key))} here"
        for key in dict.fromkeys([*ours, *theirs])
        if _decides_weights(key) and ours.get(key) != theirs.get(key)
    }


def _decides_weights(key: str) -> bool:
    return key != "name" and not key.startswith(("compute.", "validation."))


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
