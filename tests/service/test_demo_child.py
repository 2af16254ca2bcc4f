import subprocess
import sys

from service.demo.child import stop


def test_a_child_that_does_not_heed_the_request_to_end_is_ended() -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        stop(child, patience=0.2)
        assert child.returncode is not None
