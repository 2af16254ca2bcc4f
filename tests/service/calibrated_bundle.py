"""The tiny bundle with thresholds, as an exported bundle has them."""

from dataclasses import replace
from pathlib import Path

from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle, write_manifest
from vreid.calibration import Calibration

FALSE_ACCEPT_RATE = 0.001
THRESHOLD = 0.8


def make_bundle(directory: Path) -> Bundle:
    """Write the bundle and load it."""
    bundle = make_tiny_bundle(directory)
    calibration = bundle.manifest.calibration
    assert calibration is not None
    tables = {
        key: replace(table, thresholds={FALSE_ACCEPT_RATE: THRESHOLD})
        for key, table in calibration.tables.items()
    }
    write_manifest(directory, replace(bundle.manifest, calibration=Calibration(tables)))
    return Bundle.load(directory)
