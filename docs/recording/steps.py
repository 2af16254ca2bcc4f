"""What is done in the first hour, in order."""

from __future__ import annotations

from dataclasses import dataclass

PORT = "@PORT@"
"""Stands in commands for the port, which is 8000 where that is free."""


@dataclass(frozen=True, slots=True)
class Step:
    """Commands under a heading.

    Attributes:
        heading: of the page.
        words: what a reader has to know before.
        commands: run one after the other in one shell.
    """

    heading: str
    words: str
    commands: tuple[str, ...]


WITHOUT_NETWORK = (
    Step(
        "An empty machine",
        "A Debian made by debootstrap with Python and curl. It has no network interface but "
        "loopback, and the bundle lies on a medium that somebody carried in.",
        (
            "head -n 1 /etc/os-release; python3 --version",
            "python3 -c 'import socket; print(socket.if_nameindex())'",
            "ls /media/vreid",
        ),
    ),
    Step(
        "Install",
        "The script compares every file with its checksum, makes an environment of its own and "
        "installs the wheels into it. It asks no network for anything.",
        (
            "python3 /media/vreid/install.py install --prefix /opt/vreid",
            "export PATH=/opt/vreid/current/bin:$PATH",
            "vreid --version",
            "vreid bundle verify /opt/vreid/current/share/model",
        ),
    ),
)

WITH_LOOPBACK = (
    Step(
        "Index a folder",
        "240 sightings of generated vehicles, which come with the bundle. The first time, engines "
        "are measured; the fastest is remembered.",
        (
            "export PATH=/opt/vreid/current/bin:$PATH SHARE=/opt/vreid/current/share",
            "vreid index $SHARE/samples --bundle $SHARE/model --gallery site/gallery 2>/dev/null",
            "vreid gallery info site/gallery",
        ),
    ),
    Step(
        "Keys",
        "One for the operator, one for a camera. A key is printed once; the file has its hash.",
        (
            "export VREID_ACCESS__KEYS=$PWD/site/keys.json",
            "OPERATOR=$(vreid keys create operator --role admin)",
            "CAMERA=$(vreid keys create camera-north --role enrol --rate 20)",
            "vreid keys list",
        ),
    ),
    Step(
        "Start",
        "",
        (
            f"vreid serve --bundle $SHARE/model --gallery site/gallery --port {PORT} "
            ">site/service.log 2>&1 &",
            f"BASE=http://127.0.0.1:{PORT}",
            "curl -s --retry 90 --retry-all-errors --retry-delay 1 --fail $BASE/health/ready",
        ),
    ),
    Step(
        "Search over HTTP",
        "Without a key, then with one; then the same by the client.",
        (
            "curl -s -F rgb=@$SHARE/samples/query/rgb.jpg $BASE/search",
            'curl -s -H "Authorization: Bearer $OPERATOR" -F rgb=@$SHARE/samples/query/rgb.jpg '
            "-F tir=@$SHARE/samples/query/tir.jpg -F k=1 $BASE/search | python3 -m json.tool",
            "export VREID_API_KEY=$OPERATOR VREID_URL=$BASE",
            "vreid search --rgb $SHARE/samples/query/rgb.jpg --nir $SHARE/samples/query/nir.jpg "
            "--tir $SHARE/samples/query/tir.jpg -k 5",
        ),
    ),
)

AFTER_THE_CONSOLE = (
    Step(
        "Enrol a sighting",
        "With the camera's key, which may not delete.",
        (
            'curl -s -H "Authorization: Bearer $CAMERA" -F id=north-000001 -F camera=north '
            "-F captured_at=2026-03-01T12:00:00Z -F rgb=@$SHARE/samples/query/rgb.jpg "
            "$BASE/gallery",
            'curl -s -H "Authorization: Bearer $CAMERA" -X DELETE $BASE/gallery/north-000001',
        ),
    ),
    Step(
        "Who did what",
        "The audit log has a line for each call, those of the browser too. A search's line names "
        "each picture by its SHA-256.",
        (
            "wc -l <site/audit/audit.jsonl",
            "grep '\"/search\"' site/audit/audit.jsonl | tail -n 1 | python3 -m json.tool",
        ),
    ),
    Step(
        "A copy",
        "While the service runs.",
        (
            "vreid gallery backup site/gallery site/backup",
            "vreid gallery doctor site/gallery",
        ),
    ),
)
