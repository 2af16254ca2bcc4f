"""One accepted request: its sightings, its id, and its form in a stream.

The id follows from the idempotency key, and the ids of the records from the id. Whoever works on
an entry again therefore names the same records, and the gallery refuses to store them twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.messages.inputs import EnrolInput
from service.requests.parsing import IMAGE_FIELDS


@dataclass(frozen=True, slots=True)
class Entry:
    """What waits in the stream.

    Attributes:
        id: 32 hexadecimal digits, made from the idempotency key or the content.
        digest: SHA-256 of the content.
        samples: the sightings, stored together or not at all.
        is_form: whether the request was a form, which decides how fields are called.
        request_id: of the request that brought it.
        accepted_at: RFC 3339.
    """

    id: str
    digest: str
    samples: tuple[EnrolInput, ...]
    is_form: bool
    request_id: str
    accepted_at: str

    @property
    def record_ids(self) -> tuple[str, ...]:
        """The id of each sample's record: the client's, or one that follows from the entry's."""
        alone = len(self.samples) == 1
        return tuple(
            sample.id or (self.id if alone else f"{self.id}.{number}")
            for number, sample in enumerate(self.samples)
        )


def make_entry(
    samples: Sequence[EnrolInput],
    is_form: bool,
    idempotency_key: str | None,
    request_id: str,
    accepted_at: str,
) -> Entry:
    """Return the entry of a request; equal keys, or equal contents without one, give equal ids."""
    digest = content_digest(samples)
    origin = f"content\n{digest}" if idempotency_key is None else f"key\n{idempotency_key}"
    entry_id = hashlib.sha256(origin.encode()).hexdigest()[:32]
    return Entry(entry_id, digest, tuple(samples), is_form, request_id, accepted_at)


def content_digest(samples: Sequence[EnrolInput]) -> str:
    """Return the SHA-256 over everything that the samples say, pictures included."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(json.dumps(_words(sample), sort_keys=True).encode())
        for modality, data in sample.by_modality().items():
            digest.update(f"\n{modality} {len(data)}\n".encode())
            digest.update(data)
    return digest.hexdigest()


def to_fields(entry: Entry) -> dict[str, bytes]:
    """Return the entry as a stream's fields: one of JSON, and one for each picture's bytes."""
    facts = {
        "id": entry.id,
        "digest": entry.digest,
        "samples": [_words(sample) for sample in entry.samples],
        "is_form": entry.is_form,
        "request_id": entry.request_id,
        "accepted_at": entry.accepted_at,
    }
    fields = {"entry": json.dumps(facts).encode()}
    for number, sample in enumerate(entry.samples):
        for modality, data in sample.by_modality().items():
            fields[f"{number}.{modality.value}"] = data
    return fields


def from_fields(fields: Mapping[bytes, bytes]) -> Entry:
    """Return the entry that `to_fields` wrote.

    Raises:
        ValueError: the fields are not those of an entry.
    """
    try:
        facts = json.loads(fields[b"entry"])
        samples = [dict(words) for words in facts["samples"]]
        for name, data in fields.items():
            number, separator, modality = name.decode().partition(".")
            if separator and modality in IMAGE_FIELDS:
                samples[int(number)][modality] = data
        return Entry(
            facts["id"],
            facts["digest"],
            tuple(EnrolInput.model_validate(sample) for sample in samples),
            facts["is_form"],
            facts["request_id"],
            facts["accepted_at"],
        )
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"the stream holds something that is no entry: {error!r}") from error


def _words(sample: EnrolInput) -> dict[str, object]:
    return sample.model_dump(mode="json", exclude=set(IMAGE_FIELDS), exclude_defaults=True)
