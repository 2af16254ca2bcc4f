"""Broken metadata of pictures leaves nothing behind in a process that decodes many."""

import subprocess
import sys

from tests.e2e.processes import clean_environment

PROGRAM = """
import struct
from io import BytesIO
from PIL import Image, TiffImagePlugin
from service.log_setup import set_up_logging
from vreid.decoding import decode_image

set_up_logging("info")
stream = BytesIO()
Image.new("L", (8, 8)).save(stream, "TIFF")
for number in range(200):
    data = bytearray(stream.getvalue())
    entries, = struct.unpack_from("<H", data, 8)
    # The last entry's values lie beyond the file, under another tag each time.
    struct.pack_into("<HHII", data, 10 + 12 * (entries - 1), 40000 + number, 4, 1000, 2**30)
    decode_image(bytes(data))
registry = getattr(TiffImagePlugin, "__warningregistry__", {})
print(len([key for key in registry if key != "version"]))
"""


def test_pillows_warnings_are_neither_printed_nor_kept() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(),
    )
    assert (ended.stdout.strip(), ended.stderr) == ("0", "")
