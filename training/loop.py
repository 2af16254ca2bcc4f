"""The training loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from training.checkpoint import (
    MODEL,
    CheckpointDescription,
    Position,
    StartingPoint,
    TrainingState,
    find_checkpoint,
    read_description,
    read_state,
    read_weights,
    save_checkpoint,
)
from training.config import TrainingConfig
from training.data.training_images import Batch
from training.errors import CheckpointError, NonFiniteLossError, TrainingInterruptedError
from training.interruption import StopRequest
from training.run import Run, prepare_run
from training.schedule import learning_rate_factor
from training.sources import (
    TrainingSamples,
    make_loader,
    make_sampler,
)
from vreid.bundle import file_sha256


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
            identities or has another architecture.
        TrainingInterruptedError: a signal stopped the run after a step; its checkpoint is complete.
        NonFiniteLossError: the loss became NaN or infinite.
    """
    resumed = _resumed_checkpoint(config, directory, resume)
    run = prepare_run(config, directory)
    if resumed is not None:
        _restore(run, resumed)
    elif start is not None:
        _start_from(run, find_checkpoint(start))
    with StopRequest() as stop:
        return _train_epochs(run, stop)


def _resumed_checkpoint(config: TrainingConfig, directory: Path, resume: bool) -> Path | None:
    if resume:
        checkpoint = find_checkpoint(directory)
        _check_same_recipe(config, read_description(checkpoint).config)
        return checkpoint
    try:
        existing = find_checkpoint(directory)
    except CheckpointError:
        return None
    raise CheckpointError(
        f"{existing} exists; give --resume to go on with it, or another directory with --out"
    )


def _check_same_recipe(wanted: TrainingConfig, saved: TrainingConfig) -> None:
    """Compares what decides the weights; where and with what folders it runs may differ."""
    ours, theirs = wanted.portable(), saved.portable()
    for name in ours:
        if name != "compute" and ours[name] != theirs[name]:
            raise CheckpointError(
                f"the checkpoint was made with another {name} ({theirs[name]}); resume with the "
                "configuration it was begun with, or train into another directory"
            )


def _check_same_identities(run: Run, description: CheckpointDescription) -> None:
    if description.identities != run.samples.identities:
        raise CheckpointError(
            "the data has other identities than the checkpoint was trained on; "
            "give the same data sets"
        )


def _start_from(run: Run, checkpoint: Path) -> None:
    description = read_description(checkpoint)
    _check_same_identities(run, description)
    try:
        run.model.load_state_dict(read_weights(checkpoint))
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint} is of another architecture than the configuration's model ({error}); "
            "start from a run with the same [model]"
        ) from error
    if run.average is not None:
        run.average.restore(run.model.state_dict(), updates=0)
    run.started_from = StartingPoint(
        weights_sha256=file_sha256(checkpoint / MODEL),
        config=description.config.portable(),
        epochs=description.position.epoch,
        started_from=description.started_from,
    )


def _restore(run: Run, checkpoint: Path) -> None:
    state = read_state(checkpoint)
    description = read_description(checkpoint)
    _check_same_identities(run, description)
    run.model.load_state_dict(state.model)
    run.optimiser.load_state_dict(state.optimiser)
    if run.average is not None and state.averaged_updates is not None:
        run.average.restore(read_weights(checkpoint), state.averaged_updates)
    if state.precision:
        run.fabric.strategy.precision.load_state_dict(state.precision)
    torch.set_rng_state(state.random)
    run.position = description.position
    run.started_from = description.started_from


def _train_epochs(run: Run, stop: StopRequest) -> Path:
    sampler = make_sampler(run.config, run.samples, run.fabric.global_rank, run.fabric.world_size)
    # The sampler divides the batches between processes itself.
    loader = run.fabric.setup_dataloaders(
        make_loader(run.config, run.samples, sampler), use_distributed_sampler=False
    )
    for epoch in range(run.position.epoch, run.config.epochs):
        sampler.start_at(epoch, run.position.batch)
        _train_epoch(run, loader, stop)
        run.position = Position(epoch + 1)
        _save(run)
    return find_checkpoint(run.directory)


def _train_epoch(run: Run, loader: BatchLoader, stop: StopRequest) -> None:
    epoch, first = run.position.epoch, run.position.batch
    length = first + len(loader)
    sums: dict[str, float] = {}
    progress = _progress(run, loader, epoch, first, length)
    for number, batch in enumerate(progress, start=first):
        _set_learning_rate(run, epoch + number / length)
        values = _step(run, batch)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
        run.fabric.log_dict(values, step=epoch * length + number)
        progress.set_postfix(loss=f"{sum(values.values()):.3f}")
        if _asked_to_stop(run, stop):
            run.position = Position(epoch, number + 1)
            _save(run)
            raise TrainingInterruptedError(
                f"stopped after batch {number + 1} of epoch {epoch + 1}; the same command with "
                "--resume goes on from there"
            )
    steps = max(length - first, 1)
    means = ", ".join(f"{name} {total / steps:.3f}" for name, total in sums.items())
    run.fabric.print(f"epoch {epoch + 1}/{run.config.epochs}: {means}")


def _asked_to_stop(run: Run, stop: StopRequest) -> bool:
    """Whether any process received a signal: they must all stop after the same batch."""
    if run.fabric.world_size == 1:
        return stop.received
    received = torch.tensor(int(stop.received), device=run.fabric.device)
    return bool(run.fabric.all_reduce(received, reduce_op="max"))


def _progress(run: Run, loader: BatchLoader, epoch: int, first: int, length: int) -> "tqdm[Batch]":
    return tqdm(
        loader,
        f"epoch {epoch + 1}/{run.config.epochs}",
        initial=first,
        total=length,
        unit="batch",
        disable=None if run.fabric.is_global_zero else True,
        leave=False,
    )


def _set_learning_rate(run: Run, time: float) -> None:
    factor = learning_rate_factor(run.config.schedule, time, run.config.epochs)
    for group in run.optimiser.param_groups:
        group["lr"] = factor * run.config.optimiser.learning_rate


def _step(run: Run, batch: Batch) -> dict[str, float]:
    """Takes one step and returns the weighted ingredients of the loss."""
    output = run.network(batch.images, batch.mask)
    ingredients = run.objective(output, batch.labels, batch.mask)
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
    if torch.isfinite(loss):
        return
    names = ", ".join(_file_names(run.samples, batch))
    raise NonFiniteLossError(
        f"the loss is {loss.item()} in epoch {run.position.epoch + 1}; lower the learning rate or "
        f"set optimiser.gradient_clip, and look at this batch's images: {names}"
    )


def _file_names(samples: TrainingSamples, batch: Batch) -> Iterator[str]:
    for index in dict.fromkeys(batch.samples.tolist()):
        sample = samples.samples[index]
        yield sample.name or str(sample.identity)


def _save(run: Run) -> None:
    """Writes the checkpoint in one process; none goes on before it is there."""
    if run.fabric.is_global_zero:
        _write_checkpoint(run)
    run.fabric.barrier()


def _write_checkpoint(run: Run) -> None:
    weights = run.model.state_dict()
    description = CheckpointDescription(
        run.config, run.samples.identities, run.position, run.started_from
    )
    state = TrainingState(
        model=weights,
        optimiser=run.optimiser.state_dict(),
        random=torch.get_rng_state(),
        averaged_updates=run.average.updates if run.average else None,
        precision=run.fabric.strategy.precision.state_dict(),
    )
    save_checkpoint(
        run.directory, description, run.average.weights if run.average else weights, state
    )
