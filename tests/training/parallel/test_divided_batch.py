"""Two processes with half of the identities each, against one with all, in double precision."""

import socket
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from tests.training.processes import PATIENCE, start_process
from training.losses import CrossDirectionalCenterLoss
from training.model import CCNetOutput
from training.parallel.batch_norm import SharedBatchNorm, share_batch_norms
from training.parallel.processes import Processes
from training.parallel.whole_batch import gather_batch

LABELS = torch.tensor([0, 0, 1, 1, 1, 1, 2, 2, 3, 3])
FIRST = 6
"""Rows of process 0; the other has four."""


class SmallNetwork(nn.Module):
    """Convolution, batch normalisation, pooling and another normalisation; three modalities."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.neck = nn.BatchNorm1d(4)
        self.classifier = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> CCNetOutput:
        maps = self.norm(self.convolution(images.flatten(0, 1))).relu()
        features = maps.mean(dim=(2, 3))
        neck = self.neck(features)
        parts = (features, neck, self.classifier(neck))
        return CCNetOutput(*(part.unflatten(0, (-1, 3)) for part in parts))


def network_and_images() -> tuple[SmallNetwork, Tensor]:
    torch.manual_seed(0)
    return SmallNetwork().double(), torch.randn(len(LABELS), 3, 3, 5, 5, dtype=torch.double)


def loss_of(output: CCNetOutput, labels: Tensor) -> Tensor:
    """Within, between and by class: each needs other rows of the batch."""
    distances = torch.cdist(output.features.flatten(1), output.features.flatten(1))
    logits = output.logits.flatten(0, 1)
    return (
        nn.functional.cross_entropy(logits, labels.repeat_interleave(3))
        + CrossDirectionalCenterLoss()(output.features, labels)
        + distances.amax(dim=1).square().mean()
    )


def take_steps(model: nn.Module, network: nn.Module, rows: slice, processes: Processes) -> None:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    _, images = network_and_images()
    for _ in range(4):
        output, labels = cast(CCNetOutput, network(images[rows])), LABELS[rows]
        mask = torch.ones(len(labels), 3, dtype=torch.bool)
        whole, all_labels, all_masks = gather_batch(processes, output, labels, mask)
        assert len(all_masks) == len(LABELS)
        optimiser.zero_grad()
        loss_of(whole, all_labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def train_a_part(rank: int, port: int, file: Path) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    model, _ = network_and_images()
    share_batch_norms(model)
    assert isinstance(model.norm, SharedBatchNorm)
    rows = slice(0, FIRST) if rank == 0 else slice(FIRST, None)
    take_steps(model, DistributedDataParallel(model), rows, Processes(rank, 2))
    torch.save(model.state_dict(), file)
    distributed.destroy_process_group()


def test_weights_and_statistics_after_steps_are_those_of_one_process(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = [tmp_path / "0", tmp_path / "1"]
    parts = [start_process(train_a_part, rank, port, file) for rank, file in enumerate(files)]
    model, _ = network_and_images()
    begun = {name: value.clone() for name, value in model.state_dict().items()}
    take_steps(model, model, slice(None), Processes())
    for part in parts:
        part.join(PATIENCE)
        assert part.exitcode == 0
    for file in files:
        weights = torch.load(file, weights_only=True)
        assert weights.keys() == begun.keys()
        for name, value in model.state_dict().items():
            torch.testing.assert_close(weights[name], value, rtol=1e-9, atol=1e-11)
    assert not torch.equal(begun["convolution.weight"], weights["convolution.weight"])
