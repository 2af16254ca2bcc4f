"""A small data set with pictures and features made by hand, some modalities missing."""

from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image

from training.data import Dataset, labels_of
from training.embedded import EmbeddedDataset, EmbeddedSamples
from vreid.modality import MODALITIES
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

HOSTILE = '<script>alert("$x_1$")</script>'
PREPROCESSING = Preprocessing(32, 32)


def picture(seed: int) -> bytes:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (1, 1, 3)) * 0.7 + generator.integers(0, 70, (16, 24, 3))
    data = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


def vehicles(identities: int = 12, noise: float = 1.2) -> tuple[Dataset, EmbeddedDataset]:
    """One query and three gallery samples of each vehicle, one of the three of the query's scene.

    The first vehicle has a hostile name. Every fifth gallery sample lacks thermal infrared.
    """
    names = [HOSTILE if number == 0 else f"v{number}" for number in range(identities)]

    def sample(side: str, number: int, scene: int) -> Sample:
        incomplete = side == "gallery" and (3 * number + scene) % 5 == 4
        present = MODALITIES[:2] if incomplete else MODALITIES
        seed = 100 * number + 10 * scene
        return Sample(
            {modality: picture(seed + modality.index) for modality in present},
            identity=names[number],
            scene=str(scene),
            name=f"{side} {number}-{scene} of {names[number]}",
        )

    query = [sample("query", number, 0) for number in range(identities)]
    gallery = [
        sample("gallery", number, scene) for scene in range(3) for number in range(identities)
    ]
    dataset = Dataset("by hand", (), query, gallery, "scene")
    generator = np.random.default_rng(5)
    centers = generator.normal(size=(identities, 1, 16))

    def embedded(samples: list[Sample]) -> EmbeddedSamples:
        numbers = [names.index(one.identity or "") for one in samples]
        mask = np.stack([one.mask for one in samples])
        drawn = centers[numbers] + noise * generator.normal(size=(len(samples), 3, 16))
        features = drawn.astype(np.float16).astype(np.float32) * mask[..., None]
        return EmbeddedSamples(features, mask, labels_of(samples))

    return dataset, EmbeddedDataset("by hand", embedded(query), embedded(gallery), "scene")


def without_thermal(dataset: EmbeddedDataset) -> EmbeddedDataset:
    return replace(
        dataset,
        query=dataset.query.restricted(MODALITIES[:2]),
        gallery=dataset.gallery.restricted(MODALITIES[:2]),
    )
