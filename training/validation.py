"""Measuring a run while it trains, and keeping its best checkpoint.

`DIRECTORY/best` holds weights and configuration of the checkpoint with the highest mAP so far, and
`figures.json`. It is evaluated and exported like any checkpoint, but holds nothing to resume from.
It is replaced as a checkpoint is: a crash leaves the former one or the new one.
"""

import json
import shutil
from pathlib import Path

import torch

from training.checkpoint import (
    BEST,
    CONFIG,
    LAST_MEASURED,
    MODEL,
    find_checkpoint,
    load_model,
    put_in_place,
)
from training.config import TrainingConfig
from training.data import load_dataset
from training.embedded import embed_dataset
from training.errors import CheckpointError
from training.evaluation import evaluate
from training.parallel.processes import Processes
from training.torch_engine import TorchEngine

FIGURES = "figures.json"


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
            CheckpointError: the best checkpoint cannot be written, or the figures of the former
                one cannot be read.
        """
        if not self._is_due(epoch):
            return {}
        figures: dict[str, float] = {}
        with self.processes.together():
            if self.processes.rank == 0:
                figures = self._measure()
                self._keep_if_best(epoch, figures)
                self._note(epoch)
        return figures

    def is_owed(self, epoch: int) -> bool:
        """Whether a run ended after it wrote the checkpoint of an epoch and before it measured it.

        Process 0 looks; all must ask.
        """
        if not epoch or not self._is_due(epoch):
            return False
        noted = False
        if self.processes.rank == 0:
            path = self.directory / LAST_MEASURED
            noted = path.exists() and path.read_text(encoding="utf-8") == str(epoch)
        return not self.processes.any(noted)

    def _is_due(self, epoch: int) -> bool:
        every = self.config.validation.every
        return bool(every) and (epoch % every == 0 or epoch == self.config.epochs)

    def _note(self, epoch: int) -> None:
        path = self.directory / LAST_MEASURED
        try:
            path.write_text(str(epoch), encoding="utf-8")
        except OSError as error:
            raise CheckpointError(
                f"{path} cannot be written ({error}); make room there and go on with --resume"
            ) from error

    def _measure(self) -> dict[str, float]:
        source = self.config.sources[
            self.config.validation.source or next(iter(self.config.sources))
        ]
        dataset = load_dataset(source.dataset, source.root or Path(), source.split)
        # Making a model draws its first weights; the run's own draws must not notice.
        with torch.random.fork_rng(devices=[]):
            model, config = load_model(self.directory)
        preprocessing = config.preprocessing.build()
        engine = TorchEngine(model.float(), preprocessing, str(self.processes.device))
        embedded = embed_dataset(dataset, preprocessing, engine, model.feature_size)
        measured = evaluate(embedded, "shared").figures
        return {"mAP": measured.map, "rank1": measured.rank1}

    def _keep_if_best(self, epoch: int, figures: dict[str, float]) -> None:
        best, new = self.directory / BEST, self.directory / f"{BEST}.new"
        try:
            if figures["mAP"] <= _highest_map(best):
                return
            checkpoint = find_checkpoint(self.directory)
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for name in (MODEL, CONFIG):
                shutil.copyfile(checkpoint / name, new / name)
            document = {"epoch": epoch, **figures}
            (new / FIGURES).write_text(json.dumps(document), encoding="utf-8")
            put_in_place(new, best)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            raise CheckpointError(
                f"the best checkpoint cannot be written to {best} ({error}); make room there and "
                "go on with --resume"
            ) from error


def _highest_map(best: Path) -> float:
    """The mAP of the best checkpoint so far; minus infinity where there is none.

    Raises:
        CheckpointError: there is one, and its figures cannot be read.
    """
    previous = best.with_name(f"{best.name}.previous")
    if not best.exists() and previous.exists():
        best = previous
    if not best.exists():
        return float("-inf")
    try:
        return float(json.loads((best / FIGURES).read_text(encoding="utf-8"))["mAP"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{best / FIGURES} cannot be read ({error!r}), so no checkpoint can be compared with "
            f"it; move {best} elsewhere and go on with --resume"
        ) from error
