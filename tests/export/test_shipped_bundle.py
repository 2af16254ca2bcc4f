"""What is shipped belongs together: the bundle, its card, and what the documents say of it."""

import json

from benchmarks.real_photographs import BUNDLE, REPOSITORY
from export.model_card import CARD_NAME, render_model_card
from vreid.bundle import Bundle


def test_the_shipped_card_is_what_the_manifest_says() -> None:
    card = (BUNDLE / CARD_NAME).read_text(encoding="utf-8")
    assert card == render_model_card(Bundle.load(BUNDLE).manifest)


def test_the_policies_were_measured_on_the_shipped_bundle() -> None:
    measured = json.loads((REPOSITORY / "docs" / "measured" / "policies.json").read_text("utf-8"))
    assert Bundle.load(BUNDLE).fingerprint in measured["model"]
