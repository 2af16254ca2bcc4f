"""What guards a running service, opened once."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass

from service.keys.audit import AuditLog
from service.keys.failures import Failures
from service.keys.key_ring import KeyRing
from service.keys.rate import Rates
from service.keys.refused_lines import RefusedLines
from service.keys.settings import AccessSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """The keys in force, how often each may call, and the log of what they do.

    `failures` bounds what calls without a valid key cost; `refusals` is their log, bounded by
    itself. `refused_lines` bounds how much of `audit` the refused calls of one key take.
    """

    ring: KeyRing
    rates: Rates
    failures: Failures
    audit: AuditLog
    refusals: AuditLog
    refused_lines: RefusedLines

    def close(self) -> None:
        """Stop following the file of keys and close both logs."""
        with ExitStack() as steps:
            steps.callback(self.refusals.close)
            steps.callback(self.audit.close)
            steps.callback(self.ring.close)


def open_access(settings: AccessSettings) -> Access | None:
    """Open the keys and the audit log; None where no file of keys is named.

    Raises:
        KeyFileUnusable: the file of keys cannot be read.
        AuditUnwritable: the audit log cannot be written.
    """
    if settings.keys is None:
        return None
    ring = KeyRing(settings.keys)
    if not len(ring):
        logger.warning(
            "there are no API keys in %s, so every call is refused; make one with `vreid keys "
            "create NAME --keys %s`",
            *(settings.keys, settings.keys),
        )
    directory = settings.audit or settings.keys.parent / "audit"
    audit = AuditLog(directory, settings.audit_file_bytes, settings.audit_files)
    try:
        refusals = AuditLog(directory, settings.audit_file_bytes, files=1, name="refused")
    except BaseException:
        audit.close()
        raise
    ring.follow()
    return Access(ring, Rates(settings.rate), Failures(), audit, refusals, RefusedLines())
