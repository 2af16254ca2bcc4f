"""Several workers in threads of one process."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time

from service.ingest.queue import EntryQueue
from service.ingest.settings import IngestSettings
from service.ingest.storage import Storage
from service.ingest.worker import IngestWorker


class Crew:
    """Worker threads on one queue; they end when told, each after the entry in its hands."""

    def __init__(self, settings: IngestSettings, storage: Storage, size: int) -> None:
        self._queue = EntryQueue(settings)
        self._stop = threading.Event()
        process = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._threads = [
            threading.Thread(
                target=IngestWorker(f"{process}-{number}", self._queue, storage, settings).run,
                args=(self._stop,),
                name=f"ingest-{number}",
                daemon=True,
            )
            for number in range(size)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    @property
    def working(self) -> int:
        """How many workers run."""
        return sum(thread.is_alive() for thread in self._threads)

    def stop(self, timeout: float) -> None:
        """End the workers and close the connections.

        Args:
            timeout: seconds to wait for all entries in work; what is left comes again elsewhere.
        """
        self._stop.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        self._queue.close()
