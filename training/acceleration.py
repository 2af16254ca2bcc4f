"""How torch computes: precision of products, determinism, compilation, several devices."""

import inspect
import os
import shutil
from typing import Any

import torch
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training.config import ComputeConfig
from training.errors import ComputeError


def distribution(compute: ComputeConfig) -> str | DDPStrategy:
    """The strategy asked for; between several devices one that copes with idle branches.

    A branch that no row of a process's batch has does not run there, and plain DDP refuses a step
    after one in which parameters got no gradient. Running statistics are not sent from process 0
    to the others: they are averaged when a checkpoint is written.
    """
    count = torch.cuda.device_count() if compute.devices == "auto" else compute.devices
    if count > 1 and compute.strategy in ("auto", "ddp"):
        # Newer versions of torch have another name for it.
        names = inspect.signature(DistributedDataParallel.__init__).parameters
        newer = "forward_sync_buffers"
        unsent: dict[str, Any] = {newer if newer in names else "broadcast_buffers": False}
        return DDPStrategy(find_unused_parameters=True, **unsent)
    return compute.strategy


def apply_arithmetic(compute: ComputeConfig) -> None:
    """Sets torch's switches for this process."""
    # Fabric gives a network's output in the default type: losses would be rounded to float32.
    torch.set_default_dtype(torch.float64 if compute.precision == "64-true" else torch.float32)
    torch.use_deterministic_algorithms(compute.deterministic)
    if compute.deterministic:
        # cuBLAS is deterministic with a workspace of fixed size alone.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = not compute.deterministic
    torch.backends.cudnn.allow_tf32 = compute.tf32
    torch.backends.cuda.matmul.allow_tf32 = compute.tf32


def compile_branches(model: nn.Module, device: torch.device) -> None:
    """Compiles each branch of a model at its first use.

    The branches and not the whole: which rows a branch sees depends on the batch's values, which
    a compiled graph cannot. Names in the state dict stay as they are.

    Raises:
        ComputeError: no compiler is there, or the model has no branches.
    """
    branches = getattr(model, "branches", None)
    if not isinstance(branches, nn.ModuleDict):
        raise ComputeError(
            f"compute.compile compiles branches and {type(model).__name__} has none; leave "
            "compute.compile out, or set model.architecture to ccnet"
        )
    compiler = os.environ.get("CXX", "g++")
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise ComputeError(
            f"compute.compile needs a C++ compiler and {compiler} is not there; install g++, name "
            "another in the variable CXX, or leave compute.compile out"
        )
    for branch in branches.values():
        branch.compile()
