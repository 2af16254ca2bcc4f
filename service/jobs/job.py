"""What a job tells about itself: the content of one file in `GALLERY/jobs`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FOLDER = "jobs"
"""In the gallery's directory."""

KEPT = 20
"""Jobs whose files are kept: the newest."""

JobKind = Literal["index", "import", "reindex"]
JobState = Literal["running", "finished", "interrupted", "lost"]

NAME = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")
"""Of a job: when it began, in UTC and to the microsecond, and something by chance."""

LONGEST_TEXT = 4096

_Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
_Count = Annotated[int, Field(ge=0, le=2**53)]


class Job(BaseModel):
    """One job, as far as it has come.

    Attributes:
        state: `lost` stands in no file: the process of a job that says `running` is gone.
        done: samples or records that were handled, of `total`, None where that is not known yet.
        indexed: of these, how many are stored; the rest was there before, and got other labels
            (`updated`) or not (`skipped`), or cannot be used (`rejected`).
        per_second: how many are handled in a second, lately or, at the end, over all.
        reason: why it ended before its end, None where it did not.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    version: Literal[1] = 1
    id: Annotated[str, Field(pattern=NAME.pattern, max_length=64)]
    kind: JobKind
    source: _Text
    state: JobState
    done: _Count = 0
    total: _Count | None = None
    indexed: _Count = 0
    updated: _Count = 0
    skipped: _Count = 0
    rejected: _Count = 0
    started_at: AwareDatetime
    updated_at: AwareDatetime
    per_second: Annotated[float, Field(ge=0)] | None = None
    reason: _Text | None = None


def printable(text: str) -> str:
    """Return a text that JSON and UTF-8 can carry: file names may hold bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()[:LONGEST_TEXT]
