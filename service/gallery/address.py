"""Where a gallery is: a directory of this machine, or a collection on a Milvus server.

/var/lib/vreid/gallery                            a directory
milvus://milvus.example:19530/vehicles            a collection
milvus+https://user:password@milvus.example/db/vehicles?index=HNSW
milvus-lite:/tmp/vehicles.db                      a file of milvus-lite, for trying and for tests
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from service.errors import GalleryUnsupported

MILVUS_PORT = 19530
LITE_COLLECTION = "gallery"
DEFAULT_INDEX = "AUTOINDEX"

_SCHEMES = {"milvus": "http", "milvus+https": "https"}
_LITE = "milvus-lite:"
_ANY_SCHEME = re.compile(r"[a-z][a-z0-9+-]*://", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_PASSWORD = re.compile(r"(:/{1,2})[^/\s]*@")


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """A collection on a server; as text it has no password.

    `uri` is what pymilvus connects to, `index` the kind of index that a new collection gets.
    """

    uri: str
    collection: str
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    index: str = DEFAULT_INDEX

    @property
    def is_lite(self) -> bool:
        """Whether it is a file of milvus-lite."""
        return "://" not in self.uri

    def __str__(self) -> str:
        if self.is_lite:
            return f"{_LITE}{self.uri}"
        scheme, rest = self.uri.split("://")
        named = "milvus+https" if scheme == "https" else "milvus"
        user = f"{self.user}:***@" if self.user else ""
        return f"{named}://{user}{rest}/{'/'.join(filter(None, (self.database, self.collection)))}"


def parse_address(address: Path | str) -> Path | MilvusAddress:
    """A gallery's address. Raises ValueError with a sentence, which never holds the password."""
    text = str(address)
    if text.startswith(_LITE):
        return _lite_address(text.removeprefix(_LITE))
    # A path swallows one of two slashes.
    found = re.match(r"(milvus(?:\+https)?):/+(.*)", text) if isinstance(address, Path) else None
    if found is not None:
        text = f"{found[1]}://{found[2]}"
    scheme = text.partition("://")[0]
    if scheme in _SCHEMES and "://" in text:
        return _server_address(text)
    if _ANY_SCHEME.match(text):
        raise ValueError(
            f"a gallery cannot be at {masked(text)!r}; give a directory or an address such as "
            "milvus://host:19530/name"
        )
    return Path(address)


def masked(text: str) -> str:
    """The address without its user and password."""
    return _PASSWORD.sub(r"\1***@", text)


def directory_of(address: Path | str | MilvusAddress, what: str) -> Path:
    """The directory of a gallery, for what works on files only (`what`, as in "a backup").

    Raises `GalleryUnsupported` for a gallery in Milvus.
    """
    place = parse_address(address) if isinstance(address, Path | str) else address
    if isinstance(place, MilvusAddress):
        raise GalleryUnsupported(
            f"The gallery {place} is in Milvus, and {what} works on a gallery's files; "
            "docs/scale.md says what to use with Milvus instead."
        )
    return place


def _lite_address(file: str) -> MilvusAddress:
    if not file.endswith(".db"):
        raise ValueError(f"the file of {_LITE}{file} has to end in .db: {_LITE}/path/to/gallery.db")
    return MilvusAddress(file, LITE_COLLECTION, index="FLAT")


def _server_address(text: str) -> MilvusAddress:
    try:
        parts = urlsplit(text)
        port = parts.port or MILVUS_PORT
    except ValueError:
        raise ValueError(f"{masked(text)!r} is no address; {_EXAMPLE}") from None
    names = parts.path.strip("/").split("/")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    index = options.pop("index", DEFAULT_INDEX)
    if not parts.hostname or not 1 <= len(names) <= 2 or not all(map(_NAME.fullmatch, names)):
        raise ValueError(
            f"{masked(text)!r} names no collection; {_EXAMPLE}; a name has letters, digits and "
            "underscores"
        )
    if options:
        raise ValueError(f"{masked(text)!r} has an unknown option; the only one is ?index=NAME")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return MilvusAddress(
        uri=f"{_SCHEMES[parts.scheme]}://{host}:{port}",
        collection=names[-1],
        database=names[0] if len(names) == 2 else "",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        index=index,
    )


_EXAMPLE = "give milvus://[user:password@]host:19530/[database/]name"
