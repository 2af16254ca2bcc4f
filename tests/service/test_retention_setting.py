"""The service's periodic retention: off unless it is set, and a rule for each camera."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.gallery.gallery import Gallery
from service.opening import open_retention
from service.settings import load_settings
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, new_record
from vreid.errors import ConfigurationError


def test_an_age_that_cannot_be_read_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VREID_RETENTION", '{"gate": "soon"}')
    with pytest.raises(ConfigurationError, match=r"VREID_RETENTION.*90d"):
        load_settings({})


def test_by_default_nothing_expires_and_a_rule_deletes_what_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as gallery:
        assert open_retention(load_settings({}), gallery) is None
        monkeypatch.setenv("VREID_RETENTION", '{"gate": "30d"}')
        retention = open_retention(load_settings({}), gallery)
        assert retention is not None
        old = datetime.now(UTC) - timedelta(days=31)
        for camera in ("gate", "yard"):
            gallery.add(new_record(1, id=camera, camera=camera, captured_at=old))
        retention.start()
        while gallery.count() > 1:
            time.sleep(0.01)
        retention.stop()
        assert [record.id for record in gallery.page().records] == ["yard"]
