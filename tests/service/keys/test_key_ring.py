"""Authentication by the keys in force."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.keys.errors import KeyFileUnusable, KeysUnreadable, Unauthenticated
from service.keys.key import make_key
from service.keys.key_file import add_key, read_keys, remove_key
from service.keys.key_ring import KeyRing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_the_right_token_gives_its_key(path: Path) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    assert KeyRing(path).authenticate(f"Bearer {token}") == key
    assert KeyRing(path).authenticate(f"bearer  {token} ") == key


def test_everything_else_is_refused_with_one_sentence(path: Path) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    expired, expired_token = make_key("old", "admin", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    add_key(path, expired)
    wrong_secret = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    unknown = make_key("nobody", "admin")[1]
    ring = KeyRing(path)
    messages = set()
    for header in (
        *(None, "", "Bearer", "Bearer ", token, f"Basic {token}", f"Bearer {token} x"),
        *(f"Bearer {each}" for each in (wrong_secret, unknown, expired_token, "vreid_", "ÿ" * 60)),
    ):
        with pytest.raises(Unauthenticated) as refused:
            ring.authenticate(header)
        messages.add(str(refused.value))
    assert len(messages) == 1


def test_a_revoked_key_ends_and_a_new_one_begins_without_a_restart(path: Path) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    ring = KeyRing(path)
    ring.authenticate(f"Bearer {token}")
    remove_key(path, key.id)
    ring.look()
    with pytest.raises(Unauthenticated):
        ring.authenticate(f"Bearer {token}")
    other, other_token = make_key("gate", "search")
    add_key(path, other)
    ring.look()
    assert ring.authenticate(f"Bearer {other_token}") == other


def test_a_file_damaged_later_leaves_the_keys_in_force(path: Path) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    ring = KeyRing(path)
    path.write_text("{")
    ring.look()
    assert ring.authenticate(f"Bearer {token}") == key


def test_a_file_that_others_may_read_stops_the_start(path: Path) -> None:
    add_key(path, make_key("gate", "search")[0])
    path.chmod(0o644)
    with pytest.raises(KeyFileUnusable):
        KeyRing(path)


def test_a_file_that_stays_unreadable_ends_every_key_until_it_is_mended(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    good = path.read_text()
    ring = KeyRing(path, grace=0)
    path.write_text("{")
    for _ in range(3):
        ring.look()
        with pytest.raises(KeysUnreadable):
            ring.authenticate(f"Bearer {token}")
    assert len(caplog.records) == 1
    path.write_text(good)
    ring.look()
    assert ring.authenticate(f"Bearer {token}") == key


def test_a_file_that_another_user_owns_is_refused(path: Path) -> None:
    add_key(path, make_key("gate", "admin")[0])
    with pytest.raises(KeyFileUnusable, match="chown"):
        read_keys(path, owners={path.stat().st_uid + 1})
    assert len(read_keys(path, owners={path.stat().st_uid})) == 1


def test_a_change_is_followed_without_anybody_asking(path: Path) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    ring = KeyRing(path)
    ring.follow(interval=0.01)
    try:
        remove_key(path, key.id)
        deadline = time.monotonic() + 30
        while len(ring):
            assert time.monotonic() < deadline, "the revoked key is still in force"
            time.sleep(0.01)
    finally:
        ring.close()
    with pytest.raises(Unauthenticated):
        ring.authenticate(f"Bearer {token}")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def is_refused(ring: KeyRing) -> bool:
    try:
        ring.check_readable()
    except KeysUnreadable:
        return True
    return False


def test_a_disk_that_hangs_ends_every_key_until_it_answers(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Opening a named pipe hangs until somebody writes, as a network's disk that is gone does."""
    key, token = make_key("gate", "search")
    add_key(path, key)
    good, pipe, second = (path.with_name(name) for name in ("good", "pipe", "second"))
    os.link(path, good)
    os.mkfifo(pipe, 0o600)
    os.link(pipe, second)
    ring = KeyRing(path, grace=1)
    ring.follow(interval=0.01)
    try:
        assert ring.authenticate(f"Bearer {token}") == key
        os.replace(pipe, path)
        wait_until(lambda: is_refused(ring))
        with pytest.raises(KeysUnreadable):
            ring.authenticate(f"Bearer {token}")
        assert len([each for each in caplog.records if "look at" in each.message]) == 1
    finally:
        os.replace(good, path)
        os.close(os.open(second, os.O_WRONLY))
    try:
        wait_until(lambda: not is_refused(ring))
        assert ring.authenticate(f"Bearer {token}") == key
    finally:
        ring.close()


def test_keys_that_nobody_follows_any_more_end(path: Path) -> None:
    key, token = make_key("gate", "search")
    add_key(path, key)
    ring = KeyRing(path, grace=0.2)
    ring.follow(interval=0.01)
    ring.close()
    wait_until(lambda: is_refused(ring))
    with pytest.raises(KeysUnreadable):
        ring.authenticate(f"Bearer {token}")
