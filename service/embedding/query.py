"""From a search's input to one query: branch features, mask, and what to say about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.protocol import GalleryProtocol
from service.gallery.record import Record
from service.limits import Limits
from service.messages.inputs import EmbeddingInput, Images
from service.messages.samples import EmbeddedSamples, SentSample
from service.request_errors import FieldProblem, InvalidRequest
from service.search.input import SearchInput
from vreid.bundle import Bundle
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
        excluded_ids: the records that the query is made of.
        cameras: of the query, as far as they are known.
        scenes: of the query, as far as they are known.
    """

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    warnings: tuple[str, ...] = ()
    excluded_ids: frozenset[str] = frozenset()
    cameras: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()


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


def refuse_too_large_query(asked: SearchInput, limits: Limits) -> None:
    """Refuse a search for more samples together than the service is set to.

    Raises:
        InvalidRequest: saying how many there may be.
    """
    if asked.query_size > limits.samples:
        parts = {"samples": asked.samples, "ids": asked.ids, "embeddings": asked.embeddings}
        largest = max(parts, key=lambda name: len(parts[name] or ()))
        raise InvalidRequest(
            [
                FieldProblem(
                    largest,
                    f"is too long: the query is made of {asked.query_size} samples; send at most "
                    f"{limits.samples} together",
                )
            ]
        )


@dataclass(frozen=True, slots=True)
class KnownParts:
    """What of a query need not be embedded.

    Attributes:
        records: of the gallery.
        embeddings: branch features (3, D), exact in float16, each with its mask (3,).
    """

    records: Sequence[Record]
    embeddings: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]]


def known_parts(asked: SearchInput, bundle: Bundle, gallery: GalleryProtocol) -> KnownParts:
    """Return the records and embeddings that a search names; may block.

    Raises:
        InvalidRequest: an embedding's rows have another length than the model's features.
        FingerprintMismatch: an embedding says that another model made it.
        UnknownRecord: no record has an id.
    """
    records = [gallery.get(record_id) for record_id in asked.record_ids]
    size = bundle.manifest.feature_size
    embeddings = []
    for name, embedding in asked.all_embeddings.items():
        refuse_other_model(name, embedding.model, bundle.fingerprint)
        embeddings.append(features_of(name, embedding, size))
    return KnownParts(records, embeddings)


def query_of(
    asked: SearchInput, is_form: bool, known: KnownParts, embedded: EmbeddedSamples
) -> Query:
    """Return the query that a search asks for; all that it names is of one vehicle and fused.

    Raises:
        InvalidRequest: the parts of the query cancel each other out.
    """
    records = known.records
    parts = [
        *((record.features.astype(np.float32), record.mask) for record in records),
        *known.embeddings,
        *zip(embedded.features, embedded.mask, strict=True),
    ]
    warnings = tuple(dict.fromkeys(text for texts in embedded.warnings for text in texts))
    features, mask = fuse(np.stack([part[0] for part in parts]), np.stack([p[1] for p in parts]))
    refuse_no_direction(features, mask, members_used(asked, is_form))
    return Query(
        features,
        mask,
        (*warnings, *warn_of_identities([record.identity for record in records])),
        frozenset(record.id for record in records),
        _distinct([asked.camera, *(record.camera for record in records)]),
        _distinct([asked.scene, *(record.scene for record in records)]),
    )


def refuse_other_model(name: str, given: str | None, served: str) -> None:
    """Refuse features that say they are of a model other than the one that is served.

    Raises:
        FingerprintMismatch: naming both fingerprints.
    """
    if given is not None and given != served:
        raise FingerprintMismatch(
            f"{name}.model is {given} and the service runs {served}; features of two models "
            "cannot be compared, so embed the images again with /embed"
        )


def fuse(
    features: NDArray[np.float32], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Fuse several samples (N, 3, D) with masks (N, 3) of one vehicle into one, (3, D) and (3,).

    Each modality's feature is the mean over the samples that have it; the result has the modalities
    that any sample has. One sample passes unchanged.
    """
    counts = mask.sum(axis=0)
    sums = features.astype(np.float64).sum(axis=0)
    means = sums / np.maximum(counts, 1)[:, None]
    return round_to_stored(means.astype(np.float32)), counts > 0


def members_used(asked: SearchInput, is_form: bool) -> list[str]:
    """Return what the query is made of, as its client calls it."""
    given = {
        "samples": asked.samples,
        "id": asked.id,
        "ids": asked.ids,
        "embedding": asked.embedding,
        "embeddings": asked.embeddings,
    }
    names = [name for name, value in given.items() if value is not None]
    if is_form and asked.samples:
        return [*(each.value for each in asked.samples[0].by_modality()), *names[1:]]
    return names


def refuse_no_direction(
    features: NDArray[np.float32], mask: NDArray[np.bool_], members: Sequence[str]
) -> None:
    """Refuse a fused query (3, D) of which a modality that it has is all zero in float16.

    Raises:
        InvalidRequest: naming the members that the query is made of.
    """
    cancelled = [each for each in MODALITIES if mask[each.index] and not features[each.index].any()]
    if cancelled:
        raise InvalidRequest(
            [
                FieldProblem(
                    member,
                    f"has {', '.join(cancelled)} features that cancel out with the others of the "
                    "query: their mean is all zero in float16 and has no direction; search for "
                    "one at a time",
                )
                for member in members
            ]
        )


def features_of(
    name: str, embedding: EmbeddingInput, feature_size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return given branch features as (3, D), exact in float16, and their mask (3,).

    Raises:
        InvalidRequest: a row does not have `feature_size` numbers, or has no direction.
    """
    features = np.zeros((len(MODALITIES), feature_size), dtype=np.float32)
    mask = np.zeros(len(MODALITIES), dtype=np.bool_)
    problems = []
    for index, row in enumerate(embedding.features):
        if row is None:
            continue
        field = f"{name}.features[{index}]"
        if len(row) != feature_size:
            problems.append(
                FieldProblem(
                    field,
                    f"has {len(row)} numbers and this model's features have {feature_size}; "
                    "embed with the model that /info names",
                )
            )
            continue
        features[index] = round_to_stored(np.asarray(row, dtype=np.float32))
        mask[index] = True
        if not features[index].any():
            problems.append(
                FieldProblem(field, "is all zero in float16; send null for a missing modality")
            )
    if problems:
        raise InvalidRequest(problems)
    return features, mask


def warn_of_identities(identities: Sequence[str | None]) -> list[str]:
    """Return a sentence where the records of one query are of several identities."""
    known = _distinct(identities)
    if len(known) < 2:
        return []
    return [f"the query's records have {len(known)} identities ({', '.join(known[:3])}), fused"]


def _distinct(labels: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for label in labels if label is not None))
