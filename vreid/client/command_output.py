"""Answers as text: tables for people, JSON for machines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from vreid.client.found import Comparison, Found, FoundSample
from vreid.client.records import Mask
from vreid.modality import subset_name

Row = Sequence[str]

_JUDGED = {True: "yes", False: "no", None: "-"}


def json_text(answer: object) -> str:
    """An answer as one JSON object; vectors as lists."""
    return json.dumps(_plain(answer))


def table(head: Row, rows: Sequence[Row]) -> str:
    """Rows under a head, each column as wide as it needs, two spaces between."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )
    return "\n".join(lines)


def modalities(mask: Mask) -> str:
    """A mask in words: ``rgb+tir``."""
    return subset_name(mask.modalities)


def found_text(found: Found) -> str:
    """A search's answer for people."""
    lines = [
        f"query {modalities(found.query.mask)}, policy {found.policy}, "
        f"{len(found.results)} results, same vehicle found: {_JUDGED[found.match]}"
    ]
    if found.threshold.reason is not None:
        lines.append(f"not judged: {found.threshold.reason}")
    if found.results:
        head = ("rank", "score", "prob.", "match", "id", "identity", "camera", "captured at")
        lines += ["", table((*head, "from"), [_found_row(each) for each in found.results])]
    if found.next_cursor is not None:
        lines += ["", "there are more: ask for more with -k"]
    return "\n".join(lines)


def comparison_text(comparison: Comparison) -> str:
    """A comparison's answer for people."""
    verdict = comparison.verdict
    said = (
        "no calibrated threshold, so no verdict"
        if verdict is None
        else f"{'the same vehicle' if verdict.same else 'different vehicles'} "
        f"(threshold {verdict.threshold:.4f} at a false-accept rate of "
        f"{verdict.false_accept_rate:g})"
    )
    return (
        f"{said}\n{modalities(comparison.a)} with {modalities(comparison.b)}, policy "
        f"{comparison.policy}: score {comparison.score:.4f}, probability "
        f"{_number(comparison.probability)}, from {_shares(comparison.contributions)}"
    )


def _found_row(result: FoundSample) -> Row:
    return (
        str(result.rank),
        f"{result.score:.4f}",
        _number(result.probability),
        _JUDGED[result.match],
        result.id,
        result.identity or "-",
        result.camera or "-",
        "-" if result.captured_at is None else result.captured_at.isoformat(),
        _shares(result.contributions),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _shares(contributions: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.2f}" for name, value in contributions.items()) or "-"


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value
