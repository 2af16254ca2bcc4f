"""The figures of `benchmarks.policies` as Markdown, between the marks of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- policies -->", "<!-- end policies -->"


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} with {END} after it; put both into the page")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def render(document: Mapping[str, Any]) -> str:
    """All sections that the document has figures for."""
    parts = [_intro(document), _ways(document), _subsets(document), _reliability(document)]
    if "pooling" in document:
        parts.append(_pooling(document))
    return "\n\n".join(parts)


def _intro(document: Mapping[str, Any]) -> str:
    identities = document["identities"]
    gains = ", ".join(
        f"{name.upper()} {gain:g}" for name, gain in document["modality_weights"]["gains"].items()
    )
    return (
        f"Model: {document['model']}. Everything is fitted on {identities['fitted']} generated "
        f"identities and measured on {identities['measured']} others ({document['queries']} "
        f"queries, {document['gallery']} gallery samples). Fitted gains: {gains}."
    )


def _ways(document: Mapping[str, Any]) -> str:
    ratios = [f"{100 * ratio:.0f} %" for ratio in document["ratios"]]
    rows = [(way, *map(_tenths, curve)) for way, curve in document["mAP"].items()]
    return (
        "mAP in percent by the share of samples that lose one or two modalities, mean of "
        f"{document['trials']} draws:\n\n{_table(('ranked by', *ratios), rows)}"
    )


def _subsets(document: Mapping[str, Any]) -> str:
    subsets = document["subsets"]
    rows = [(gains, *map(_tenths, found.values())) for gains, found in subsets.items()]
    names = next(iter(subsets.values()))
    return (
        "mAP in percent of complete samples with the other modalities taken away on both sides:"
        f"\n\n{_table(('gains', *names), rows)}"
    )


def _reliability(document: Mapping[str, Any]) -> str:
    rows = []
    for key, found in document["reliability"].items():
        points = found["thresholds"]
        accepted = (
            f"{_short(float(rate))}: {_short(point['false_accept_rate'])}"
            for rate, point in points.items()
        )
        recalled = (_tenths(point["true_positive_rate"]) for point in points.values())
        error = _tenths(found["expected_calibration_error"])
        rows.append((key.removeprefix("shared:"), error, "; ".join(accepted), "; ".join(recalled)))
    head = ("compared", "calibration error", "false accepts, asked: had", "true accepts")
    return (
        "Reliability of `shared` with the gains on the measured identities, in percent. True and "
        f"false pairs weigh the same; ten bins.\n\n{_table(head, rows)}"
    )


def _pooling(document: Mapping[str, Any]) -> str:
    sets = ("photographs", "generated")
    figures = ("calibration error", "false accepts", "true accepts")
    rows = [
        (
            way,
            *(_tenths(found[one]["expected_calibration_error"]) for one in sets),
            *(_short(found[one]["false_accept_rate"]) for one in sets),
            *(_tenths(found[one]["true_positive_rate"]) for one in sets),
            *map(_tenths, found["mAP"]),
        )
        for way, found in document["pooling"].items()
    ]
    head = (
        "RGB's table fitted on",
        *(f"{figure}, {name}" for figure in figures for name in sets),
        *(f"mAP, {100 * ratio:.0f} %" for ratio in document["ratios"]),
    )
    return (
        "One table for RGB on real photographs (half of the identities fit, the others are "
        "measured; mean of 20 splits) and on generated vehicles, in percent. False and true "
        "accepts at the threshold for a false-accept rate of 1 %; mAP of the generated vehicles by "
        f"missing ratio, `shared` by probability:\n\n{_table(head, rows)}"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _tenths(share: float) -> str:
    return f"{100 * share:.1f}"


def _short(share: float) -> str:
    return f"{100 * share:.2g}"
