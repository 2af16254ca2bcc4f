"""Compilation, and settings of how torch computes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from training.acceleration import apply_arithmetic, compile_branches
from training.config import ComputeConfig, TrainingConfig
from training.errors import ComputeError
from training.loop import train


class TwoBranches(nn.Module):
    """The least that has branches."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"rgb": nn.Linear(3, 2), "nir": nn.Linear(3, 2)})


@pytest.fixture(autouse=True)
def defaults_again() -> Iterator[None]:
    yield
    apply_arithmetic(ComputeConfig())


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_compiled_branches_give_the_same_under_the_same_names() -> None:
    model, given = TwoBranches(), torch.ones(4, 3)
    plain, names = model.branches["rgb"](given), list(model.state_dict())
    compile_branches(model, torch.device("cpu"))
    assert list(model.state_dict()) == names
    torch.testing.assert_close(model.branches["rgb"](given), plain)


def test_a_compiler_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ComputeError, match="no-such-compiler"):
        compile_branches(TwoBranches(), torch.device("cpu"))


def test_a_network_without_branches_is_not_compiled() -> None:
    with pytest.raises(ComputeError, match="Linear has none"):
        compile_branches(nn.Linear(3, 2), torch.device("cpu"))


def test_determinism_and_precision_are_set_both_ways() -> None:
    apply_arithmetic(ComputeConfig(deterministic=True, tf32=False))
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cuda.matmul.allow_tf32
    apply_arithmetic(ComputeConfig())
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cuda.matmul.allow_tf32


def test_a_run_trains_with_what_a_cpu_can_do_of_it(tiny: TrainingConfig, tmp_path: Path) -> None:
    changes = {
        "precision": "bf16-mixed",
        "gradient_checkpointing": True,
        "channels_last": False,
        "deterministic": True,
    }
    compute = tiny.compute.model_copy(update=changes)
    config = tiny.model_copy(update={"epochs": 1, "compute": compute})
    assert (train(config, tmp_path) / "model.safetensors").exists()
