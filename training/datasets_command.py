"""The command `vreid datasets`: which public data sets are known, and whether one is complete."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from training.data.inspection import Finding, Inspection, find_public_set, inspect_public_set
from training.data.public_set import junk_rule
from training.data.published_counts import Count
from vreid.layouts.public_sets import PUBLIC_SETS, SPLITS


@click.group(invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    """List the public data sets that `train`, `evaluate` and `index` read, or check one."""
    if context.invoked_subcommand is None:
        for line in listing():
            click.echo(line)


@datasets.command()
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", help="Which data set it is; recognised by its layout otherwise.")
@click.option("--images", is_flag=True, help="Decode every image, to find those that are damaged.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(root: Path, name: str | None, images: bool, as_json: bool) -> None:
    """Compare the data set at ROOT with what is published about it.

    Exits with 0 only when all is as published; warnings alone change nothing.
    """
    inspection = inspect_public_set(find_public_set(root, name), root, images)
    if as_json:
        click.echo(json.dumps(to_json(inspection)))
    else:
        for line in report(inspection):
            click.echo(line)
    if not inspection.as_published:
        sys.exit(1)


def listing() -> list[str]:
    """A line for each known data set."""
    return [
        f"{each.name:10} {each.subject}; ROOT/{each.layout()}; "
        f"junk: same identity and {junk_rule(each)}"
        for each in PUBLIC_SETS.values()
    ]


def report(inspection: Inspection) -> list[str]:
    """The outcome for people to read."""
    public_set, published = inspection.public_set, inspection.published
    rows: list[tuple[str, Count, Count, str]] = [
        (
            split,
            inspection.counts.get(split, Count()),
            published.splits.get(split, Count()),
            str(inspection.folders[split].relative_to(inspection.root))
            if split in inspection.folders
            else "(missing)",
        )
        for split in SPLITS
    ]
    if published.whole != Count():
        rows.append(("train+gallery", inspection.whole, published.whole, ""))
    return [
        f"{public_set.title} ({public_set.subject}) at {inspection.root}",
        f"junk: gallery samples of the query's identity and {junk_rule(public_set)}",
        "",
        f"{'split':14}{'identities':>11}{'published':>11}{'samples':>9}{'published':>11}  folder",
        *(
            f"{name:14}{_shown(count.identities):>11}{_shown(known.identities):>11}"
            f"{_shown(count.samples):>9}{_shown(known.samples):>11}  {folder}".rstrip()
            for name, count, known, folder in rows
        ),
        "",
        *(_finding_line(finding) for finding in inspection.findings),
        verdict(inspection),
    ]


def verdict(inspection: Inspection) -> str:
    """The outcome in a sentence."""
    off = any(finding.off for finding in inspection.findings)
    if not inspection.counts_as_published:
        return "differs from the published counts" + ("; more is off, see above" if off else "")
    counts = (
        "the counts are as published"
        if inspection.published.any
        else "no counts are published to compare with"
    )
    return counts + (", but something is off, see above" if off else "; nothing is off")


def to_json(inspection: Inspection) -> dict[str, Any]:
    """The outcome for programs."""
    published = inspection.published
    return {
        "name": inspection.public_set.name,
        "root": str(inspection.root),
        "splits": {
            split: {
                "folder": str(inspection.folders[split]) if split in inspection.folders else None,
                **_counts(inspection.counts.get(split, Count(0, 0))),
                "published": _counts(published.splits.get(split, Count())),
            }
            for split in SPLITS
        },
        "train_and_gallery": {
            **_counts(inspection.whole),
            "published": _counts(published.whole),
        },
        "findings": [
            {
                "kind": finding.kind,
                "off": finding.off,
                "count": finding.count,
                "sentence": finding.sentence,
                "examples": list(finding.examples),
            }
            for finding in inspection.findings
        ],
        "counts_as_published": inspection.counts_as_published,
        "as_published": inspection.as_published,
    }


def _counts(count: Count) -> dict[str, int | None]:
    return {"identities": count.identities, "samples": count.samples}


def _shown(number: int | None) -> str:
    return "-" if number is None else str(number)


def _finding_line(finding: Finding) -> str:
    shown = "; ".join(finding.examples) + ("; ..." if finding.count > len(finding.examples) else "")
    return f"{'off' if finding.off else 'warning'}: {finding.sentence} ({finding.count}): {shown}"
