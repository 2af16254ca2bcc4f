"""Exits 0 when the service in this container is ready, 1 otherwise; the image's HEALTHCHECK."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask /health/ready on the loopback address."""
    port = os.environ.get("VREID_PORT", "8000")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=4) as answer:
            print(answer.read().decode())
    except (OSError, urllib.error.HTTPError) as error:
        print(f"not ready: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
