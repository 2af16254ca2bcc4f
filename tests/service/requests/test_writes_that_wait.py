"""What happens while another process holds the gallery's write lock."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.gallery.store.database import DATABASE_NAME
from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

PATIENCE = 1.0


@contextmanager
def locked(gallery: Path) -> Iterator[None]:
    connection = sqlite3.connect(gallery / DATABASE_NAME, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_searches_go_on_while_writes_wait_and_writes_are_told_to_come_back(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    gallery = tmp_path / "gallery"
    with running_service(calibrated_bundle.path, gallery, workers=1, lock_timeout=PATIENCE) as (
        client,
        running,
    ):
        assert client.post("/gallery", files=triplet(1), data={"id": "a"}).status_code == 201
        answers: list[httpx.Response] = []

        def enrol() -> None:
            with httpx.Client(base_url=client.base_url, timeout=30, trust_env=False) as own:
                answers.append(own.post("/gallery", files=triplet(2)))

        def delete() -> None:
            with httpx.Client(base_url=client.base_url, timeout=30, trust_env=False) as own:
                answers.append(own.delete("/gallery/a"))

        writers = [threading.Thread(target=target) for target in (enrol, enrol, delete)]
        with locked(gallery):
            for writer in writers:
                writer.start()
            while running.admission.held < 3:
                time.sleep(0.01)
            assert client.post("/search", files=triplet(1)).status_code == 200
            assert answers == [], "the search was answered before the writes gave up"
            for writer in writers:
                writer.join()
        for answer in answers:
            assert_problem(answer, 503, "gallery-locked")
            assert int(answer.headers["retry-after"]) >= 1
        assert client.delete("/gallery/a").status_code == 204


def test_writes_that_wait_leave_places_for_searches(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with (
        running_service(calibrated_bundle.path, tmp_path / "gallery", pending=2) as (
            client,
            running,
        ),
        running.admission.admit_write(),
    ):
        assert_problem(client.post("/gallery", files=triplet(1)), 429, "overloaded")
        assert client.post("/search", files=triplet(1)).status_code == 200
