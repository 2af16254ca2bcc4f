"""Checkpoints: a directory `checkpoint` of three files, replaced as a whole.

    model.safetensors    the weights to evaluate and export (the moving average where there is one)
    training_state.pt    what a resumed run needs besides; read with weights_only
    config.json          configuration without folders, identities of the classifier, position

A new checkpoint is written beside the old one and takes its name by renaming. A crash between the
two renames leaves the old one under `checkpoint.previous`, where it is found again. `best`, see
`training.validation`, is replaced in the same way.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.bad_images import FILE as BAD_IMAGES
from training.config import TrainingConfig
from training.errors import CheckpointError, JointNetworkError
from training.model import CCNet, Network, build_model
from training.model.pretrained import NONE
from training.unlike_weights import unlike_tensors

SCHEMA_VERSION = 1
DIRECTORY, BEST = "checkpoint", "best"
LAST_MEASURED = "measured_epoch.txt"
"""In the run's directory: the number of epochs after which it was measured last."""
MODEL, STATE, CONFIG = "model.safetensors", "training_state.pt", "config.json"

StateDict = dict[str, Tensor]


@dataclass(frozen=True)
class Position:
    """Where the run goes on: the batch to take next.

    Attributes:
        epoch: number of complete epochs.
        batch: of the present epoch, counted in each process.
        takers: how many processes take batches of their own; 1 where they divide every batch.
    """

    epoch: int = 0
    batch: int = 0
    takers: int = 1


@dataclass(frozen=True)
class StartingPoint:
    """Another run, whose weights a run began with.

    Attributes:
        weights_sha256: of its evaluated weights.
        config: its configuration in plain JSON values, without paths of a machine.
        epochs: how many of its epochs were complete.
        started_from: the run that it had begun with in turn, if any.
    """

    weights_sha256: str
    config: dict[str, Any]
    epochs: int
    started_from: "StartingPoint | None" = None


@dataclass(frozen=True)
class CheckpointDescription:
    """What config.json holds.

    Attributes:
        config: the run's configuration; once read back, without folders.
        identities: "source/identity" of each column of the classifier.
        position: where the run goes on; `epoch == config.epochs` when it is complete.
        started_from: another run whose weights this one began with, if any.
    """

    config: TrainingConfig
    identities: tuple[str, ...]
    position: Position
    started_from: StartingPoint | None = None


@dataclass(frozen=True)
class TrainingState:
    """What a resumed run needs besides the evaluated weights.

    Attributes:
        model: the weights being trained.
        optimiser: its state dict.
        random: state of torch's CPU generator.
        averaged_updates: how often the moving average was updated; None without one.
        precision: state of the loss scaler under 16-mixed, which only a GPU runs and no test does;
            empty under every other precision.
        objective: what the objective learned itself, the centers of the center loss.
    """

    model: StateDict
    optimiser: dict[str, Any]
    random: Tensor
    averaged_updates: int | None
    precision: dict[str, Any] = field(default_factory=dict)
    objective: StateDict = field(default_factory=dict)


def save_checkpoint(
    run: Path, description: CheckpointDescription, evaluated: StateDict, state: TrainingState
) -> Path:
    """Writes a checkpoint into a run's directory; a crash leaves the former one or this one.

    Raises:
        CheckpointError: it cannot be written; the former one is as it was.
    """
    try:
        return _write_checkpoint(run, description, evaluated, state)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch.save wraps what the disk says
        shutil.rmtree(run / f"{DIRECTORY}.new", ignore_errors=True)
        raise CheckpointError(
            f"no checkpoint can be written to {run} ({str(error).splitlines()[0]}); make room "
            "there and go on with --resume from the one before, which is whole"
        ) from error


def _write_checkpoint(
    run: Path, description: CheckpointDescription, evaluated: StateDict, state: TrainingState
) -> Path:
    new = run / f"{DIRECTORY}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in evaluated.items()}
    save_file(weights, new / MODEL)
    torch.save(vars(state), new / STATE)
    (new / CONFIG).write_text(json.dumps(_to_json(description), indent=1), encoding="utf-8")
    return put_in_place(new, run / DIRECTORY)


def put_in_place(new: Path, final: Path) -> Path:
    """Gives a complete directory its name; a crash leaves the former one, this one, or both.

    Args:
        new: the directory, of files only.
        final: its name, in the same folder; what has it now is deleted at the end. A crash between
            the two renames leaves that as `FINAL.previous`.

    Returns:
        `final`.

    Raises:
        OSError: as the disk says.
    """
    previous = final.with_name(f"{final.name}.previous")
    for path in (*new.iterdir(), new):
        _synchronise(path)
    if final.exists():
        shutil.rmtree(previous, ignore_errors=True)
        final.rename(previous)
    new.rename(final)
    _synchronise(final.parent)
    shutil.rmtree(previous, ignore_errors=True)
    return final


def remove_run(directory: Path) -> None:
    """Removes what a training leaves in its directory; what others put there stays.

    Checkpoints go last: until everything else is gone, the directory is known by them.

    Raises:
        CheckpointError: something cannot be removed.
    """
    try:
        for name in (LAST_MEASURED, BAD_IMAGES):
            (directory / name).unlink(missing_ok=True)
        for name in ("tensorboard", *_names(BEST), *_names(DIRECTORY)):
            if (directory / name).exists():
                shutil.rmtree(directory / name)
    except OSError as error:
        raise CheckpointError(
            f"the training in {directory} cannot be removed ({error}); remove it by hand, or train "
            "into another directory"
        ) from error


def _names(final: str) -> tuple[str, str, str]:
    """The names under which a directory lies that is replaced as a whole."""
    return f"{final}.new", f"{final}.previous", final


def find_checkpoint(path: Path) -> Path:
    """The checkpoint directory meant by a path: itself, its file, or the run that holds it.

    Raises:
        CheckpointError: there is none.
    """
    folder = path.parent if path.is_file() else path
    named = folder if folder.name in (DIRECTORY, BEST) else folder / DIRECTORY
    for candidate in (folder, named, named.with_name(f"{named.name}.previous")):
        if (candidate / CONFIG).is_file():
            return candidate
    raise CheckpointError(
        f"{path} is no checkpoint: expected a directory with {MODEL} and {CONFIG}, or a run that "
        f"holds one as {DIRECTORY}; `vreid train CONFIG --out RUN` writes it"
    )


def read_description(checkpoint: Path) -> CheckpointDescription:
    """Reads config.json of a checkpoint directory.

    Raises:
        CheckpointError: it is damaged or of another schema version.
    """
    path = checkpoint / CONFIG
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise CheckpointError(
                f"{path} has schema version {document['schema_version']}, this vreid reads "
                f"{SCHEMA_VERSION}; use the vreid that wrote it"
            )
        return CheckpointDescription(
            TrainingConfig.from_json(document["config"], str(path)),
            tuple(document["identities"]),
            Position(**document["position"]),
            _starting_point(document.get("started_from")),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error!r}); take another checkpoint") from error


def read_weights(checkpoint: Path) -> StateDict:
    """Reads the evaluated weights of a checkpoint directory.

    Raises:
        CheckpointError: the file is absent or damaged.
    """
    try:
        return load_file(checkpoint / MODEL)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{checkpoint / MODEL} cannot be read ({error}); take another checkpoint"
        ) from error


def read_state(checkpoint: Path) -> TrainingState:
    """Reads training_state.pt of a checkpoint directory.

    Raises:
        CheckpointError: the file is absent or damaged.
    """
    path = checkpoint / STATE
    try:
        return TrainingState(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}); train again without --resume"
        ) from error


def load_model(path: Path) -> tuple[Network, TrainingConfig]:
    """Loads the network of a checkpoint, in evaluation mode, with its configuration.

    Args:
        path: a run, its checkpoint directory, or the model.safetensors in it.

    Raises:
        CheckpointError: there is no checkpoint, or its weights do not fit its configuration.
    """
    checkpoint = find_checkpoint(path)
    description = read_description(checkpoint)
    return load_described(checkpoint, description), description.config


def load_described(checkpoint: Path, description: CheckpointDescription) -> Network:
    """Loads the network of a checkpoint directory, in evaluation mode.

    Args:
        checkpoint: the directory.
        description: what `read_description` says of it.

    Raises:
        CheckpointError: the weights are absent, damaged, or not those of the configuration.
    """
    config = description.config
    settings = config.model.model_copy(update={"pretrained": NONE})
    size = config.preprocessing
    model = build_model(settings, len(description.identities), (size.height, size.width))
    weights = read_weights(checkpoint)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint}: the weights are not those of its configuration "
            f"({unlike_tensors(model.state_dict(), weights)}); take another checkpoint"
        ) from error
    return model.eval()


def load_ccnet(path: Path) -> tuple[CCNet, TrainingConfig]:
    """As `load_model`, for what needs a branch of each modality: the export.

    Raises:
        JointNetworkError: the network computes modalities together.
    """
    model, config = load_model(path)
    if not isinstance(model, CCNet):
        raise JointNetworkError(
            f"{path} holds the architecture {config.model.architecture}, which computes a sample's "
            "modalities together: it can be trained and evaluated, not exported; export a run of "
            "the architecture ccnet"
        )
    return model, config


def _to_json(description: CheckpointDescription) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "config": description.config.portable(),
        "identities": list(description.identities),
        "position": vars(description.position),
        "started_from": asdict(description.started_from) if description.started_from else None,
    }


def _starting_point(document: Mapping[str, Any] | None) -> StartingPoint | None:
    if document is None:
        return None
    earlier = _starting_point(document["started_from"])
    return StartingPoint(**{**document, "started_from": earlier})


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
