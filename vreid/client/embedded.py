"""What `/embed` answers, and embeddings as queries."""

from __future__ import annotations

from dataclasses import dataclass

from vreid.client.errors import ClientError
from vreid.client.reading import Vector
from vreid.client.records import Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """The model that made features; those of another fingerprint are not comparable."""

    name: str
    version: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """Branch features of one vehicle: a query without its images.

    Attributes:
        features: float32 (D,) of RGB, NIR and TIR; None where missing.
        model: fingerprint of the model that made them. The service refuses those of another; with
            None it cannot tell.
    """

    features: tuple[Vector | None, ...]
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedSample:
    """The representations of one sample; both have length one.

    Attributes:
        mask: which modalities the sample has.
        center: float32 (D,), the masked geometric center.
        concat: float32 (3 D,), the concatenation; None unless the sample is complete.
        features: float32 (D,) of each branch if asked for, None where missing.
        warnings: sentences about its images.
    """

    mask: Mask
    center: Vector
    concat: Vector | None
    features: tuple[Vector | None, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """Answer of an embedding, samples in the order in which they were given."""

    model: ModelIdentity
    samples: tuple[EmbeddedSample, ...]

    def embeddings(self) -> tuple[Embedding, ...]:
        """Each sample as a query; needs the features.

        Raises:
            ClientError: the features were not asked for.
        """
        return tuple(
            Embedding(features=_asked_for(sample), model=self.model.fingerprint)
            for sample in self.samples
        )


def _asked_for(sample: EmbeddedSample) -> tuple[Vector | None, ...]:
    if sample.features is None:
        raise ClientError("the answer has no features; embed with features=True")
    return sample.features
