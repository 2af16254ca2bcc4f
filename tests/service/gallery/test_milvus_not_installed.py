"""A gallery in Milvus where its package is missing."""

import subprocess
import sys

from service.settings import SHIPPED_BUNDLE

PROGRAM = """
import sys
sys.modules["pymilvus"] = None
from pathlib import Path
from service.gallery.opening import open_gallery
from vreid.bundle import Bundle
from vreid.errors import ConfigurationError
try:
    open_gallery("milvus://somewhere:19530/vehicles", Bundle.load(Path(sys.argv[1])))
except ConfigurationError as error:
    print(error)
"""


def test_the_message_says_how_the_package_is_installed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(SHIPPED_BUNDLE)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "pymilvus is not installed here" in ended.stdout, ended.stderr
    assert "constraints.txt --editable '.[service,cpu,milvus]'" in ended.stdout
