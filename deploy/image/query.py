"""Posts the query's three images to the service in this container and prints its answer.

Runs inside the image under test, which has Python and no client: standard library only.

usage: python query.py FOLDER PORT
environment: VREID_API_KEY, where the service asks for one
"""

from __future__ import annotations

import os
import sys
import urllib.request
import uuid
from pathlib import Path


def multipart(images: list[Path], fields: dict[str, str]) -> tuple[bytes, str]:
    """Return a multipart/form-data body, each image under its stem, and its content type."""
    boundary = uuid.uuid4().hex
    body = b""
    for path in images:
        body += _part(boundary, f'name="{path.stem}"; filename="{path.name}"', path.read_bytes())
    for name, value in fields.items():
        body += _part(boundary, f'name="{name}"', value.encode())
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, disposition: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def main(folder: Path, port: int) -> None:
    """Search with FOLDER/rgb.*, nir.* and tir.*."""
    images = [path for name in ("rgb", "nir", "tir") for path in folder.glob(f"{name}.*")]
    body, content_type = multipart(images, {"k": "5"})
    headers = {"Content-Type": content_type}
    if key := os.environ.get("VREID_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"http://127.0.0.1:{port}/search", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(answer.read().decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
