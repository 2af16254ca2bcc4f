"""A typed client of the service, blocking and asynchronous.

from vreid.client import Client, Images

with Client("http://127.0.0.1:8000") as client:
    found = client.search(Images(rgb="rgb.jpg", tir="tir.png"), k=5)
"""

from vreid.client.client import AsyncClient, Client
from vreid.client.embedded import Embedded, EmbeddedSample, Embedding
from vreid.client.enrolment import EnrolmentInterrupted
from vreid.client.errors import (
    AnswerLost,
    Busy,
    ClientError,
    Conflict,
    DeadlineExceeded,
    FieldError,
    ImageRefused,
    IngestUnfinished,
    KeyNeeded,
    ModelMismatch,
    NotPermitted,
    NotSetUp,
    NotThere,
    Problem,
    RecordExists,
    RequestRefused,
    ServiceFailed,
    ServiceProblem,
    ServiceUnreachable,
    TooLarge,
    UnexpectedAnswer,
)
from vreid.client.found import Comparison, Found, SearchResult
from vreid.client.inputs import Images, Sighting
from vreid.client.records import EnrolOutcome, EnrolReport, Record, StoredRecord
from vreid.client.retrying import Retry

__all__ = [
    "AnswerLost",
    "AsyncClient",
    "Busy",
    "Client",
    "ClientError",
    "Comparison",
    "Conflict",
    "DeadlineExceeded",
    "Embedded",
    "EmbeddedSample",
    "Embedding",
    "EnrolOutcome",
    "EnrolReport",
    "EnrolmentInterrupted",
    "FieldError",
    "Found",
    "ImageRefused",
    "Images",
    "IngestUnfinished",
    "KeyNeeded",
    "ModelMismatch",
    "NotPermitted",
    "NotSetUp",
    "NotThere",
    "Problem",
    "Record",
    "RecordExists",
    "RequestRefused",
    "Retry",
    "SearchResult",
    "ServiceFailed",
    "ServiceProblem",
    "ServiceUnreachable",
    "Sighting",
    "StoredRecord",
    "TooLarge",
    "UnexpectedAnswer",
]
