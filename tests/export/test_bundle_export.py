"""From a checkpoint to a bundle that the service can serve; a failed check writes nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from export.branch_graph import branch_graph, serialise
from export.bundle_export import write_checked_bundle
from export.cli import describe, export
from export.errors import OutputExistsError, ParityError, ValidationDataError
from export.model_card import render_model_card
from export.named_sets import Roles
from export.network_files import Identity
from export.parity import torch_embed
from export.reference_images import ReferenceImages
from export.tolerances import MIN_COSINE
from tests.export.small_run import PREPROCESSING, SIDE, write_msvr310
from training.checkpoint import load_model
from training.data import load_dataset
from training.model import CCNet
from vreid.bundle import Bundle
from vreid.calibration import shared_key
from vreid.engines import open_engine
from vreid.fusion import l2_normalise
from vreid.modality import MODALITIES, Modality

pytestmark = pytest.mark.long

Graphs = dict[Modality, onnx.ModelProto]


def written(
    out: Path, network: CCNet, graphs: Graphs, references: ReferenceImages, tree: Path | None = None
) -> Bundle:
    """A compact bundle straight from traced graphs."""
    return write_checked_bundle(
        out,
        Identity("tested", "1", PREPROCESSING),
        network,
        graphs,
        weights="compact",
        roles=Roles({} if tree is None else {"msvr310": load_dataset("msvr310", tree)}),
        references=references,
        provenance={},
        trained={},
    )


def test_the_command_writes_a_bundle_and_says_what(said: str, bundle: Bundle) -> None:
    assert {path.name for path in bundle.path.iterdir()} == {
        "rgb.onnx",
        "nir.onnx",
        "tir.onnx",
        "manifest.json",
        "MODEL_CARD.md",
        "reliability-msvr310.svg",
    }
    assert bundle.fingerprint in said
    assert "msvr310: mAP" in said
    assert (bundle.manifest.name, bundle.manifest.version) == ("tested", "2.1.0")
    assert bundle.manifest.preprocessing == PREPROCESSING


def test_its_engine_gives_the_features_of_the_trained_network(
    bundle: Bundle, network: CCNet, references: ReferenceImages
) -> None:
    engine = open_engine(bundle, "onnxruntime-cpu", threads=1)
    for modality in MODALITIES:
        expected = torch_embed(network.branch(modality))(references.images[modality][:8])
        found = engine.run(modality, references.pixels[modality][:8])
        cosines = (l2_normalise(expected.astype(float)) * l2_normalise(found.astype(float))).sum(1)
        assert cosines.min() > MIN_COSINE


def test_the_same_checkpoint_gives_the_same_file(bundle: Bundle, checkpoint: Path) -> None:
    again, _ = load_model(checkpoint)
    graph = branch_graph(again.branch(Modality.NIR), SIDE, SIDE)
    assert bundle.file(Modality.NIR).read_bytes() == serialise(graph)


def test_the_manifest_tells_where_the_model_comes_from_and_no_folder(
    bundle: Bundle, checkpoint: Path, tree: Path
) -> None:
    provenance = bundle.manifest.provenance
    assert provenance["training"]["seed"] == 7
    assert provenance["training"]["sources"]["synthetic"]["dataset"] == "msvr310"
    assert provenance["identities"] == {"synthetic": 5}
    assert provenance["epochs_trained"] == 3
    assert provenance["licences"]["data"] == {"synthetic": "made for tests"}
    assert {"torch", "timm", "onnx", "onnxruntime"} <= provenance["versions"].keys()
    assert provenance["weights"]["storage"] == "float32"
    assert {one["real"] for one in provenance["parity_images"].values()} == {24}
    text = json.dumps(bundle.manifest.to_json()) + (bundle.path / "MODEL_CARD.md").read_text()
    for folder in (checkpoint, tree, bundle.path, Path(__file__).parents[2]):
        assert str(folder) not in text
    assert "private" not in text


def test_the_manifest_holds_what_validation_measured(bundle: Bundle) -> None:
    figures = bundle.manifest.metrics["validation"]["msvr310"]
    assert set(figures["subsets"]) == {"R", "N", "T", "R+N", "R+T", "N+T", "R+N+T"}
    assert figures["all"]["queries"] == 24
    assert 0 < figures["all"]["mAP"] <= 1
    assert bundle.manifest.calibration is not None
    assert bundle.manifest.calibration.covers([shared_key(MODALITIES)])
    policies = bundle.manifest.metrics["auto_policy_map"]
    assert bundle.manifest.auto_policy == max(policies, key=policies.__getitem__)


def test_every_figure_of_the_model_card_stands_in_the_manifest(bundle: Bundle) -> None:
    card = (bundle.path / "MODEL_CARD.md").read_text()
    figures = bundle.manifest.metrics["validation"]["msvr310"]
    shown = re.search(r"\| R\+N\+T \| ([\d.]+) % \| ([\d.]+) % ", card)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(100 * figures["subsets"]["R+N+T"]["mAP"], abs=0.06)
    assert float(shown[2]) == pytest.approx(100 * figures["subsets"]["R+N+T"]["rank1"], abs=0.06)
    for heading in ("Intended use", "Training", "Measured", "Limits", "Licences", "Export"):
        assert f"\n## {heading}" in card
    assert bundle.fingerprint in card
    assert "Not for identifying or tracking people" in card


def test_card_and_manifest_say_that_figures_are_in_sample_for_the_calibration(
    bundle: Bundle, said: str
) -> None:
    assert "in-sample" in bundle.manifest.metrics["validation_note"]
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert bundle.manifest.metrics["validation_note"] in card
    assert "None of its identities is among those of the training data" in card
    assert "training saw" not in said


def test_card_and_terminal_say_that_training_saw_a_validation_set(bundle: Bundle) -> None:
    figures = bundle.manifest.metrics["validation"]["msvr310"]
    seen = {"msvr310": {**figures, "seen_in_training": True}}
    metrics = {**bundle.manifest.metrics, "validation": seen}
    manifest = replace(bundle.manifest, metrics=metrics)
    assert "Training saw vehicles of this set" in render_model_card(manifest)
    assert "training saw vehicles of this set" in describe(Bundle(bundle.path, manifest))


def test_compact_weights_make_another_smaller_model_with_the_same_answers(
    bundle: Bundle,
    network: CCNet,
    graphs: Graphs,
    references: ReferenceImages,
    tree: Path,
    tmp_path: Path,
) -> None:
    small = written(tmp_path / "compact", network, graphs, references, tree)
    for modality in MODALITIES:
        assert small.file(modality).stat().st_size < 0.3 * bundle.file(modality).stat().st_size
    assert small.fingerprint != bundle.fingerprint
    assert small.manifest.precision == bundle.manifest.precision
    assert small.manifest.provenance["weights"]["branches"]["rgb"]["int8"]["tensors"] > 15
    compared = small.manifest.metrics["compact_map"]
    assert compared["float32"]["msvr310"] - compared["compact"]["msvr310"] <= 0.005
    assert "Weights are stored compactly" in (small.path / "MODEL_CARD.md").read_text()


def test_given_gains_are_part_of_the_network_files_and_recorded(
    bundle: Bundle, network: CCNet, graphs: Graphs, references: ReferenceImages, tmp_path: Path
) -> None:
    weighed = write_checked_bundle(
        tmp_path / "weighed",
        Identity("tested", "1", PREPROCESSING),
        network,
        graphs,
        weights="float32",
        roles=Roles(),
        references=references,
        provenance={},
        trained={},
        weighting=(1.0, 1.0, 0.5),
    )
    assert weighed.file(Modality.RGB).read_bytes() == bundle.file(Modality.RGB).read_bytes()
    before, after = (
        open_engine(one, "onnxruntime-cpu", threads=1).run(
            Modality.TIR, references.pixels[Modality.TIR][:3]
        )
        for one in (bundle, weighed)
    )
    np.testing.assert_allclose(after, before / 2, rtol=1e-4, atol=1e-5)
    assert weighed.manifest.metrics["modality_weights"]["gains"] == {"rgb": 1, "nir": 1, "tir": 0.5}
    assert "tir 0.5" in (weighed.path / "MODEL_CARD.md").read_text()


def test_a_calibration_of_its_own_is_named_on_the_card_instead_of_the_note(
    network: CCNet, graphs: Graphs, references: ReferenceImages, tree: Path, tmp_path: Path
) -> None:
    vehicles = load_dataset("msvr310", tree)
    separate = write_checked_bundle(
        tmp_path / "separate",
        Identity("tested", "1", PREPROCESSING),
        network,
        graphs,
        weights="float32",
        roles=Roles({"yard": vehicles}, {"street": vehicles}),
        references=references,
        provenance={},
        trained={},
        weighting="none",
    )
    metrics = separate.manifest.metrics
    assert metrics["validation_note"] is None
    assert metrics["calibrated_on"] == {"street": 6}
    assert set(metrics["validation"]) == {"yard"}
    card = (separate.path / "MODEL_CARD.md").read_text()
    assert "in-sample" not in card
    assert "Fitted on identities of their own: 6 of street" in card
    assert "### yard, 6 identities" in card


@pytest.mark.parametrize("role", ["--calibration", "--halve"])
def test_what_is_reported_must_not_calibrate(
    checkpoint: Path, tree: Path, tmp_path: Path, role: str
) -> None:
    arguments = [str(checkpoint), "--out", str(tmp_path / "bundle")]
    arguments += ["--validation", f"yard:msvr310={tree}", role, f"street:msvr310={tree}"]
    result = CliRunner().invoke(export, arguments)
    assert isinstance(result.exception, ValidationDataError)
    assert "as 'yard' and 'street'" in str(result.exception)


@pytest.mark.parametrize("weights", ["1,1", "1,1,0", "most"])
def test_gains_that_are_none_are_a_usage_error(
    checkpoint: Path, tmp_path: Path, weights: str
) -> None:
    arguments = [str(checkpoint), "--out", str(tmp_path / "b"), "--modality-weights", weights]
    assert CliRunner().invoke(export, arguments).exit_code == 2


def test_a_failed_check_writes_nothing(
    network: CCNet, graphs: Graphs, references: ReferenceImages, tmp_path: Path
) -> None:
    sabotaged = onnx.ModelProto()
    sabotaged.CopyFrom(graphs[Modality.NIR])
    weight = next(t for t in sabotaged.graph.initializer if list(t.dims) == [32, 3, 3, 3])
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
    with pytest.raises(ParityError, match="the nir branch at batch 1") as found:
        written(tmp_path / "bundle", network, {**graphs, Modality.NIR: sabotaged}, references)
    assert found.value.modality is Modality.NIR
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_fails_after_the_files_are_staged_writes_nothing_either(
    network: CCNet, graphs: Graphs, references: ReferenceImages, tree: Path, tmp_path: Path
) -> None:
    """Validation data whose images are gone is noticed only when they are embedded."""
    broken = write_msvr310(tmp_path / "data")
    dataset = load_dataset("msvr310", broken)
    for picture in (broken / "query3").rglob("*.jpg"):
        picture.write_bytes(b"")
    with pytest.raises(Exception, match="0 bytes"):
        write_checked_bundle(
            tmp_path / "bundle",
            Identity("tested", "1", PREPROCESSING),
            network,
            graphs,
            weights="float32",
            roles=Roles({"msvr310": dataset}),
            references=references,
            provenance={},
            trained={},
        )
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_without_validation_data_the_card_says_that_nothing_was_measured(
    network: CCNet, graphs: Graphs, references: ReferenceImages, tmp_path: Path
) -> None:
    bundle = written(tmp_path / "bundle", network, graphs, references)
    assert bundle.manifest.calibration is None
    assert bundle.manifest.auto_policy == "shared"
    assert "nothing was measured" in (bundle.path / "MODEL_CARD.md").read_text()


def test_an_existing_bundle_is_refused_before_any_work(bundle: Bundle, checkpoint: Path) -> None:
    arguments = [str(checkpoint), "--out", str(bundle.path)]
    result = CliRunner().invoke(export, arguments)
    assert isinstance(result.exception, OutputExistsError)
    bundle.verify_files()


def test_a_validation_set_given_twice_is_refused(
    checkpoint: Path, tree: Path, tmp_path: Path
) -> None:
    arguments = [str(checkpoint), "--out", str(tmp_path / "bundle")]
    arguments += ["--validate", f"msvr310={tree}", "--data", "msvr310", "--root", str(tree)]
    result = CliRunner().invoke(export, arguments)
    assert isinstance(result.exception, ValidationDataError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [["--data", "msvr310"], ["--validate", "msvr310"]])
def test_half_an_option_is_a_usage_error(
    checkpoint: Path, tmp_path: Path, given: list[str]
) -> None:
    result = CliRunner().invoke(export, [str(checkpoint), "--out", str(tmp_path / "b"), *given])
    assert result.exit_code == 2
