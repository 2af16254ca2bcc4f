"""The bytes of requests, made before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from vreid.modality import MODALITIES

_BOUNDARY = "vreid-bench-boundary"


def multipart_request(
    host: str,
    path: str,
    files: Mapping[str, bytes],
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A whole POST request with a multipart/form-data body, to be sent over keep-alive.

    Args:
        host: as the Host header says it, with the port.
        path: with the query string, if any.
        files: content by the name of the part.
        fields: text parts.
        headers: more headers.
    """
    body = b"".join(_parts(files, fields or {})) + f"--{_BOUNDARY}--\r\n".encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}",
        f"Content-Length: {len(body)}",
        "Accept: application/json",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def subsets_of(sample: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """The sample with each non-empty selection of its images: seven of a triplet."""
    present = [modality.value for modality in MODALITIES if modality in sample]
    for size in range(len(present), 0, -1):
        for chosen in combinations(present, size):
            yield {name: sample[name] for name in chosen}


def with_missing(samples: Sequence[Mapping[str, Path]]) -> list[dict[str, Path]]:
    """As many samples, of which each has the next one of the selections of images."""
    chosen = []
    for number, sample in enumerate(samples):
        selections = list(subsets_of(sample))
        chosen.append(selections[number % len(selections)])
    return chosen


def _parts(files: Mapping[str, bytes], fields: Mapping[str, str]) -> Iterator[bytes]:
    for name, text in fields.items():
        yield (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        ).encode()
    for name, data in files.items():
        yield (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{name}.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        ).encode()
        yield data
        yield b"\r\n"
