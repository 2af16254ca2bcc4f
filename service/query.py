"""From a search's input to one query: branch features, mask, and what to say about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.embedder import EmbeddedSamples, Embedder, SentSample
from service.gallery.gallery import Gallery
from service.inputs import EmbeddingInput, Images, SearchInput
from service.request_errors import FieldProblem, InvalidRequest
from service.settings import Limits
from vreid.embedding import round_to_stored
from vreid.errors import FingerprintMismatch
from vreid.modality import MODALITIES


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for.

    Attributes:
        features: float32 (3, D), exact in float16.
        mask: bool (3,).
        warnings: sentences about the images.
        excluded_id: the record that was the query, None when it was none.
    """

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()
    excluded_id: str | None = None


def sent_sample(images: Images, prefix: str) -> SentSample:
    """Return a sample; `prefix` stands before rgb, nir, tir in the client's field names."""
    return SentSample(images.by_modality(), images.tir_palette, prefix)


def sent_samples(samples: Sequence[Images], is_form: bool) -> list[SentSample]:
    """Return the samples of a request with the field names that its client used."""
    return [
        sent_sample(images, "" if is_form else f"samples[{position}].")
        for position, images in enumerate(samples)
    ]


def refuse_too_many_samples(samples: Sequence[Images], limits: Limits) -> None:
    """Refuse a request with more samples than the service is set to.

    Raises:
        InvalidRequest: saying how many there may be.
    """
    if len(samples) > limits.samples:
        raise InvalidRequest(
            [FieldProblem("samples", f"has {len(samples)} samples; send at most {limits.samples}")]
        )


def query_of(asked: SearchInput, is_form: bool, embedder: Embedder, gallery: Gallery) -> Query:
    """Return the query that a search asks for.

    Raises:
        InvalidField: an image cannot be used.
        InvalidRequest: an embedding's rows have another length than the model's features.
        FingerprintMismatch: the embedding says that another model made it.
        UnknownRecord: no record has the id.
    """
    if asked.samples is not None:
        return fuse_samples(embedder.embed(sent_samples(asked.samples, is_form)))
    if asked.embedding is not None:
        refuse_other_model(asked.embedding.model, embedder.bundle.fingerprint)
        return query_of_embedding(asked.embedding, embedder.bundle.manifest.feature_size)
    assert asked.id is not None
    record = gallery.get(asked.id)
    return Query(record.features.astype(np.float32), record.mask, excluded_id=record.id)


def refuse_other_model(given: str | None, served: str) -> None:
    """Refuse features that say they are of a model other than the one that is served.

    Raises:
        FingerprintMismatch: naming both fingerprints.
    """
    if given is not None and given != served:
        raise FingerprintMismatch(
            f"embedding.model is {given} and the service runs {served}; features of two models "
            "cannot be compared, so embed the images again with /embed"
        )


def fuse_samples(embedded: EmbeddedSamples) -> Query:
    """Fuse several samples of one vehicle into one query.

    Each modality's feature is the mean over the samples that have it; the query has the modalities
    that any sample has. One sample passes unchanged.
    """
    counts = embedded.mask.sum(axis=0)
    sums = embedded.features.astype(np.float64).sum(axis=0)
    means = sums / np.maximum(counts, 1)[:, None]
    return Query(
        round_to_stored(means.astype(np.float32)),
        counts > 0,
        tuple(dict.fromkeys(text for warnings in embedded.warnings for text in warnings)),
    )


def query_of_embedding(embedding: EmbeddingInput, feature_size: int) -> Query:
    """Return the query that given branch features are.

    Raises:
        InvalidRequest: a row does not have `feature_size` numbers.
    """
    features = np.zeros((len(MODALITIES), feature_size), dtype=np.float32)
    mask = np.zeros(len(MODALITIES), dtype=np.bool_)
    problems = []
    for index, row in enumerate(embedding.features):
        if row is None:
            continue
        if len(row) != feature_size:
            problems.append(
                FieldProblem(
                    f"embedding.features[{index}]",
                    f"has {len(row)} numbers and this model's features have {feature_size}; "
                    "embed with the model that /info names",
                )
            )
            continue
        features[index] = row
        mask[index] = True
    if problems:
        raise InvalidRequest(problems)
    return Query(round_to_stored(features), mask)
