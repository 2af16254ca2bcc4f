"""What is measured: a checkpoint or an exported bundle, ready to embed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vreid.bundle import Bundle, file_sha256
from vreid.calibration import Calibration
from vreid.engines import BranchRunner, open_engine
from vreid.errors import ConfigurationError
from vreid.preprocessing import Preprocessing


@dataclass(frozen=True)
class MeasuredModel:
    """A model and what belongs to it; a checkpoint has no calibration, and its auto is shared.

    Attributes:
        name: of the configuration or the bundle.
        description: "checkpoint" or "bundle", with what tells it from others.
        weights: the hash of a checkpoint's weights, or the fingerprint of a bundle, with its kind.
        engine: what runs it.
        preprocessing: its input.
        feature_size: length D of a branch feature.
        calibration: the bundle's.
        auto_policy: what policy auto stands for.
    """

    name: str
    description: str
    weights: str
    engine: BranchRunner
    preprocessing: Preprocessing
    feature_size: int
    calibration: Calibration | None
    auto_policy: str


def open_measured_model(
    checkpoint: Path | None, bundle: Path | None, engine: str = "auto"
) -> MeasuredModel:
    """Open a checkpoint or a bundle.

    Args:
        checkpoint: run, checkpoint directory or its file.
        bundle: directory of an exported model.
        engine: what runs a bundle; a checkpoint runs in torch.

    Raises:
        ConfigurationError: not exactly one of the two is given.
        CheckpointError: the checkpoint cannot be read.
        BundleError: the bundle cannot be read.
        EngineUnavailable: the engine cannot run here.
    """
    if checkpoint is not None and bundle is None:
        return _of_checkpoint(checkpoint)
    if bundle is not None and checkpoint is None:
        return _of_bundle(bundle, engine)
    raise ConfigurationError("give either --checkpoint or --bundle")


def _of_checkpoint(path: Path) -> MeasuredModel:
    # torch, which measuring a bundle does without.
    from training.checkpoint import MODEL, find_checkpoint, load_described, read_description
    from training.torch_engine import TorchEngine

    checkpoint = find_checkpoint(path)
    found = read_description(checkpoint)
    config, settings = found.config, found.config.model
    model = load_described(checkpoint, found)
    preprocessing = config.preprocessing.build()
    return MeasuredModel(
        name=config.name,
        description=(
            f"checkpoint, {settings.backbone}, {settings.normalisation} in the middle, "
            f"{found.position.epoch} of {config.epochs} epochs"
        ),
        weights=f"sha256 {file_sha256(checkpoint / MODEL)}",
        engine=TorchEngine(model, preprocessing),
        preprocessing=preprocessing,
        feature_size=model.feature_size,
        calibration=None,
        auto_policy="shared",
    )


def _of_bundle(path: Path, engine: str) -> MeasuredModel:
    bundle = Bundle.load(path)
    manifest = bundle.manifest
    return MeasuredModel(
        name=manifest.name,
        description=f"bundle {manifest.version}, {manifest.precision}",
        weights=f"fingerprint {manifest.fingerprint}",
        # Figures of a bundle are those of its default precision, whatever is fastest here.
        engine=open_engine(bundle, engine, precision=manifest.precision),
        preprocessing=manifest.preprocessing,
        feature_size=manifest.feature_size,
        calibration=manifest.calibration,
        auto_policy=manifest.auto_policy,
    )
