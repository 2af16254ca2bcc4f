"""What a training run is made of, and how it is put together from a configuration."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from training.acceleration import apply_arithmetic, compile_branches, distribution
from training.bad_images import BadImages
from training.checkpoint import Position, StartingPoint
from training.config import ComputeConfig, OptimiserConfig, TrainingConfig
from training.losses import Objective
from training.model import Network, build_model, parameter_groups, set_gradient_checkpointing
from training.moving_average import MovingAverage
from training.parallel.batch_norm import share_batch_norms
from training.parallel.processes import Processes
from training.sources import TrainingSamples, load_training_samples, make_sampler


@dataclass
class Run:
    """Everything that a step needs.

    Attributes:
        processes: those that train together, this one among them.
        network: what runs forward, as Fabric wrapped it.
        model: the network inside it.
        started_from: the run whose weights this one began with, if any.
    """

    config: TrainingConfig
    directory: Path
    fabric: Any
    processes: Processes
    samples: TrainingSamples
    model: Network
    network: Any
    optimiser: Any
    objective: Objective
    average: MovingAverage | None
    bad_images: BadImages
    position: Position = field(default_factory=Position)
    started_from: StartingPoint | None = None

    @property
    def divides_batches(self) -> bool:
        """Whether the processes divide the identities of every batch."""
        return _divides_batches(self.config.compute, self.processes)

    @property
    def shares_batch_norm(self) -> bool:
        """Whether batch statistics are those of all processes' rows."""
        return _shares_batch_norm(self.config.compute, self.processes)


def prepare_run(config: TrainingConfig, directory: Path) -> Run:
    """Lists the samples, makes the model and starts the processes.

    What can be wrong is found before there is more than one process to say so.

    Raises:
        DatasetError: a data set cannot be loaded.
        ConfigurationError: no such backbone.
        PretrainedWeightsError: the first weights are not there or do not fit.
        ComputeError: the model is to be compiled and no compiler is there.
    """
    compute = config.compute
    samples = load_training_samples(config.sources)
    make_sampler(config, samples, Processes())
    apply_arithmetic(compute)
    torch.manual_seed(config.seed)
    size = config.preprocessing
    model = build_model(config.model, len(samples.identities), (size.height, size.width))
    set_gradient_checkpointing(model, compute.gradient_checkpointing)
    fabric = Fabric(
        accelerator=compute.accelerator,
        devices=compute.devices,
        strategy=distribution(compute),
        precision=compute.precision,
        loggers=TensorBoardLogger(directory, name="tensorboard", version=0),
    )
    if compute.compile:
        compile_branches(model, fabric.device)
    fabric.launch()
    processes = Processes.of(fabric)
    if _shares_batch_norm(compute, processes):
        share_batch_norms(model)
    if compute.channels_last:
        # Convolutions run two to three times faster on CPU so, and better on tensor cores.
        model.to(memory_format=torch.channels_last)
    model.train()
    network, optimiser = fabric.setup(model, _make_optimiser(model, config.optimiser))
    return Run(
        config=config,
        directory=directory,
        fabric=fabric,
        processes=processes,
        samples=samples,
        model=model,
        network=network,
        optimiser=optimiser,
        objective=Objective(
            config.objective,
            samples.label_space(),
            len(samples.identities),
            model.metric_feature_size,
        ).to(fabric.device),
        average=MovingAverage(model, config.ema_decay) if config.ema_decay else None,
        bad_images=BadImages(directory, compute.on_bad_image == "skip"),
    )


def _divides_batches(compute: ComputeConfig, processes: Processes) -> bool:
    return processes.count > 1 and compute.batch_split == "identities"


def _shares_batch_norm(compute: ComputeConfig, processes: Processes) -> bool:
    return _divides_batches(compute, processes) and compute.sync_batch_norm


def _make_optimiser(model: Network, config: OptimiserConfig) -> torch.optim.Optimizer:
    groups = parameter_groups(
        model, config.learning_rate, config.backbone_factor, config.layer_decay
    )
    kind = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
