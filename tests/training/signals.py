"""Signals within the process of the tests."""

import signal


def handle_sigterm() -> None:
    """Call whoever handles SIGTERM in this process now, as the arrival of one would.

    The system is left out: once OpenVINO has run in the process of the tests, whose signals have a
    stack of their own, each signal that arrives ends it. Real processes and real signals are in
    test_cli.py and test_several_processes.py.
    """
    handler = signal.getsignal(signal.SIGTERM)
    assert callable(handler), "nobody handles SIGTERM"
    handler(signal.SIGTERM, None)
