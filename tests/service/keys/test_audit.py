"""The audit log on a real disk."""

import json
import resource
import signal
import stat
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from service.keys.audit import AuditLog
from service.keys.errors import AuditClosed, AuditUnwritable


def lines(directory: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(directory.glob("audit*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_every_entry_is_a_line_with_its_time(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit")
    log.write({"key": "0123abcd", "call": "POST /search"})
    log.close()
    (entry,) = lines(tmp_path / "audit")
    assert datetime.fromisoformat(str(entry.pop("time"))).tzinfo is not None
    assert entry == {"key": "0123abcd", "call": "POST /search"}


def test_a_log_is_continued_and_never_begun_again(tmp_path: Path) -> None:
    for number in range(3):
        log = AuditLog(tmp_path)
        log.write({"number": number})
        log.close()
    assert [entry["number"] for entry in lines(tmp_path)] == [0, 1, 2]


def test_text_of_a_client_begins_no_line_of_its_own(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.write({"id": 'x"}\n{"id": "forged"}', "other": "\u2028\ud800"})
    log.close()
    assert len(lines(tmp_path)) == 1


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    AuditLog(tmp_path / "audit").close()
    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "audit" / "audit.jsonl").stat().st_mode) == 0o600


def test_it_is_rotated_and_keeps_no_more_files_than_told(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, file_bytes=200, files=2)
    for number in range(40):
        log.write({"number": number})
    log.close()
    older = list(tmp_path.glob("audit-*.jsonl"))
    assert len(older) == 2
    assert all(path.stat().st_size < 300 for path in older)
    kept = [entry["number"] for entry in lines(tmp_path)]
    assert sorted(kept) == list(range(40 - len(kept), 40))


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, file_bytes=4000)

    def write(thread: int) -> None:
        for number in range(100):
            log.write({"thread": thread, "number": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = {(entry["thread"], entry["number"]) for entry in lines(tmp_path)}
    assert found == {(thread, number) for thread in range(4) for number in range(100)}


def test_a_log_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AuditUnwritable, match="rights"):
        AuditLog(tmp_path / "taken")


def test_a_line_that_does_not_fit_is_refused_and_leaves_no_half(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.write({"number": 1})
    size = (tmp_path / "audit.jsonl").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(AuditUnwritable, match="space"):
            log.write({"number": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    log.write({"number": 3})
    log.close()
    assert [entry["number"] for entry in lines(tmp_path)] == [1, 3]


def test_two_processes_logs_lose_no_line_to_each_others_rotation(tmp_path: Path) -> None:
    logs = [AuditLog(tmp_path, file_bytes=200) for _ in range(2)]
    for number in range(60):
        logs[number % 2].write({"number": number})
    for log in logs:
        log.close()
    assert sorted(entry["number"] for entry in lines(tmp_path)) == list(range(60))
    assert all(path.stat().st_size < 300 for path in tmp_path.glob("audit-*.jsonl"))


def test_after_its_end_it_refuses_lines(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.close()
    log.close()
    with pytest.raises(AuditClosed):
        log.write({})


def test_a_fault_that_nobody_foresaw_is_told_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class FaultyOnce(AuditLog):
        _faults = 1

        def _append(self, lines: bytes) -> None:
            if self._faults:
                self._faults -= 1
                raise ValueError("not foreseen")
            super()._append(lines)

    log = FaultyOnce(tmp_path)
    with pytest.raises(AuditUnwritable, match="ValueError"):
        log.submit({"number": 1}).result(timeout=60)
    log.submit({"number": 2}).result(timeout=60)
    log.close()
    assert [entry["number"] for entry in lines(tmp_path)] == [2]
    assert "not foreseen" in caplog.text
