"""How a trial ends at the first thing that is wrong."""

from __future__ import annotations


class TrialError(Exception):
    """What is tried does not do what it is for; the message says what was seen."""


def require(condition: bool, sentence: str) -> None:
    """Raise TrialError with `sentence` unless `condition` holds."""
    if not condition:
        raise TrialError(sentence)
