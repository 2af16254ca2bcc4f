"""Renders a whole MSVR310 tree of synthetic vehicles, one process per core, resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.synth.design import draw_design
from training.synth.layout import FOLDER_NAMES, Record, encode_jpeg, write_atomically
from training.synth.plan import Parameters, is_training, parts_of, plan_records
from training.synth.render import Studio
from training.synth.scene import draw_occasion, draw_scene
from vreid.errors import DatasetError

GENERATOR_VERSION = 1
MARKER = "synth.json"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class GenerationSummary:
    """What a run left behind: identities and triplets by part, and what was already there."""

    directory: Path
    train_identities: int
    test_identities: int
    train_triplets: int
    gallery_triplets: int
    query_triplets: int
    skipped_identities: int


def _files(directory: Path, parameters: Parameters, identity: int) -> list[Path]:
    records = plan_records(parameters, identity)
    return [
        record.path(directory, part, modality)
        for part in parts_of(parameters, identity, records)
        for record in records
        for modality in FOLDER_NAMES
    ]


def is_complete(directory: Path, parameters: Parameters, identity: int) -> bool:
    """Whether every file of an identity is there."""
    return all(path.is_file() for path in _files(directory, parameters, identity))


def render_identity(directory: Path, parameters: Parameters, identity: int) -> int:
    """Render and write the triplets of one identity; returns how many."""
    records = plan_records(parameters, identity)
    studio = Studio(draw_design(parameters.seed, identity))
    parts = parts_of(parameters, identity, records)
    for record in records:
        for modality, content in _render_record(studio, parameters, record).items():
            for part in parts:
                write_atomically(record.path(directory, part, modality), content)
    return len(records)


def _render_record(studio: Studio, parameters: Parameters, record: Record) -> dict[str, bytes]:
    scene = draw_scene(parameters.seed, record.scene)
    occasion = draw_occasion(parameters.seed, record.identity, scene)
    random = np.random.default_rng([parameters.seed, record.identity, record.index, 97])
    triplet = studio.triplet(
        random, scene, occasion, record.view, parameters.height, parameters.width
    )
    pictures = (triplet.visible, triplet.infrared, triplet.thermal)
    return {
        modality: encode_jpeg(picture)
        for modality, picture in zip(FOLDER_NAMES, pictures, strict=True)
    }


def _check(parameters: Parameters) -> None:
    if not 1 <= parameters.identities <= 9999:
        raise DatasetError(f"identities must be 1..9999, not {parameters.identities}")
    if parameters.seed < 0:
        raise DatasetError(f"seed must not be negative, not {parameters.seed}")
    if not 2 <= parameters.samples <= 1000:
        raise DatasetError(f"samples must be 2..1000, not {parameters.samples}")
    if not 0.0 <= parameters.train_share <= 1.0:
        raise DatasetError(f"train share must be 0..1, not {parameters.train_share}")
    if min(parameters.height, parameters.width) < 16:
        raise DatasetError("height and width must be at least 16 pixels")


def _describe(parameters: Parameters) -> dict[str, object]:
    return {"generator": "vreid synth", "version": GENERATOR_VERSION, **asdict(parameters)}


def _claim(directory: Path, parameters: Parameters) -> None:
    """Refuse a directory that another set of parameters has begun."""
    marker = directory / MARKER
    wanted = _describe(parameters)
    if marker.is_file():
        try:
            present = json.loads(marker.read_text())
        except (OSError, ValueError) as error:
            raise DatasetError(f"{marker} cannot be read: {error}") from error
        if not isinstance(present, dict) or any(present.get(key) != wanted[key] for key in wanted):
            raise DatasetError(f"{directory} holds a tree of other parameters ({marker})")
    elif directory.exists() and any(directory.iterdir()):
        raise DatasetError(f"{directory} is not empty and has no {MARKER}")
    write_atomically(marker, json.dumps({**wanted, "complete": False}, indent=2).encode())


@contextmanager
def _single_threaded_workers() -> Iterator[None]:
    # Spawned workers read these when they import numpy; more threads than cores only slow them.
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _render_all(
    directory: Path, parameters: Parameters, missing: list[int], workers: int, progress: bool
) -> None:
    with tqdm(total=len(missing), unit="identity", disable=not progress) as bar:
        if workers <= 1:
            for identity in missing:
                render_identity(directory, parameters, identity)
                bar.update()
            return
        with (
            _single_threaded_workers(),
            ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        ):
            pending = [
                pool.submit(render_identity, directory, parameters, identity)
                for identity in missing
            ]
            try:
                for done in as_completed(pending):
                    done.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def generate(
    directory: Path,
    identities: int,
    seed: int,
    *,
    samples: int = 8,
    train_share: float = 0.5,
    height: int = 144,
    width: int = 256,
    workers: int | None = None,
    progress: bool = False,
) -> GenerationSummary:
    """Render a tree of `identities` vehicles with `samples` triplets each under directory.

    Sizes in pixels. The pictures depend on the parameters alone, not on workers (default: one
    per core). Identities whose files are all there are kept.

    Raises:
        DatasetError: parameters out of range, or directory holds something else.
    """
    parameters = Parameters(identities, seed, samples, train_share, height, width)
    _check(parameters)
    _claim(directory, parameters)
    everyone = range(1, identities + 1)
    missing = [one for one in everyone if not is_complete(directory, parameters, one)]
    count = min(workers or os.cpu_count() or 1, max(len(missing), 1))
    _render_all(directory, parameters, missing, count, progress)
    training = [one for one in everyone if is_training(parameters, one)]
    testing = [one for one in everyone if not is_training(parameters, one)]
    queried = [
        one for one in testing if len(parts_of(parameters, one, plan_records(parameters, one))) == 2
    ]
    summary = GenerationSummary(
        directory,
        len(training),
        len(testing),
        len(training) * samples,
        len(testing) * samples,
        len(queried) * samples,
        identities - len(missing),
    )
    counts = {
        key: value
        for key, value in asdict(summary).items()
        if key not in ("directory", "skipped_identities")
    }
    content = {**_describe(parameters), "complete": True, "counts": counts}
    write_atomically(directory / MARKER, json.dumps(content, indent=2).encode())
    return summary
