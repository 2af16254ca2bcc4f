"""Measuring a run while it trains, and keeping its best checkpoint.

`DIRECTORY/best` holds weights and configuration of the checkpoint with the highest mAP so far, and
`figures.json`. It is evaluated and exported like any checkpoint, but holds nothing to resume from.
"""

import json
import shutil
from pathlib import Path

import torch

from training.checkpoint import CONFIG, MODEL, find_checkpoint, load_model
from training.config import TrainingConfig
from training.data import load_dataset
from training.embedded import embed_dataset
from training.errors import CheckpointError
from training.evaluation import evaluate
from training.parallel.processes import Processes
from training.torch_engine import TorchEngine

BEST, FIGURES = "best", "figures.json"


class Validation:
    """Measures every few epochs, in process 0, on a source's query and gallery.

    Args:
        config: its `validation` says when and on what.
        directory: of the run.
        processes: of the run; the others wait.
    """

    def __init__(self, config: TrainingConfig, directory: Path, processes: Processes) -> None:
        self.config = config
        self.directory = directory
        self.processes = processes

    def after(self, epoch: int) -> dict[str, float]:
        """Measures the checkpoint of an epoch where it is time.

        Returns:
            The figures by name; empty where it is not time.

        Raises:
            DatasetError: the source has no query and gallery that can be measured.
            CheckpointError: the best checkpoint cannot be written.
        """
        every = self.config.validation.every
        if not every or (epoch % every and epoch != self.config.epochs):
            return {}
        figures: dict[str, float] = {}
        with self.processes.together():
            if self.processes.rank == 0:
                figures = self._measure()
                self._keep_if_best(epoch, figures)
        return figures

    def _measure(self) -> dict[str, float]:
        source = self.config.sources[
            self.config.validation.source or next(iter(self.config.sources))
        ]
        dataset = load_dataset(source.dataset, source.root or Path(), source.split)
        # Making a model draws its first weights; the run's own draws must not notice.
        with torch.random.fork_rng(devices=[]):
            model, config = load_model(self.directory)
        engine = TorchEngine(model.float(), str(self.processes.device))
        embedded = embed_dataset(dataset, config.preprocessing.build(), engine, model.feature_size)
        measured = evaluate(embedded, "shared").figures
        return {"mAP": measured.map, "rank1": measured.rank1}

    def _keep_if_best(self, epoch: int, figures: dict[str, float]) -> None:
        best, new = self.directory / BEST, self.directory / f"{BEST}.new"
        try:
            if figures["mAP"] <= _map_of(best):
                return
            checkpoint = find_checkpoint(self.directory)
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for name in (MODEL, CONFIG):
                shutil.copyfile(checkpoint / name, new / name)
            document = {"epoch": epoch, **figures}
            (new / FIGURES).write_text(json.dumps(document), encoding="utf-8")
            shutil.rmtree(best, ignore_errors=True)
            new.rename(best)
        except OSError as error:
            raise CheckpointError(
                f"the best checkpoint cannot be written to {best} ({error}); make room there and "
                "go on with --resume"
            ) from error


def _map_of(best: Path) -> float:
    try:
        return float(json.loads((best / FIGURES).read_text(encoding="utf-8"))["mAP"])
    except (OSError, ValueError, KeyError):
        return float("-inf")
