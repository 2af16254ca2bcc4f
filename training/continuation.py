"""A run's checkpoints: written, gone on from, or taken as another run's first weights."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from training.checkpoint import (
    MODEL,
    CheckpointDescription,
    Position,
    StartingPoint,
    StateDict,
    TrainingState,
    find_checkpoint,
    read_description,
    read_state,
    read_weights,
    save_checkpoint,
)
from training.config import TrainingConfig
from training.errors import CheckpointError
from training.recipe_differences import differences
from training.run import Run
from training.unlike_weights import unlike_settings, unlike_tensors
from vreid.bundle import file_sha256


def resumed_checkpoint(config: TrainingConfig, directory: Path, resume: bool) -> Path | None:
    """The checkpoint to go on from, if any.

    Raises:
        CheckpointError: the directory has one and `resume` is not asked for, or it has none or one
            of another configuration and it is.
    """
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


def start_from(run: Run, checkpoint: Path) -> None:
    """Gives a new run the weights of another.

    Raises:
        CheckpointError: the other was trained on other identities or has another architecture.
    """
    description = read_description(checkpoint)
    _check_same_identities(run, description)
    _load_weights(
        run, checkpoint, description, read_weights(checkpoint), "start from a run with the same"
    )
    if run.average is not None:
        run.average.restore(run.model.state_dict(), updates=0)
    run.started_from = StartingPoint(
        weights_sha256=file_sha256(checkpoint / MODEL),
        config=description.config.portable(),
        epochs=description.position.epoch,
        started_from=description.started_from,
    )


def restore(run: Run, checkpoint: Path) -> None:
    """Brings a run to where its checkpoint was written.

    Raises:
        CheckpointError: the data has other identities, the weights do not fit, or a step would see
            another number of batches than before.
    """
    state = read_state(checkpoint)
    description = read_description(checkpoint)
    _check_same_identities(run, description)
    position, takers = description.position, batch_takers(run)
    if position.takers != takers:
        raise CheckpointError(
            f"{checkpoint} was made with {position.takers} batches in a step, one for each process "
            f"that takes batches of its own, now there would be {takers}: another recipe; resume "
            "with the compute.batch_split and the number of devices it was begun with, or train "
            "into another directory"
        )
    _warn_of_other_batch_statistics(run, description.config)
    _load_weights(run, checkpoint, description, state.model, "resume with the same")
    try:
        run.optimiser.load_state_dict(state.optimiser)
        run.objective.load_state_dict(state.objective)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the optimiser's or the losses' state in {checkpoint} does not fit the configuration "
            f"({str(error).splitlines()[0]}); train into another directory"
        ) from error
    if run.average is not None and state.averaged_updates is not None:
        run.average.restore(read_weights(checkpoint), state.averaged_updates)
    if state.precision:
        run.fabric.strategy.precision.load_state_dict(state.precision)
    torch.set_rng_state(state.random)
    run.position = replace(position, takers=takers)
    run.started_from = description.started_from


def _warn_of_other_batch_statistics(run: Run, saved: TrainingConfig) -> None:
    ours, theirs = run.config.compute, saved.compute
    same = (ours.sync_batch_norm, ours.devices) == (theirs.sync_batch_norm, theirs.devices)
    shared = ours.sync_batch_norm and theirs.sync_batch_norm
    several = run.processes.count > 1 or theirs.devices != 1
    divided = ours.batch_split == "identities"
    if several and divided and not (same or shared) and run.processes.rank == 0:
        tqdm.write(
            "warning: compute.sync_batch_norm and compute.devices were "
            f"{theirs.sync_batch_norm} and {theirs.devices}, now they are {ours.sync_batch_norm} "
            f"and {ours.devices}: batch statistics are others, so the rest of the run follows "
            "another recipe; resume with the former values to avoid that",
            file=sys.stderr,
        )


def _load_weights(
    run: Run, checkpoint: Path, description: CheckpointDescription, weights: StateDict, advice: str
) -> None:
    try:
        run.model.load_state_dict(weights)
    except RuntimeError as error:
        settings = unlike_settings(run.config, description.config)
        tensors = unlike_tensors(run.model.state_dict(), weights)
        raise CheckpointError(
            f"{checkpoint} is of another architecture than the configuration's model: "
            f"{settings + '; ' if settings else ''}{tensors}; {advice} [model] and image size"
        ) from error


def batch_takers(run: Run) -> int:
    """How many processes take batches of their own."""
    return 1 if run.divides_batches else run.processes.count


def save(run: Run, position: Position) -> None:
    """Writes the checkpoint in one process; none goes on before it is there.

    Raises:
        CheckpointError: it cannot be written; the former one is as it was.
    """
    run.position = position
    _average_statistics(run)
    with run.processes.together():
        if run.processes.rank == 0:
            _write(run)


def _average_statistics(run: Run) -> None:
    """Gives all processes the mean of what each keeps for itself: gradients never carry it."""
    if run.processes.count == 1:
        return
    names = {name for name, _ in run.model.named_buffers()}
    kept = run.average.weights if run.average else {}
    run.processes.mean(
        value
        for value in (
            *run.model.buffers(),
            *run.objective.state_dict().values(),
            *(value for name, value in kept.items() if name in names),
        )
        if value.is_floating_point()
    )


def _write(run: Run) -> None:
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
        objective=run.objective.state_dict(),
    )
    save_checkpoint(
        run.directory, description, run.average.weights if run.average else weights, state
    )


def _check_same_recipe(wanted: TrainingConfig, saved: TrainingConfig) -> None:
    changed = differences(wanted, saved)
    if changed:
        sections = dict.fromkeys(key.partition(".")[0] for key in changed)
        raise CheckpointError(
            f"the checkpoint was made with another {', '.join(sections)}: "
            f"{'; '.join(changed.values())}; resume with the configuration it was begun with, or "
            "train into another directory"
        )


def _check_same_identities(run: Run, description: CheckpointDescription) -> None:
    if description.identities != run.samples.identities:
        raise CheckpointError(
            "the data has other identities than the checkpoint was trained on; "
            "give the same data sets"
        )
