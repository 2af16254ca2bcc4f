"""What goes on behind the searches, in the console: ingest, its tickets, and jobs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from service.demo.run import SAMPLES
from service.jobs.listing import jobs_of
from service.jobs.report import JobReport, reported_job
from service.keys.key import Role
from tests.browser.conftest import PATIENCE, OpenPage
from tests.browser.records import enrol, new_key
from tests.browser.view_states import looks_again
from tests.e2e.processes import clean_environment, command
from tests.redis_server import RedisServer, running_redis
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Of the services that a test starts with `serve`."""
    return tmp_path / "gallery"


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path / "redis") as server:
        yield server


def jobs(page: Page) -> Locator:
    return page.locator(".job")


def ingest(page: Page, name: str) -> Locator:
    """The value of a figure of ingest."""
    return page.locator(".activity-ingest .figure").filter(has_text=name).locator("dd")


def hand_over(address: str, **fields: str) -> str:
    """Send a sighting to be embedded later; returns the ticket's id."""
    answer = httpx.post(
        f"{address}/ingest", files=triplet(1), data=fields, timeout=30, trust_env=False
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def look_up(page: Page, ticket: str) -> None:
    page.get_by_label("Ticket id").fill(ticket)
    page.get_by_role("button", name="Look up").click()


def test_before_anything_happened_it_says_what_would_be_here(
    open_page: OpenPage, own_service: str
) -> None:
    page = open_page(own_service, "#/activity")
    expect(page.get_by_text("Ingest is off")).to_be_visible()
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.get_by_label("Ticket id")).to_be_hidden()


def test_an_indexing_process_is_followed_to_its_end(
    open_page: OpenPage, own_service: str, gallery: Path, tiny_bundle: Bundle
) -> None:
    page = open_page(own_service, "#/activity")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    source = SAMPLES / "manifest.csv"
    process = subprocess.Popen(
        command(["index", source, "--bundle", tiny_bundle.path, "--gallery", gallery]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    expect(jobs(page)).to_have_count(1)
    assert process.wait(timeout=120) == 0
    looks_again(page)
    expect(jobs(page)).to_contain_text(f"Indexing of {source}")
    expect(jobs(page)).to_contain_text("Finished")
    expect(jobs(page)).to_contain_text("240 of 240 (100.0 %)")
    expect(jobs(page).get_by_role("progressbar")).to_have_js_property("position", 1)


def test_a_running_job_shows_its_progress_and_its_end_is_announced(
    open_page: OpenPage, own_service: str, gallery: Path
) -> None:
    page = open_page(own_service, "#/activity")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    report = JobReport(gallery, "import", "march.tar")
    looks_again(page)
    expect(jobs(page)).to_contain_text("Running")
    expect(jobs(page).get_by_role("progressbar")).not_to_have_attribute("value", "0")
    report.expect(200)
    report.advance(indexed=40, rejected=10)
    # A job tells how far it is once a second at most.
    deadline = time.monotonic() + PATIENCE / 1000
    while jobs_of(gallery)[0].done < 50:
        assert time.monotonic() < deadline, "the job did not tell how far it is"
        time.sleep(0.05)
        report.advance()
    looks_again(page)
    expect(jobs(page)).to_contain_text("50 of 200 (25.0 %)")
    expect(jobs(page).get_by_role("progressbar")).to_have_js_property("position", 0.25)
    expect(jobs(page).locator(".figure.warning")).to_have_text("Rejected10")
    report.end("finished")
    looks_again(page)
    expect(jobs(page)).to_contain_text("Finished")
    expect(page.locator("#announcements")).to_have_text("Import of march.tar: finished.")


def test_a_job_that_ended_early_says_why(
    open_page: OpenPage, own_service: str, gallery: Path
) -> None:
    with pytest.raises(OSError, match="no space"), reported_job(gallery, "reindex", "new-bundle"):
        raise OSError("no space left on the disk; make some and run it again")
    page = open_page(own_service, "#/activity")
    expect(jobs(page)).to_contain_text("Interrupted")
    expect(jobs(page)).to_contain_text("No space left on the disk; make some and run it again")


def test_a_job_whose_process_was_killed_is_lost(
    open_page: OpenPage, own_service: str, gallery: Path
) -> None:
    program = (
        "import sys, time; from pathlib import Path; from service.jobs.report import JobReport; "
        "kept = JobReport(Path(sys.argv[1]), 'index', 'march.csv'); print(flush=True); "
        "time.sleep(600)"
    )
    arguments = [command([])[0], "-c", program, str(gallery)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=clean_environment()) as process:
        assert process.stdout is not None
        process.stdout.readline()
        page = open_page(own_service, "#/activity")
        expect(jobs(page)).to_contain_text("Running")
        os.kill(process.pid, signal.SIGKILL)
    looks_again(page)
    expect(jobs(page)).to_contain_text("Lost")
    expect(jobs(page)).to_contain_text("Run the same command again")


def test_newer_jobs_stand_before_older_ones(
    open_page: OpenPage, own_service: str, gallery: Path
) -> None:
    with reported_job(gallery, "index", "one.csv"):
        pass
    page = open_page(own_service, "#/activity")
    expect(jobs(page)).to_have_count(1)
    with reported_job(gallery, "index", "two.csv"):
        pass
    looks_again(page)
    expect(jobs(page)).to_have_count(2)
    expect(jobs(page).nth(0)).to_contain_text("two.csv")
    expect(jobs(page).nth(1)).to_contain_text("one.csv")


def test_what_waits_is_counted_and_its_ticket_found(
    open_page: OpenPage, serve: Callable[..., str], redis_server: RedisServer
) -> None:
    address = serve(ingest={"redis": redis_server.url})
    page = open_page(address, "#/activity")
    expect(ingest(page, "Waiting")).to_have_text("0")
    ticket = hand_over(address)
    looks_again(page)
    expect(ingest(page, "Waiting")).to_have_text("1")
    expect(ingest(page, "Failed")).to_have_text("0")
    look_up(page, f" {ticket} ")
    expect(page.locator(".ticket-answer")).to_contain_text("It waits for a worker.")


def test_what_was_stored_leads_to_its_record_and_what_failed_says_why(
    open_page: OpenPage, serve: Callable[..., str], redis_server: RedisServer
) -> None:
    address = serve(ingest={"redis": redis_server.url, "workers": 1})
    enrol(address, "taken")
    stored, failed = hand_over(address, id="new"), hand_over(address, id="taken", camera="north")
    page = open_page(address, "#/activity")
    expect(ingest(page, "Failed")).to_have_text("1")
    expect(ingest(page, "Waiting")).to_have_text("0")
    look_up(page, failed)
    expect(page.locator(".ticket-problem")).to_contain_text("The id is taken")
    look_up(page, stored)
    page.locator(".ticket-answer").get_by_role("link", name="new").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("new")


def test_a_ticket_that_nobody_knows_is_told(
    open_page: OpenPage, serve: Callable[..., str], redis_server: RedisServer
) -> None:
    address = serve(ingest={"redis": redis_server.url})
    page = open_page(address, "#/activity", expected=(404,))
    look_up(page, "nowhere")
    expect(page.locator(".ticket-found").get_by_role("alert")).to_contain_text("No such ingest")


def test_redis_that_went_away_and_came_back_is_seen(
    open_page: OpenPage, serve: Callable[..., str], redis_server: RedisServer
) -> None:
    address = serve(ingest={"redis": redis_server.url, "timeout": 0.5})
    page = open_page(address, "#/activity")
    expect(ingest(page, "Waiting")).to_have_text("0")
    redis_server.stop()
    looks_again(page)
    expect(page.get_by_text("Redis does not answer")).to_be_visible()
    redis_server.start()
    looks_again(page)
    expect(ingest(page, "Waiting")).to_have_text("0")


def test_tickets_are_looked_up_by_those_who_may_enrol(
    open_page: OpenPage, serve: Callable[..., str], redis_server: RedisServer, tmp_path: Path
) -> None:
    keys = tmp_path / "secret" / "keys.json"
    roles: tuple[Role, ...] = ("search", "enrol")
    tokens = {role: new_key(keys, role) for role in roles}
    address = serve(ingest={"redis": redis_server.url}, access={"keys": keys})
    for role, token in tokens.items():
        page = open_page(address, "#/activity", key=token)
        expect(ingest(page, "Waiting")).to_have_text("0")
        expect(page.get_by_label("Ticket id")).to_have_count(int(role == "enrol"))


def test_it_looks_every_two_seconds_while_it_is_seen(open_page: OpenPage, own_service: str) -> None:
    page = open_page(own_service)
    page.clock.install()
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url))

    def looked() -> int:
        return len([url for url in looks if url.endswith("/status")])

    def answered_look(act: Callable[[], object]) -> None:
        with page.expect_response("**/status"):
            act()
        # The next look is timed once this answer is shown.
        expect(page.locator("main [aria-busy]")).to_have_count(0)

    answered_look(lambda: page.goto("#/activity"))
    before = looked()
    answered_look(lambda: page.clock.run_for(2000))
    assert looked() == before + 1
    see(page, "hidden")
    page.clock.run_for(20_000)
    assert looked() == before + 1
    answered_look(lambda: see(page, "visible"))
    assert looked() == before + 2
    page.goto("#/browse")
    expect(page.get_by_text("The gallery is empty")).to_be_visible()
    page.clock.run_for(20_000)
    assert looked() == before + 2


def see(page: Page, state: str) -> None:
    """Let the page take itself for seen or not, as behind another tab."""
    page.evaluate(
        """state => {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )
