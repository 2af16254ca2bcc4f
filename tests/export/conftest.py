"""One checkpoint and its bundle, exported once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from click.testing import CliRunner

from export.cli import export
from export.reference_images import ReferenceImages, reference_images
from tests.export.small_run import (
    PREPROCESSING,
    Images,
    settle,
    write_checkpoint,
    write_msvr310,
)
from tests.made_once import made_once
from training.checkpoint import find_checkpoint
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
def exported(network: CCNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set, a checkpoint, and what `vreid export` made of them, run once."""

    def run(folder: Path) -> None:
        tree = write_msvr310(folder / "msvr310")
        checkpoint = write_checkpoint(folder / "run", network)
        arguments = [str(checkpoint), "--out", str(folder / "float32")]
        arguments += ["--data", "msvr310", "--root", str(tree)]
        arguments += ["--licence", "synthetic=made for tests", "--version", "2.1.0"]
        # Variants take a while and have tests of their own.
        arguments += ["--variants", "none"]
        result = CliRunner().invoke(export, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        (folder / "said").write_text(result.output)

    return made_once(tmp_path_factory, "exported", run)


@pytest.fixture(scope="session")
def tree(exported: Path) -> Path:
    return exported / "msvr310"


@pytest.fixture(scope="session")
def checkpoint(exported: Path) -> Path:
    return find_checkpoint(exported / "run")


@pytest.fixture(scope="session")
def said(exported: Path) -> str:
    """What the command wrote to the terminal."""
    return (exported / "said").read_text()


@pytest.fixture(scope="session")
def bundle(said: str) -> Bundle:
    return Bundle.load(Path(said.partition(":")[0]))


@pytest.fixture(scope="session")
def graphs(bundle: Bundle) -> dict[Modality, onnx.ModelProto]:
    """The bundle's graphs; tests copy what they change."""
    return {modality: onnx.load(bundle.file(modality)) for modality in MODALITIES}


@pytest.fixture(scope="session")
def thermal(graphs: dict[Modality, onnx.ModelProto]) -> onnx.ModelProto:
    """The thermal branch's graph."""
    return graphs[Modality.TIR]
