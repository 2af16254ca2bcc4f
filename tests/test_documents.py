"""The documents of the repository."""

import re
from pathlib import Path

import pytest

from service.settings import SHIPPED_BUNDLE
from service.variables import unknown_variables

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *SHIPPED_BUNDLE.glob("*.md")]
)
SETTING = re.compile(r"\bVREID_[A-Z][A-Z_]*[A-Z]")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def test_there_are_documents() -> None:
    assert len(DOCUMENTS) > 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_setting_that_is_named_exists(document: Path) -> None:
    named = SETTING.findall(document.read_text(encoding="utf-8"))
    assert unknown_variables(dict.fromkeys(named, "")) == []
