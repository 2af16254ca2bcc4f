"""The model card's account of the training: the data, and one row for each stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.markdown import table

STAGE_HEADINGS = ("stage", "began with", "epochs", "seed", "samples in each batch")


def training_section(provenance: Mapping[str, Any]) -> str:
    """The section as Markdown; a stage is a run that began with the weights of the one before."""
    config = provenance.get("training")
    if config is None:
        return "## Training\n\nNot recorded."
    identities = provenance["identities"]
    sources = [
        (source, settings["dataset"], str(identities[source]))
        for source, settings in config["sources"].items()
    ]
    stages = [*provenance.get("earlier_stages", ()), provenance]
    model = config["model"]
    return "\n\n".join(
        [
            "## Training",
            table(("source", "layout", "identities"), sources),
            f"Backbone {model['backbone']}, middle normalisation {model['normalisation']}.",
            table(STAGE_HEADINGS, [_stage(number, stages) for number in range(1, len(stages) + 1)]),
            "The whole configuration of every stage stands in `manifest.json`.",
        ]
    )


def _stage(number: int, stages: list[Mapping[str, Any]]) -> list[str]:
    stage = stages[number - 1]
    config = stage["training"]
    began = f"pretrained: {config['model']['pretrained']}" if number == 1 else "the stage before"
    return [
        str(number),
        began,
        f"{stage['epochs_trained']} of {config['epochs']}",
        str(config["seed"]),
        _batch(config["sources"]),
    ]


def _batch(sources: Mapping[str, Mapping[str, Any]]) -> str:
    counts = {
        source: settings["identities_per_batch"] * settings["samples_per_identity"]
        for source, settings in sources.items()
    }
    whole = sum(counts.values())
    return ", ".join(
        f"{source} {count} ({100 * count / whole:.0f} %)" for source, count in counts.items()
    )
