"""What a bundle records about the data that its model was trained on."""

from __future__ import annotations

from pathlib import Path

from export.provenance import synthetic_sources, trained_identities
from training.checkpoint import read_description
from training.synth.generate import MARKER


def test_trained_identities_are_found_by_the_names_of_source_and_layout(checkpoint: Path) -> None:
    identities = {"0", "1", "2", "3", "4"}
    assert trained_identities(checkpoint) == {"synthetic": identities, "msvr310": identities}


def test_a_source_is_synthetic_by_the_mark_in_its_folder_or_by_its_name(
    checkpoint: Path, tmp_path: Path
) -> None:
    config = read_description(checkpoint).config
    source = config.sources["synthetic"].model_copy(update={"root": tmp_path})
    sources = {"synthetic": source, "vehicles": source}
    named = config.model_copy(update={"sources": sources})
    assert synthetic_sources(named) == ["synthetic"]
    (tmp_path / MARKER).touch()
    assert synthetic_sources(named) == ["synthetic", "vehicles"]
