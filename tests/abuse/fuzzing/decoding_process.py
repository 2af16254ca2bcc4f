"""A process of its own that decodes and prepares inputs, bounded in memory, and says what came out.

It writes a line before each input (`{"begin": index}`) and one after it, so that whoever reads them
knows which input ended the process or takes no end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from service.bench.process_usage import memory
from service.embedding.preparation import Preparation
from service.log_setup import set_up_logging
from service.messages.problems import kind_of
from service.messages.samples import SentSample
from service.settings import SHIPPED_BUNDLE
from tests.abuse.fuzzing.inputs import make_input
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, declared_pixels
from vreid.errors import VreidError
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing

_MEASURED_EVERY = 250


def outcome_of(data: bytes, modality: Modality, preprocessing: Preprocessing) -> str:
    """Return `used`, or the problem's type by which the service would refuse the picture.

    Raises:
        Exception: whatever the service would answer with 500.
    """
    try:
        declared_pixels(data, DEFAULT_LIMITS)
        preparation = Preparation(
            [SentSample({modality: data})], preprocessing, 8, DEFAULT_LIMITS, None, True
        )
        preparation.next_sample()
    except VreidError as error:
        kind = kind_of(error)
        if kind.status >= 500:
            raise
        return kind.slug
    [pixels] = preparation.images
    shape = pixels[modality].shape
    assert shape == (preprocessing.height, preprocessing.width, 3), shape
    return "used"


def decode_all(seed: int, indices: range, bundle: Path) -> None:
    """Decode the inputs of these numbers and write a line about each."""
    preprocessing = Bundle.load(bundle).manifest.preprocessing
    for number, index in enumerate(indices):
        _write({"begin": index})
        made = make_input(seed, index)
        modality = MODALITIES[index // 7 % len(MODALITIES)]
        began = time.perf_counter()
        try:
            told = {"outcome": outcome_of(made.data, modality, preprocessing)}
        except Exception as error:  # whatever else comes out of it is what is looked for
            told = {"fault": f"{type(error).__name__}: {error}"}
        seconds = time.perf_counter() - began
        line: dict[str, object] = {**told, "format": made.format, "seconds": seconds}
        if number % _MEASURED_EVERY == _MEASURED_EVERY - 1:
            line["resident"] = memory(os.getpid()).now
        _write(line)


def _write(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Bound the memory and begin."""
    parser = argparse.ArgumentParser(description="Decode inputs of the fuzzer.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--start", type=int, required=True)
    parser.add_argument("--stop", type=int, required=True)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--memory", type=int, required=True, help="bytes of address space")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    given = parser.parse_args()
    set_up_logging("warning")
    resource.setrlimit(resource.RLIMIT_AS, (given.memory, given.memory))
    decode_all(given.seed, range(given.start, given.stop, given.step), given.bundle)


if __name__ == "__main__":
    main()
