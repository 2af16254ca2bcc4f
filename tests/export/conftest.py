"""One checkpoint and its bundle, exported once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from click.testing import CliRunner, Result

from export.cli import export
from export.reference_images import ReferenceImages, reference_images
from tests.export.small_run import (
    PREPROCESSING,
    Images,
    settle,
    write_checkpoint,
    write_msvr310,
)
from training.model import CCNet
from vreid.bundle import Bundle
from vreid.modality import MODALITIES, Modality


@pytest.fixture(scope="session")
def references() -> ReferenceImages:
    """Drawn images, 24 per modality."""
    return reference_images([], PREPROCESSING)


@pytest.fixture(scope="session")
def images(references: ReferenceImages) -> Images:
    """The same as graphs take them, (24, 3, SIDE, SIDE) per modality."""
    return references.images


@pytest.fixture(scope="session")
def network(images: Images) -> CCNet:
    """CCNet on efficientnet_lite0 with ImageNet weights; ALNU and classifier have random ones."""
    torch.manual_seed(0)
    network = CCNet("efficientnet_lite0", identities=5, pretrained="package")
    for modality in MODALITIES:
        branch = network.branch(modality)
        settle(branch, images[modality], [branch.middle, branch.neck])
    return network.eval()


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_msvr310(tmp_path_factory.mktemp("data") / "msvr310")


@pytest.fixture(scope="session")
def checkpoint(network: CCNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("runs") / "run", network)


@pytest.fixture(scope="session")
def command(tree: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """`vreid export` run once, from a checkpoint, with validation data."""
    out = tmp_path_factory.mktemp("bundles") / "float32"
    arguments = [str(checkpoint), "--out", str(out), "--data", "msvr310", "--root", str(tree)]
    arguments += ["--licence", "synthetic=made for tests", "--version", "2.1.0"]
    # Variants take a while and have tests of their own.
    arguments += ["--variants", "none"]
    return CliRunner().invoke(export, arguments, catch_exceptions=False)


@pytest.fixture(scope="session")
def bundle(command: Result) -> Bundle:
    assert command.exit_code == 0, command.output
    return Bundle.load(Path(command.output.partition(":")[0]))


@pytest.fixture(scope="session")
def graphs(bundle: Bundle) -> dict[Modality, onnx.ModelProto]:
    """The bundle's graphs; tests copy what they change."""
    return {modality: onnx.load(bundle.file(modality)) for modality in MODALITIES}


@pytest.fixture(scope="session")
def thermal(graphs: dict[Modality, onnx.ModelProto]) -> onnx.ModelProto:
    """The thermal branch's graph."""
    return graphs[Modality.TIR]
