"""Where tests find data that may not be part of the repository.

A folder `shared` beside the checkout, or the one that VREID_SHARED names. Tests that need it are
skipped where it is absent, except in CI, where its absence is a failure.
"""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("VREID_SHARED", Path(__file__).parents[2] / "shared"))

PHOTOGRAPHS = SHARED / "data" / "vehicles-two-camera"
"""Real photographs: manifest.csv and images/."""

NAMES = SHARED / "data" / "names"
"""Lists of MSVR310's real file names."""

needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir() and not os.environ.get("CI"), reason=f"there is no data at {SHARED}"
)
