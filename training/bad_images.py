"""What a run does about images that cannot be read: it ends, or goes on without them."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from training.data.decoded_images import BadImage
from training.data.training_images import Batch
from training.errors import TrainingImageError

FILE = "bad_images.txt"


class BadImages:
    """Those that a run has met.

    Args:
        directory: of the run; its `bad_images.txt` gets a line for each, file and reason.
        skipped: whether the run goes on.
    """

    def __init__(self, directory: Path, skipped: bool) -> None:
        self.path = directory / FILE
        self.skipped = skipped
        self._known: set[str] = set()
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            self._known = {line.partition("\t")[0] for line in lines}

    def check(self, batch: Batch) -> None:
        """Reports the bad images of a batch.

        Raises:
            TrainingImageError: it has some and they are not skipped, or nothing else.
        """
        self.report(batch.bad)
        if batch.bad and not len(batch.labels):
            file, reason = batch.bad[0]
            raise TrainingImageError(
                file, f"{reason} (no sample of the batch can be read; check that the data is there)"
            )

    def report(self, bad: Sequence[BadImage]) -> None:
        """Names images.

        Raises:
            TrainingImageError: they are not skipped; it names the first.
        """
        for file, reason in bad:
            if not self.skipped:
                raise TrainingImageError(
                    file,
                    f"{reason} (the last complete checkpoint is kept; repair the file and give "
                    "--resume, or go on without it by --set compute.on_bad_image=skip)",
                )
            if file not in self._known:
                self._known.add(file)
                tqdm.write(f"warning: left out {file}: {reason}", file=sys.stderr)
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as listed:
                    listed.write(f"{file}\t{reason}\n".replace("\n", " ").rstrip() + "\n")
