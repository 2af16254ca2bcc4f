"""A tiny run that trains in a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.images import small_msvr310
from training.config import TrainingConfig, read_config
from training.sources import with_roots

SMOKE = Path(__file__).parents[2] / "training" / "configs" / "ccnet_smoke.toml"
TINY = ["preprocessing.height=32", "preprocessing.width=32", "model.backbone=osnet_x0_25"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from threads, which only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in MSVR310's layout."""
    return small_msvr310(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="session")
def tiny(tree: Path) -> TrainingConfig:
    """The smoke configuration on small images: 2 epochs of 4 batches at most."""
    return with_roots(read_config(SMOKE, TINY), {"synthetic": tree})
