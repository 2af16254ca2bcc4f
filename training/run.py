"""What a training run is made of, and how it is put together from a configuration."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from training.checkpoint import Position, StartingPoint
from training.config import ComputeConfig, OptimiserConfig, TrainingConfig
from training.losses import Objective
from training.model import CCNet
from training.moving_average import MovingAverage
from training.sources import TrainingSamples, load_training_samples


@dataclass
class Run:
    """Everything that a step needs.

    Attributes:
        network: what runs forward, as Fabric wrapped it.
        model: the CCNet inside it.
        started_from: the run whose weights this one began with, if any.
    """

    config: TrainingConfig
    directory: Path
    fabric: Any
    samples: TrainingSamples
    model: CCNet
    network: Any
    optimiser: Any
    objective: Objective
    average: MovingAverage | None
    position: Position = field(default_factory=Position)
    started_from: StartingPoint | None = None


def prepare_run(config: TrainingConfig, directory: Path) -> Run:
    """Starts the processes, lists the samples and makes the model.

    Raises:
        DatasetError: a data set cannot be loaded.
        ConfigurationError: no such backbone.
        PretrainedWeightsError: the first weights are not there or do not fit.
    """
    compute = config.compute
    fabric = Fabric(
        accelerator=compute.accelerator,
        devices=compute.devices,
        strategy=_strategy(compute),
        precision=compute.precision,
        loggers=TensorBoardLogger(directory, name="tensorboard", version=0),
    )
    fabric.launch()
    torch.manual_seed(config.seed)
    samples = load_training_samples(config.sources)
    settings = config.model
    model = CCNet(
        settings.backbone, len(samples.identities), settings.normalisation, settings.pretrained
    )
    # Convolutions run two to three times faster on CPU in this layout, and better on tensor cores.
    model.to(memory_format=torch.channels_last).train()
    network, optimiser = fabric.setup(model, _make_optimiser(model, config.optimiser))
    return Run(
        config=config,
        directory=directory,
        fabric=fabric,
        samples=samples,
        model=model,
        network=network,
        optimiser=optimiser,
        objective=Objective(config.objective, samples.label_space().to(fabric.device)),
        average=MovingAverage(model, config.ema_decay) if config.ema_decay else None,
    )


def _strategy(compute: ComputeConfig) -> str:
    """The strategy asked for; between several devices one that copes with idle branches.

    A branch that no row of a process's batch has does not run there, and plain DDP refuses a step
    after one in which parameters got no gradient.
    """
    count = torch.cuda.device_count() if compute.devices == "auto" else compute.devices
    if count > 1 and compute.strategy in ("auto", "ddp"):
        return "ddp_find_unused_parameters_true"
    return compute.strategy


def _make_optimiser(model: CCNet, config: OptimiserConfig) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kind = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
