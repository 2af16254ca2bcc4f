"""The status page: one sentence that says whether all is well, and the figures behind it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from service.jobs.report import reported_job
from service.keys.key_file import remove_key
from tests.browser.conftest import OpenPage
from tests.browser.records import new_key
from tests.browser.view_places import Place
from tests.browser.view_states import looks_until_visible
from tests.browser.watching import NO_ANSWER
from tests.kept_port import kept_port
from tests.service.serving import running_service
from vreid.bundle import Bundle

WELL: dict[str, Any] = {
    "queue": {"held": 0, "images": {"rgb": 0, "nir": 0, "tir": 0}, "wait_seconds": 0},
    "gallery": {"records": 5000, "segments": 2, "unsealed": 1, "recall": None},
    "ingest": {"available": True, "waiting": 0, "lag_seconds": 0, "failed": 0},
    "jobs": [],
}
READY = {"isReady": True, "checks": {}, "detail": None}


def job(state: str, source: str = "march.csv") -> dict[str, str]:
    return {"kind": "index", "source": source, "state": state}


def sentence(page: Page) -> Locator:
    return page.locator(".verdict-sentence")


def panel(page: Page, name: str) -> Locator:
    return page.locator(f".status-panel[data-panel={name}]")


@pytest.fixture
def services() -> Iterator[ExitStack]:
    """Services that a test starts and stops by itself."""
    with ExitStack() as stack:
        yield stack


def test_a_service_that_is_well_says_so_with_its_figures(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/status")
    expect(sentence(page)).to_have_text("Everything is fine. It searches 240 sightings.")
    status = httpx.get(f"{sample_service}/status", timeout=30, trust_env=False).json()
    expect(panel(page, "gallery")).to_contain_text("240")
    for known in (status["engine"]["name"], status["engine"]["precision"]):
        expect(panel(page, "engine")).to_contain_text(known)
    expect(panel(page, "model")).to_contain_text(status["model"]["name"])
    expect(panel(page, "model").locator(".mono")).to_have_attribute(
        "title", status["model"]["fingerprint"]
    )
    expect(panel(page, "service")).to_contain_text(status["version"])
    expect(panel(page, "load")).to_contain_text("TIR waiting0 images")
    expect(panel(page, "ready").get_by_text("ready", exact=True)).to_have_count(4)


def test_an_empty_gallery_is_said_with_what_to_do(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service, "#/status")
    expect(sentence(page)).to_contain_text("The gallery is empty: enrol a vehicle")


def test_a_job_that_did_not_end_is_pointed_out(
    open_page: OpenPage, own_service: str, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="disk"), reported_job(tmp_path / "gallery", "index", "a.csv"):
        raise OSError("the disk is full")
    page = open_page(own_service, "#/status")
    expect(sentence(page)).to_have_text("The service works; 1 thing needs your attention.")
    finding = page.locator(".findings li")
    expect(finding).to_contain_text("Indexing of a.csv did not come to its end.")
    finding.get_by_role("link", name="Activity").click()
    expect(page.locator(".job")).to_contain_text("The disk is full")


def test_a_look_leaves_what_has_not_changed_in_its_place(
    open_page: OpenPage, places: dict[Place, str]
) -> None:
    page = open_page(places["busy"], "#/status")
    link = page.locator(".findings").get_by_role("link", name="See Activity").first
    link.focus()
    first = page.locator(".view-head").inner_text()
    looks_until_visible(page, page.locator(".view-head p").filter(has_not_text=first[7:]))
    expect(page.locator(".view-head")).to_contain_text("as of")
    expect(link).to_be_focused()


def test_a_service_that_is_not_ready_says_which_part_and_why(
    open_page: OpenPage, services: ExitStack, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    client, running = services.enter_context(
        running_service(tiny_bundle.path, tmp_path / "gallery")
    )
    page = open_page(str(client.base_url), "#/status", expected=(503,))
    expect(sentence(page)).to_contain_text("Everything is fine.")
    running.gallery.close()
    looks_until_visible(page, page.locator(".verdict.bad"))
    expect(sentence(page)).to_have_text("The service cannot search at present.")
    expect(page.locator(".findings")).to_contain_text("The gallery cannot be read")
    expect(page.locator("#announcements")).to_have_text("The service cannot search at present.")


def test_a_service_that_is_gone_is_told_and_found_again(
    open_page: OpenPage, services: ExitStack, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    port, gallery = services.enter_context(kept_port()), tmp_path / "gallery"
    with running_service(tiny_bundle.path, gallery, port=port) as (client, _):
        page = open_page(str(client.base_url), "#/status", expected=(NO_ANSWER,))
        expect(sentence(page)).to_contain_text("Everything is fine.")
    looks_until_visible(page, page.locator(".verdict.bad"))
    expect(sentence(page)).to_have_text("The service does not answer.")
    expect(page.locator(".findings")).to_contain_text("the last that it gave")
    expect(page.locator(".status-panels")).to_have_class("status-panels stale")
    services.enter_context(running_service(tiny_bundle.path, gallery, port=port))
    looks_until_visible(page, page.locator(".verdict.good"))
    expect(sentence(page)).to_contain_text("Everything is fine.")
    expect(page.locator(".status-panels")).to_have_class("status-panels")


def test_without_a_key_nothing_is_shown_and_it_says_why(
    open_page: OpenPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    keys = tmp_path / "secret" / "keys.json"
    token = new_key(keys, "search")
    address = serve(access={"keys": keys})
    page = open_page(address, "#/status", expected=(401,))
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("An API key is needed")
    expect(page.locator(".status-panel")).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    page.get_by_label("API key", exact=True).fill(token)
    page.get_by_role("button", name="Use this key").click()
    expect(sentence(page)).to_contain_text("Everything is fine.")


@pytest.mark.parametrize("view", ["status", "activity"])
def test_a_key_that_ends_is_asked_for_once_and_not_at_every_look(
    open_page: OpenPage, serve: Callable[..., str], tmp_path: Path, view: str
) -> None:
    keys = tmp_path / "secret" / "keys.json"
    token = new_key(keys, "search")
    page = open_page(serve(access={"keys": keys}), f"#/{view}", key=token, expected=(401,))
    expect(page.locator("main")).to_contain_text("Looks again every")
    remove_key(keys, token.split("_")[1])
    dialog = page.get_by_role("dialog")
    looks_until_visible(page, dialog)
    page.clock.install()
    dialog.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("An API key is needed")
    page.clock.run_for(20_000)
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    expect(dialog).to_be_visible()


def test_each_thing_that_is_not_well_is_found(open_page: OpenPage, sample_service: str) -> None:
    page = open_page(sample_service, "#/status")
    ingest = {"available": True, "waiting": 0, "lag_seconds": 0, "failed": 0}
    recall = {"estimate": 0.91, "margin": 0.01, "at": 20}
    faults: tuple[tuple[dict[str, Any], str], ...] = (
        ({"queue": {"wait_seconds": 3.24}}, "A request waits for about 3.2 s"),
        (
            {"ingest": ingest | {"waiting": 1200, "lag_seconds": 7325}},
            "Ingest is 2 h 2 min behind, with 1,200 waiting.",
        ),
        ({"ingest": ingest | {"failed": 2}}, "2 ingest tickets failed."),
        ({"ingest": {"available": False}}, "Ingest accepts nothing"),
        ({"gallery": {"recall": recall}}, "About 9.0 % of the best 20 matches may be missed."),
        ({"jobs": [job("lost")]}, "Indexing of march.csv did not come to its end."),
    )
    for change, what in faults:
        said = verdict_of(page, WELL | change)
        assert said["level"] == "warning"
        [finding] = said["findings"]
        assert finding["what"].startswith(what)
        assert finding["advice"]


def test_what_is_well_or_not_known_is_not_complained_about(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/status")
    begun_anew = [job("running"), job("lost"), job("finished", "b.csv"), job("lost", "b.csv")]
    recall = {"estimate": 0.99, "margin": 0.01, "at": 20}
    for status in (
        WELL,
        WELL | {"jobs": begun_anew},
        WELL | {"gallery": WELL["gallery"] | {"recall": recall}},
        dict.fromkeys(WELL),
        None,
    ):
        said = verdict_of(page, status)
        assert (said["level"], said["findings"]) == ("good", []), status


def test_what_the_service_does_not_know_is_left_out(
    open_page: OpenPage, sample_service: str
) -> None:
    page = open_page(sample_service, "#/status")
    status = dict.fromkeys(("version", "uptime_seconds", "model", "engine", *WELL))
    titles = page.evaluate(
        """async ([status, ready]) => {
          const { statusPanels } = await import("/console/status/status_panels.js");
          return statusPanels(status, ready).map((panel) => panel.innerText);
        }""",
        [status, READY],
    )
    assert "Not known." in titles[0]
    assert not any("null" in text or "NaN" in text or "undefined" in text for text in titles)


def verdict_of(page: Page, status: object) -> dict[str, Any]:
    said: dict[str, Any] = page.evaluate(
        """async ([status, ready]) => {
          const { verdict } = await import("/console/status/verdict.js");
          return verdict(status, ready);
        }""",
        [status, READY],
    )
    return said
