"""Exits 0 when the service in this container is ready, 1 otherwise; the image's HEALTHCHECK."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask /health/ready on the loopback address, by HTTPS where the service has a certificate."""
    port = os.environ.get("VREID_PORT", "8000")
    scheme = "https" if os.environ.get("VREID_TLS__CERTIFICATE") else "http"
    # Who answers is this container; the certificate names the site.
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    address = f"{scheme}://127.0.0.1:{port}/health/ready"
    try:
        with urllib.request.urlopen(address, timeout=4, context=unchecked) as answer:
            print(answer.read().decode())
    except (OSError, urllib.error.HTTPError) as error:
        print(f"not ready: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
