"""A real bundle with every kind of variant, and pixels to run on it."""

from pathlib import Path

import pytest

from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with fp32, bf16 and int8; shared, so not to be changed."""
    return make_tiny_bundle(tmp_path_factory.mktemp("variants") / "bundle", variants=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own; returns vreid's directory in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vreid"
