"""What the processes of a run tell each other besides gradients."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from training.errors import ComputeError, ReportedElsewhereError
from vreid.ending import skip_teardown
from vreid.errors import VreidError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes that train together; every method is called by all of them at once.

    Attributes:
        rank: of this one.
        count: of all; with one, nothing is sent.
        device: where tensors must lie to be sent.
    """

    rank: int = 0
    count: int = 1
    device: str | torch.device = "cpu"

    @classmethod
    def of(cls, fabric: Any) -> "Processes":  # noqa: ANN401
        """Those that a Fabric has launched."""
        return cls(fabric.global_rank, fabric.world_size, fabric.device)

    @contextmanager
    def until_left(self) -> Iterator[None]:
        """Takes leave of the others after the block, and lets the process end without teardown."""
        if self.count > 1:
            skip_teardown()
        try:
            yield
        finally:
            if self.count > 1:
                distributed.destroy_process_group()

    def any(self, condition: bool) -> bool:
        """Whether the condition holds in one of them."""
        if self.count == 1:
            return condition
        flag = torch.tensor(int(condition), device=self.device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def gather(self, value: T) -> list[T]:
        """The values of all, by rank; any that pickle takes."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def mean(self, tensors: Iterable[Tensor]) -> None:
        """Replaces each tensor by its mean over the processes."""
        if self.count > 1:
            for tensor in tensors:
                distributed.all_reduce(tensor)
                tensor /= self.count

    def check_same_presence(self, mask: Tensor) -> None:
        """Checks that all have the same modalities, as shared batch statistics need.

        A branch without a row does not run, and the others would wait for its statistics.

        Args:
            mask: (b, 3) bool of this process's rows.

        Raises:
            ComputeError: one process has a modality that another lacks.
            ReportedElsewhereError: the same, in every process but the first.
        """
        present = mask.any(dim=0).int()
        having = present.clone()
        distributed.all_reduce(having)
        if bool(((having > 0) & (having < self.count)).any()):
            self.raise_first(
                ComputeError(
                    "one device's part of a batch lacks a modality that another's has, so they "
                    "cannot share batch statistics; use fewer devices, larger batches, or "
                    "--set compute.sync_batch_norm=false"
                )
            )

    @contextmanager
    def together(self) -> Iterator[None]:
        """Ends all when the block fails in one: none waits for a process that is gone.

        Raises:
            VreidError: in process 0, the error of the first that failed.
            ReportedElsewhereError: in the others.
        """
        failure = None
        try:
            yield
        except VreidError as error:
            if self.count == 1:
                raise
            failure = error
        self.raise_first(failure)

    def raise_first(self, failure: VreidError | None) -> None:
        """Raises as `together` does if one of them has a failure.

        Raises:
            VreidError: in process 0, the failure of the lowest rank that has one.
            ReportedElsewhereError: in the others.
        """
        if not self.any(failure is not None):
            return
        first = next(error for error in self.gather(failure) if error is not None)
        if self.rank == 0:
            raise first
        raise ReportedElsewhereError(f"process 0 reports: {first}")
