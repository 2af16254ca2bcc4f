"""The stack on which a thread handles signals, kept while a library changes it.

OpenVINO 2026.4 sets one of its own in the thread that opens or closes a model and leaves it behind
when its memory has gone: the next signal, as the SIGTERM that ends a service, then ends the process
by SIGSEGV.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """The C library's stack_t."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Put the calling thread's signal stack back as it was before the block."""
    library = ctypes.CDLL(None)
    before = _Stack()
    library.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        library.sigaltstack(ctypes.byref(before), None)
