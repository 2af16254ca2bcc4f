"""Which scenes and views every identity gets, and which identities are for training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synth.layout import Record
from training.synth.scene import SCENE_COUNT
from training.synth.view import VIEWS
from vreid.layouts.msvr310 import GALLERY, QUERY, TRAIN


@dataclass(frozen=True)
class Parameters:
    """What decides every pixel of a tree; train_share in 0..1, sizes in pixels."""

    identities: int
    seed: int
    samples: int = 8
    train_share: float = 0.5
    height: int = 144
    width: int = 256


def is_training(parameters: Parameters, identity: int) -> bool:
    """Whether an identity (1..identities) belongs to the training part."""
    return identity <= round(parameters.identities * parameters.train_share)


def plan_records(parameters: Parameters, identity: int) -> list[Record]:
    """The records of an identity: two to four scenes, different views within a scene."""
    random = np.random.default_rng([parameters.seed, identity, 53])
    most = min(4, parameters.samples)
    scenes = np.sort(
        random.choice(SCENE_COUNT, int(random.integers(2, most + 1)), replace=False) + 1
    )
    order = np.sort(np.arange(parameters.samples) % len(scenes))
    records = []
    for place, scene in enumerate(scenes):
        indices = np.flatnonzero(order == place)
        rounds = -(-len(indices) // VIEWS)
        views = np.concatenate([random.permutation(VIEWS) for _ in range(rounds)])
        for index, view in zip(indices, views, strict=False):
            records.append(Record(identity, int(scene), int(view), int(index)))
    return records


def parts_of(parameters: Parameters, identity: int, records: list[Record]) -> tuple[str, ...]:
    """Folders an identity's records go to; queries repeat test records of several scenes."""
    if is_training(parameters, identity):
        return (TRAIN,)
    several = len({record.scene for record in records}) >= 2
    return (GALLERY, QUERY) if several else (GALLERY,)
