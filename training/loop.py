"""The training loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Never, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.checkpoint import Position, find_checkpoint
from training.config import TrainingConfig
from training.continuation import batch_takers, restore, resumed_checkpoint, save, start_from
from training.data.decoded_images import BadImage
from training.data.sampler import MixedSampler
from training.data.training_images import Batch, TrainingItem
from training.errors import NonFiniteLossError, TrainingInterruptedError
from training.interruption import StopRequest
from training.parallel.whole_batch import gather_batch
from training.run import Run, prepare_run
from training.schedule import learning_rate_factor
from training.sources import (
    TrainingSamples,
    decode_sources,
    make_loader,
    make_sampler,
    workers_of,
)
from training.validation import Validation
from vreid.image_source import file_of


class BatchLoader(Protocol):
    """What Fabric makes of a loader."""

    def __iter__(self) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...


def train(
    config: TrainingConfig, directory: Path, resume: bool = False, start: Path | None = None
) -> Path:
    """Trains a model, or goes on with it.

    Args:
        config: every source with its folder, see `training.sources.with_roots`.
        directory: of the run; gets `checkpoint` after every epoch, and TensorBoard's files.
        resume: go on from the checkpoint in `directory`.
        start: another run, or its checkpoint, whose weights the first epoch begins with; of no
            effect on a resumed run, which has them already.

    Returns:
        The directory of the last checkpoint.

    Raises:
        CheckpointError: the directory has a checkpoint and `resume` is not asked for, or it has
            none or one of another configuration and it is; or `start` was trained on other
            identities or has another architecture; or a checkpoint cannot be written.
        TrainingInterruptedError: a signal stopped the run after a step; its checkpoint is complete.
        TrainingImageError: an image cannot be read, and such images are not skipped.
        NonFiniteLossError: the loss became NaN or infinite.
        ComputeError: a loader worker is gone, or devices cannot share batch statistics.
        ReportedElsewhereError: in every process but the first, for any of these.
    """
    resumed = resumed_checkpoint(config, directory, resume)
    run = prepare_run(config, directory)
    with run.processes.until_left():
        with run.processes.together():
            if resumed is not None:
                restore(run, resumed)
            elif start is not None:
                start_from(run, find_checkpoint(start))
        with StopRequest() as stop:
            return _train_epochs(run, stop)


def _train_epochs(run: Run, stop: StopRequest) -> Path:
    sampler, images = _prepare_batches(run, stop)
    # The sampler divides the batches between processes itself.
    loader: BatchLoader = run.fabric.setup_dataloaders(images, use_distributed_sampler=False)
    validation = Validation(run.config, run.directory, run.processes)
    if run.position.batch == 0 and validation.is_owed(run.position.epoch):
        _validate(run, validation, run.position.epoch)
    with workers_of(images):
        for epoch in range(run.position.epoch, run.config.epochs):
            sampler.start_at(epoch, run.position.batch)
            _train_epoch(run, loader, stop)
            save(run, Position(epoch + 1, takers=batch_takers(run)))
            _validate(run, validation, epoch + 1)
    return find_checkpoint(run.directory)


def _validate(run: Run, validation: Validation, epoch: int) -> None:
    for name, value in validation.after(epoch).items():
        run.fabric.log(f"validation/{name}", value, step=epoch)


def _prepare_batches(
    run: Run, stop: StopRequest
) -> tuple[MixedSampler, DataLoader[TrainingItem | BadImage]]:
    def check_stop() -> None:
        if stop.received:
            raise TrainingInterruptedError(
                "stopped while images were decoded, before the first batch; the same command "
                "begins there again"
            )

    with run.processes.together():
        sampler = make_sampler(run.config, run.samples, run.processes)
    decoded = decode_sources(
        run.config,
        run.samples,
        run.directory,
        run.processes,
        check_stop,
        run.fabric.local_rank == 0,
    )
    with run.processes.together():
        run.bad_images.report(decoded.bad_images())
    return sampler, make_loader(run.config, run.samples, sampler, decoded)


def _train_epoch(run: Run, loader: BatchLoader, stop: StopRequest) -> None:
    epoch, first = run.position.epoch, run.position.batch
    length = first + len(loader)
    sums: dict[str, float] = {}
    progress = _progress(run, epoch, first, length)
    for number, batch in enumerate(_batches(run, loader), start=first):
        _set_learning_rate(run, epoch + number / length)
        values = _step(run, batch)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
        run.fabric.log_dict(values, step=epoch * length + number)
        progress.set_postfix(loss=f"{sum(values.values()):.3f}", refresh=False)
        progress.update()
        # A signal that reached any process: they must all stop after the same batch.
        if run.processes.any(stop.received):
            save(run, Position(epoch, number + 1, batch_takers(run)))
            run.processes.raise_first(
                TrainingInterruptedError(
                    f"stopped after batch {number + 1} of epoch {epoch + 1}; the same command with "
                    "--resume goes on from there"
                )
            )
    progress.close()
    steps = max(length - first, 1)
    means = ", ".join(f"{name} {total / steps:.3f}" for name, total in sums.items())
    run.fabric.print(f"epoch {epoch + 1}/{run.config.epochs}: {means}")


def _batches(run: Run, loader: BatchLoader) -> Iterator[Batch]:
    """The batches of an epoch; ends all processes when one cannot have its next."""
    batches = iter(loader)
    while True:
        with run.processes.together():
            batch = next(batches, None)
            if batch is not None:
                run.bad_images.check(batch)
        if batch is None:
            return
        yield batch


def _progress(run: Run, epoch: int, first: int, length: int) -> "tqdm[Never]":
    return tqdm(
        desc=f"epoch {epoch + 1}/{run.config.epochs}",
        initial=first,
        total=length,
        unit="batch",
        disable=None if run.fabric.is_global_zero else True,
        leave=False,
    )


def _set_learning_rate(run: Run, time: float) -> None:
    factor = learning_rate_factor(run.config.schedule, time, run.config.epochs)
    for group in run.optimiser.param_groups:
        # Groups of a checkpoint from before there were several have no factor.
        share = factor * group.get("learning_rate_factor", 1.0)
        group["lr"] = share * run.config.optimiser.learning_rate


def _step(run: Run, batch: Batch) -> dict[str, float]:
    """Takes one step and returns the weighted ingredients of the loss."""
    labels, mask = batch.labels, batch.mask
    if run.shares_batch_norm:
        run.processes.check_same_presence(mask)
    output = run.network(batch.images, mask)
    if run.divides_batches:
        output, labels, mask = gather_batch(run.processes, output, labels, mask)
    ingredients = run.objective(output, labels, mask)
    loss = torch.stack(list(ingredients.values())).sum()
    _check_finite(run, batch, loss)
    run.optimiser.zero_grad()
    run.fabric.backward(loss)
    if run.config.optimiser.gradient_clip is not None:
        run.fabric.clip_gradients(
            run.network, run.optimiser, max_norm=run.config.optimiser.gradient_clip
        )
    run.optimiser.step()
    if run.average is not None:
        run.average.update(run.model)
    return {name: value.item() for name, value in ingredients.items()}


def _check_finite(run: Run, batch: Batch, loss: Tensor) -> None:
    """Ends all processes when the loss of one is not finite: its gradients would reach them all."""
    finite = bool(torch.isfinite(loss))
    if not run.processes.any(not finite):
        return
    told = run.processes.gather(() if finite else tuple(_file_names(run.samples, batch)))
    names = ", ".join(name for names in told for name in names)
    run.processes.raise_first(
        NonFiniteLossError(
            f"the loss is {loss.item()} in epoch {run.position.epoch + 1}; lower the learning rate "
            f"or set optimiser.gradient_clip, and look at this batch's images: {names}"
        )
    )


def _file_names(samples: TrainingSamples, batch: Batch) -> Iterator[str]:
    for index in dict.fromkeys(batch.samples.tolist()):
        sample = samples.samples[index]
        file = file_of(next(iter(sample.images.values())))
        yield str(file or sample.name or sample.identity)
