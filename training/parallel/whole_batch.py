"""The whole batch in every process, when processes divide its identities.

Each process computes the losses over the whole batch, from its own rows and the others'. Metric
losses then compare with every sample of the batch, and each gradient is that of one process.
"""

from typing import Any

import torch
from torch import Tensor, distributed

from training.floating_point import at_least_float32
from training.model import CCNetOutput
from training.parallel.processes import Processes


class _SumOverProcesses(torch.autograd.Function):
    """Sums a tensor over the processes, each of which computes the same loss from the sum.

    Distributed training averages gradients over processes; the factor makes a sum of that mean.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, count: int) -> Tensor:  # noqa: ANN401
        ctx.count = count
        total = own.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return gradients[0] * ctx.count, None


def gather_batch(
    processes: Processes, output: CCNetOutput, labels: Tensor, mask: Tensor
) -> tuple[CCNetOutput, Tensor, Tensor]:
    """Brings the rows of all processes together, those of rank 0 first.

    Args:
        processes: that divide the batch; each may have another number of rows.
        output: of this process's b rows.
        labels: (b,).
        mask: (b, 3) bool.

    Returns:
        Output, labels and mask of all B rows; the gradient of a loss on them, averaged over
        processes, is that which one process with all rows would have.
    """
    if processes.count == 1:
        return output, labels, mask
    counts = torch.zeros(processes.count, dtype=torch.long, device=labels.device)
    counts[processes.rank] = len(labels)
    distributed.all_reduce(counts)
    first, total = int(counts[: processes.rank].sum()), int(counts.sum())

    def gather(own: Tensor) -> Tensor:
        placed = own.new_zeros(total, *own.shape[1:])
        rows = torch.arange(first, first + len(own), device=own.device)
        placed = placed.index_copy(0, rows, own)
        summed: Tensor = _SumOverProcesses.apply(placed, processes.count)
        return summed

    # Sums of float16 with zeros are exact, but not every backend sums it.
    parts = (
        None if part is None else gather(at_least_float32(part)).to(part.dtype) for part in output
    )
    whole = CCNetOutput._make(parts)
    return whole, gather(labels), gather(mask.to(torch.int32)).bool()
