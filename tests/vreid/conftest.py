from pathlib import Path

import pytest

from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A whole bundle of three small networks, 32 x 32 pixels in, 16 numbers out."""
    return make_tiny_bundle(tmp_path / "bundle")
