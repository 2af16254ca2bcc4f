"""The site made of docs/: links and anchors lead somewhere, and nothing comes from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
_SECONDS = 1200
_LIST_ITEM = re.compile(r"(?:[-*+]|\d+\.) ")
_LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}

pytestmark = pytest.mark.timeout(2 * _SECONDS)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does; any warning of a link fails it."""
    target = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", target],
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert built.returncode == 0, built.stderr
    return target


class Loaded(HTMLParser):
    """Collects the addresses that a browser loads by itself when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        address = given.get(_LOADED.get(tag, ""))
        if address and given.get("rel") != "canonical":
            self.addresses.append(address)


def test_every_page_is_in_the_site(site: Path) -> None:
    built = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    sources = {path.relative_to(REPOSITORY / "docs").with_suffix("") for path in PAGES}
    assert {Path(str(each).replace("README", "index")) for each in sources} - built == set()


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    elsewhere: dict[str, list[str]] = {}
    for page in site.rglob("*.html"):
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        assert parser.addresses, page
        found = [each for each in parser.addresses if re.match(r"(https?:)?//", each)]
        if found:
            elsewhere[page.name] = found
    assert elsewhere == {}


def test_a_stylesheet_loads_nothing_from_elsewhere(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    loaded = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']+")
    assert {str(sheet): loaded.findall(sheet.read_text()) for sheet in sheets} == {
        str(sheet): [] for sheet in sheets
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_list_follows_an_empty_line(page: Path) -> None:
    # Without one, GitHub shows a list and the site a paragraph.
    wrong = []
    previous, fenced = "", False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        starts = bool(_LIST_ITEM.match(line))
        follows = previous == "" or bool(_LIST_ITEM.match(previous)) or previous.startswith(" ")
        if starts and not fenced and not follows:
            wrong.append(line)
        previous = line
    assert wrong == []
