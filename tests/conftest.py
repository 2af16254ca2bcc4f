"""What holds for every test: nothing that a test measures or compiles stays on the machine."""

import atexit
import os
import shutil
import tempfile

# Set before any test module is imported; processes that tests start have it too, so that what the
# engines measured in one test serves the others.
_CACHE = tempfile.mkdtemp(prefix="vreid-test-cache-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
os.environ["XDG_CACHE_HOME"] = _CACHE
