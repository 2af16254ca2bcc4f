"""The command `vreid evaluate` on a bundle, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageOps

from tests.bundles import make_tiny_bundle
from training.data import Dataset
from training.embedded import embed_dataset
from vreid.bundle import Bundle
from vreid.cli import application
from vreid.engines import open_engine
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES
from vreid.sample import Sample


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("measured") / "bundle")


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(application, ["evaluate", *map(str, arguments)])


def measured(tiny: Bundle, tree: Path, *arguments: object) -> str:
    result = evaluate("--bundle", tiny.path, "--data", "msvr310", "--root", tree, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_table_is_printed(tiny: Bundle, tree: Path) -> None:
    text = measured(tiny, tree, "--policy=center")
    assert "policy center" in text
    assert "mAP" in text
    assert "16 queries" in text


def test_everything_is_measured_and_written_beside_the_plain_figures(
    tiny: Bundle, tree: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    options = ("--subsets", "--missing-ratio", "--flip", "--query-expansion", 2, "--re-rank")
    printed = measured(tiny, tree, *options, "--json", "--out", out)
    document = json.loads(printed.splitlines()[-1])
    assert json.loads(out.read_text()) == document
    assert list(document["variants"])[:3] == ["flip", "query expansion 2", "re-ranking"]
    assert document["missing_ratio"]["center"]["ratios"] == [step / 10 for step in range(11)]
    assert document["subsets"]["R+N+T"]["mAP"] == document["mAP"]

    plain = json.loads(measured(tiny, tree, "--json").splitlines()[-1])
    assert {key: document[key] for key in plain} == plain


def test_checkpoint_or_bundle_must_be_given(tiny: Bundle, tree: Path) -> None:
    for given in ((), ("--bundle", tiny.path, "--checkpoint", tree)):
        result = evaluate("--data", "msvr310", "--root", tree, *given)
        assert isinstance(result.exception, ConfigurationError)
        assert "either --checkpoint or --bundle" in str(result.exception)


def test_embedding_mirrored_is_embedding_the_mirror_images(tiny: Bundle, tmp_path: Path) -> None:
    preprocessing = tiny.manifest.preprocessing
    random = np.random.default_rng(0)
    shape = (preprocessing.height, preprocessing.width, 3)
    plain, mirror = {}, {}
    for modality in MODALITIES:
        image = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
        plain[modality] = tmp_path / f"{modality}.png"
        mirror[modality] = tmp_path / f"mirror_{modality}.png"
        image.save(plain[modality])
        ImageOps.mirror(image).save(mirror[modality])
    samples = [Sample(plain, identity="a")], [Sample(mirror, identity="a")]
    engine, size = open_engine(tiny), tiny.manifest.feature_size
    dataset = Dataset("pair", [], samples[0], samples[1], None)
    found = embed_dataset(dataset, preprocessing, engine, size)
    mirrored = embed_dataset(dataset, preprocessing, engine, size, mirrored=True)
    np.testing.assert_array_equal(mirrored.query.features, found.gallery.features)
    np.testing.assert_array_equal(mirrored.gallery.features, found.query.features)
    assert (found.query.features != found.gallery.features).any()
