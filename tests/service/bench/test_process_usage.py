import os
import subprocess
import sys
import threading

from service.bench.process_usage import family, forget_peak, memory, seconds_between, thread_seconds
from service.threads.thread_names import name_this_thread


def burn(seconds: float) -> None:
    start = os.times()
    while os.times().user + os.times().system - start.user - start.system < seconds:
        sum(range(1000))


def test_time_is_counted_by_the_names_that_threads_give_themselves() -> None:
    done, go = threading.Event(), threading.Event()

    def work() -> None:
        name_this_thread("burning-1")
        burn(0.2)
        done.set()
        assert go.wait(60)

    before = thread_seconds(os.getpid())
    thread = threading.Thread(target=work)
    thread.start()
    assert done.wait(60)
    spent = seconds_between(before, thread_seconds(os.getpid()))
    go.set()
    thread.join()
    assert spent["burning"] >= 0.1
    assert max(spent, key=lambda name: spent[name]) == "burning"


def test_children_belong_to_the_family_and_their_memory_counts() -> None:
    script = "import sys; data = b'x' * 50_000_000; print('made', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in family(os.getpid())
        found = memory(child.pid)
        assert found.peak >= found.now > 50_000_000
        child.communicate()
    assert child.pid not in family(os.getpid())


def test_a_name_with_parentheses_is_read_whole() -> None:
    named, go = threading.Event(), threading.Event()

    def work() -> None:
        name_this_thread("a (b) c")
        named.set()
        assert go.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    assert named.wait(60)
    names = set(thread_seconds(os.getpid()))
    go.set()
    thread.join()
    assert "a (b) c" in names


def test_a_peak_is_begun_anew() -> None:
    before = memory(os.getpid())
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert memory(os.getpid()).peak > before.now + 32 * 2**20
    del block
    if forget_peak(os.getpid()):
        assert memory(os.getpid()).peak < before.peak + 32 * 2**20
    else:
        # A system that does not allow it must be the only reason.
        assert not os.access("/proc/self/clear_refs", os.W_OK)
